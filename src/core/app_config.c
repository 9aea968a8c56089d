/*
 * What the user asked for: what it owns, and its words.
 */
#include "core/app_config.h"

#include <assert.h>
#include <stdlib.h>

#include "base/strv.h"

void app_config_done(struct app_config *c)
{
	free(c->name);
	c->name = NULL;
	c->argv = strv_free(c->argv);
	c->env = strv_free(c->env);
}

unsigned app_weight(const struct app_config *c, unsigned slot)
{
	if (c->n_weights == 0)
		return 1;
	return c->weights[slot <= c->n_weights ? slot - 1 : c->n_weights - 1];
}

const char *app_policy_text(enum app_policy policy)
{
	static const char *const texts[APP_POLICIES] = {
		[POLICY_ROUND_ROBIN] = "round-robin",
		[POLICY_RANDOM_TWO] = "random-two",
		[POLICY_HASH] = "hash",
		[POLICY_BALANCED] = "balanced",
		[POLICY_STICKY] = "sticky",
		[POLICY_WEIGHTED] = "weighted",
		[POLICY_SHARED] = "shared",
	};

	assert((unsigned)policy < APP_POLICIES);
	return texts[policy];
}

const char *app_mode_text(enum app_mode mode)
{
	static const char *const texts[APP_MODES] = {
		[MODE_AUTO] = "auto",
		[MODE_STEERED] = "steered",
		[MODE_SHARED] = "shared",
	};

	assert((unsigned)mode < APP_MODES);
	return texts[mode];
}
