/*
 * A main() for a fuzz target: gives it every file of the directories named,
 * once each. What fuzzing found stays found, with any compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

#define SEED_MAX (1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int replay_file(int dir_fd, const char *name)
{
	own_fd fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	uint8_t buffer[SEED_MAX];
	uint8_t *bytes;
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, buffer, sizeof(buffer));
	if (size < 0)
		return -errno;

	/* In a block of its own size, so that a read beyond its end is seen. */
	bytes = malloc((size_t)size + (size == 0));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, buffer, (size_t)size);
	(void)LLVMFuzzerTestOneInput(bytes, (size_t)size);
	free(bytes);
	return 0;
}

/* Returns how many files were given to the target, or -errno. */
static int replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n_files = 0;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		err = replay_file(dirfd(dir), entry->d_name);
		n_files++;
	}
	(void)closedir(dir);
	return err < 0 ? err : n_files;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int n_files = replay_directory(argv[i]);

		if (n_files <= 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i],
				      n_files ? strerror(-n_files) : "no seeds");
			return 1;
		}
		(void)printf("%s: %d seeds\n", argv[i], n_files);
	}
	return 0;
}
