/* What became of the requests: counts, latencies, who answered. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>

enum outcome {
	OUTCOME_OK,
	OUTCOME_REFUSED,
	OUTCOME_RESET_BEFORE_RESPONSE,
	OUTCOME_EOF_BEFORE_RESPONSE,
	OUTCOME_TIMEOUT,
	OUTCOME_BAD_RESPONSE, /* not a whole 200, also when it was cut off */
	OUTCOME_CONNECT_ERROR,
	N_OUTCOMES
};

struct stats;

/*
 * @by_second:  also keep who answered in each second
 * @slow_ns:    what took longer is counted as slow too
 *
 * Returns NULL when out of memory.
 */
struct stats *stats_new(bool by_second, uint64_t slow_ns);
struct stats *stats_free(struct stats *s);

const char *outcome_name(enum outcome outcome);

/*
 * stats_count - one request has ended
 *
 * @s:           stats
 * @outcome:     how
 * @latency_ns:  from its intended start to its end; kept of those that are OK
 * @pid:         who answered, 0 if nobody did or didn't say
 * @second:      of the run, counted from 0
 */
void stats_count(struct stats *s, enum outcome outcome, uint64_t latency_ns, int pid,
		 unsigned second);

uint64_t stats_n_ok(const struct stats *s);

/* Ends the time that rates are counted in: what is still under way counts no more for them. */
void stats_close_window(struct stats *s, double elapsed_s, uint64_t n_connections);

/* Prints one JSON object on one line on stdout. @cpu_s is what the load itself has used. */
void stats_print(const struct stats *s, uint64_t n_sent, uint64_t n_connections, double cpu_s);

#endif
