/*
 * Decimal numbers as users write them, read strictly: digits only, no sign, no
 * blank, no leading zero, nothing behind.
 */
#ifndef BERTH_BASE_NUMBER_H
#define BERTH_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * number_parse - read a decimal number that fills its text
 *
 * @text:        not necessarily ended by a NUL
 * @size:        bytes of @text; all of them belong to the number
 * @max:         the largest number that is accepted
 * @ret_number:  0 to @max
 *
 * Returns whether there was such a number. Any thread. Never blocks.
 */
bool number_parse(const char *text, size_t size, uint64_t max, uint64_t *ret_number);

#endif
