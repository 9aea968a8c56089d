/*
 * `berth restart`: stop, then start, in the same slots.
 */
#ifndef BERTH_PROG_RESTART_H
#define BERTH_PROG_RESTART_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int restart_main(int argc, char **argv);

#endif
