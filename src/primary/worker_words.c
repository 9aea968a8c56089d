/*
 * Each function is one kind of sentence.
 */
#include "primary/worker_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/port_table.h"
#include "primary/ports.h"

const char *worker_pause_text(uint64_t pause_ms, char ret_text[static WORKER_WORDS_MAX])
{
	if (pause_ms == 0)
		return "starting again at once";
	if (pause_ms < 1000)
		(void)snprintf(ret_text, WORKER_WORDS_MAX, "starting again in %" PRIu64 " ms",
			       pause_ms);
	else
		(void)snprintf(ret_text, WORKER_WORDS_MAX,
			       "starting again in %" PRIu64 ".%" PRIu64 " s", pause_ms / 1000,
			       pause_ms % 1000 / 100);
	return ret_text;
}

const char *worker_end_text(int status, char ret_text[static WORKER_WORDS_MAX])
{
	if (status == PROCESS_STATUS_UNKNOWN)
		(void)snprintf(ret_text, WORKER_WORDS_MAX, "ended");
	else if (WIFSIGNALED(status))
		(void)snprintf(ret_text, WORKER_WORDS_MAX, "was ended by signal %d (%s)",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		(void)snprintf(ret_text, WORKER_WORDS_MAX, "ended with exit code %d",
			       WEXITSTATUS(status));
	return ret_text;
}

static const char *stage_text(enum spawn_stage stage)
{
	switch (stage) {
	case SPAWN_STAGE_FILTER: return "could not be put under berth's system call filter";
	case SPAWN_STAGE_EXEC: return "could not execute its command";
	case SPAWN_STAGE_SETUP:
	case SPAWN_STAGES: break;
	}
	return "could not be set up";
}

const char *worker_failure_text(const struct spawn_failure *failure, const char *path,
				char ret_text[static WORKER_WORDS_MAX])
{
	const bool is_exec = failure->stage == SPAWN_STAGE_EXEC;

	(void)snprintf(ret_text, WORKER_WORDS_MAX, "%s: %s%s%s%s%s", stage_text(failure->stage),
		       strerror(failure->error), is_exec ? " (" : "", is_exec ? path : "",
		       is_exec ? ")" : "",
		       failure->error == EBUSY ? " (it runs under another supervisor that traps "
						 "system calls, and the kernel allows only one)"
					       : "");
	return ret_text;
}

/* The first port of the set that the other one hasn't, as text; "" if there's none. */
static const char *first_not_in(const struct ports *ports, const struct readiness_ports *set,
				const struct readiness_ports *other,
				char ret_text[static ADDR_TEXT_MAX])
{
	ret_text[0] = '\0';
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (ports->at[i] && readiness_has(set, i) && !readiness_has(other, i))
			return addr_text(port_addr(ports->at[i]), ret_text);
	return ret_text;
}

const char *worker_late_text(const struct worker *w, char ret_text[static WORKER_WORDS_MAX])
{
	const struct ports *ports = w->home->broker->ports;
	const struct readiness r = worker_readiness(w);
	const double after_s = w->home->config->ready_timeout_ms / 1000.0;
	char missing[ADDR_TEXT_MAX];
	char other[ADDR_TEXT_MAX];
	int n = snprintf(ret_text, WORKER_WORDS_MAX, "is not ready after %g s: ", after_s);
	char *at = ret_text + n;
	size_t size = WORKER_WORDS_MAX - (size_t)n;

	switch (readiness_lack(&r)) {
	case READINESS_LACKS_NOTHING: (void)snprintf(at, size, "it became so just now"); break;
	case READINESS_LACKS_LISTEN: (void)snprintf(at, size, "it listens nowhere"); break;
	case READINESS_LACKS_PORT:
		(void)first_not_in(ports, &r.wanted, &r.listens, missing);
		(void)first_not_in(ports, &r.listens, &r.wanted, other);
		(void)snprintf(at, size, "it does not listen on %s%s%s%s",
			       missing[0] ? missing : "a port that --listen claims",
			       other[0] ? ", but on " : "", other,
			       w->role == WORKER_CANDIDATE
				       ? "; the worker that it should follow does"
				       : "");
		break;
	case READINESS_LACKS_NOTICE:
		(void)snprintf(at, size, "it has not sent READY=1 to NOTIFY_SOCKET");
		break;
	case READINESS_LACKS_PROBE:
		(void)snprintf(at, size, "its probe fails: %s",
			       w->probe_text[0] ? w->probe_text : "it has not been answered yet");
		break;
	}
	return ret_text;
}
