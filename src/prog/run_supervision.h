/*
 * Those options of `berth run` that say when a worker is replaced, and when it isn't
 * started again. Each reads one value into the configuration.
 */
#ifndef BERTH_PROG_RUN_SUPERVISION_H
#define BERTH_PROG_RUN_SUPERVISION_H

#include "prog/run_options.h"

enum run_options_result run_supervision_max_memory(struct app_config *c, const char *value);
enum run_options_result run_supervision_max_age(struct app_config *c, const char *value);
enum run_options_result run_supervision_max_connections(struct app_config *c, const char *value);
enum run_options_result run_supervision_hang_timeout(struct app_config *c, const char *value);
enum run_options_result run_supervision_max_restarts(struct app_config *c, const char *value);
enum run_options_result run_supervision_stop_exit_codes(struct app_config *c, const char *value);

#endif
