/* See kernel_help.h. */
#include "kernel_help.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TEST_TIMEOUT_S 30

int help_run(const char *suite, const TTest *const *tests, size_t n_tests)
{
	Suite *s = suite_create(suite);
	TCase *c = tcase_create(suite);
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(c, TEST_TIMEOUT_S);
	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);

	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void help_skip(const char *function, const char *reason)
{
	size_t length = strlen(function);

	/* START_TEST(name) makes a function name_fn */
	if (length > 3 && !strcmp(function + length - 3, "_fn"))
		length -= 3;
	/* not through stdio: Check's own lines may still wait in this child's copy of it */
	(void)dprintf(STDOUT_FILENO, "SKIP %.*s: %s\n", (int)length, function, reason);
}

static bool has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	ck_assert_int_eq(syscall(SYS_capget, &head, sets), 0);
	return sets[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

int help_keep_caps(uint64_t bits)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		sets[i].effective = sets[i].permitted = (uint32_t)(bits >> (32 * i));
	return syscall(SYS_capset, &head, sets) ? -errno : 0;
}

/* The rights over BPF count in the first user namespace only, which maps every uid to itself. */
static bool in_first_user_namespace(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	char line[64] = "";
	unsigned long inside = 1;
	unsigned long outside = 1;
	unsigned long count = 0;
	char *rest = line;

	if (!map)
		return true; /* a kernel without user namespaces */
	if (fgets(line, sizeof(line), map)) {
		inside = strtoul(rest, &rest, 10);
		outside = strtoul(rest, &rest, 10);
		count = strtoul(rest, &rest, 10);
	}
	(void)fclose(map);
	return !inside && !outside && count == UINT32_MAX;
}

const char *help_lacks_uid_change(void)
{
	bool changed;

	(void)setfsuid(HELP_OTHER_UID);
	changed = setfsuid(geteuid()) == HELP_OTHER_UID; /* it returns what it was before */
	if (!changed)
		return "cannot make sockets of another user";
	return has_cap(CAP_CHOWN) ? NULL : "no CAP_CHOWN";
}

const char *help_lacks_steering(void)
{
	if (!has_cap(CAP_BPF))
		return "no CAP_BPF";
	if (!has_cap(CAP_NET_ADMIN))
		return "no CAP_NET_ADMIN";
	return in_first_user_namespace() ? NULL : "not in the first user namespace";
}

const char *help_lacks_depth(void)
{
	const char *lack = help_lacks_steering();

	if (lack)
		return lack;
	return has_cap(CAP_PERFMON) ? NULL : "no CAP_PERFMON";
}

short help_poll(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	ck_assert_int_ge(poll(&p, 1, timeout_ms), 0);
	return p.revents;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void help_await(bool (*is_so)(int a, int b), int a, int b)
{
	int64_t deadline_ms = now_ms() + HELP_DEADLINE_MS;

	while (!is_so(a, b)) {
		ck_assert_msg(now_ms() < deadline_ms, "still not so for %d and %d", a, b);
		(void)sched_yield();
	}
}

uint64_t help_proc_status(pid_t pid, const char *field, int base)
{
	char path[64];
	char line[256];
	size_t length = strlen(field);
	uint64_t value = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, length) && line[length] == ':')
			value = strtoull(line + length + 1, NULL, base);
	}
	(void)fclose(f);
	return value;
}
