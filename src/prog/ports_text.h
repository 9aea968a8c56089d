/*
 * The ports of an app for people: a line for each berth, for what no berth has, and for all.
 */
#ifndef BERTH_PROG_PORTS_TEXT_H
#define BERTH_PROG_PORTS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * ports_text_print - print what GET /v1/ports has answered, or GET /v1/app
 *
 * Returns false if it isn't such an answer: then a part of it may be printed. Any thread.
 * Blocks as @out does.
 */
bool ports_text_print(const json_t *answer, FILE *out);

#endif
