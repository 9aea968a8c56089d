/*
 * What a signal to berth means. They come from the keeper, which is whom users
 * send them to.
 */
#ifndef BERTH_PRIMARY_ORDERS_H
#define BERTH_PRIMARY_ORDERS_H

struct primary;

/* From now on no signal that means something ends us. */
void orders_ignore_signals(void);

/* A signal came: carries out what it means, if anything. */
void orders_obey(struct primary *p, int signal);

/* There is no keeper that could tell of signals: those that are sent to us are orders, until... */
void orders_take_signals(struct primary *p);

/* ...there is one again. */
void orders_leave_signals(struct primary *p);

/* At the end. The memory has to stay until the loop has closed the handles. */
void orders_done(struct primary *p);

#endif
