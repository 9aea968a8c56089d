/*
 * `berth ps`: an app, its workers and its ports.
 */
#ifndef BERTH_PROG_PS_H
#define BERTH_PROG_PS_H

/*
 * ps_main - run `berth ps [--name NAME] [--json]`
 *
 * @argc, @argv:  from the verb on: argv[0] is "ps"
 *
 * Returns the exit code: 0; 7 if no primary runs, 4 if it's another user's, 2 for a wrong
 * command line or where several run, 124 if it doesn't answer in time, 1 otherwise.
 */
int ps_main(int argc, char **argv);

#endif
