/*
 * Escapes text that others chose. See escape.h.
 */
#include "base/escape.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define ESCAPED_SIZE 4 /* \xNN */
#define CUT_MARK     "..."

/* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they show as nothing, and move the rest. */
static bool moves_others(const char *character, size_t length)
{
	const unsigned char *b = (const unsigned char *)character;

	if (length != 3 || b[0] != 0xe2)
		return false;
	if (b[1] == 0x80)
		return b[2] == 0x8e || b[2] == 0x8f || (b[2] >= 0xa8 && b[2] <= 0xae);
	return b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9;
}

const char *escape_text(const char *text, size_t size, char *ret_text, size_t ret_size)
{
	size_t used = 0, fits = 0; /* fits: how much may stay if the mark must follow */

	assert(ret_size >= sizeof(CUT_MARK));
	for (size_t at = 0; at < size;) {
		size_t length = utf8_printable(text + at, size - at);
		bool is_shown = length > 0 && !moves_others(text + at, length);
		size_t need = is_shown ? length : ESCAPED_SIZE;

		if (used + need >= ret_size) {
			memcpy(ret_text + fits, CUT_MARK, sizeof(CUT_MARK));
			return ret_text;
		}
		if (is_shown)
			memcpy(ret_text + used, text + at, length);
		else
			(void)snprintf(ret_text + used, ret_size - used, "\\x%02x",
				       (unsigned char)text[at]);
		used += need;
		at += is_shown ? length : 1;
		if (used + sizeof(CUT_MARK) <= ret_size)
			fits = used;
	}
	ret_text[used] = '\0';
	return ret_text;
}
