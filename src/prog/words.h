/*
 * What the verbs that ask a primary print alike.
 */
#ifndef BERTH_PROG_WORDS_H
#define BERTH_PROG_WORDS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define WORDS_SHOWN_MAX 256 /* of one text, with its NUL */
#define WORDS_TIME_MAX  32

/* @text, fit to be shown; "" for NULL. Returns @ret_shown. */
const char *words_shown(const char *text, char ret_shown[static WORDS_SHOWN_MAX]);

/* "12 s", "3 min": rounded down. Returns @ret_text. */
const char *words_time(json_int_t ms, char ret_text[static WORDS_TIME_MAX]);

/* A member of @object that may not be there: 0, or "". */
json_int_t words_number(const json_t *object, const char *name);
const char *words_text(const json_t *object, const char *name);

/* One JSON object, for --json. */
void words_print_json(const json_t *object);

#endif
