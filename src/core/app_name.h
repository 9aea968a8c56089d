/*
 * What an app is called: in messages, in its workers' environment, in the names
 * of its cgroups.
 */
#ifndef BERTH_CORE_APP_NAME_H
#define BERTH_CORE_APP_NAME_H

#include <stdbool.h>

#include "core/app_config.h"

/* 1 to APP_NAME_MAX bytes of [a-z0-9._-], not beginning with '.' or '-'. */
bool app_name_is_valid(const char *name);

/*
 * app_name_from_command - the name that a command suggests
 *
 * @argv:      at least the command, NULL at its end
 * @ret_name:  a valid name
 *
 * That is the command's file name; for an interpreter the name of what it runs:
 * "app" for `node app.js`, "http.server" for `python3 -m http.server`. Whatever
 * a name may not have is replaced. Any thread. Never blocks.
 */
void app_name_from_command(char *const *argv, char ret_name[static APP_NAME_MAX + 1]);

#endif
