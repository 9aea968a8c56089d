/*
 * `berth events`: what has happened, and what happens.
 */
#ifndef BERTH_PROG_EVENTS_H
#define BERTH_PROG_EVENTS_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int events_main(int argc, char **argv);

#endif
