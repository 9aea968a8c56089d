/*
 * `berth describe`: all that is known of an app.
 */
#ifndef BERTH_PROG_DESCRIBE_H
#define BERTH_PROG_DESCRIBE_H

/*
 * The whole verb
 *
 * @argv:  from the verb on
 *
 * Returns the exit code: see its --help. Main thread only.
 */
int describe_main(int argc, char **argv);

#endif
