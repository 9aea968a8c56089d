/*
 * A keeper that has died: another is started, and given everything.
 */
#ifndef BERTH_PRIMARY_RENEWAL_H
#define BERTH_PRIMARY_RENEWAL_H

/* The keeper is dead. @data: the primary. */
void renewal_begin(void *data);

#endif
