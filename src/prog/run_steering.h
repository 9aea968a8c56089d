/*
 * Those options of `berth run` that say which worker gets a new connection. Each
 * reads one value into the configuration.
 */
#ifndef BERTH_PROG_RUN_STEERING_H
#define BERTH_PROG_RUN_STEERING_H

#include "prog/run_options.h"

enum run_options_result run_steering_policy(struct app_config *c, const char *value);
enum run_options_result run_steering_weights(struct app_config *c, const char *value);
enum run_options_result run_steering_mode(struct app_config *c, const char *value);

#endif
