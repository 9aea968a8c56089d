/*
 * What has to be there before the first worker.
 */
#ifndef BERTH_PRIMARY_PREPARATION_H
#define BERTH_PRIMARY_PREPARATION_H

struct primary;

/*
 * preparation_do - find the command, claim the ports, make the filter, choose the tier
 *
 * Returns PRIMARY_DONE, or the exit code of what failed; that is said.
 */
int preparation_do(struct primary *p);

#endif
