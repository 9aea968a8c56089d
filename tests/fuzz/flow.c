/*
 * The first bytes of any datagram at a port of QUIC's: a name is read out of them or not,
 * and no byte behind them counts.
 */
#include "bpf/flow.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	__u8 head[FLOW_HEAD_BYTES] = { 0 }, other[FLOW_HEAD_BYTES];
	__u32 n = size < FLOW_HEAD_BYTES ? (__u32)size : FLOW_HEAD_BYTES;
	__u64 name;

	memcpy(head, bytes, n);
	memset(other, 0xff, sizeof(other));
	memcpy(other, bytes, n);
	name = flow_id_name(head, n);
	assert(name == flow_id_name(other, n));
	assert(!name || n > FLOW_NAME_BYTES);
	assert(!name || head[0] & 0xc0);
	return 0;
}
