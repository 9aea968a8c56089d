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

static void say(struct reload *r, uint64_t number, enum message_level level, const char *event,
		const char *format, va_list arguments)
{
	struct reload_step *step = &r->steps[r->n_steps++ % RELOAD_STEPS_MAX];

	step->number = r->n_steps;
	step->reload = number;
	step->at_ms = clock_ms();
	step->event = event;
	write_text(step->text, format, arguments);
	keep_save(r->keep); /* no other step ever has this number */
	output_say(r->output, level, event, "reload %llu: %s", (unsigned long long)number,
		   step->text);
}

void reload_say(struct reload *r, enum message_level level, const char *event, const char *format,
		...)
{
	va_list arguments;

	va_start(arguments, format);
	say(r, r->number, level, event, format, arguments);
	va_end(arguments);
}

void reload_say_of(struct reload *r, uint64_t number, enum message_level level, const char *event,
		   const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(r, number, level, event, format, arguments);
	va_end(arguments);
}
