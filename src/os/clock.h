/*
 * The two clocks: one to measure with, one to tell people when.
 */
#ifndef BERTH_OS_CLOCK_H
#define BERTH_OS_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT_MAX 64 /* a wall-clock time as text, with its NUL */

/* Milliseconds that only ever go forward; they mean nothing to other machines. */
int64_t clock_ms(void);

/*
 * clock_wall_text - the wall clock, in UTC: "2026-01-02T03:04:05.678Z"
 *
 * Returns @ret_text. Any thread. Never blocks.
 */
const char *clock_wall_text(char ret_text[static CLOCK_TEXT_MAX]);

/* The same of a moment on clock_ms(), not in the future. */
const char *clock_wall_text_of(int64_t ms, char ret_text[static CLOCK_TEXT_MAX]);

/* The wall clock as a number: milliseconds since 1970; and the text of such a number. */
int64_t clock_wall_ms(void);
const char *clock_wall_text_at(int64_t wall_ms, char ret_text[static CLOCK_TEXT_MAX]);

#endif
