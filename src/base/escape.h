/*
 * Makes text that others chose fit to be shown: names of processes, their
 * command lines, labels. What could move a cursor, end a line, turn the
 * direction of writing or break JSON is shown as \xNN.
 */
#ifndef BERTH_BASE_ESCAPE_H
#define BERTH_BASE_ESCAPE_H

#include <stddef.h>

/*
 * escape_text - copy a text in a form that may be shown
 *
 * @text:      any bytes
 * @size:      of @text
 * @ret_text:  well-formed UTF-8, ends with a NUL; with "..." where it was cut
 * @ret_size:  of @ret_text, at least 4
 *
 * Returns @ret_text. Any thread. Never blocks.
 */
const char *escape_text(const char *text, size_t size, char *ret_text, size_t ret_size);

#endif
