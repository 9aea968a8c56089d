/*
 * Texts of /proc, parts of which a process has chosen: its stat, its status, its
 * descriptors, its control groups, its command line. Whatever they are, what comes out fits and may be shown.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "core/cgroup_name.h"
#include "os/proc_text.h"
#include "os/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_stat(const char *text, size_t size)
{
	struct procfs_process p;

	if (procfs_parse_stat(text, size, &p) < 0)
		return;
	assert(p.pid >= 0 && p.parent >= 0 && p.session >= 0);
	assert(memchr(p.comm, '\0', sizeof(p.comm)));
}

static void check_status(const char *text)
{
	struct proc_status status;

	if (proc_text_parse_status(text, &status) < 0)
		return;
	assert(status.process >= 0);
	assert(status.umask <= 0777);
	assert(status.has_umask || status.umask == 0);
}

static void check_fdinfo(const char *text)
{
	unsigned flags;
	int fd;

	if (proc_text_parse_flags(text, &flags) == 0)
		assert(strstr(text, "flags:"));
	if (proc_text_parse_target(text, &fd))
		assert(fd >= 0 && strncmp(text, "tfd:", 4) == 0);
}

static void check_cgroup(const char *text)
{
	struct cgroup_name name;

	cgroup_name_parse(text, &name);
	assert(memchr(name.unit, '\0', sizeof(name.unit)));
	assert(memchr(name.container, '\0', sizeof(name.container)));
	assert(!strchr(name.unit, '/') && !strchr(name.container, '/'));
}

static void check_escape(const char *text, size_t size, size_t shown_size)
{
	char *shown = malloc(shown_size);
	size_t length;

	if (!shown)
		return;
	length = strlen(escape_text(text, size, shown, shown_size));
	assert(length < shown_size);
	for (size_t at = 0; at < length;) {
		size_t n = utf8_printable(shown + at, length - at);

		assert(n > 0);
		at += n;
	}
	free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);

	if (!text)
		return 0;
	check_stat((const char *)bytes, size);
	check_status(text);
	check_fdinfo(text);
	check_cgroup(text);
	check_escape((const char *)bytes, size, 4);
	check_escape((const char *)bytes, size, size + 4);
	check_escape((const char *)bytes, size, 4 * size + 4);
	free(text);
	return 0;
}
