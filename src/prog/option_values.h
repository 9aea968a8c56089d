/*
 * Values that options take, as users write them.
 */
#ifndef BERTH_PROG_OPTION_VALUES_H
#define BERTH_PROG_OPTION_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* "30s", "500ms", "2m"; a number alone is seconds. Up to 24 days. */
bool option_duration_ms(const char *text, uint32_t *ret_ms);

/* "TERM", "SIGTERM", "sigterm" or "15". */
bool option_signal(const char *text, int *ret_signal);

/* 1 to 65535. */
bool option_port(const char *text, uint16_t *ret_port);

#endif
