/*
 * Readings of machines, and what the doctor finds in them.
 */
#include "core/doctor.h"

#include <check.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "run_suite.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define ALL_CAPS        UINT64_C(0x1ffffffffff)
#define STEERED         "steered: words of berth run"

static struct machine_info machine;
static struct doctor_report report;

/* A machine on which all is well, for an ordinary user who may look into his workers. */
static void be_well(void)
{
	machine = (struct machine_info){
		.release = "6.18.1",
		.kernel_major = 6,
		.kernel_minor = 18,
		.has_btf = true,
		.primary_path = "/usr/libexec/berth/berthd",
		.uid = 1000,
		.caps = { .bounding = ALL_CAPS },
		.numbers = {
			[MACHINE_SOMAXCONN] = 4096,
			[MACHINE_SYNCOOKIES] = 1,
			[MACHINE_MIGRATE_REQ] = 0,
			[MACHINE_PORT_START] = 1024,
			[MACHINE_FILE_MAX] = 1000000,
			[MACHINE_NR_OPEN] = 1048576,
			[MACHINE_UNPRIVILEGED_BPF] = 2,
			[MACHINE_BPF_JIT] = 1,
			[MACHINE_PTRACE_SCOPE] = 0,
		},
		.limits = {
			[MACHINE_FILES_SOFT] = 65536,
			[MACHINE_FILES_HARD] = 65536,
			[MACHINE_PROCESSES] = 10000,
			[MACHINE_MEMLOCK] = 8 << 20,
		},
		.files_used = 1000,
		.available_bytes = UINT64_C(4) << 30,
		.ephemeral = {
			.is_known = true,
			.first = 32768,
			.last = 60999,
			.is_reserved_known = true,
		},
		.n_cpus = 4,
		.cgroup = MACHINE_CGROUP_V2,
	};
	report.n = 0;
}

static void examine(void)
{
	report.n = 0;
	doctor_examine(&machine, &report);
}

static void examine_tier(bool is_permitted, bool is_steered, bool sees_queues)
{
	const struct doctor_tier tier = {
		.is_permitted = is_permitted,
		.is_steered = is_steered,
		.sees_queues = sees_queues,
		.text = STEERED,
	};

	report.n = 0;
	doctor_examine_tier(&machine, &tier, &report);
}

static const struct doctor_finding *find(const char *id)
{
	for (size_t i = 0; i < report.n; i++)
		if (strcmp(report.findings[i].id, id) == 0)
			return &report.findings[i];
	ck_abort_msg("no finding is called %s", id);
	return NULL;
}

/* What should be found, and nothing else that is as bad: a word of it, and of what to do. */
static void assert_finds(enum doctor_severity severity, const char *id, const char *word,
			 const char *action)
{
	const struct doctor_finding *f = find(id);

	ck_assert_msg(f->severity == severity, "%s is %s: %s", id,
		      doctor_severity_text(f->severity), f->text);
	ck_assert_msg(strstr(f->text, word), "\"%s\" is not in \"%s\"", word, f->text);
	ck_assert_msg(strstr(f->action, action), "\"%s\" is not in \"%s\"", action, f->action);
	for (size_t i = 0; i < report.n; i++) {
		const struct doctor_finding *other = &report.findings[i];

		ck_assert_msg(other == f || other->severity < severity || severity == DOCTOR_OK,
			      "%s, too: %s", other->id, other->text);
		ck_assert_msg(other->severity == DOCTOR_OK || other->action[0], "no advice: %s",
			      other->text);
	}
}

START_TEST(where_all_is_well_nothing_is_to_do)
{
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
	ck_assert_uint_gt(report.n, 10);
	for (size_t i = 0; i < report.n; i++)
		ck_assert_msg(!report.findings[i].action[0], "%s", report.findings[i].action);
}
END_TEST

START_TEST(what_cannot_be_read_is_not_complained_of)
{
	for (size_t i = 0; i < MACHINE_NUMBERS; i++)
		machine.numbers[i] = MACHINE_UNKNOWN;
	for (size_t i = 0; i < MACHINE_LIMITS; i++)
		machine.limits[i] = MACHINE_UNKNOWN;
	machine.files_used = machine.available_bytes = MACHINE_UNKNOWN;
	machine.ephemeral = (struct machine_ephemeral){ 0 };
	machine.n_cpus = 0;
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
}
END_TEST

START_TEST(limits_that_are_none_are_well)
{
	for (size_t i = 0; i < MACHINE_LIMITS; i++)
		machine.limits[i] = MACHINE_UNLIMITED;
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
}
END_TEST

/* One number of the machine that is not as it should be. */
static const struct bite {
	size_t offset; /* of a uint64_t in struct machine_info */
	uint64_t value;
	const char *id, *word, *action;
} bites[] = {
#define NUMBER(n) offsetof(struct machine_info, numbers[n])
#define LIMIT(n)  offsetof(struct machine_info, limits[n])
	{ NUMBER(MACHINE_SOMAXCONN), 128, "somaxconn", "128 connections",
	  "sysctl -w net.core.somaxconn=4096" },
	{ NUMBER(MACHINE_SYNCOOKIES), 0, "syncookies", "are off",
	  "sysctl -w net.ipv4.tcp_syncookies=1" },
	{ NUMBER(MACHINE_SYNCOOKIES), 2, "syncookies", "every connection",
	  "sysctl -w net.ipv4.tcp_syncookies=1" },
	{ NUMBER(MACHINE_BPF_JIT), 0, "bpf_jit", "interprets",
	  "sysctl -w net.core.bpf_jit_enable=1" },
	{ NUMBER(MACHINE_FILE_MAX), 9000, "host_files", "1000 of 9000 files",
	  "sysctl -w fs.file-max=1001000" },
	{ LIMIT(MACHINE_FILES_SOFT), 1024, "worker_files", "may open 1024 files",
	  "ulimit -n 65536; or LimitNOFILE=65536" },
	{ LIMIT(MACHINE_FILES_HARD), 64, "files", "about 6 workers", "LimitNOFILE=65536" },
	{ LIMIT(MACHINE_PROCESSES), 100, "user_processes", "may have 100 processes",
	  "LimitNPROC=" },
	{ offsetof(struct machine_info, available_bytes), 64 << 20, "memory", "64 MiB",
	  "MemoryMax=" },
#undef NUMBER
#undef LIMIT
};

START_TEST(each_limit_that_bites_is_the_one_warning)
{
	const struct bite *b = &bites[_i];

	memcpy((char *)&machine + b->offset, &b->value, sizeof(b->value));
	examine();
	assert_finds(DOCTOR_WARNING, b->id, b->word, b->action);
}
END_TEST

START_TEST(a_limit_of_files_in_which_no_worker_has_room_is_an_error)
{
	machine.limits[MACHINE_FILES_HARD] = 34;
	examine();
	assert_finds(DOCTOR_ERROR, "files", "34 files: 0 workers", "as root: ulimit -n 65536");
}
END_TEST

START_TEST(no_more_files_are_advised_than_this_user_may_have)
{
	machine.limits[MACHINE_FILES_SOFT] = 1024;
	machine.limits[MACHINE_FILES_HARD] = 4096;
	examine();
	ck_assert_str_eq(find("worker_files")->action,
			 "ulimit -n 4096; or LimitNOFILE=4096 in the unit");
	machine.limits[MACHINE_FILES_SOFT] = machine.limits[MACHINE_FILES_HARD] = 1024;
	machine.numbers[MACHINE_NR_OPEN] = 20000;
	examine();
	ck_assert_str_eq(find("worker_files")->action,
			 "as root: ulimit -n 20000; or LimitNOFILE=20000 in the unit");
}
END_TEST

START_TEST(root_is_not_limited_in_processes)
{
	machine.limits[MACHINE_PROCESSES] = 1;
	machine.uid = 0;
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
}
END_TEST

START_TEST(few_ports_for_clients_are_a_warning)
{
	machine.ephemeral.first = 60000;
	examine();
	assert_finds(DOCTOR_WARNING, "client_ports", "1000 ports (60000 to 60999)",
		     "sysctl -w net.ipv4.ip_local_port_range='32768 60999'");
}
END_TEST

START_TEST(tcp_migrate_req_is_well_either_way)
{
	for (uint64_t value = 0; value <= 1; value++) {
		machine.numbers[MACHINE_MIGRATE_REQ] = value;
		examine();
		assert_finds(DOCTOR_OK, "migrate_req", "without it", "");
	}
}
END_TEST

START_TEST(a_kernel_before_5_19_is_an_error)
{
	machine.kernel_major = 5;
	machine.kernel_minor = 18;
	examine();
	assert_finds(DOCTOR_ERROR, "kernel", "needs 5.19", "newer kernel");
	machine.kernel_minor = 19;
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
	machine.kernel_major = 4;
	machine.kernel_minor = 20;
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_ERROR);
}
END_TEST

START_TEST(a_kernel_without_btf_is_a_note)
{
	machine.has_btf = false;
	examine();
	assert_finds(DOCTOR_NOTE, "btf", "cannot see accept queues", "CONFIG_DEBUG_INFO_BTF");
}
END_TEST

START_TEST(cgroup_v1_is_a_note)
{
	machine.cgroup = MACHINE_CGROUP_HYBRID;
	examine();
	assert_finds(DOCTOR_NOTE, "cgroup", "version 1", "-n");
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
	machine.keeper_error = ENOENT;
	examine();
	assert_finds(DOCTOR_ERROR, "programs", "berth-keeper cannot be run", "install");
}
END_TEST

START_TEST(a_program_with_capabilities_that_nobody_may_have_is_an_error)
{
	machine.primary_error = EPERM;
	machine.caps.bounding &= ~BIT(CAP_BPF);
	machine.file_caps = (struct machine_file_caps){
		.is_there = true,
		.is_effective = true,
		.permitted = BIT(CAP_BPF) | BIT(CAP_NET_ADMIN),
	};
	examine();
	assert_finds(DOCTOR_ERROR, "programs", "(cap_bpf)", "setcap -r /usr/libexec/berth/berthd");
}
END_TEST

static const struct {
	int error;
	const char *word, *action;
} filter_errors[] = {
	{ EBUSY, "another supervisor", "outside of the sandbox" },
	{ EPERM, "forbidden", "seccomp profile" },
	{ EACCES, "forbidden", "seccomp profile" },
	{ EOPNOTSUPP, "lacks it", "Linux 5.19" },
};

START_TEST(a_filter_that_cannot_be_had_is_an_error)
{
	machine.worker.filter_error = filter_errors[_i].error;
	examine();
	assert_finds(DOCTOR_ERROR, "seccomp", filter_errors[_i].word, filter_errors[_i].action);
}
END_TEST

START_TEST(a_worker_that_cannot_be_looked_into_is_an_error)
{
	machine.worker.fd_error = EPERM;
	examine();
	assert_finds(DOCTOR_ERROR, "peek", "pidfd_getfd: it is forbidden", "seccomp profile");
	machine.numbers[MACHINE_PTRACE_SCOPE] = MACHINE_UNKNOWN;
	machine.worker.memory_error = ENOSYS;
	examine();
	assert_finds(DOCTOR_ERROR, "peek", "process_vm_readv", "--cap-add SYS_PTRACE");
}
END_TEST

START_TEST(yama_takes_a_right_or_another_setting)
{
	machine.worker.memory_error = EPERM;
	machine.worker.fd_error = EPERM;
	machine.numbers[MACHINE_PTRACE_SCOPE] = 1;
	examine();
	assert_finds(DOCTOR_ERROR, "peek", "kernel.yama.ptrace_scope=1",
		     "cap_net_bind_service,cap_sys_ptrace=ep /usr/libexec/berth/berthd");
	machine.numbers[MACHINE_PTRACE_SCOPE] = 3;
	examine();
	assert_finds(DOCTOR_ERROR, "peek", "ptrace_scope=3", "boot again");
}
END_TEST

START_TEST(a_worker_that_could_not_be_tried_is_an_error)
{
	machine.worker.try_error = EAGAIN;
	examine();
	assert_finds(DOCTOR_ERROR, "processes", "temporarily unavailable", "ulimit -u");
}
END_TEST

START_TEST(capabilities_of_a_file_that_do_not_count_are_a_warning)
{
	machine.file_caps.is_there = true;
	machine.file_caps.permitted = BIT(CAP_BPF) | BIT(CAP_CHOWN);
	examine();
	assert_finds(DOCTOR_WARNING, "file_rights", "make them effective", "setcap cap_bpf,");
	machine.file_caps.is_effective = true;
	machine.is_nosuid = true;
	examine();
	assert_finds(DOCTOR_WARNING, "file_rights", "(cap_bpf) do not count", "mount");
	machine.caps.no_new_privs = true;
	examine();
	assert_finds(DOCTOR_WARNING, "file_rights", "no_new_privs", "NoNewPrivileges=no");
	machine.caps.effective = BIT(CAP_BPF);
	examine();
	ck_assert_int_eq(doctor_worst(&report), DOCTOR_OK);
}
END_TEST

START_TEST(the_tier_has_the_words_that_it_is_given)
{
	machine.caps.effective = ALL_CAPS;
	examine_tier(true, true, true);
	assert_finds(DOCTOR_OK, "tier", STEERED, "");
	ck_assert_str_eq(find("tier")->action, "");
}
END_TEST

START_TEST(the_shared_tier_is_a_note_and_says_how_to_steer)
{
	examine_tier(false, false, false);
	assert_finds(DOCTOR_NOTE, "tier", STEERED,
		     "setcap cap_bpf,cap_net_admin,cap_perfmon,cap_net_bind_service=ep "
		     "/usr/libexec/berth/berthd");
	machine.caps.bounding = 0;
	examine_tier(false, false, false);
	assert_finds(DOCTOR_NOTE, "tier", STEERED, "--cap-add BPF");
}
END_TEST

START_TEST(setcap_keeps_what_the_file_has_and_quotes_its_path)
{
	machine.file_caps.is_there = machine.file_caps.is_effective = true;
	machine.file_caps.permitted = BIT(CAP_SYS_PTRACE);
	memcpy(machine.primary_path, "/a b/berthd", sizeof("/a b/berthd"));
	examine_tier(false, false, false);
	assert_finds(DOCTOR_NOTE, "tier", STEERED, ",cap_sys_ptrace=ep '/a b/berthd'");
}
END_TEST

START_TEST(steering_without_queues_says_what_they_take)
{
	machine.caps.effective = ALL_CAPS & ~BIT(CAP_PERFMON);
	examine_tier(true, true, false);
	assert_finds(DOCTOR_NOTE, "tier", STEERED, "cap_perfmon");
	machine.caps.effective = ALL_CAPS;
	examine_tier(true, true, false);
	assert_finds(DOCTOR_NOTE, "tier", STEERED, "Linux 6.2");
}
END_TEST

START_TEST(a_program_that_is_permitted_and_not_loaded_is_a_warning)
{
	machine.caps.effective = ALL_CAPS;
	examine_tier(true, false, false);
	assert_finds(DOCTOR_WARNING, "tier", STEERED, "CONFIG_BPF_SYSCALL");
}
END_TEST

static void examine_port(const char *asked, enum holders_outcome outcome, bool is_berths)
{
	struct addr a;
	struct doctor_port port = {
		.addr = &a,
		.outcome = outcome,
		.is_berths = is_berths,
		.asked = asked,
		.summary = "words of berth why",
	};

	ck_assert_int_eq(addr_parse(asked, &a), ADDR_OK);
	report.n = 0;
	doctor_examine_port(&machine, &port, &report);
}

START_TEST(an_address_that_is_free_is_well)
{
	examine_port("8000", HOLDERS_FREE, false);
	assert_finds(DOCTOR_OK, "port", "words of berth why", "");
	ck_assert_str_eq(find("port")->subject, "port 8000/tcp");
	ck_assert_uint_eq(report.n, 1);
}
END_TEST

START_TEST(an_address_that_is_held_is_an_error_unless_berth_has_it)
{
	examine_port("127.0.0.1:8000", HOLDERS_HELD, false);
	assert_finds(DOCTOR_ERROR, "port", "words of berth why", "berth why 127.0.0.1:8000");
	examine_port("127.0.0.1:8000", HOLDERS_HELD, true);
	assert_finds(DOCTOR_NOTE, "port", "words of berth why", "berth why");
	examine_port("unix:/run/a", HOLDERS_HELD_BY_UNKNOWN, false);
	assert_finds(DOCTOR_ERROR, "port", "words of berth why", "berth why unix:/run/a");
}
END_TEST

START_TEST(a_privileged_port_says_which_right_it_takes)
{
	examine_port("80", HOLDERS_NOT_PERMITTED, false);
	assert_finds(DOCTOR_ERROR, "port", "words of berth why", "cap_net_bind_service=ep");
}
END_TEST

START_TEST(a_port_that_clients_may_get_is_a_warning_unless_it_is_reserved)
{
	examine_port("32767", HOLDERS_FREE, false);
	ck_assert_uint_eq(report.n, 1);
	examine_port("32768", HOLDERS_FREE, false);
	assert_finds(DOCTOR_WARNING, "client_port", "(32768 to 60999)",
		     "sysctl -w net.ipv4.ip_local_reserved_ports=32768");
	machine.ephemeral.reserved[40000 / 64] = UINT64_C(1) << 40000 % 64;
	memcpy(machine.ephemeral.reserved_text, "40000", sizeof("40000"));
	examine_port("40000", HOLDERS_FREE, false);
	ck_assert_uint_eq(report.n, 1);
	examine_port("60999", HOLDERS_FREE, false);
	assert_finds(DOCTOR_WARNING, "client_port", "60999/tcp", "reserved_ports=40000,60999");
	machine.ephemeral.reserved_text[0] = '\0'; /* as for one that is too long */
	examine_port("60999", HOLDERS_FREE, false);
	assert_finds(DOCTOR_WARNING, "client_port", "60999/tcp", "reserved_ports),60999\"");
	examine_port("61000", HOLDERS_FREE, false);
	ck_assert_uint_eq(report.n, 1);
	examine_port("unix:/run/a", HOLDERS_FREE, false);
	ck_assert_uint_eq(report.n, 1);
}
END_TEST

START_TEST(the_worst_comes_first_and_the_rest_keeps_its_order)
{
	machine.has_btf = false;
	machine.numbers[MACHINE_SOMAXCONN] = 1;
	machine.numbers[MACHINE_SYNCOOKIES] = 0;
	machine.worker.filter_error = EBUSY;
	examine();
	doctor_sort(&report);
	ck_assert_str_eq(report.findings[0].id, "seccomp");
	ck_assert_str_eq(report.findings[1].id, "somaxconn");
	ck_assert_str_eq(report.findings[2].id, "syncookies");
	ck_assert_str_eq(report.findings[3].id, "btf");
	ck_assert_str_eq(report.findings[4].id, "kernel");
}
END_TEST

START_TEST(a_full_report_takes_no_more)
{
	for (size_t i = 0; i < DOCTOR_FINDINGS_MAX; i++)
		doctor_examine(&machine, &report);
	ck_assert_uint_eq(report.n, DOCTOR_FINDINGS_MAX);
}
END_TEST

/* The most that one call of the program may ask for. */
START_TEST(there_is_room_for_all_addresses)
{
	struct addr a;
	const struct doctor_port port = { .addr = &a, .asked = "40000", .summary = "free" };

	ck_assert_int_eq(addr_parse("40000", &a), ADDR_OK);
	machine.limits[MACHINE_FILES_HARD] = 64;
	examine_tier(false, false, false);
	doctor_examine(&machine, &report);
	for (size_t i = 0; i < DOCTOR_PORTS_MAX; i++)
		doctor_examine_port(&machine, &port, &report);
	ck_assert_uint_lt(report.n, DOCTOR_FINDINGS_MAX);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		where_all_is_well_nothing_is_to_do,
		what_cannot_be_read_is_not_complained_of,
		limits_that_are_none_are_well,
		a_limit_of_files_in_which_no_worker_has_room_is_an_error,
		no_more_files_are_advised_than_this_user_may_have,
		root_is_not_limited_in_processes,
		few_ports_for_clients_are_a_warning,
		tcp_migrate_req_is_well_either_way,
		a_kernel_before_5_19_is_an_error,
		a_kernel_without_btf_is_a_note,
		cgroup_v1_is_a_note,
		a_program_that_is_not_there_is_an_error,
		a_program_with_capabilities_that_nobody_may_have_is_an_error,
		a_worker_that_cannot_be_looked_into_is_an_error,
		yama_takes_a_right_or_another_setting,
		a_worker_that_could_not_be_tried_is_an_error,
		capabilities_of_a_file_that_do_not_count_are_a_warning,
		the_tier_has_the_words_that_it_is_given,
		the_shared_tier_is_a_note_and_says_how_to_steer,
		setcap_keeps_what_the_file_has_and_quotes_its_path,
		steering_without_queues_says_what_they_take,
		a_program_that_is_permitted_and_not_loaded_is_a_warning,
		an_address_that_is_free_is_well,
		an_address_that_is_held_is_an_error_unless_berth_has_it,
		a_privileged_port_says_which_right_it_takes,
		a_port_that_clients_may_get_is_a_warning_unless_it_is_reserved,
		the_worst_comes_first_and_the_rest_keeps_its_order,
		a_full_report_takes_no_more,
		there_is_room_for_all_addresses,
	};
	Suite *suite = suite_create("doctor");
	TCase *group = tcase_create("doctor");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(group, be_well, NULL);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(group, tests[i]);
	tcase_add_loop_test(group, each_limit_that_bites_is_the_one_warning, 0,
			    sizeof(bites) / sizeof(bites[0]));
	tcase_add_loop_test(group, a_filter_that_cannot_be_had_is_an_error, 0,
			    sizeof(filter_errors) / sizeof(filter_errors[0]));
	suite_add_tcase(suite, group);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
