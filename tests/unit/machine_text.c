/*
 * What the kernel prints about itself, and what it would never print.
 */
#include "os/machine_text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "os/machine.h"
#include "run_suite.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(a_number_is_all_of_its_line)
{
	static const char *const wrong[] = { "",
					     "\n",
					     "4096",
					     "-1\n",
					     "4096 \n",
					     " 4096\n",
					     "1,2\n",
					     "4096\n\n",
					     "0x10\n",
					     "007\n",
					     "99999999999999999999\n" };
	uint64_t number = 7;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		ck_assert_msg(!machine_text_number(wrong[i], &number), "%s", wrong[i]);
	ck_assert_uint_eq(number, 7);
	ck_assert(machine_text_number("4096\n", &number));
	ck_assert_uint_eq(number, 4096);
	ck_assert(machine_text_number("9223372036854775807\n", &number)); /* fs.file-max */
	ck_assert(number < MACHINE_UNLIMITED);
}
END_TEST

START_TEST(a_release_begins_with_two_numbers)
{
	static const char *const right[] = { "6.1\n", "6.1.0-28-amd64\n", "6.1-rc1\n", "6.1+\n" };
	static const char *const wrong[] = { "",       "6",      "6.\n",     ".1\n",
					     "6.1x\n", "v6.1\n", "99999.1\n" };
	unsigned major = 0, minor = 0;

	for (size_t i = 0; i < COUNT_OF(right); i++) {
		ck_assert_msg(machine_text_release(right[i], &major, &minor), "%s", right[i]);
		ck_assert_uint_eq(major, 6);
		ck_assert_uint_eq(minor, 1);
	}
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		ck_assert_msg(!machine_text_release(wrong[i], &major, &minor), "%s", wrong[i]);
}
END_TEST

#define EFF "CapEff:\t000000c000201000\n"
#define BND "CapBnd:\t000001ffffffffff\n"

START_TEST(capabilities_are_read_from_the_status)
{
	static const char *const wrong[] = {
		"",
		EFF BND,
		EFF "NoNewPrivs:\t1\n",
		BND "NoNewPrivs:\t1\n",
		EFF BND "NoNewPrivs:\t2\n",
		EFF BND "NoNewPrivs:\t1",
		BND "CapEff:\t000000C000201000\nNoNewPrivs:\t1\n",
		BND "CapEff:\t000000c00020100\nNoNewPrivs:\t1\n",
		BND "CapEff:\t000000c0002010000\nNoNewPrivs:\t1\n",
	};
	struct machine_caps caps = { 0 };

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		ck_assert_msg(!machine_text_caps(wrong[i], &caps), "%s", wrong[i]);
	ck_assert(machine_text_caps("Name:\tCapEff:\n" EFF BND "NoNewPrivs:\t1\nSeccomp:\t0\n",
				    &caps));
	ck_assert_uint_eq(caps.effective, 0xc000201000);
	ck_assert_uint_eq(caps.bounding, 0x1ffffffffff);
	ck_assert(caps.no_new_privs);
}
END_TEST

START_TEST(a_range_of_ports_rises)
{
	static const char *const wrong[] = {
		"", "32768\n", "32768\t65536\n", "60999\t32768\n", "1\t2\t3\n", "1-2\n"
	};
	uint16_t first, last;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		ck_assert_msg(!machine_text_range(wrong[i], &first, &last), "%s", wrong[i]);
	ck_assert(machine_text_range("32768\t60999\n", &first, &last));
	ck_assert_uint_eq(first, 32768);
	ck_assert_uint_eq(last, 60999);
}
END_TEST

static bool has(const uint64_t *ports, unsigned port)
{
	return ports[port / 64] >> port % 64 & 1;
}

START_TEST(reserved_ports_are_numbers_and_ranges)
{
	static const char *const wrong[] = { "",        "80",      "80,\n",   ",80\n",   "80-\n",
					     "80 81\n", "1-2-3\n", "65536\n", "80,,81\n" };
	uint64_t ports[MACHINE_PORTS / 64];

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		ck_assert_msg(!machine_text_reserved(wrong[i], ports), "%s", wrong[i]);
	ck_assert(machine_text_reserved("80,8000-8002,65535\n", ports));
	ck_assert(has(ports, 80) && has(ports, 8000) && has(ports, 8001) && has(ports, 8002));
	ck_assert(has(ports, 65535));
	ck_assert(!has(ports, 79) && !has(ports, 81) && !has(ports, 8003) && !has(ports, 65534));
	ck_assert(machine_text_reserved("\n", ports));
	for (unsigned port = 0; port < MACHINE_PORTS; port++)
		ck_assert(!has(ports, port));
}
END_TEST

START_TEST(files_and_memory_are_the_numbers_that_are_meant)
{
	uint64_t number;

	ck_assert(machine_text_files("523\t0\t2466177\n", &number));
	ck_assert_uint_eq(number, 523);
	ck_assert(machine_text_files("523\t0\t9223372036854775807\n", &number));
	ck_assert(!machine_text_files("523\t0\n", &number));
	ck_assert(
		machine_text_available("MemTotal:  9 kB\nMemAvailable:   24159904 kB\n", &number));
	ck_assert_uint_eq(number, UINT64_C(24159904) * 1024);
	ck_assert(!machine_text_available("MemTotal:  9 kB\n", &number));
	ck_assert(!machine_text_available("MemAvailable:   24159904 MB\n", &number));
	ck_assert(!machine_text_available("MemAvailable:   24159904", &number));
	ck_assert(!machine_text_available("MemAvailable: 18446744073709551615 kB\n", &number));
}
END_TEST

START_TEST(capabilities_of_a_file_have_the_size_of_their_revision)
{
	static const uint8_t two[20] = { 1, 0, 0, 2, 0, 0x14, 0, 0, 0, 0, 0, 0, 0x80 };
	static const uint8_t one[12] = { 0, 0, 0, 1, 2 };
	static const uint8_t three[24] = { 1, 0, 0, 3, 2 };
	static const uint8_t four[24] = { 1, 0, 0, 4, 2 };
	struct machine_file_caps caps = { 0 };

	ck_assert(machine_text_file_caps(two, sizeof(two), &caps));
	ck_assert(caps.is_there && caps.is_effective);
	ck_assert_uint_eq(caps.permitted, UINT64_C(0x8000001400));
	ck_assert(machine_text_file_caps(one, sizeof(one), &caps));
	ck_assert(!caps.is_effective);
	ck_assert_uint_eq(caps.permitted, 2);
	ck_assert(machine_text_file_caps(three, sizeof(three), &caps));
	ck_assert(!machine_text_file_caps(two, sizeof(two) - 1, &caps));
	ck_assert(!machine_text_file_caps(three, sizeof(two), &caps));
	ck_assert(!machine_text_file_caps(four, sizeof(four), &caps));
	ck_assert(!machine_text_file_caps(two, 3, &caps));
	ck_assert(!machine_text_file_caps(two, 0, &caps));
}
END_TEST

START_TEST(this_machine_can_be_read)
{
	static struct machine_info m;

	machine_read(&m);
	ck_assert_uint_ge(m.kernel_major, 5);
	ck_assert_uint_gt(m.n_cpus, 0);
	ck_assert_uint_lt(m.limits[MACHINE_FILES_SOFT], MACHINE_UNKNOWN);
	ck_assert_uint_lt(m.available_bytes, MACHINE_UNKNOWN);
	ck_assert(m.caps.bounding != 0 || m.uid != 0);
	ck_assert(m.ephemeral.is_known && m.ephemeral.is_reserved_known);
	ck_assert_uint_lt(m.numbers[MACHINE_SOMAXCONN], MACHINE_UNKNOWN);
	ck_assert_int_eq(m.worker.try_error, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_number_is_all_of_its_line,
		a_release_begins_with_two_numbers,
		capabilities_are_read_from_the_status,
		a_range_of_ports_rises,
		reserved_ports_are_numbers_and_ranges,
		files_and_memory_are_the_numbers_that_are_meant,
		capabilities_of_a_file_have_the_size_of_their_revision,
		this_machine_can_be_read,
	};

	return RUN_SUITE("machine_text", tests);
}
