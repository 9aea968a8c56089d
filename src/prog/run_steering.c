/*
 * Names of policies and tiers, and lists of weights.
 */
#include "prog/run_steering.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "bpf/abi.h"

#define SENTENCE_MAX 640
#define LIST_MAX     256 /* names, with what stands between them */

/* "a, b or c". */
static void list_policies(char ret_text[static LIST_MAX])
{
	size_t n = 0;

	for (int i = 0; i < APP_POLICIES; i++) {
		const char *between = i + 1 == APP_POLICIES ? " or " : ", ";

		n += (size_t)snprintf(ret_text + n, LIST_MAX - n, "%s%s", i == 0 ? "" : between,
				      app_policy_text((enum app_policy)i));
	}
}

enum run_options_result run_steering_policy(struct app_config *c, const char *value)
{
	char list[LIST_MAX], text[SENTENCE_MAX];

	for (int i = 0; i < APP_POLICIES; i++) {
		if (strcmp(value, app_policy_text((enum app_policy)i)) == 0) {
			c->policy = (enum app_policy)i;
			return RUN_OPTIONS_OK;
		}
	}
	list_policies(list);
	(void)snprintf(text, sizeof(text), "there is no policy '%s': choose %s", value, list);
	return run_options_refuse(text);
}

enum run_options_result run_steering_weights(struct app_config *c, const char *value)
{
	char text[SENTENCE_MAX];
	const char *at = value;
	size_t n = 0;

	for (;;) {
		const size_t size = strcspn(at, ",");
		uint64_t weight;

		if (n == APP_WEIGHTS_MAX || !number_parse(at, size, STEER_WEIGHT_MAX, &weight) ||
		    weight == 0)
			break;
		c->weights[n++] = (uint16_t)weight;
		c->n_weights = n;
		if (!at[size])
			return RUN_OPTIONS_OK;
		at += size + 1;
	}
	(void)snprintf(text, sizeof(text),
		       "--weights '%s' must be numbers from 1 to %d, of slot 1, slot 2 and so on: "
		       "3,1 (the last one is for all that follow; %d at most)",
		       value, STEER_WEIGHT_MAX, APP_WEIGHTS_MAX);
	return run_options_refuse(text);
}

enum run_options_result run_steering_mode(struct app_config *c, const char *value)
{
	char text[SENTENCE_MAX];

	for (int i = 0; i < APP_MODES; i++) {
		if (strcmp(value, app_mode_text((enum app_mode)i)) == 0) {
			c->mode = (enum app_mode)i;
			return RUN_OPTIONS_OK;
		}
	}
	(void)snprintf(text, sizeof(text), "there is no mode '%s': choose auto, steered or shared",
		       value);
	return run_options_refuse(text);
}
