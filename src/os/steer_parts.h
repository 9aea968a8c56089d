/*
 * What the files of steering share: descriptors of the program and its
 * maps, and the windows into its tables.
 */
#ifndef BERTH_OS_STEER_PARTS_H
#define BERTH_OS_STEER_PARTS_H

#include "os/kernel_table.h"
#include "os/steer.h"

struct steer {
	struct steer_fds fds;
	struct ring_buffer *news;
	bool sees_queues;
	int queue_error;
	int count_error;
	struct kernel_table *ports;
	struct kernel_table *berths;
};

#endif
