/*
 * volley [--flows N] [--window N] [--seconds S] HOST:PORT
 *
 * Many UDP clients in one thread, in a closed loop: each has a socket of its own, and a
 * number of datagrams under way; every answer is a reason for the next. What isn't
 * answered within a second counts as failed, and its client begins anew. Prints what
 * load prints, as far as it means something here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       1000000000ULL
#define FLOWS_MAX      1024
#define EVENTS_AT_ONCE 256
#define GIVE_UP_NS     NS_PER_S
#define LOOK_EVERY_MS  100

struct flow {
	int fd;
	unsigned n_under_way;
	uint64_t heard_ns;
};

struct volley {
	struct flow flows[FLOWS_MAX];
	unsigned n_flows;
	unsigned window;
	double seconds;
	struct sockaddr_in to;
	int epoll_fd;
	uint64_t n_ok;
	uint64_t n_failed;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int wrong(const char *what)
{
	(void)fprintf(stderr, "volley: %s: %s\n", what, strerror(errno));
	return 1;
}

static void send_one(struct flow *f)
{
	static const char question[32] = "what is asked in each datagram";

	if (send(f->fd, question, sizeof(question), MSG_DONTWAIT) > 0)
		f->n_under_way++;
}

static void fill(const struct volley *v, struct flow *f)
{
	while (f->n_under_way < v->window) {
		unsigned before = f->n_under_way;

		send_one(f);
		if (f->n_under_way == before)
			break;
	}
}

static int begin(struct volley *v)
{
	v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < v->n_flows; i++) {
		struct flow *f = &v->flows[i];
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = f };

		f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&v->to, sizeof(v->to)) < 0 ||
		    epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, f->fd, &event) < 0)
			return wrong("socket");
		f->heard_ns = clock_ns();
		fill(v, f);
	}
	return 0;
}

static void hear(struct volley *v, struct flow *f, uint64_t now_ns)
{
	char answer[64];

	f->heard_ns = now_ns;
	while (f->n_under_way && recv(f->fd, answer, sizeof(answer), MSG_DONTWAIT) > 0) {
		f->n_under_way--;
		v->n_ok++;
	}
	fill(v, f);
}

static void give_up(struct volley *v, uint64_t now_ns)
{
	for (unsigned i = 0; i < v->n_flows; i++) {
		struct flow *f = &v->flows[i];

		if (!f->n_under_way || now_ns - f->heard_ns < GIVE_UP_NS)
			continue;
		v->n_failed += f->n_under_way;
		f->n_under_way = 0;
		f->heard_ns = now_ns;
		fill(v, f);
	}
}

static void run(struct volley *v, uint64_t end_ns)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	uint64_t now_ns = clock_ns(), looked_ns = now_ns;

	while (now_ns < end_ns) {
		int n = epoll_wait(v->epoll_fd, events, EVENTS_AT_ONCE, LOOK_EVERY_MS);

		now_ns = clock_ns();
		for (int i = 0; i < n; i++)
			hear(v, events[i].data.ptr, now_ns);
		if (now_ns - looked_ns >= LOOK_EVERY_MS * NS_PER_S / 1000)
			give_up(v, looked_ns = now_ns);
	}
}

static int read_arguments(struct volley *v, int argc, char **argv)
{
	char *colon;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--flows") == 0)
			v->n_flows = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--window") == 0)
			v->window = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			v->seconds = strtod(argv[i + 1], NULL);
		else
			return -1;
	}
	if (argc < 2 || argc % 2 || v->n_flows == 0 || v->n_flows > FLOWS_MAX)
		return -1;
	colon = strrchr(argv[argc - 1], ':');
	if (!colon)
		return -1;
	*colon = '\0';
	v->to.sin_family = AF_INET;
	v->to.sin_port = htons((unsigned short)strtol(colon + 1, NULL, 10));
	return inet_pton(AF_INET, argv[argc - 1], &v->to.sin_addr) == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct volley v = { .n_flows = 64, .window = 4, .seconds = 1 };
	struct rusage used;
	uint64_t began_ns;
	double cpu_s, seconds;

	if (read_arguments(&v, argc, argv) < 0) {
		(void)fprintf(stderr, "usage: volley [--flows N] [--window N] [--seconds S] "
				      "HOST:PORT\n");
		return 2;
	}
	began_ns = clock_ns();
	if (begin(&v))
		return 1;
	run(&v, began_ns + (uint64_t)(v.seconds * (double)NS_PER_S));
	seconds = (double)(clock_ns() - began_ns) / (double)NS_PER_S;
	getrusage(RUSAGE_SELF, &used);
	cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	(void)printf("{\"ok\": %" PRIu64 ", \"failed\": %" PRIu64
		     ", \"requests_per_s\": %.1f, \"cpu_s\": %.6f}\n",
		     v.n_ok, v.n_failed, (double)v.n_ok / seconds, cpu_s);
	return 0;
}
