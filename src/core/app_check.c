/*
 * Contradictions in what the user asked for. Each is found before anything is
 * started, where it can still be said in one sentence.
 */
#include "core/app_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/expand.h"

#define SHOWN_MAX 200 /* of a longer text, the sentence shows the beginning */

/* Whether a socket bound to @wide would keep another one from binding @narrow. */
static bool covers(const struct addr *wide, const struct addr *narrow)
{
	if (addr_equal(wide, narrow))
		return true;
	if (wide->family == AF_UNIX || narrow->family == AF_UNIX || wide->port != narrow->port ||
	    wide->protocol != narrow->protocol)
		return false;
	if (!addr_is_wildcard(wide))
		return false;
	/* "8000" is any IP address, and "[::]:8000" takes IPv4 connections too. */
	return wide->family != AF_INET || narrow->family == AF_INET;
}

static bool has_port(const uint16_t *ports, size_t n_ports, uint16_t port)
{
	for (size_t i = 0; i < n_ports; i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* The unique port that is @port, or is @port once moved for some slot; 0: none. */
static uint16_t unique_port_at(const struct app_config *c, uint16_t port)
{
	for (size_t i = 0; i < c->n_unique; i++)
		if (port >= c->unique_ports[i] && port - c->unique_ports[i] <= (int)c->n_workers)
			return c->unique_ports[i];
	return 0;
}

static enum app_fault check_pair(const struct addr *a, const struct addr *b, char *ret_text)
{
	char a_text[ADDR_TEXT_MAX], b_text[ADDR_TEXT_MAX];

	(void)addr_name(a, a_text);
	(void)addr_name(b, b_text);
	if (addr_equal(a, b))
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "the address %s is given twice: once is enough", a_text);
	else if (covers(a, b))
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "the address %s has %s in it: leave one of them out", a_text,
			       b_text);
	else if (covers(b, a))
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "the address %s has %s in it: leave one of them out", b_text,
			       a_text);
	else
		return APP_SOUND;
	return APP_LISTEN_COVERED;
}

static enum app_fault check_against_rules(const struct app_config *c, const struct addr *a,
					  char *ret_text)
{
	uint16_t unique_port;

	if (a->family == AF_UNIX)
		return APP_SOUND;
	if (has_port(c->private_ports, c->n_private, a->port)) {
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "port %u cannot be both shared and private: leave one of them out",
			       a->port);
		return APP_LISTEN_IS_PRIVATE;
	}
	unique_port = unique_port_at(c, a->port);
	if (unique_port) {
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "port %u cannot be shared: unique port %u takes %u to %u for its "
			       "workers",
			       a->port, unique_port, unique_port, unique_port + c->n_workers);
		return APP_LISTEN_IS_UNIQUE;
	}
	return APP_SOUND;
}

static enum app_fault check_listen(const struct app_config *c, char *ret_text)
{
	enum app_fault fault = APP_SOUND;

	for (size_t i = 0; i < c->n_listen && !fault; i++) {
		for (size_t j = 0; j < i && !fault; j++)
			fault = check_pair(&c->listen[j], &c->listen[i], ret_text);
		if (!fault)
			fault = check_against_rules(c, &c->listen[i], ret_text);
	}
	return fault;
}

static enum app_fault check_one_unique(const struct app_config *c, size_t index, char *ret_text)
{
	uint16_t port = c->unique_ports[index];

	if (has_port(c->private_ports, c->n_private, port)) {
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "port %u cannot be both unique and private: leave one of them out",
			       port);
		return APP_UNIQUE_IS_PRIVATE;
	}
	if (port + c->n_workers > UINT16_MAX) {
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "unique port %u is too high: with %u workers it may be %u at most",
			       port, c->n_workers, UINT16_MAX - c->n_workers);
		return APP_UNIQUE_TOO_HIGH;
	}
	for (size_t i = 0; i < index; i++) {
		uint16_t other = c->unique_ports[i];

		if (abs(port - other) >= (int)c->n_workers)
			continue;
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
			       "unique ports %u and %u are too close: with %u workers they must be "
			       "at least %u apart",
			       other, port, c->n_workers, c->n_workers);
		return APP_UNIQUE_TOO_CLOSE;
	}
	return APP_SOUND;
}

static enum app_fault check_unique(const struct app_config *c, char *ret_text)
{
	enum app_fault fault = APP_SOUND;

	for (size_t i = 0; i < c->n_unique && !fault; i++)
		fault = check_one_unique(c, i, ret_text);
	return fault;
}

/* Sums are linear in the slot: what holds in the first and the last slot holds in all. */
static bool has_number_in_every_slot(const char *text, unsigned n_workers, const char *what,
				     char *ret_text)
{
	const unsigned slots[] = { 1, n_workers };

	for (size_t i = 0; i < 2; i++) {
		struct expand_vars v = { .slot = slots[i], .n_workers = n_workers };
		size_t size;
		enum expand_result r = expand_measure(text, &v, &size);

		if (r == EXPAND_OK)
			continue;
		(void)snprintf(ret_text, APP_CHECK_TEXT_MAX, "%s '%.*s' %s in slot %u of %u", what,
			       SHOWN_MAX, text, expand_result_text(r), v.slot, n_workers);
		return false;
	}
	return true;
}

static enum app_fault check_templates(const struct app_config *c, char *ret_text)
{
	for (char **argument = c->argv; argument && *argument; argument++)
		if (!has_number_in_every_slot(*argument, c->n_workers, "the argument", ret_text))
			return APP_ARGUMENT_UNDEFINED;
	for (char **variable = c->env; variable && *variable; variable++)
		if (!has_number_in_every_slot(*variable, c->n_workers, "the variable", ret_text))
			return APP_ENV_UNDEFINED;
	return APP_SOUND;
}

static enum app_fault check_tier(const struct app_config *c, char *ret_text)
{
	const char *option = c->recycle.n_connections ? "--max-connections"
			     : c->hang_timeout_ms     ? "--hang-timeout"
						      : NULL;

	if (c->mode != MODE_SHARED || !option)
		return APP_SOUND;
	(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
		       "%s needs the steered tier: where workers share one socket, nobody can tell "
		       "who took which connection",
		       option);
	return APP_NEEDS_STEERED;
}

static enum app_fault check_weights(const struct app_config *c,
				    char ret_text[static APP_CHECK_TEXT_MAX])
{
	if (c->n_weights == 0 || c->policy == POLICY_WEIGHTED)
		return APP_SOUND;
	(void)snprintf(ret_text, APP_CHECK_TEXT_MAX,
		       "--weights is for --policy weighted, and the policy is %s",
		       app_policy_text(c->policy));
	return APP_WEIGHTS_UNUSED;
}

enum app_fault app_check(const struct app_config *c, char ret_text[static APP_CHECK_TEXT_MAX])
{
	enum app_fault fault = check_listen(c, ret_text);

	if (!fault)
		fault = check_unique(c, ret_text);
	if (!fault)
		fault = check_templates(c, ret_text);
	if (!fault)
		fault = check_weights(c, ret_text);
	if (!fault)
		fault = check_tier(c, ret_text);
	return fault;
}
