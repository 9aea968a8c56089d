/*
 * Which bytes may be shown: names and paths come from workers and may hold
 * anything, also what moves a terminal's cursor or breaks JSON.
 */
#ifndef BERTH_BASE_UTF8_H
#define BERTH_BASE_UTF8_H

#include <stddef.h>

/*
 * utf8_printable - how many bytes the printable character at the start of @text has
 *
 * Returns 1 to 4; 0 where the text is empty, or begins with a control
 * character, or is not whole and well-formed UTF-8. Any thread. Never blocks.
 */
size_t utf8_printable(const char *text, size_t size);

#endif
