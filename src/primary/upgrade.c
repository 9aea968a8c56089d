/*
 * The question goes to the other program as `berthd --check-state`, with the state
 * as its descriptor 3. What it says on its stdout is that it can, or the reason why not.
 */
#include "primary/upgrade.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/fault.h"
#include "os/sibling.h"

#define CHECK_MAX_MS 5000

struct upgrade_check {
	struct upgrade *upgrade; /* NULL once nobody wants the answer */
	uv_process_t process;
	uv_pipe_t answer;
	uv_timer_t deadline;
	unsigned n_handles;
	int program_fd;
	int state_fd;
	bool has_exited;
	bool is_read;
	int64_t status;
	char text[UPGRADE_MESSAGE_SIZE];
	size_t text_size;
};

static void finish(struct upgrade *u, enum upgrade_state state, const char *text)
{
	u->state = state;
	(void)snprintf(u->message, sizeof(u->message), "%s", text);
	keep_save(u->keep);
	output_say(u->output, state == UPGRADE_DONE ? MESSAGE_INFO : MESSAGE_ERROR,
		   state == UPGRADE_DONE ? "upgraded" : "not_upgraded", "%s", u->message);
}

static void on_closed(uv_handle_t *handle)
{
	struct upgrade_check *c = handle->data;

	if (--c->n_handles > 0)
		return;
	drop_fd(&c->program_fd);
	drop_fd(&c->state_fd);
	free(c);
}

static void close_check(struct upgrade_check *c)
{
	if (c->upgrade)
		c->upgrade->check = NULL;
	c->upgrade = NULL;
	uv_close((uv_handle_t *)&c->process, on_closed);
	uv_close((uv_handle_t *)&c->answer, on_closed);
	uv_close((uv_handle_t *)&c->deadline, on_closed);
}

static void swap(struct upgrade *u, int program_fd)
{
	u->state = UPGRADE_RUNNING;
	keep_save(u->keep);
	if (keep_upgrade(u->keep, program_fd) < 0)
		finish(u, UPGRADE_ROLLED_BACK, "there is no keeper that could do it: try again");
	/* What comes next is our end. */
}

/* Its end and the end of what it says come in any order. */
static void decide(struct upgrade_check *c)
{
	struct upgrade *u = c->upgrade;
	char text[UPGRADE_MESSAGE_SIZE];

	if (!u || !c->has_exited || !c->is_read)
		return;
	if (c->status == 0 && strncmp(c->text, UPGRADE_CAN, strlen(UPGRADE_CAN)) == 0) {
		swap(u, c->program_fd);
	} else {
		c->text[strcspn(c->text, "\n")] = '\0';
		(void)snprintf(text, sizeof(text), "not upgraded, nothing was touched: %.200s",
			       c->status == 1 && c->text[0] ? c->text
							    : "the program is not one of berth's");
		finish(u, UPGRADE_REFUSED, text);
	}
	close_check(c);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
	struct upgrade_check *c = container_of(process, struct upgrade_check, process);

	c->has_exited = true;
	c->status = signal ? -1 : status;
	decide(c);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
	struct upgrade_check *c = handle->data;
	size_t left = sizeof(c->text) - 1 - c->text_size;

	(void)suggested;
	*ret_room = uv_buf_init(c->text + c->text_size, (unsigned)left);
}

static void on_text(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
	struct upgrade_check *c = stream->data;

	(void)room;
	if (n >= 0) {
		c->text_size += (size_t)n;
		return;
	}
	(void)uv_read_stop(stream);
	c->is_read = true;
	decide(c);
}

static void on_late(uv_timer_t *timer)
{
	struct upgrade_check *c = container_of(timer, struct upgrade_check, deadline);

	/* Once it has ended its number is another's: then only a child of its keeps the pipe open. */
	if (!c->has_exited)
		(void)uv_process_kill(&c->process, SIGKILL);
	c->is_read = true;
	decide(c);
}

static int ask(struct upgrade_check *c, uv_loop_t *loop, char *path)
{
	static char option[] = "--check-state";
	char *argv[] = { path, option, NULL };
	uv_stdio_container_t stdio[4] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&c->answer },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = c->state_fd },
	};
	uv_process_options_t options = {
		.exit_cb = on_exited,
		.file = path,
		.args = argv,
		.stdio = stdio,
		.stdio_count = 4,
	};
	int r = uv_spawn(loop, &c->process, &options);

	if (r < 0)
		return r;
	fault_point("upgrade_ask");
	(void)uv_read_start((uv_stream_t *)&c->answer, give_room, on_text);
	return uv_timer_start(&c->deadline, on_late, CHECK_MAX_MS, 0);
}

static int begin_check(struct upgrade *u, char *path, int *program_fd)
{
	struct upgrade_check *c;
	own_fd state_fd = keep_copy_state(u->keep);
	int r;

	if (state_fd < 0)
		return state_fd;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->upgrade = u;
	c->program_fd = take_fd(program_fd);
	c->state_fd = take_fd(&state_fd);
	c->process.data = c->answer.data = c->deadline.data = c;
	c->n_handles = 3;
	(void)uv_pipe_init(u->loop, &c->answer, 0);
	(void)uv_timer_init(u->loop, &c->deadline);
	r = ask(c, u->loop, path);
	c->process.data = c; /* the loop has begun it anew */
	u->check = c;
	if (r < 0)
		close_check(c);
	return r;
}

/* What the keeper can start: a file, and no script. A FIFO or a device must not even be waited for. */
static int open_program(const char *path, int *ret_fd)
{
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[SELFMAG];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	if (pread(fd, magic, SELFMAG, 0) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	*ret_fd = take_fd(&fd);
	return 0;
}

int upgrade_start(struct upgrade *u, const char *path, uint64_t *ret_number)
{
	own_fd fd = NO_FD;
	char own[PATH_MAX];
	int r;

	if (u->state == UPGRADE_RUNNING)
		return -EALREADY;
	r = path ? snprintf(own, sizeof(own), "%s", path)
		 : sibling_path("berthd", own, sizeof(own));
	if (r < 0 || (size_t)r >= sizeof(own))
		return r < 0 ? r : -ENAMETOOLONG;
	r = open_program(own, &fd);
	if (r < 0)
		return r;
	r = begin_check(u, own, &fd);
	if (r < 0)
		return r;
	u->state = UPGRADE_RUNNING;
	u->number++;
	u->message[0] = '\0';
	keep_save(u->keep);
	*ret_number = u->number;
	return 0;
}

bool upgrade_fail(struct upgrade *u, const char *text)
{
	if (u->state != UPGRADE_RUNNING || u->check)
		return false;
	finish(u, UPGRADE_ROLLED_BACK, text);
	return true;
}

void upgrade_resume(struct upgrade *u)
{
	/* The program before us died between its last note and its word to the keeper. */
	if (u->state == UPGRADE_DONE && keep_upgraded(u->keep) == KEEPER_UPGRADE_FAILED)
		u->state = UPGRADE_RUNNING;
	if (u->state != UPGRADE_RUNNING)
		return;
	switch (keep_upgraded(u->keep)) {
	case KEEPER_UPGRADE_TRIED:
		finish(u, UPGRADE_DONE, "upgraded: this is berth " BERTH_VERSION);
		return;
	case KEEPER_UPGRADE_FAILED:
		finish(u, UPGRADE_ROLLED_BACK,
		       "rolled back: the new program did not take over, the one before goes on");
		return;
	case KEEPER_UPGRADE_NONE:
		finish(u, UPGRADE_ROLLED_BACK, "interrupted: the primary died first, try again");
		return;
	}
}

const char *upgrade_state_text(enum upgrade_state state)
{
	static const char *const texts[UPGRADE_STATES] = {
		[UPGRADE_NONE] = "none",       [UPGRADE_RUNNING] = "running",
		[UPGRADE_DONE] = "done",       [UPGRADE_ROLLED_BACK] = "rolled-back",
		[UPGRADE_REFUSED] = "refused",
	};

	return texts[state];
}

void upgrade_done(struct upgrade *u)
{
	if (u->check)
		close_check(u->check);
}
