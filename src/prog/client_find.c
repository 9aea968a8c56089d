/*
 * Looks through the directories of sockets. See client_find.h.
 */
#include "prog/client_find.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/strv.h"
#include "core/app_name.h"
#include "os/clock.h"
#include "os/sock.h"
#include "prog/client_starting.h"

#define STARTING_MAX_MS 3000
#define PAUSE_NS        20000000L

/* The paths of all sockets that somebody has open. */
struct found {
	char **paths;
	bool has_failed; /* no memory */
};

/* "web" of "web.sock"; "" for what is no app's socket */
static void app_name_of(const char *file, char ret_name[static APP_NAME_MAX + 1])
{
	size_t size = strlen(file), suffix_size = strlen(CONTROL_SOCKET_SUFFIX);

	ret_name[0] = '\0';
	if (size <= suffix_size || size - suffix_size > APP_NAME_MAX ||
	    strcmp(file + size - suffix_size, CONTROL_SOCKET_SUFFIX) != 0)
		return;
	memcpy(ret_name, file, size - suffix_size);
	ret_name[size - suffix_size] = '\0';
	if (!app_name_is_valid(ret_name))
		ret_name[0] = '\0';
}

static bool is_alive(const char *path)
{
	struct addr a = { .family = AF_UNIX, .unix_len = (uint16_t)strlen(path) };
	struct stat st;

	memcpy(a.u.path, path, a.unix_len);
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && sock_unix_is_alive(&a);
}

static void add(struct found *found, const char *directory, const char *name)
{
	char path[CONTROL_PATH_MAX];

	if (control_socket_path(directory, name, path) == 0 && is_alive(path) &&
	    !strv_add(&found->paths, path))
		found->has_failed = true;
}

static void add_all(struct found *found, const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (!dir)
		return; /* it isn't there, or it's another user's, as are the sockets in it */
	while ((entry = readdir(dir))) {
		char name[APP_NAME_MAX + 1];

		app_name_of(entry->d_name, name);
		if (name[0])
			add(found, directory, name);
	}
	(void)closedir(dir);
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0];
}

/* Root always has one; others need to be told. `berth run` says the same of itself. */
static bool has_no_directory(void)
{
	return geteuid() != 0 && !is_set("BERTH_RUNTIME_DIR") && !is_set("XDG_RUNTIME_DIR");
}

static enum client_exit none(const char *who, const char *name)
{
	if (name)
		(void)fprintf(stderr, "%s: no berth that you may ask runs under the name %s: ", who,
			      name);
	else
		(void)fprintf(stderr, "%s: no berth that you may ask runs: ", who);
	if (has_no_directory())
		(void)fprintf(stderr,
			      "neither BERTH_RUNTIME_DIR nor XDG_RUNTIME_DIR names a "
			      "directory, and so a berth of yours has no control socket, or "
			      "one that cannot be found: set one of them, for berth run and "
			      "for this\n");
	else
		(void)fprintf(stderr, "start one with berth run%s%s -- COMMAND\n",
			      name ? " --name " : "", name ? name : "");
	return CLIENT_NO_PRIMARY;
}

static enum client_exit several(const char *who, char *const *paths)
{
	(void)fprintf(stderr, "%s: several run; say which one with --name:", who);
	for (; *paths; paths++) {
		const char *file = strrchr(*paths, '/') + 1;
		char name[APP_NAME_MAX + 1];

		app_name_of(file, name);
		(void)fprintf(stderr, " %s", name);
	}
	(void)fputc('\n', stderr);
	return CLIENT_USAGE;
}

static enum client_exit choose(const char *who, const char *name, const struct found *found,
			       char ret_path[static CONTROL_PATH_MAX])
{
	char *const *paths = found->paths;

	if (found->has_failed) {
		(void)fprintf(stderr, "%s: no memory is left\n", who);
		return CLIENT_FAILED;
	}
	if (!paths)
		return none(who, name);
	if (paths[1] && !name)
		return several(who, paths);
	/* of two with one name, in the user's directory and in root's: the user's */
	memcpy(ret_path, paths[0], strlen(paths[0]) + 1);
	return CLIENT_DONE;
}

static void look(const char *name, struct found *found)
{
	char directories[CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX];
	const size_t n = control_socket_directories(directories);

	for (size_t i = 0; i < n; i++) {
		if (name)
			add(found, directories[i], name);
		else
			add_all(found, directories[i]);
	}
}

enum client_exit client_find(const char *who, const char *name,
			     char ret_path[static CONTROL_PATH_MAX])
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const int64_t began_ms = clock_ms();
	struct found found = { 0 };
	enum client_exit code;

	if (name && !app_name_is_valid(name)) {
		(void)fprintf(stderr, "%s: '%s' is no name of an app\n", who, name);
		return CLIENT_USAGE;
	}
	look(name, &found);
	/* `berth run web & berth stop web` */
	while (!found.paths && !found.has_failed && clock_ms() - began_ms < STARTING_MAX_MS &&
	       client_starting()) {
		(void)nanosleep(&pause, NULL);
		look(name, &found);
	}
	code = choose(who, name, &found, ret_path);
	strv_free(found.paths);
	return code;
}
