/*
 * Tells printable UTF-8 from everything else.
 */
#include "base/utf8.h"

#include <stdint.h>

static size_t length_from_first_byte(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

size_t utf8_printable(const char *text, size_t size)
{
	/* Smaller values would be overlong; 0x80 to 0x9f are control characters. */
	static const uint32_t least[] = { [2] = 0xa0, [3] = 0x800, [4] = 0x10000 };
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t character;
	size_t length;

	if (size == 0)
		return 0;
	if (bytes[0] < 0x80)
		return bytes[0] >= ' ' && bytes[0] != 0x7f;

	length = length_from_first_byte(bytes[0]);
	if (length == 0 || length > size)
		return 0;
	character = bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (character < least[length] || character > 0x10ffff)
		return 0;
	if (character >= 0xd800 && character <= 0xdfff) /* halves of UTF-16 pairs */
		return 0;
	return length;
}
