/*
 * `berth stop`: the end of all of it.
 */
#ifndef BERTH_PROG_STOP_H
#define BERTH_PROG_STOP_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int stop_main(int argc, char **argv);

#endif
