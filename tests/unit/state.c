/*
 * What a primary leaves to its successor, through every change that time and damage
 * can make to it. Started with the name of a directory, this program writes the seeds
 * of tests/fuzz/state.c there: build/tests/unit-state tests/fuzz/seeds/state
 */
#include "core/state.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "core/rollout.h"
#include "core/worker_fsm.h"
#include "run_suite.h"

#define N_WORKERS 3
#define N_PORTS   2
#define N_BERTHS  4

/* The head of a blob, as any version lays it out. */
struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t n_sections;
	struct {
		uint32_t n_records;
		uint32_t record_size;
	} sections[4];
};

enum {
	APP,
	WORKERS,
	PORTS,
	BERTHS,
	SECTIONS
};

static struct state_worker workers[N_WORKERS];
static struct state_port ports[N_PORTS];
static struct state_berth berths[N_BERTHS];
static struct state sample;

/* What a test has made of them. */
static struct {
	struct state_app app;
	struct state_worker workers[N_WORKERS];
	struct state_port ports[N_PORTS];
	struct state_berth berths[N_BERTHS];
} spoilt;

/* Each field of a record has bytes of its own. */
static void fill(void *records, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)records)[i] = (uint8_t)(i * 7 + i / 251 + 1) & 0x7f;
}

static void set_addr(struct addr *a, const char *text)
{
	ck_assert_int_eq(addr_parse(text, a), ADDR_OK);
}

/* A state in which every field is something, and all of it good. */
static void make_sample(void)
{
	fill(workers, sizeof(workers));
	fill(ports, sizeof(ports));
	fill(berths, sizeof(berths));
	fill(&sample.app, sizeof(sample.app));
	sample.app.n_wanted = APP_WORKERS_MAX;
	sample.app.reload.phase = ROLLOUT_PHASES - 1;
	sample.app.reload.canary_percent = sample.app.reload.next_canary_percent = 99;
	sample.app.reload.message[STATE_RELOAD_TEXT_MAX - 1] = '\0';
	sample.app.drain.message[STATE_RELOAD_TEXT_MAX - 1] = '\0';
	for (uint32_t i = 0; i < N_WORKERS; i++) {
		workers[i].slot = APP_WORKERS_MAX - i;
		workers[i].state = WORKER_STATES - 1 - i;
		workers[i].role = i % WORKER_ROLES;
	}
	for (uint32_t i = 0; i < N_PORTS; i++) {
		ports[i].id = PORT_TABLE_MAX - 1 - i;
		ports[i].any_port = i ? PORT_NONE : 3;
		ports[i].anchor = STATE_BERTHS_MAX - 1 - i;
		ports[i].path_owner.n_groups = STATE_GROUPS_MAX;
	}
	set_addr(&ports[0].addr, "[fe80::1%2]:8000");
	set_addr(&ports[1].addr, "unix:/run/a/socket");
	for (uint32_t i = 0; i < N_BERTHS; i++) {
		berths[i].port = ports[i % N_PORTS].id;
		berths[i].index = i;
	}
	sample.workers = workers;
	sample.ports = ports;
	sample.berths = berths;
	sample.n_workers = N_WORKERS;
	sample.n_ports = N_PORTS;
	sample.n_berths = N_BERTHS;
}

static size_t write_sample(void **ret_blob)
{
	size_t size = state_write(&sample, ret_blob);

	ck_assert_uint_gt(size, 0);
	return size;
}

/* --- blobs as other versions write them --- */

/* The blob with records longer or shorter by @change bytes; new bytes are full of ones. */
static size_t write_changed(const int change[static SECTIONS], char **ret_blob)
{
	own_free void *blob = NULL;
	size_t size = write_sample(&blob);
	const char *from = (const char *)blob + sizeof(struct head);
	struct head head;
	char *at;

	memcpy(&head, blob, sizeof(head));
	*ret_blob = calloc(2, size);
	ck_assert_ptr_nonnull(*ret_blob);
	at = *ret_blob + sizeof(head);
	for (int i = 0; i < SECTIONS; i++) {
		uint32_t before = head.sections[i].record_size;
		uint32_t after = before + (uint32_t)change[i];

		for (uint32_t k = 0; k < head.sections[i].n_records; k++) {
			memset(at, 0xff, after);
			memcpy(at, from, before < after ? before : after);
			from += before;
			at += after;
		}
		head.sections[i].record_size = after;
	}
	memcpy(*ret_blob, &head, sizeof(head));
	return (size_t)(at - *ret_blob);
}

/* --- reading --- */

static int read_blob(const void *blob, size_t size, struct state *ret_state)
{
	char refusal[STATE_REFUSAL_MAX] = "";
	int r = state_read(blob, size, ret_state, refusal);

	ck_assert_int_eq(r == 0, refusal[0] == '\0');
	return r;
}

static void assert_same(const struct state *s)
{
	ck_assert_uint_eq(s->n_workers, sample.n_workers);
	ck_assert_uint_eq(s->n_ports, sample.n_ports);
	ck_assert_uint_eq(s->n_berths, sample.n_berths);
	ck_assert_mem_eq(&s->app, &sample.app, sizeof(s->app));
	ck_assert_mem_eq(s->workers, workers, sizeof(*workers) * s->n_workers);
	ck_assert_mem_eq(s->ports, ports, sizeof(*ports) * s->n_ports);
	ck_assert_mem_eq(s->berths, berths, sizeof(*berths) * s->n_berths);
}

/* That just this is said, and that nothing is written to where a state would go. */
static void assert_refused(const void *blob, size_t size, int error, const char *text)
{
	char refusal[STATE_REFUSAL_MAX] = "";
	struct state s;
	struct state before;

	memset(&s, 0x55, sizeof(s));
	before = s;
	ck_assert_int_eq(state_read(blob, size, &s, refusal), error);
	ck_assert_str_eq(refusal, text);
	ck_assert_mem_eq(&s, &before, sizeof(s));
}

/* The records as they are now, into a blob of as many good ones. */
static void overwrite(void *blob)
{
	char *at = (char *)blob + sizeof(struct head);

	at = (char *)mempcpy(at, &spoilt.app, sizeof(spoilt.app));
	at = (char *)mempcpy(at, spoilt.workers, sizeof(workers));
	at = (char *)mempcpy(at, spoilt.ports, sizeof(ports));
	(void)mempcpy(at, spoilt.berths, sizeof(berths));
}

/* Of a sample that a test has spoilt; it is good again afterwards. Nobody writes such a one. */
static void assert_contradicts_itself(void)
{
	own_free void *blob = NULL;
	size_t size;

	ck_assert(!state_can_be_read(&sample));
	ck_assert_uint_eq(state_write(&sample, &blob), 0);
	spoilt.app = sample.app;
	memcpy(spoilt.workers, workers, sizeof(workers));
	memcpy(spoilt.ports, ports, sizeof(ports));
	memcpy(spoilt.berths, berths, sizeof(berths));
	make_sample();
	size = write_sample(&blob);
	overwrite(blob);
	assert_refused(blob, size, -EINVAL, "the state is damaged: it contradicts itself");
	make_sample();
}

/* With another number in the head, at an offset in it. */
static void assert_head_refused(size_t offset, uint32_t number, int error, const char *text)
{
	own_free void *blob = NULL;
	size_t size = write_sample(&blob);

	memcpy((char *)blob + offset, &number, sizeof(number));
	assert_refused(blob, size, error, text);
}

START_TEST(all_that_was_written_is_read)
{
	own_free void *blob = NULL;
	size_t size = write_sample(&blob);
	struct state s;

	ck_assert_int_eq(read_blob(blob, size, &s), 0);
	assert_same(&s);
	state_done(&s);
	ck_assert_ptr_null(s.workers);
	state_done(&s);
}
END_TEST

START_TEST(an_app_without_workers_ports_and_berths_is_read)
{
	own_free void *blob = NULL;
	struct state s;
	size_t size;

	sample.n_workers = sample.n_ports = sample.n_berths = 0;
	size = write_sample(&blob);
	ck_assert_int_eq(read_blob(blob, size, &s), 0);
	assert_same(&s);
	state_done(&s);
}
END_TEST

START_TEST(of_longer_records_what_we_know_is_taken)
{
	static const int longer[SECTIONS] = { 8, 16, 24, 4 };
	own_free char *blob = NULL;
	size_t size = write_changed(longer, &blob);
	struct state s;

	ck_assert_int_eq(read_blob(blob, size, &s), 0);
	assert_same(&s);
	state_done(&s);
}
END_TEST

/* What an older version didn't know of. */
static void clear_after_restarts(struct state_worker *w)
{
	size_t from = offsetof(struct state_worker, n_restarts);

	memset((char *)w + from, 0, sizeof(*w) - from);
}

START_TEST(what_shorter_records_lack_is_zero)
{
	static const int shorter[SECTIONS] = {
		(int)offsetof(struct state_app, flags) - (int)sizeof(struct state_app),
		(int)offsetof(struct state_worker, n_restarts) - (int)sizeof(struct state_worker),
		-8, /* the end of the longest path there is */
		(int)offsetof(struct state_berth, index) - (int)sizeof(struct state_berth),
	};
	own_free char *blob = NULL;
	size_t size = write_changed(shorter, &blob);
	struct state s;

	ck_assert_int_eq(read_blob(blob, size, &s), 0);
	memset(&sample.app.flags, 0, sizeof(sample.app) - offsetof(struct state_app, flags));
	for (int i = 0; i < N_WORKERS; i++)
		clear_after_restarts(&workers[i]);
	for (int i = 0; i < N_BERTHS; i++)
		berths[i].index = berths[i].flags = berths[i].unused = 0;
	for (int i = 0; i < N_PORTS; i++)
		memset((char *)&ports[i + 1] - 8, 0, 8);
	assert_same(&s);
	state_done(&s);
}
END_TEST

START_TEST(another_version_is_refused_and_named)
{
	assert_head_refused(offsetof(struct head, version), 7, -EPROTO,
			    "the state has version 7, this berth reads version 1 only");
}
END_TEST

START_TEST(what_is_none_of_ours_is_refused)
{
	assert_head_refused(0, 0, -EINVAL, "the state is none of berth's");
}
END_TEST

/* In memory of just that size, so that a sanitizer sees what is read beyond its end. */
START_TEST(a_blob_that_is_cut_at_any_byte_is_refused)
{
	static const char wrong_size[] = "the state is damaged: its size is wrong";
	own_free void *blob = NULL;
	size_t size = write_sample(&blob);
	own_free char *longer = calloc(1, size + 1);

	for (size_t n = 0; n < size; n++) {
		char *cut = malloc(n + (n == 0));

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, blob, n);
		assert_refused(cut, n, -EINVAL, wrong_size);
		free(cut);
	}
	ck_assert_ptr_nonnull(longer);
	memcpy(longer, blob, size);
	assert_refused(longer, size + 1, -EINVAL, wrong_size);
}
END_TEST

START_TEST(counts_and_sizes_that_cannot_be_are_refused)
{
	static const uint32_t n_max[SECTIONS] = { 1, STATE_WORKERS_MAX, PORT_TABLE_MAX,
						  STATE_BERTHS_MAX };

	for (size_t i = 0; i < SECTIONS; i++) {
		size_t at = offsetof(struct head, sections) + i * 8;

		assert_head_refused(at, n_max[i] + 1, -EINVAL, "the state is larger than can be");
		assert_head_refused(at, UINT32_MAX, -EINVAL, "the state is larger than can be");
		assert_head_refused(at, 0, -EINVAL, "the state is damaged: its size is wrong");
		assert_head_refused(at + 4, UINT32_MAX, -EINVAL, "the state is larger than can be");
		assert_head_refused(at + 4, 0, -EINVAL, "the state is damaged: its size is wrong");
	}
}
END_TEST

START_TEST(an_app_that_wants_no_worker_or_too_many_is_refused)
{
	sample.app.n_wanted = 0;
	assert_contradicts_itself();
	sample.app.n_wanted = APP_WORKERS_MAX + 1;
	assert_contradicts_itself();
}
END_TEST

START_TEST(workers_that_cannot_be_are_refused)
{
	workers[2].slot = workers[0].slot;
	workers[2].role = workers[0].role = WORKER_MEMBER;
	assert_contradicts_itself();
	workers[0].role = WORKER_ROLES;
	assert_contradicts_itself();
	workers[0].slot = 0;
	assert_contradicts_itself();
	workers[1].slot = APP_WORKERS_MAX + 1;
	assert_contradicts_itself();
	workers[1].state = WORKER_STATES;
	assert_contradicts_itself();
	workers[2].pid = -1; /* a signal to it would be one to everybody */
	assert_contradicts_itself();
}
END_TEST

START_TEST(ports_that_cannot_be_are_refused)
{
	ports[0].id = ports[1].id;
	assert_contradicts_itself();
	ports[1].id = PORT_TABLE_MAX;
	assert_contradicts_itself();
	ports[0].any_port = PORT_NONE + 1;
	assert_contradicts_itself();
	ports[0].anchor = STATE_BERTHS_MAX;
	assert_contradicts_itself();
	ports[1].path_owner.n_groups = STATE_GROUPS_MAX + 1;
	assert_contradicts_itself();
}
END_TEST

START_TEST(addresses_that_cannot_be_are_refused)
{
	ports[0].addr.family = AF_NETLINK;
	assert_contradicts_itself();
	ports[0].addr.port = 0;
	assert_contradicts_itself();
	ports[1].addr.unix_len = 0;
	assert_contradicts_itself();
	ports[1].addr.unix_len = ADDR_UNIX_MAX + 1;
	assert_contradicts_itself();
}
END_TEST

START_TEST(berths_that_cannot_be_are_refused)
{
	berths[3].port = 0; /* there is none of that number */
	assert_contradicts_itself();
	berths[0].port = PORT_TABLE_MAX;
	assert_contradicts_itself();
	berths[1].index = STATE_BERTHS_MAX;
	assert_contradicts_itself();
}
END_TEST

/* --- seeds --- */

static const char *seeds; /* the directory they go to */

static void write_seed(const char *name, const void *bytes, size_t size)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", seeds, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(more_workers_than_are_read_are_not_written)
{
	own_free void *blob = NULL;
	const size_t n_max = STATE_WORKERS_MAX;
	own_free struct state_worker *many = calloc(n_max + 1, sizeof(*many));
	struct state s;
	size_t size;

	ck_assert_ptr_nonnull(many);
	for (size_t i = 0; i <= n_max; i++) {
		many[i].slot = 1;
		many[i].role = WORKER_LEAVING;
	}
	sample.workers = many;
	sample.n_workers = n_max + 1;
	ck_assert_uint_eq(state_write(&sample, &blob), 0);
	sample.n_workers = n_max;
	size = write_sample(&blob);
	ck_assert_int_eq(read_blob(blob, size, &s), 0);
	ck_assert_uint_eq(s.n_workers, n_max);
	state_done(&s);
}
END_TEST

START_TEST(seeds_are_written)
{
	static const int longer[SECTIONS] = { 8, 16, 24, 4 };
	static const int shorter[SECTIONS] = { -4, -12, -8, -4 };
	own_free void *full = NULL;
	own_free void *empty = NULL;
	own_free char *newer = NULL;
	own_free char *older = NULL;
	size_t size = write_sample(&full);

	write_seed("full", full, size);
	write_seed("cut", full, size - 1);
	size = write_changed(longer, &newer);
	write_seed("newer", newer, size);
	size = write_changed(shorter, &older);
	write_seed("older", older, size);
	sample.n_workers = sample.n_ports = sample.n_berths = 0;
	size = write_sample(&empty);
	write_seed("empty", empty, size);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		all_that_was_written_is_read,
		an_app_without_workers_ports_and_berths_is_read,
		of_longer_records_what_we_know_is_taken,
		what_shorter_records_lack_is_zero,
		another_version_is_refused_and_named,
		what_is_none_of_ours_is_refused,
		a_blob_that_is_cut_at_any_byte_is_refused,
		counts_and_sizes_that_cannot_be_are_refused,
		an_app_that_wants_no_worker_or_too_many_is_refused,
		workers_that_cannot_be_are_refused,
		ports_that_cannot_be_are_refused,
		addresses_that_cannot_be_are_refused,
		berths_that_cannot_be_are_refused,
		more_workers_than_are_read_are_not_written,
	};
	const TTest *const writers[] = { seeds_are_written };

	if (argc == 2) {
		seeds = argv[1];
		return RUN_SUITE_AFTER(make_sample, "seeds", writers);
	}
	return RUN_SUITE_AFTER(make_sample, "state", tests);
}
