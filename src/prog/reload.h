/*
 * `berth reload` and `berth undo`.
 */
#ifndef BERTH_PROG_RELOAD_H
#define BERTH_PROG_RELOAD_H

/* @argv begins with the verb. Return the exit code. Main thread only. */
int reload_main(int argc, char **argv);
int undo_main(int argc, char **argv);

#endif
