/*
 * Strict decimal numbers. strtoul() would take blanks, signs, leading zeros and
 * whatever stands behind, and wrap what does not fit.
 */
#include "base/number.h"

bool number_parse(const char *text, size_t size, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (size == 0 || (size > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < size; i++) {
		uint64_t digit = (uint64_t)text[i] - '0';

		if (text[i] < '0' || text[i] > '9')
			return false;
		if (digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}
