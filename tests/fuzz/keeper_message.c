/*
 * What a primary that has gone mad sends its keeper: a byte that says whether a
 * descriptor comes with it, then the message. What is accepted is safe to obey.
 */
#include <assert.h>
#include <string.h>

#include "keeper/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct keeper_message m;
	bool has_fd = size > 0 && bytes[0] & 1;

	if (size == 0)
		return 0;
	memcpy(&m, bytes + 1, size - 1 < sizeof(m) ? size - 1 : sizeof(m));
	if (!channel_accepts(&m, size - 1, has_fd))
		return 0;
	assert(size - 1 == sizeof(m));
	assert(m.type >= KEEPER_STORE && m.type <= KEEPER_ADOPT);
	assert(has_fd ==
	       (m.type == KEEPER_STORE || m.type == KEEPER_PROGRAM || m.type == KEEPER_ADOPT));
	if (m.type == KEEPER_STORE || m.type == KEEPER_DROP)
		assert(m.name[0] && memchr(m.name, '\0', sizeof(m.name)));
	if (m.type == KEEPER_WATCH)
		assert(m.pid > 0);
	return 0;
}
