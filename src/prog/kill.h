/*
 * `berth kill`: a signal to one worker.
 */
#ifndef BERTH_PROG_KILL_H
#define BERTH_PROG_KILL_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int kill_main(int argc, char **argv);

#endif
