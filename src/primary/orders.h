/*
 * What a signal to berth means. They come from the keeper, which is whom users
 * send them to.
 */
#ifndef BERTH_PRIMARY_ORDERS_H
#define BERTH_PRIMARY_ORDERS_H

struct primary;

/* From now on no signal that means something ends us. */
void orders_ignore_signals(void);

/* A signal came to the keeper: carries out what it means, if anything. */
void orders_obey(struct primary *p, int signal);

#endif
