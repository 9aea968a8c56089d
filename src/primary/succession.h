/*
 * From primary to primary: what we leave, and what a predecessor has left.
 */
#ifndef BERTH_PRIMARY_SUCCESSION_H
#define BERTH_PRIMARY_SUCCESSION_H

struct primary;

/* Leaves the state to our successor. @data: the primary. */
void succession_save(void *data);

/* Reads the state, and takes it over where there is one. 0 or -errno. */
int succession_take_over(struct primary *p);

/* Everything is known again: what was under way goes on, and what waits for us is done. */
void succession_go_on(struct primary *p);

#endif
