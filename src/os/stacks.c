/*
 * Four small files of each thread.
 */
#include "os/stacks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/own.h"

#define TEXT_MAX  4096
#define FRAME_MAX 128
#define BETWEEN   " < "

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define own_dir __attribute__((cleanup(close_dir))) DIR

/* "232 0x5 0x7ffd...", "-1 0x7ffd..." in no call, or "running". */
void stacks_parse_call(const char *text, char ret_call[static STACKS_CALL_MAX])
{
	const size_t size = strcspn(text, " \n");
	own_free char *name = NULL;
	uint64_t number;

	ret_call[0] = '\0';
	if (size == strlen("running") && strncmp(text, "running", size) == 0) {
		(void)snprintf(ret_call, STACKS_CALL_MAX, "running");
		return;
	}
	if (!number_parse(text, size, INT32_MAX, &number))
		return;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
	if (name)
		(void)snprintf(ret_call, STACKS_CALL_MAX, "%s", name);
	else
		(void)snprintf(ret_call, STACKS_CALL_MAX, "%d", (int)number);
}

/* Lines such as "[<0>] ep_poll+0x3c5/0x3f0". */
void stacks_parse_stack(const char *text, char ret_stack[static STACKS_STACK_MAX])
{
	size_t used = 0;

	ret_stack[0] = '\0';
	while (*text) {
		const size_t line = strcspn(text, "\n");
		const char *name = memchr(text, ']', line);
		size_t size;

		name = name ? name + 1 : text;
		while (name < text + line && *name == ' ')
			name++;
		size = strcspn(name, "+ \n");
		if (used + size + sizeof(BETWEEN) > STACKS_STACK_MAX || size > FRAME_MAX)
			return;
		if (size)
			used += (size_t)snprintf(ret_stack + used, STACKS_STACK_MAX - used,
						 "%s%.*s", used ? BETWEEN : "", (int)size, name);
		text += line + (text[line] == '\n');
	}
}

static void read_optional(int thread_fd, const char *name, char *ret_text, size_t size)
{
	if (procfs_read_text(thread_fd, name, ret_text, size) < 0)
		ret_text[0] = '\0';
}

static int read_thread(int thread_fd, struct stacks_thread *ret_thread)
{
	char text[TEXT_MAX];
	struct procfs_process p;
	ssize_t size = procfs_read_text(thread_fd, "stat", text, sizeof(text));
	int r = size < 0 ? (int)size : procfs_parse_stat(text, (size_t)size, &p);

	if (r < 0)
		return r;
	ret_thread->thread = p.pid;
	ret_thread->state = p.state;
	memcpy(ret_thread->comm, p.comm, sizeof(p.comm));
	read_optional(thread_fd, "wchan", ret_thread->wchan, sizeof(ret_thread->wchan));
	if (strcmp(ret_thread->wchan, "0") == 0)
		ret_thread->wchan[0] = '\0';
	read_optional(thread_fd, "syscall", text, sizeof(text));
	stacks_parse_call(text, ret_thread->call);
	read_optional(thread_fd, "stack", text, sizeof(text));
	stacks_parse_stack(text, ret_thread->stack);
	return 0;
}

int stacks_each_thread(pid_t pid, stacks_visit *visit, void *arg)
{
	own_dir *tasks = NULL;
	const struct dirent *entry;
	char path[40];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while (r == 0 && (entry = readdir(tasks))) {
		struct stacks_thread thread = { .process = pid };
		own_fd fd = NO_FD;

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(tasks), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		/* One that has just ended stands nowhere. */
		if (fd >= 0 && read_thread(fd, &thread) == 0)
			r = visit(&thread, arg);
	}
	return r;
}
