/*
 * A table that the kernel shares with us, seen through windows: only the pages
 * of entries that are shown are in our memory. The kernel maps such memory at
 * once and whole, so a table for everything that could be would cost its full size.
 */
#ifndef BERTH_OS_KERNEL_TABLE_H
#define BERTH_OS_KERNEL_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct kernel_table;

/*
 * kernel_table_new - a view of a table, of which nothing is shown yet
 *
 * @fd:          what to map; the caller keeps it open for as long as the view lives
 * @entry_bytes: the distance from one entry to the next
 *
 * Returns 0; -ENOMEM. Any thread, one at a time, as all of these. None of them blocks.
 */
int kernel_table_new(int fd, size_t entry_bytes, size_t n_entries, struct kernel_table **ret_table);

/* Takes NULL. Returns NULL. */
struct kernel_table *kernel_table_free(struct kernel_table *t);

/* Shows entry @i until it was hidden as many times. 0 or -errno. */
int kernel_table_show(struct kernel_table *t, uint32_t i);

/* The place of an entry stays the same; what is there is gone with the last entry of its page. */
void kernel_table_hide(struct kernel_table *t, uint32_t i);

/* Entry @i, which is shown. */
void *kernel_table_at(const struct kernel_table *t, uint32_t i);

#endif
