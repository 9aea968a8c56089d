/*
 * blocking [--backlog N] [--delay-ms MS] PORT [ADDRESS]
 *
 * One connection at a time, from accept to close: whoever kills it loses at most the one
 * that it had accepted. What comes meanwhile stays in its accept queue.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "backlog", required_argument, NULL, 'b' },
		{ "delay-ms", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned backlog = SOMAXCONN, delay_ms = 0;
	struct serve_address address;
	struct timespec delay;
	const char *call;
	int listener, name, r;

	while ((name = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (name) {
		case 'b': backlog = serve_number(optarg, 65535); break;
		case 'd': delay_ms = serve_number(optarg, 60000); break;
		default: return 2;
		}
	}
	serve_address_read(argc - optind, argv + optind, &address);
	r = serve_open(&address, (int)backlog, &listener, &call);
	if (r < 0) {
		printf("%s: %s\n", call, strerrorname_np(-r));
		return 1;
	}
	serve_announce(listener);
	delay.tv_sec = delay_ms / 1000;
	delay.tv_nsec = (long)(delay_ms % 1000) * 1000000;
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (delay_ms > 0)
			nanosleep(&delay, NULL);
		serve_answer(fd);
	}
}
