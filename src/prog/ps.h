/*
 * `berth ps` and `berth ports`: what runs, and where.
 */
#ifndef BERTH_PROG_PS_H
#define BERTH_PROG_PS_H

/*
 * Each: the whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see `berth ps --help`. Main thread only.
 */
int ps_main(int argc, char **argv);
int ports_main(int argc, char **argv);

#endif
