/*
 * The programs of promise.bpf.c, loaded, with their map of sockets and their
 * state mapped into this process.
 */
#ifndef BERTH_TESTS_KERNEL_STEERING_H
#define BERTH_TESTS_KERNEL_STEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "promise_abi.h"

#define STEERING_ANCHOR (PROMISE_SOCKETS_MAX - 1) /* the entry that tests give to the anchor */

struct promise;

struct steering {
	struct promise *bpf;
	int program;
	volatile struct promise_state *state;
};

/* Loads the program that reads queue depths, or the one that does not. 0 or -errno. */
int steering_init(struct steering *s, bool with_depth);
void steering_done(struct steering *s);

/* Puts a listener in an entry, or in the place of the one that is there. 0 or -errno. */
int steering_put(const struct steering *s, uint32_t index, int listener);
bool steering_has(const struct steering *s, uint32_t index);
int steering_attach(const struct steering *s, int listener); /* 0 or -errno */

/*
 * Claims a port, attaches the program and puts the anchor in its entry. The
 * program selects entry 0, and the anchor while that is empty.
 */
int steering_anchor(struct steering *s, uint16_t *ret_port);

/* A listener that joins the group and is put in an entry. */
int steering_berth(const struct steering *s, uint16_t port, uint32_t index);

#endif
