/*
 * The descriptors 0, 1 and 2.
 */
#ifndef BERTH_OS_STANDARD_FDS_H
#define BERTH_OS_STANDARD_FDS_H

#include <stdbool.h>

/*
 * standard_fds_fill - open /dev/null where stdin, stdout or stderr is closed
 *
 * What we open must never become one of them: words of others would go there. Returns
 * whether all three are open. Before anything else is opened; never blocks.
 */
bool standard_fds_fill(void);

#endif
