/*
 * Lines of "Name: values", each with the name that the kernel gives it. In what a
 * process chooses, the kernel writes a newline as "\n": no line is made up.
 */
#include "os/proc_text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define MODE_MAX 0777

/* What stands behind @name, where a line begins with it; NULL where none does. */
static const char *find_values(const char *text, const char *name)
{
	const size_t size = strlen(name);

	while (text && strncmp(text, name, size) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + size : NULL;
}

/* Takes the next word of a line; 0 at its end. A word that the text's end cuts off is none. */
static size_t next_word(const char **at)
{
	size_t size;

	*at += strspn(*at, " \t");
	size = strcspn(*at, " \t\n");
	return (*at)[size] == '\0' ? 0 : size;
}

static bool read_number(const char **at, uint64_t max, uint64_t *ret_number)
{
	size_t size = next_word(at);

	if (!number_parse(*at, size, max, ret_number))
		return false;
	*at += size;
	return true;
}

static bool read_octal(const char *at, uint32_t max, uint32_t *ret_number)
{
	size_t size = next_word(&at);
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++) {
		if (at[i] < '0' || at[i] > '7')
			return false;
		number = number * 8 + (uint64_t)(at[i] - '0');
		if (number > max)
			return false;
	}
	if (size == 0)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

/* "real effective saved filesystem", as users and groups have them. */
static bool read_ids(const char *at, uint32_t ret_ids[static 4])
{
	for (int i = 0; i < 4; i++) {
		uint64_t id;

		if (!read_number(&at, UINT32_MAX, &id))
			return false;
		ret_ids[i] = (uint32_t)id;
	}
	return true;
}

/* "4 24 27", any number of them; those that have no room are left out. */
static void read_groups(const char *at, struct proc_status *status)
{
	uint64_t group;

	while (status->n_groups < PROC_GROUPS_MAX && read_number(&at, UINT32_MAX, &group))
		status->groups[status->n_groups++] = (gid_t)group;
}

int proc_text_parse_status(const char *text, struct proc_status *ret_status)
{
	const char *process_line = find_values(text, "Tgid:");
	const char *uid_line = find_values(text, "Uid:");
	const char *gid_line = find_values(text, "Gid:");
	const char *umask_line = find_values(text, "Umask:");
	const char *groups_line = find_values(text, "Groups:");
	uint32_t uids[4], gids[4], mask = 0;
	uint64_t process;

	if (!process_line || !read_number(&process_line, INT32_MAX, &process))
		return -EPROTO;
	if (!uid_line || !read_ids(uid_line, uids) || !gid_line || !read_ids(gid_line, gids))
		return -EPROTO;
	if (umask_line && !read_octal(umask_line, MODE_MAX, &mask))
		return -EPROTO;

	*ret_status = (struct proc_status){
		.process = (pid_t)process,
		.uid = uids[1],
		.file_uid = uids[3],
		.file_gid = gids[3],
		.has_umask = umask_line,
		.umask = mask,
	};
	if (groups_line)
		read_groups(groups_line, ret_status);
	return 0;
}

int proc_text_parse_flags(const char *text, unsigned *ret_flags)
{
	const char *flags_line = find_values(text, "flags:");

	return flags_line && read_octal(flags_line, UINT32_MAX, ret_flags) ? 0 : -EPROTO;
}

bool proc_text_parse_target(const char *line, int *ret_fd)
{
	static const char name[] = "tfd:";
	const char *at = line + sizeof(name) - 1;
	uint64_t fd;

	if (strncmp(line, name, sizeof(name) - 1) != 0 || !read_number(&at, INT32_MAX, &fd))
		return false;
	*ret_fd = (int)fd;
	return true;
}
