/*
 * One loop. Each turn does what can be done without waiting; between two turns
 * the keeper sleeps until something happens.
 */
#include "keeper/keeper.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/own.h"
#include "keeper/channel.h"
#include "keeper/kept.h"
#include "os/clock.h"
#include "os/rights.h"

#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 5120  /* it has doubled so far */
#define UP_MS        1000  /* a primary that took over so long ago was up */
#define TRIAL_MS     10000 /* for a new program, to take over */
#define HANGUP_MS    500   /* from the end of its channel to the end of a primary */
#define ROUND_MAX    16384 /* messages; no channel holds so many */
#define SPARE_FDS    16    /* never filled: the next primary must be startable */
#define UNSET        (-1)
#define JSON_LINE \
	"{\"ts\":\"%s\",\"level\":\"warning\",\"event\":\"keeper_says\",\"message\":\"%s\"}\n"

/* What a primary has been told, and so what it is told next. */
struct told {
	bool hello, handed;
	size_t cursor;                 /* items */
	uint64_t sequence;             /* events */
	struct keeper_message refusal; /* to be told first; type 0: none */
};

/* The present primary, or the last one. */
struct primary {
	pid_t pid;             /* our child, until it is reaped */
	int pidfd, channel_fd; /* NO_FD: there is none */
	int code, status;      /* with which we exit, or UNSET; as wait() gives it, or UNSET */
	const char *fault;     /* why we ended it */
	int64_t ready_ms;      /* when it took over; 0: it has not */
	int unsent;            /* why there is more to tell: -EAGAIN until it has read; or 0 */
	struct told told;
};

static struct keeper {
	struct kept kept;
	struct primary primary;
	char **argv;
	bool is_json;        /* what we say, as all that berth says */
	sigset_t mask;       /* as we were started, for primaries */
	struct rlimit files; /* the same */
	int signal_fd, program_fd;
	int next_fd, previous_fd; /* the program to try next, and that to go back to from a trial */
	enum keeper_upgrade upgrade;
	bool was_ready; /* any primary */
	unsigned pause_ms;
	int64_t due_ms; /* then the primary is ended, or if there is none the next started; 0: never */
} keeper;

static const struct primary no_primary = {
	.pidfd = NO_FD, .channel_fd = NO_FD, .code = UNSET, .status = UNSET
};

/* Stands in the environment from the start; the number is written into it. */
static char channel_entry[] = KEEPER_CHANNEL_VARIABLE "=2147483647";

/* Without stdio's streams: they allocate, and wait. */
void keeper_say(const char *format, ...)
{
	struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };
	char text[512], line[sizeof(text) + 128], when[CLOCK_TEXT_MAX];
	va_list values;

	va_start(values, format);
	(void)vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c == '"' || *c == '\\')
			*c = '?'; /* ends no line, and no text of JSON */
	if (keeper.is_json)
		(void)snprintf(line, sizeof(line), JSON_LINE, clock_wall_text(when), text);
	else
		(void)snprintf(line, sizeof(line), "berth: %s\n", text);
	if (poll(&err, 1, 0) > 0 && err.revents & POLLOUT)
		(void)!write(STDERR_FILENO, line, strlen(line));
}

/* --- what a primary asks ------------------------------------------------------------- */

/* Its end is seen later, as any other. */
static void end_primary(struct keeper *k, const char *fault)
{
	k->primary.fault = fault;
	k->due_ms = 0;
	(void)syscall(SYS_pidfd_send_signal, k->primary.pidfd, SIGKILL, NULL, 0);
}

/* A primary that ends by itself gets the time to. */
static void hang_up(struct keeper *k)
{
	if (!k->due_ms)
		k->due_ms = clock_ms() + HANGUP_MS;
}

static int watch(struct keeper *k, pid_t pid)
{
	siginfo_t info;
	int r = kept_watch(&k->kept, pid);

	if (r == 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		kept_exited(&k->kept, pid, SIGKILL); /* it was reaped before its name came */
	return r;
}

static void take_over(struct keeper *k)
{
	k->primary.ready_ms = clock_ms();
	k->due_ms = 0;
	k->was_ready = true;
	k->upgrade = KEEPER_UPGRADE_NONE;
	drop_fd(&k->previous_fd);
}

/* Returns 0, an error that the primary is told, or -EBADMSG for what no primary asks. */
static int obey(struct keeper *k, const struct keeper_message *m, int *fd)
{
	struct primary *p = &k->primary;

	switch (m->type) {
	case KEEPER_STORE:
		/* What takes the place of another needs no more than that had. */
		if (!kept_drop(&k->kept, m->name) && (rlim_t)*fd + SPARE_FDS >= k->files.rlim_max)
			return -EMFILE;
		return kept_store(&k->kept, m->name, fd);
	case KEEPER_DROP: (void)kept_drop(&k->kept, m->name); return 0;
	case KEEPER_WATCH: return watch(k, m->pid);
	case KEEPER_READY: take_over(k); return 0;
	case KEEPER_FINISH: p->code = m->number; return 0;
	case KEEPER_DONE:
		if (m->sequence > p->told.sequence)
			return -EBADMSG;
		if (m->sequence > k->kept.done)
			k->kept.done = m->sequence;
		return 0;
	case KEEPER_PROGRAM:
		if (!p->ready_ms || k->next_fd >= 0)
			return -EBADMSG;
		k->next_fd = take_fd(fd);
		end_primary(k, "was ended, to try another program");
		return 0;
	default: return -EBADMSG;
	}
}

/* Reads the channel to its end. What is refused is told before more is read. */
static void listen_to(struct keeper *k)
{
	struct primary *p = &k->primary;
	struct keeper_message m;

	for (int n = 0; n < ROUND_MAX && p->channel_fd >= 0 && !p->told.refusal.type; n++) {
		own_fd fd = NO_FD;
		int r = channel_receive(p->channel_fd, &m, &fd);

		if (r == 0)
			r = fd == -EMFILE ? fd : obey(k, &m, &fd);
		if (r == -EMFILE || r == -ENOBUFS) {
			p->told.refusal = m;
			p->told.refusal.type = KEEPER_REFUSED;
			p->told.refusal.number = -r;
		} else if (r == -EPIPE) {
			drop_fd(&p->channel_fd);
			hang_up(k);
		} else if (r == -EBADMSG) {
			drop_fd(&p->channel_fd);
			end_primary(k, "was ended, since it sent what no primary sends");
		} else if (r < 0 && r != -ECONNRESET) {
			return; /* there is no more, for now */
		}
	}
}

/* --- what it is told ----------------------------------------------------------------- */

/* Returns what is to be said after @t, and brings @t up to it; type 0: nothing. */
static struct keeper_message next_word(struct told *t, const struct keeper *k, int *ret_fd)
{
	struct keeper_message m = { .magic = KEEPER_MAGIC, .version = KEEPER_VERSION };
	const struct kept_item *item = NULL;

	if (t->refusal.type) {
		m = t->refusal;
		t->refusal.type = 0;
	} else if (!t->hello) {
		m.type = KEEPER_HELLO;
		m.number = (int32_t)k->upgrade;
		m.pid = getpid();
		t->hello = true;
	} else if (!t->handed && (item = kept_next(&k->kept, &t->cursor)) != NULL) {
		m.type = KEEPER_ITEM;
		memcpy(m.name, item->name, sizeof(m.name));
	} else if (kept_after(&k->kept, t->sequence, &m)) {
		t->sequence = m.sequence;
	} else if (!t->handed) {
		m.type = KEEPER_HANDED;
		t->handed = true;
	}
	*ret_fd = item ? item->fd : NO_FD;
	return m;
}

/* Of memory, or of descriptors in flight: others have to give some back. */
static bool is_short(int error)
{
	return error == -ETOOMANYREFS || error == -ENOMEM || error == -ENOBUFS;
}

/* What cannot be told now is told when there is room, or to the next primary. */
static void talk(struct keeper *k)
{
	struct primary *p = &k->primary;
	int r = 0;

	while (p->channel_fd >= 0 && r == 0) {
		struct told told = p->told;
		int fd;
		struct keeper_message m = next_word(&told, k, &fd);

		if (!m.type)
			break;
		r = rights_send(p->channel_fd, &m, sizeof(m), fd, MSG_DONTWAIT);
		if (r == 0)
			p->told = told;
	}
	if (is_short(r) && p->unsent != r)
		keeper_say("the primary has to wait for what is kept: %s",
			   r == -ETOOMANYREFS ? "too many descriptors are in flight"
					      : "memory is short");
	p->unsent = r;
	if (r < 0 && r != -EAGAIN && !is_short(r))
		hang_up(k);
}

/* --- that there is one --------------------------------------------------------------- */

/* Returns in how many milliseconds the next primary may start. */
static unsigned pause_after(struct keeper *k)
{
	const struct primary *p = &k->primary;
	bool was_killed = !p->fault && p->status == SIGKILL;

	if (p->ready_ms && (was_killed || clock_ms() - p->ready_ms >= UP_MS))
		return k->pause_ms = 0;
	if (k->pause_ms < PAUSE_MAX_MS)
		k->pause_ms = k->pause_ms ? 2 * k->pause_ms : PAUSE_MIN_MS;
	return k->pause_ms;
}

/* The primary has ended: what is next? */
static void follow(struct keeper *k)
{
	struct primary *p = &k->primary;
	const char *next = "ports and workers are kept; starting another";
	unsigned pause_ms = 0;
	char how[64] = "how is not known: it was not this keeper's child";

	do {
		p->told.refusal.type = 0; /* nobody is there to read it */
		listen_to(k);
	} while (p->told.refusal.type);
	drop_fd(&p->pidfd);
	drop_fd(&p->channel_fd);
	if (k->previous_fd >= 0) {
		next = "ports and workers are kept; starting the one before";
		drop_fd(&k->program_fd);
		k->program_fd = take_fd(&k->previous_fd);
		k->upgrade = KEEPER_UPGRADE_FAILED;
	} else if (k->next_fd < 0) {
		pause_ms = pause_after(k);
	}
	k->due_ms = clock_ms() + pause_ms;
	if (p->code != UNSET && k->kept.n_watched == 0)
		return;
	/* Killed by somebody else: that is no fault of its own. */
	if (!k->was_ready && k->kept.n_watched == 0 && (p->fault || p->status != SIGKILL)) {
		p->code = EXIT_FAILURE;
		next = "the keeper ends";
	}
	if (p->status != UNSET) /* a keeper before us had started it */
		(void)snprintf(how, sizeof(how), "code %d, signal %d", WEXITSTATUS(p->status),
			       WTERMSIG(p->status));
	keeper_say("the primary %s%s (%s); %s in %u ms", p->fault ? p->fault : "ended",
		   p->ready_ms ? "" : " before it took over", how, next, pause_ms);
}

static _Noreturn void run_primary(const struct keeper *k, int channel_fd)
{
	(void)setpgid(0, 0); /* what a terminal sends is for the keeper */
	(void)setrlimit(RLIMIT_NOFILE, &k->files);
	(void)fcntl(channel_fd, F_SETFD, 0);
	(void)snprintf(channel_entry, sizeof(channel_entry), KEEPER_CHANNEL_VARIABLE "=%d",
		       channel_fd);
	(void)sigprocmask(SIG_SETMASK, &k->mask, NULL);
	(void)fexecve(k->program_fd, k->argv, environ);
	keeper_say("%s cannot be run: %s", k->argv[0], strerror(errno));
	_exit(127);
}

static void start_primary(struct keeper *k)
{
	struct primary *p = &k->primary;
	int pidfd = NO_FD;
	struct clone_args child = { .flags = CLONE_PIDFD,
				    .pidfd = (uint64_t)(uintptr_t)&pidfd,
				    .exit_signal = SIGCHLD };
	int pair[2];

	*p = no_primary;
	p->told.sequence = k->kept.done;
	k->due_ms = 0;
	if (k->next_fd >= 0) {
		k->previous_fd = k->program_fd;
		k->program_fd = take_fd(&k->next_fd);
		k->upgrade = KEEPER_UPGRADE_TRIED;
		k->due_ms = clock_ms() + TRIAL_MS;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
		p->channel_fd = pair[0];
		p->pid = (pid_t)syscall(SYS_clone3, &child, sizeof(child));
		if (p->pid == 0)
			run_primary(k, pair[1]);
		(void)close(pair[1]);
	}
	if (p->pid > 0) {
		p->pidfd = pidfd;
	} else {
		p->fault = "could not be started";
		follow(k);
	}
}

/* Waits for the first word of the primary that started us, and may have ended since. */
static int adopt_primary(struct keeper *k, int channel_fd)
{
	struct pollfd spoken = { .fd = channel_fd, .events = POLLIN };
	struct keeper_message m;
	own_fd fd = NO_FD;

	if (poll(&spoken, 1, -1) < 0 || channel_receive(channel_fd, &m, &fd) < 0 ||
	    m.type != KEEPER_ADOPT ||
	    (syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 && errno != ESRCH))
		return -EBADMSG;
	k->primary = no_primary;
	k->primary.pidfd = take_fd(&fd);
	k->primary.channel_fd = channel_fd;
	take_over(k);
	return 0;
}

/* --- the loop ------------------------------------------------------------------------ */

/*
 * What the primary sent before one of its workers ended is in its channel when we
 * see that end: so the channel is read before the end counts.
 */
static void reap(struct keeper *k)
{
	siginfo_t info = { 0 };
	int status;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
		listen_to(k);
		(void)waitpid(info.si_pid, &status, 0);
		kept_exited(&k->kept, info.si_pid, status);
		if (info.si_pid == k->primary.pid) {
			k->primary.pid = 0;
			k->primary.status = status;
		}
		info.si_pid = 0;
	}
}

static void take_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD && kept_signalled(&k->kept, (int)info.ssi_signo) < 0)
			keeper_say("signal %u is lost: too many wait for a primary",
				   info.ssi_signo);
}

static int ms_left(const struct keeper *k)
{
	int64_t left = k->due_ms - clock_ms();

	return left > 0 ? (int)left : 0;
}

static void turn(struct keeper *k)
{
	struct primary *p = &k->primary;
	int wanted = (p->told.refusal.type ? 0 : POLLIN) | (p->unsent == -EAGAIN ? POLLOUT : 0);
	struct pollfd polled[] = {
		{ .fd = k->signal_fd, .events = POLLIN },
		{ .fd = p->channel_fd, .events = (short)wanted },
		{ .fd = p->pidfd, .events = POLLIN },
	};

	int wait_ms = k->due_ms ? ms_left(k) : -1;

	if (is_short(p->unsent) && (wait_ms < 0 || wait_ms > PAUSE_MIN_MS))
		wait_ms = PAUSE_MIN_MS;
	(void)poll(polled, 3, wait_ms);
	take_signals(k);
	reap(k); /* its pidfd may tell of the primary's end before SIGCHLD does */
	listen_to(k);
	if (k->due_ms && ms_left(k) == 0 && p->pidfd < 0)
		start_primary(k);
	else if (k->due_ms && ms_left(k) == 0)
		end_primary(k, "was ended, since it took too long");
	if (polled[2].revents)
		follow(k);
}

/* Takes for the keeper what it needs, and notes what primaries are to get. 0 or -errno. */
static int set_up(struct keeper *k)
{
	sigset_t all;
	struct rlimit raised;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGCONT); /* whoever stopped us continues us alone */
	(void)signal(SIGCHLD, SIG_DFL); /* were it ignored, the kernel would reap */
	k->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signal_fd < 0 || sigprocmask(SIG_SETMASK, &all, &k->mask) < 0 ||
	    getrlimit(RLIMIT_NOFILE, &k->files) < 0 || putenv(channel_entry) != 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -errno;
	raised = k->files;
	raised.rlim_cur = raised.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &raised) < 0 ? -errno : 0;
}

/* What has left its filter is about to end: nobody else should have to reap it. */
static void reap_the_rest(void)
{
	for (int n = 0; n < HANGUP_MS / PAUSE_MIN_MS && waitpid(-1, NULL, WNOHANG) >= 0; n++)
		(void)poll(NULL, 0, PAUSE_MIN_MS);
}

int keeper_run(char **argv, int adopt_fd)
{
	struct keeper *k = &keeper;
	struct primary *p = &k->primary;
	int r;

	k->argv = argv;
	for (char **word = argv; *word && strcmp(*word, "--") != 0; word++)
		k->is_json |= strcmp(*word, "--json") == 0;
	k->next_fd = k->previous_fd = NO_FD;
	k->program_fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	r = k->program_fd < 0 ? -errno : set_up(k);
	if (r == 0 && adopt_fd < 0)
		start_primary(k);
	else if (r == 0)
		r = adopt_primary(k, adopt_fd);
	if (r < 0) {
		keeper_say("the keeper cannot keep %s: %s", argv[0], strerror(-r));
		return EXIT_FAILURE;
	}
	while (p->pidfd >= 0 || p->code == UNSET || k->kept.n_watched > 0) {
		talk(k);
		turn(k);
	}
	reap_the_rest();
	return p->code;
}
