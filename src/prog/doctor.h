/*
 * `berth doctor`: what this machine, kernel and user give berth, and which limits bite.
 */
#ifndef BERTH_PROG_DOCTOR_H
#define BERTH_PROG_DOCTOR_H

/* By which berthd is asked: what stands behind it is doctor_run()'s. */
#define DOCTOR_OF_PRIMARY "--doctor"

/*
 * doctor_main - run `berth doctor [--all] [--json] [ADDR...]`
 *
 * @argc, @argv:  from the verb on: argv[0] is "doctor"
 *
 * Becomes berthd, whose rights are what counts, where there is one. Needs nothing to be
 * running. Returns the exit code: 0 if all is well, 1 if berth cannot do its work, or
 * cannot have one of the addresses, 2 for a wrong command line.
 */
int doctor_main(int argc, char **argv);

/* The same within berthd: argv[0] is DOCTOR_OF_PRIMARY. */
int doctor_run(int argc, char **argv);

#endif
