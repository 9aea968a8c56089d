/*
 * A ring of lines.
 */
#include "core/tail.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"

#define SHOWN_LINES 4

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

const char *tail_text(const struct tail *t, pid_t pid, char *ret_text, size_t size)
{
	size_t n = 0;
	size_t age = 0;
	size_t used = 0;

	while (n < SHOWN_LINES && age < TAIL_LINES)
		n += line_at(t, ++age)->pid == pid;
	ret_text[0] = '\0';
	for (; age > 0; age--) {
		const struct tail_line *line = line_at(t, age);

		char shown[4 * TAIL_LINE_SIZE + 1];

		if (line->pid != pid || used >= size)
			continue;
		(void)escape_text(line->text, line->size, shown, sizeof(shown));
		(void)snprintf(ret_text + used, size - used, "%s%s", used ? " | " : "", shown);
		used = strlen(ret_text);
	}
	return ret_text;
}
