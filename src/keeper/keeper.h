/*
 * The keeper: holds descriptors under names, reaps children, and sees to it that
 * there is a primary. docs/keeper.md says why each thing is in it.
 */
#ifndef BERTH_KEEPER_KEEPER_H
#define BERTH_KEEPER_KEEPER_H

/*
 * keeper_run - keep until a primary has finished; once in a process
 *
 * @argv:      the primary's: its path and what it is given, ended by NULL
 * @adopt_fd:  the channel of a primary that runs already, or NO_FD to start one; owned
 *
 * Returns the exit code: a primary's, or 1.
 */
int keeper_run(char **argv, int adopt_fd);

/*
 * Writes a line to stderr, as JSON where the primary does, up to 511 bytes of text. If that
 * would have to wait it is not written.
 */
void keeper_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
