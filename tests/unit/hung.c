/*
 * Workers made of numbers: some serve, some are slow, some stand still.
 */
#include "core/hung.h"

#include "run_suite.h"

#define PATIENCE_MS 30000
#define LOOK_MS     300
#define N_MAX       4

struct model {
	struct hung_berth berths[N_MAX];
	struct hung_watch watch;
	struct hung_reading now[N_MAX]; /* run and berth are the index and 1 */
	size_t n;
	int64_t now_ms;
};

static struct model model_of(size_t n)
{
	struct model m = { .n = n, .now_ms = 1000 };

	for (size_t i = 0; i < n; i++)
		m.now[i] = (struct hung_reading){ i + 1, i + 1, 0, 0, 128 };
	return m;
}

static uint64_t look(struct model *m)
{
	m->now_ms += LOOK_MS;
	return hung_look(&m->watch, m->now, m->n, PATIENCE_MS, m->now_ms);
}

static void come(struct model *m, size_t i, unsigned n)
{
	m->now[i].n_came += n;
	m->now[i].n_queued += n;
}

static void take(struct model *m, size_t i, unsigned n)
{
	m->now[i].n_queued -= n;
}

/* Looks for twice the patience; in each look the berths have come and gone what @step does. */
static uint64_t watch(struct model *m, void (*step)(struct model *m, unsigned k))
{
	hung_init(&m->watch, m->berths, N_MAX);
	for (unsigned k = 0; k < 2 * PATIENCE_MS / LOOK_MS; k++) {
		uint64_t run;

		step(m, k);
		run = look(m);
		if (run)
			return run;
	}
	return HUNG_NOBODY;
}

static void one_stands_still(struct model *m, unsigned k)
{
	if (k == 3)
		come(m, 1, 2);
	m->now[0].n_came += 5; /* accepted between two looks */
}

START_TEST(a_worker_whose_queue_stands_still_while_another_serves_hangs)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, one_stands_still), 2);
	ck_assert_int_ge(m.now_ms, PATIENCE_MS);
	ck_assert_int_lt(m.now_ms, PATIENCE_MS + 10 * LOOK_MS + 1000);
}
END_TEST

static void one_is_slow(struct model *m, unsigned k)
{
	m->now[0].n_came += 5;
	if (k == 0)
		come(m, 1, 100);
	if (k % 60 == 59) /* one in 18 s */
		take(m, 1, 1);
}

START_TEST(a_slow_worker_is_busy_as_long_as_it_comes_for_one_within_the_patience)
{
	struct model m = model_of(2);

	ck_assert_uint_eq(watch(&m, one_is_slow), HUNG_NOBODY);
}
END_TEST

static void one_only_grows(struct model *m, unsigned k)
{
	(void)k;
	m->now[0].n_came += 5;
	come(m, 1, 3);
	take(m, 1, 2);
	m->now[1].n_queued_max = 10000;
}

START_TEST(a_queue_that_grows_by_less_than_comes_is_busy)
{
	struct model m = model_of(2);

	ck_assert_uint_eq(watch(&m, one_only_grows), HUNG_NOBODY);
}
END_TEST

static void all_stand_still(struct model *m, unsigned k)
{
	if (k < 20)
		for (size_t i = 0; i < m->n; i++)
			come(m, i, 1);
}

START_TEST(where_nobody_moves_nobody_hangs)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, all_stand_still), HUNG_NOBODY);
}
END_TEST

/* Each look sees connections whose handshake has begun and not ended. */
static void all_stand_still_far_away(struct model *m, unsigned k)
{
	for (size_t i = 0; i < m->n; i++) {
		m->now[i].n_came++;
		m->now[i].n_queued += k > 0;
		m->now[i].n_queued_max = 100000;
	}
}

START_TEST(handshakes_on_their_way_are_no_movement)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, all_stand_still_far_away), HUNG_NOBODY);
	for (size_t i = 0; i < m.n; i++)
		ck_assert_int_eq(m.berths[i].moved_ms, 0);
}
END_TEST

static void one_is_full(struct model *m, unsigned k)
{
	m->now[0].n_came += 5;
	if (k == 0)
		come(m, 1, 128);
	m->now[1].n_came += 7; /* refused */
}

START_TEST(a_full_queue_that_is_sent_more_stands_still)
{
	struct model m = model_of(2);

	ck_assert_uint_eq(watch(&m, one_is_full), 2);
}
END_TEST

static void one_is_full_and_serves(struct model *m, unsigned k)
{
	one_is_full(m, k);
	m->now[1].n_queued = k % 10 == 9 ? 127 : 128;
}

START_TEST(a_full_queue_that_is_seen_shorter_now_and_then_is_busy)
{
	struct model m = model_of(2);

	ck_assert_uint_eq(watch(&m, one_is_full_and_serves), HUNG_NOBODY);
}
END_TEST

static void one_serves_elsewhere(struct model *m, unsigned k)
{
	m->now[2].run = 2;
	m->now[2].n_came += 1;
	one_stands_still(m, k);
}

START_TEST(a_worker_that_serves_at_another_berth_of_its_own_is_busy)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, one_serves_elsewhere), HUNG_NOBODY);
}
END_TEST

START_TEST(one_that_stands_still_alone_does_not_hang)
{
	struct model m = model_of(1);

	come(&m, 0, 5);
	ck_assert_uint_eq(watch(&m, all_stand_still), HUNG_NOBODY);
}
END_TEST

static void two_stand_still(struct model *m, unsigned k)
{
	if (k == 3)
		come(m, 2, 1);
	if (k == 6)
		come(m, 1, 50);
	m->now[0].n_came += 5;
}

START_TEST(of_two_the_one_that_hangs_for_longer_comes_first)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, two_stand_still), 3);
}
END_TEST

START_TEST(what_has_been_forgotten_gets_all_of_the_patience_again)
{
	struct model m = model_of(3);
	int64_t began_ms;

	ck_assert_uint_eq(watch(&m, one_stands_still), 2);
	hung_forget(&m.watch, 2);
	began_ms = m.now_ms;
	for (unsigned k = 10; m.now_ms < (int64_t)4 * PATIENCE_MS; k++) {
		one_stands_still(&m, k);
		if (look(&m))
			break;
	}
	ck_assert_int_ge(m.now_ms - began_ms, PATIENCE_MS);
	ck_assert_int_lt(m.now_ms, (int64_t)4 * PATIENCE_MS);
}
END_TEST

START_TEST(berths_that_close_are_forgotten_and_too_many_are_passed_over)
{
	struct model m = model_of(N_MAX);

	hung_init(&m.watch, m.berths, 2);
	(void)look(&m);
	ck_assert_uint_eq(m.watch.n_berths, 2);
	m.n = 1;
	(void)look(&m);
	ck_assert_uint_eq(m.watch.n_berths, 1);
	m.n = 0;
	(void)look(&m);
	ck_assert_uint_eq(m.watch.n_berths, 0);
	ck_assert(!hung_has_queue(&m.watch));
}
END_TEST

START_TEST(looks_are_many_for_the_patience_and_never_too_near)
{
	ck_assert_uint_eq(hung_look_ms(1), 20);
	ck_assert_uint_eq(hung_look_ms(30000), 300);
	ck_assert_uint_eq(hung_look_ms(INT32_MAX), 500);
}
END_TEST

START_TEST(where_nobody_has_ever_come_for_anything_the_first_of_them_is_mute)
{
	struct model m = model_of(3);

	ck_assert_uint_eq(watch(&m, all_stand_still), HUNG_NOBODY);
	ck_assert_uint_ne(hung_mute(&m.watch, PATIENCE_MS, m.now_ms), HUNG_NOBODY);
	ck_assert_uint_eq(hung_mute(&m.watch, 3 * PATIENCE_MS, m.now_ms), HUNG_NOBODY);
}
END_TEST

static void one_came_once(struct model *m, unsigned k)
{
	if (k == 0)
		come(m, 0, 3);
	if (k == 4)
		take(m, 0, 1);
}

START_TEST(who_has_come_for_one_is_not_mute_however_long_the_next_waits)
{
	struct model m = model_of(1);

	ck_assert_uint_eq(watch(&m, one_came_once), HUNG_NOBODY);
	ck_assert_uint_eq(m.now[0].n_queued, 2);
	ck_assert_uint_eq(hung_mute(&m.watch, PATIENCE_MS, m.now_ms), HUNG_NOBODY);
}
END_TEST

START_TEST(who_is_only_sent_more_than_it_takes_is_not_mute)
{
	struct model m = model_of(1);

	m.now[0].n_queued_max = 100000;
	m.now[0].n_came = m.now[0].n_queued = 1;
	(void)hung_look(&m.watch, m.now, 1, PATIENCE_MS, m.now_ms);
	m.now_ms += PATIENCE_MS;
	/* It has taken 40 of these, and no look has ever seen its queue shorter. */
	m.now[0].n_came = 100;
	m.now[0].n_queued = 60;
	(void)hung_look(&m.watch, m.now, 1, PATIENCE_MS, m.now_ms);
	ck_assert_uint_eq(hung_mute(&m.watch, PATIENCE_MS, m.now_ms), HUNG_NOBODY);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_worker_whose_queue_stands_still_while_another_serves_hangs,
		a_slow_worker_is_busy_as_long_as_it_comes_for_one_within_the_patience,
		a_queue_that_grows_by_less_than_comes_is_busy,
		where_nobody_moves_nobody_hangs,
		handshakes_on_their_way_are_no_movement,
		a_full_queue_that_is_sent_more_stands_still,
		a_full_queue_that_is_seen_shorter_now_and_then_is_busy,
		a_worker_that_serves_at_another_berth_of_its_own_is_busy,
		one_that_stands_still_alone_does_not_hang,
		of_two_the_one_that_hangs_for_longer_comes_first,
		what_has_been_forgotten_gets_all_of_the_patience_again,
		berths_that_close_are_forgotten_and_too_many_are_passed_over,
		looks_are_many_for_the_patience_and_never_too_near,
		where_nobody_has_ever_come_for_anything_the_first_of_them_is_mute,
		who_has_come_for_one_is_not_mute_however_long_the_next_waits,
		who_is_only_sent_more_than_it_takes_is_not_mute,
	};

	return RUN_SUITE("hung", tests);
}
