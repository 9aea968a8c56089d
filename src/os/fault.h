/*
 * Points at which a test build ends the program, as kill -9 would: one behind
 * each effect on the world outside. tools/effects.py sees to it that none is
 * forgotten, and lists them.
 *
 * BERTH_FAULT="NAME:N" ends the process at the Nth passage of the point NAME,
 * counted from primary to primary by the size of the file BERTH_FAULT_COUNT: each
 * passage adds a byte. BERTH_FAULT_LOG=PATH appends the name of each point passed.
 * Only where the build has fault_points: else nothing is left of them.
 */
#ifndef BERTH_OS_FAULT_H
#define BERTH_OS_FAULT_H

#ifdef BERTH_FAULT_POINTS
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
	(void)name;
}
#endif

#endif
