/*
 * Makes and removes the socket of the control API. See control_socket.h.
 *
 * Whoever makes or removes a socket holds a lock on the directory meanwhile. So nobody takes
 * a socket that is bound and does not listen yet for one that was left behind.
 */
#include "control/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/own.h"
#include "os/sock_diag.h"
#include "os/unix_path.h"

#define DIRECTORY_MODE 0700
#define SOCKET_MODE    0600
#define OTHERS_WRITE   (S_IWGRP | S_IWOTH)

static const char directory_of_root[] = "/run/berth";

_Static_assert(CONTROL_PATH_MAX == sizeof(((struct sockaddr_un *)NULL)->sun_path),
	       "what fits into a Unix address");

/* NULL also if it is empty */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int print_path(char ret_path[static CONTROL_PATH_MAX], const char *directory,
		      const char *name, const char *suffix)
{
	char path[CONTROL_PATH_MAX];
	int size = snprintf(path, sizeof(path), "%s%s%s%s", directory, name[0] ? "/" : "", name,
			    suffix);

	if (size < 0 || size >= CONTROL_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_path, path, (size_t)size + 1);
	return 0;
}

/* Where this process makes its own. */
static int own_directory(char ret_directory[static CONTROL_PATH_MAX])
{
	const char *chosen = variable("BERTH_RUNTIME_DIR");
	const char *of_user = variable("XDG_RUNTIME_DIR");

	if (chosen)
		return print_path(ret_directory, chosen, "", "");
	if (geteuid() == 0)
		return print_path(ret_directory, directory_of_root, "", "");
	return of_user ? print_path(ret_directory, of_user, "berth", "") : -ENOENT;
}

size_t
control_socket_directories(char ret_directories[static CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX])
{
	const char *of_user = variable("XDG_RUNTIME_DIR");
	size_t n = 0;

	if (variable("BERTH_RUNTIME_DIR"))
		return own_directory(ret_directories[0]) == 0 ? 1 : 0;
	if (of_user && print_path(ret_directories[n], of_user, "berth", "") == 0)
		n++;
	if (print_path(ret_directories[n], directory_of_root, "", "") == 0)
		n++;
	return n;
}

int control_socket_path(const char *directory, const char *app_name,
			char ret_path[static CONTROL_PATH_MAX])
{
	return print_path(ret_path, directory, app_name, CONTROL_SOCKET_SUFFIX);
}

/* Returns a descriptor of the directory; as long as it is open, nobody else has the lock. */
static int lock_directory(const char *directory)
{
	own_fd fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return take_fd(&fd);
}

/* Whoever may write there could put a socket of his own in our place. */
static int check_directory(int directory_fd)
{
	struct stat st;

	if (fstat(directory_fd, &st) < 0)
		return -errno;
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & OTHERS_WRITE))
		return -EPERM;
	return 0;
}

static int make_directory(const char *directory, int *ret_fd)
{
	own_fd fd = NO_FD;
	int err;

	if (mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -errno;
	fd = lock_directory(directory);
	if (fd < 0)
		return fd;
	err = check_directory(fd);
	if (err)
		return err;
	*ret_fd = take_fd(&fd);
	return 0;
}

static void path_addr(const char *path, struct addr *ret_addr)
{
	struct addr a = { .family = AF_UNIX, .unix_len = (uint16_t)strlen(path) };

	memcpy(a.u.path, path, a.unix_len);
	*ret_addr = a;
}

static int bind_path(int fd, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct addr a;

	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	path_addr(path, &a);
	if (!unix_path_remove_stale(&a))
		return -EADDRINUSE;
	return bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
}

static int listen_at(const char *path, int *ret_fd)
{
	own_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, SOCKET_MODE) < 0) /* the file is born with the socket's own mode */
		return -errno;
	err = bind_path(fd, path);
	if (err)
		return err;
	if (listen(fd, SOMAXCONN) < 0) {
		err = -errno;
		(void)unlink(path);
		return err;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

int control_socket_own_path(const char *app_name, char ret_path[static CONTROL_PATH_MAX])
{
	char directory[CONTROL_PATH_MAX];
	int err = own_directory(directory);

	return err ? err : control_socket_path(directory, app_name, ret_path);
}

int control_socket_open(const char *app_name, int *ret_fd, char ret_path[static CONTROL_PATH_MAX])
{
	char directory[CONTROL_PATH_MAX], path[CONTROL_PATH_MAX];
	own_fd lock = NO_FD;
	int err = control_socket_own_path(app_name, path);

	if (!err)
		err = own_directory(directory);
	if (err)
		return err;
	err = make_directory(directory, &lock);
	if (err)
		return err;
	err = listen_at(path, ret_fd);
	if (err)
		return err;
	memcpy(ret_path, path, sizeof(path));
	return 0;
}

struct search {
	uint32_t inode;
	bool is_found;
};

static int compare_inode(const struct socket_info *socket, void *arg)
{
	struct search *s = arg;

	if (socket->inode == s->inode)
		s->is_found = true;
	return 0;
}

/* Whether the file at @path is the one that @fd is bound to, and no later one there; or -errno. */
static int is_file_of(const char *path, int fd)
{
	struct search search = { 0 };
	mode_t file_type;
	struct stat st;
	struct addr a;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	search.inode = (uint32_t)st.st_ino;
	path_addr(path, &a);
	err = sock_diag_unix(&a, compare_inode, &search, &file_type);
	return err ? err : search.is_found;
}

bool control_socket_is_at(const char *path, int listen_fd)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return is_file_of(path, listen_fd) != 0;
}

void control_socket_remove(const char *path, int listen_fd)
{
	own_free char *directory = strdup(path);
	own_fd lock = NO_FD;
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!slash)
		return;
	*slash = '\0';
	lock = lock_directory(directory);
	if (lock >= 0 && is_file_of(path, listen_fd) == 1)
		(void)unlink(path);
}
