/*
 * A ring of lines.
 */
#include "core/tail.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

#define SHOWN_LINES 4
#define PARTED_BY   " | "

void tail_add(struct tail *t, pid_t pid, struct span line)
{
	struct tail_line *at = &t->lines[t->next];

	at->pid = pid;
	at->size = (unsigned char)(line.size < TAIL_LINE_SIZE ? line.size : TAIL_LINE_SIZE);
	memcpy(at->text, line.at, at->size);
	t->next = (t->next + 1) % TAIL_LINES;
}

/* The line that was added @age lines ago, 1 being the last. */
static const struct tail_line *line_at(const struct tail *t, size_t age)
{
	return &t->lines[(t->next + TAIL_LINES - age) % TAIL_LINES];
}

/* The last lines of @pid, the oldest first. Returns how many. */
static size_t last_lines(const struct tail *t, pid_t pid,
			 const struct tail_line *ret_lines[static SHOWN_LINES])
{
	size_t n = 0;

	for (size_t age = 1; age <= TAIL_LINES && n < SHOWN_LINES; age++)
		if (line_at(t, age)->pid == pid)
			ret_lines[SHOWN_LINES - ++n] = line_at(t, age);
	for (size_t i = 0; i < n; i++)
		ret_lines[i] = ret_lines[SHOWN_LINES - n + i];
	return n;
}

/* Whether all of them have found room. */
static bool join(const struct tail_line *const *lines, size_t n, char *ret_text, size_t size)
{
	char shown[4 * TAIL_LINE_SIZE + 1]; /* all of one, escaped */
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		(void)escape_text(lines[i]->text, lines[i]->size, shown, sizeof(shown));
		if (used + strlen(shown) + sizeof(PARTED_BY) > size)
			return false;
		(void)snprintf(ret_text + used, size - used, "%s%s", i ? PARTED_BY : "", shown);
		used += strlen(ret_text + used);
	}
	return true;
}

/* What a program writes last says why it ended: where there's no room for all, that stays. */
const char *tail_text(const struct tail *t, pid_t pid, char *ret_text, size_t size)
{
	const struct tail_line *lines[SHOWN_LINES];
	const size_t n = last_lines(t, pid, lines);

	ret_text[0] = '\0';
	for (size_t first = 0; first < n; first++)
		if (join(lines + first, n - first, ret_text, size))
			return ret_text;
	if (n > 0)
		(void)escape_text(lines[n - 1]->text, lines[n - 1]->size, ret_text, size);
	return ret_text;
}
