/*
 * A sockaddr as a worker hands it to bind(): whatever is accepted turns into
 * bytes that mean the same address, and into a text that may be shown.
 */
#include "base/addr.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char printed[ADDR_TEXT_MAX];
	struct addr a, again;
	struct sockaddr_storage out;
	socklen_t out_size;

	if (addr_from_sockaddr(bytes, size, &a) != ADDR_OK)
		return 0;
	assert(a.protocol == 0 && !a.v6only && a.unix_len <= ADDR_UNIX_MAX);

	out_size = addr_to_sockaddr(&a, &out);
	assert(out_size > 0 && out_size <= sizeof(out));
	assert(addr_from_sockaddr(&out, out_size, &again) == ADDR_OK);
	assert(addr_equal(&a, &again));

	(void)addr_text(&a, printed);
	assert(strlen(printed) < sizeof(printed));
	for (size_t i = 0, length; printed[i] != '\0'; i += length) {
		length = utf8_printable(printed + i, strlen(printed + i));
		assert(length > 0);
	}
	return 0;
}
