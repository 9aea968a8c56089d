/*
 * `berth drain`: one worker's clients leave, and another one takes its place.
 */
#ifndef BERTH_PROG_DRAIN_H
#define BERTH_PROG_DRAIN_H

/*
 * drain_main - carry out `berth drain`
 *
 * @argv: its command line, from "drain" on; its words may come to stand in another order
 *
 * Returns the exit code of berth. Main thread only. Blocks until it is done, or not.
 */
int drain_main(int argc, char **argv);

#endif
