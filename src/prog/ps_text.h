/*
 * `berth ps` for people.
 */
#ifndef BERTH_PROG_PS_TEXT_H
#define BERTH_PROG_PS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * ps_text_print - print what GET /v1/app has answered
 *
 * @app:  from outside: anything in it is shown escaped
 *
 * Returns false where something is missing that openapi.json promises; what came before it
 * has been printed then. Errors of @out are for print_check(). May block as @out does.
 */
bool ps_text_print(json_t *app, FILE *out);

/* What GET /v1/connections has answered; returns as ps_text_print() does. */
bool ps_text_drain(json_t *answer, FILE *out);

#endif
