/*
 * Templates: whatever the text, the measured size is the written size, and a
 * text without both braces stays as it is.
 */
#include "core/expand.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const char *text)
{
	static const struct expand_vars v = { .slot = 7, .n_workers = 12 };
	size_t size = 0;
	char *result;

	if (expand_measure(text, &v, &size) != EXPAND_OK)
		return;
	assert(size > 0);
	result = malloc(size);
	if (!result)
		return;
	assert(expand(text, &v, result, size - 1) == EXPAND_TOO_LONG);
	assert(expand(text, &v, result, size) == EXPAND_OK);
	assert(strlen(result) + 1 == size);
	if (!strchr(text, '{') || !strchr(text, '}'))
		assert(strcmp(text, result) == 0);
	free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);

	if (text)
		check(text);
	free(text);
	return 0;
}
