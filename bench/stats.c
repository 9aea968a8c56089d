/*
 * Latencies go to a histogram with 128 steps for each power of two, so that a quantile is
 * within 0.8 % and memory doesn't grow with the number of requests.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_PER_OCTAVE 128U
#define N_BUCKETS        ((64U - 6U) * STEPS_PER_OCTAVE)
#define MAX_PIDS         4096U /* a run that kills workers sees many */
#define MAX_SECONDS      3600U

struct stats {
	uint64_t outcomes[N_OUTCOMES];
	uint64_t buckets[N_BUCKETS];
	uint64_t max_ns;
	uint64_t slow_ns, n_slow;
	int pids[MAX_PIDS]; /* in order of appearance */
	uint64_t by_pid[MAX_PIDS];
	unsigned n_pids;
	uint64_t n_unknown; /* answers that name no pid, or one too many */
	bool by_second;
	uint32_t *seconds[MAX_SECONDS]; /* each MAX_PIDS counts, NULL where nobody answered */
	unsigned n_seconds;
	double window_s;
	uint64_t window_n_ok, window_n_connections;
};

static const char *const names[N_OUTCOMES] = {
	[OUTCOME_OK] = "ok",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_RESET_BEFORE_RESPONSE] = "reset_before_response",
	[OUTCOME_EOF_BEFORE_RESPONSE] = "eof_before_response",
	[OUTCOME_TIMEOUT] = "timeout",
	[OUTCOME_BAD_RESPONSE] = "bad_response",
	[OUTCOME_CONNECT_ERROR] = "connect_error",
};

struct stats *stats_new(bool by_second, uint64_t slow_ns)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->by_second = by_second;
	s->slow_ns = slow_ns;
	return s;
}

struct stats *stats_free(struct stats *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < s->n_seconds; i++)
		free(s->seconds[i]);
	free(s);
	return NULL;
}

const char *outcome_name(enum outcome outcome)
{
	return names[outcome];
}

/* Below 128 one step is 1 ns, in [128, 256) too, in [256, 512) 2 ns, and so on. */
static unsigned bucket_of(uint64_t ns)
{
	unsigned octave = ns < STEPS_PER_OCTAVE ? 0 : 63U - 6U - (unsigned)__builtin_clzll(ns);

	if (octave == 0)
		return (unsigned)ns;
	return octave * STEPS_PER_OCTAVE + (unsigned)(ns >> (octave - 1)) - STEPS_PER_OCTAVE;
}

/* The middle of a bucket. */
static double bucket_ns(unsigned bucket)
{
	unsigned octave = bucket / STEPS_PER_OCTAVE;
	double step = bucket % STEPS_PER_OCTAVE;

	if (octave == 0)
		return step;
	return (STEPS_PER_OCTAVE + step + 0.5) * (double)(1ULL << (octave - 1));
}

/* The usual case is a handful of servers that answer all the time. */
static unsigned index_of_pid(struct stats *s, int pid)
{
	unsigned i;

	for (i = 0; i < s->n_pids; i++)
		if (s->pids[i] == pid)
			return i;
	if (i < MAX_PIDS) {
		s->pids[i] = pid;
		s->n_pids++;
	}
	return i;
}

static void count_second(struct stats *s, unsigned index, unsigned second)
{
	if (!s->by_second || second >= MAX_SECONDS)
		return;
	if (!s->seconds[second])
		s->seconds[second] = calloc(MAX_PIDS, sizeof(*s->seconds[second]));
	if (!s->seconds[second])
		return;
	s->seconds[second][index]++;
	if (second >= s->n_seconds)
		s->n_seconds = second + 1;
}

void stats_count(struct stats *s, enum outcome outcome, uint64_t latency_ns, int pid,
		 unsigned second)
{
	unsigned index;

	s->outcomes[outcome]++;
	if (outcome != OUTCOME_OK)
		return;
	s->buckets[bucket_of(latency_ns)]++;
	if (latency_ns > s->slow_ns)
		s->n_slow++;
	if (latency_ns > s->max_ns)
		s->max_ns = latency_ns;
	index = pid > 0 ? index_of_pid(s, pid) : MAX_PIDS;
	if (index == MAX_PIDS) {
		s->n_unknown++;
		return;
	}
	s->by_pid[index]++;
	count_second(s, index, second);
}

uint64_t stats_n_ok(const struct stats *s)
{
	return s->outcomes[OUTCOME_OK];
}

void stats_close_window(struct stats *s, double elapsed_s, uint64_t n_connections)
{
	s->window_s = elapsed_s;
	s->window_n_ok = stats_n_ok(s);
	s->window_n_connections = n_connections;
}

static double quantile_us(const struct stats *s, double quantile)
{
	uint64_t n_below = (uint64_t)(quantile * (double)stats_n_ok(s)), n_seen = 0;
	double max_us = (double)s->max_ns / 1e3;

	for (unsigned i = 0; i < N_BUCKETS; i++) {
		n_seen += s->buckets[i];
		if (n_seen > n_below)
			return bucket_ns(i) / 1e3 < max_us ? bucket_ns(i) / 1e3 : max_us;
	}
	return max_us;
}

static void print_second(const struct stats *s, unsigned second)
{
	const uint32_t *counts = s->seconds[second];
	const char *comma = "";

	printf("%s{", second > 0 ? ", " : "");
	for (unsigned i = 0; counts && i < s->n_pids; i++) {
		if (counts[i] == 0)
			continue;
		printf("%s\"%d\": %" PRIu32, comma, s->pids[i], counts[i]);
		comma = ", ";
	}
	printf("}");
}

static double per_second(uint64_t n, double seconds)
{
	return seconds > 0 ? (double)n / seconds : 0;
}

void stats_print(const struct stats *s, uint64_t n_sent, uint64_t n_connections, double cpu_s)
{
	uint64_t n_failed = 0;

	for (int i = OUTCOME_OK + 1; i < N_OUTCOMES; i++)
		n_failed += s->outcomes[i];
	printf("{\"sent\": %" PRIu64 ", \"ok\": %" PRIu64 ", \"failed\": %" PRIu64, n_sent,
	       stats_n_ok(s), n_failed);
	printf(", \"failures\": {");
	for (int i = OUTCOME_OK + 1; i < N_OUTCOMES; i++)
		printf("%s\"%s\": %" PRIu64, i > OUTCOME_OK + 1 ? ", " : "", names[i],
		       s->outcomes[i]);
	printf("}, \"elapsed_s\": %.3f, \"requests_per_s\": %.1f", s->window_s,
	       per_second(s->window_n_ok, s->window_s));
	printf(", \"connections\": %" PRIu64 ", \"connections_per_s\": %.1f", n_connections,
	       per_second(s->window_n_connections, s->window_s));
	printf(", \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}",
	       quantile_us(s, 0.5), quantile_us(s, 0.99), quantile_us(s, 0.999),
	       (double)s->max_ns / 1e3);
	printf(", \"slow\": %" PRIu64 ", \"cpu_s\": %.6f", s->n_slow, cpu_s);
	printf(", \"by_pid\": {");
	for (unsigned i = 0; i < s->n_pids; i++)
		printf("%s\"%d\": %" PRIu64, i > 0 ? ", " : "", s->pids[i], s->by_pid[i]);
	printf("}, \"unnamed\": %" PRIu64, s->n_unknown);
	if (s->by_second) {
		printf(", \"by_second\": [");
		for (unsigned i = 0; i < s->n_seconds; i++)
			print_second(s, i);
		printf("]");
	}
	printf("}\n");
}
