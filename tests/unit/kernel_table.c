/*
 * A view of a table: entries that are shown, and no more of it. An ordinary
 * file in memory stands for the kernel's.
 */
#include "os/kernel_table.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/own.h"
#include "run_suite.h"

#define ENTRY_BYTES 8448 /* two pages and a bit: neighbours share one */
#define N_ENTRIES   8

static int new_file(void)
{
	int fd = memfd_create("table", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, ENTRY_BYTES * N_ENTRIES + 4096), 0);
	return fd;
}

/* How much of our memory is of the file. */
static size_t mapped_bytes(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t n = 0;
	char line[512];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		char *end;
		unsigned long from = strtoul(line, &end, 16);

		if (strstr(line, "memfd:table"))
			n += strtoul(end + 1, NULL, 16) - from;
	}
	(void)fclose(maps);
	return n;
}

START_TEST(what_is_written_to_a_shown_entry_is_in_the_table)
{
	own_fd fd = new_file();
	struct kernel_table *t;
	char there[ENTRY_BYTES];

	ck_assert_int_eq(kernel_table_new(fd, ENTRY_BYTES, N_ENTRIES, &t), 0);
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		ck_assert_int_eq(kernel_table_show(t, i), 0);
		memset(kernel_table_at(t, i), 'a' + (int)i, ENTRY_BYTES);
	}
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		ck_assert_int_eq(pread(fd, there, sizeof(there), (off_t)i * ENTRY_BYTES),
				 ENTRY_BYTES);
		ck_assert_int_eq(there[0], 'a' + (int)i);
		ck_assert_int_eq(there[ENTRY_BYTES - 1], 'a' + (int)i);
	}
	ck_assert_ptr_null(kernel_table_free(t));
}
END_TEST

START_TEST(only_the_pages_of_shown_entries_are_mapped)
{
	own_fd fd = new_file();
	struct kernel_table *t;

	ck_assert_int_eq(kernel_table_new(fd, ENTRY_BYTES, N_ENTRIES, &t), 0);
	ck_assert_uint_eq(mapped_bytes(), 0);
	ck_assert_int_eq(kernel_table_show(t, 0), 0);
	ck_assert_uint_eq(mapped_bytes(), 3 * 4096ul);
	ck_assert_int_eq(kernel_table_show(t, 1), 0); /* its first page is the last one's */
	ck_assert_uint_eq(mapped_bytes(), 5 * 4096ul);
	kernel_table_hide(t, 0);
	ck_assert_uint_eq(mapped_bytes(), 3 * 4096ul);
	kernel_table_hide(t, 1);
	ck_assert_uint_eq(mapped_bytes(), 0);
	ck_assert_ptr_null(kernel_table_free(t));
}
END_TEST

START_TEST(an_entry_that_was_shown_twice_stays_until_it_is_hidden_twice)
{
	own_fd fd = new_file();
	struct kernel_table *t;

	ck_assert_int_eq(kernel_table_new(fd, ENTRY_BYTES, N_ENTRIES, &t), 0);
	ck_assert_int_eq(kernel_table_show(t, 2), 0);
	ck_assert_int_eq(kernel_table_show(t, 2), 0);
	kernel_table_hide(t, 2);
	memset(kernel_table_at(t, 2), 'x', ENTRY_BYTES);
	kernel_table_hide(t, 2);
	ck_assert_uint_eq(mapped_bytes(), 0);
	ck_assert_ptr_null(kernel_table_free(t));
}
END_TEST

START_TEST(what_cannot_be_mapped_leaves_nothing_shown)
{
	own_fd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct kernel_table *t;

	ck_assert_int_eq(kernel_table_new(fd, ENTRY_BYTES, N_ENTRIES, &t), 0);
	ck_assert_int_lt(kernel_table_show(t, 1), 0);
	ck_assert_int_lt(kernel_table_show(t, 1), 0);
	ck_assert_ptr_null(kernel_table_free(t));
	ck_assert_ptr_null(kernel_table_free(NULL));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_is_written_to_a_shown_entry_is_in_the_table,
		only_the_pages_of_shown_entries_are_mapped,
		an_entry_that_was_shown_twice_stays_until_it_is_hidden_twice,
		what_cannot_be_mapped_leaves_nothing_shown,
	};

	return RUN_SUITE("kernel_table", tests);
}
