/*
 * The sentences of `berth why`, which its text and its JSON have in common.
 */
#ifndef BERTH_PROG_WHY_WORDS_H
#define BERTH_PROG_WHY_WORDS_H

#include "primary/holder_report.h"

#define WHY_TEXT_MAX 1024 /* the longest sentence, with its NUL */

/* Milliseconds in whole seconds, rounded up. */
unsigned why_seconds(uint32_t ms);

/* "free", "held", "not-permitted", "unusable". It never changes: programs read it. */
const char *why_verdict(enum holders_outcome outcome);

/* The answer in one sentence. Returns @ret_text. */
const char *why_summary(const struct holder_report *r, char ret_text[static WHY_TEXT_MAX]);

typedef void why_emit(const char *sentence, void *arg);

/* Gives one sentence to @emit for each thing that would have to change, or that's good to know. */
void why_changes(const struct holder_report *r, why_emit *emit, void *arg);

#endif
