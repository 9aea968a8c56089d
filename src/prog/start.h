/*
 * `berth start`: whether an app runs, and how to start one.
 */
#ifndef BERTH_PROG_START_H
#define BERTH_PROG_START_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int start_main(int argc, char **argv);

#endif
