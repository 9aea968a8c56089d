/*
 * Addresses as users write them: whatever is accepted prints as a text that is
 * read back as the same address.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const char *text)
{
	char printed[ADDR_TEXT_MAX];
	struct addr a, again;

	if (addr_parse(text, &a) != ADDR_OK)
		return;
	assert(a.family == AF_UNIX ? a.unix_len > 0 && a.port == 0 : a.port > 0);

	(void)addr_text(&a, printed);
	assert(strlen(printed) < sizeof(printed));
	if (strchr(printed, '?'))
		return; /* a path's byte that cannot be printed */
	assert(addr_parse(printed, &again) == ADDR_OK);
	assert(addr_equal(&a, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);

	if (text)
		check(text);
	free(text);
	return 0;
}
