/*
 * What a reload says of itself.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "os/clock.h"
#include "primary/reload_parts.h"

/* As much as there is room for, cut between two characters: programs read it as JSON. */
static void write_text(char ret_text[static RELOAD_TEXT_MAX], const char *format, va_list arguments)
{
	char whole[2 * RELOAD_TEXT_MAX];

	(void)vsnprintf(whole, sizeof(whole), format, arguments);
	(void)escape_text(whole, strlen(whole), ret_text, RELOAD_TEXT_MAX);
}

void reload_set_message(struct reload *r, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_text(r->message, format, arguments);
	va_end(arguments);
}

void reload_say(struct reload *r, enum message_level level, const char *event, const char *format,
		...)
{
	struct reload_step *step = &r->steps[r->n_steps++ % RELOAD_STEPS_MAX];
	va_list arguments;

	step->number = r->n_steps;
	step->reload = r->number;
	step->at_ms = clock_ms();
	step->event = event;
	va_start(arguments, format);
	write_text(step->text, format, arguments);
	va_end(arguments);
	output_say(r->output, level, event, "reload %llu: %s", (unsigned long long)r->number,
		   step->text);
}
