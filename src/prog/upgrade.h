/*
 * `berth upgrade`: replaces the primary under its workers.
 */
#ifndef BERTH_PROG_UPGRADE_H
#define BERTH_PROG_UPGRADE_H

/*
 * upgrade_main - run `berth upgrade [--name NAME] [--binary PATH] [--json]`
 *
 * @argc, @argv:  from the verb on: argv[0] is "upgrade"
 *
 * Blocks until the upgrade has ended, one way or the other, and prints each step. Returns
 * the exit code: 0 when the new primary has taken over; 6 if it was refused or rolled back,
 * 124 if nothing is heard of it for 15 s; the rest as ps_main().
 */
int upgrade_main(int argc, char **argv);

#endif
