/*
 * `berth scale`: more workers, or fewer.
 */
#ifndef BERTH_PROG_SCALE_H
#define BERTH_PROG_SCALE_H

/*
 * scale_main - run `berth scale [--name NAME] [--json] N|+N|-N`
 *
 * @argc, @argv:  from the verb on: argv[0] is "scale"; @argv is changed
 *
 * Returns the exit code, as ps_main() does.
 */
int scale_main(int argc, char **argv);

#endif
