/*
 * Names in control group paths. See cgroup_name.h.
 *
 * A line is "HIERARCHY:CONTROLLERS:PATH". Version 2 has the hierarchy 0; beside
 * version 1, systemd keeps its own in the one called name=systemd.
 */
#include "core/cgroup_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define CONTAINER_ID_SIZE 64 /* hexadecimal digits */

struct part {
	const char *text;
	size_t size;
};

static bool starts_with(struct part p, const char *start)
{
	return p.size >= strlen(start) && memcmp(p.text, start, strlen(start)) == 0;
}

static bool ends_with(struct part p, const char *end)
{
	size_t size = strlen(end);

	return p.size > size && memcmp(p.text + p.size - size, end, size) == 0;
}

static bool is_equal(struct part p, const char *text)
{
	return p.size == strlen(text) && memcmp(p.text, text, p.size) == 0;
}

static void keep(struct part p, char ret_name[static CGROUP_NAME_MAX])
{
	if (p.size == 0 || p.size >= CGROUP_NAME_MAX)
		return;
	memcpy(ret_name, p.text, p.size);
	ret_name[p.size] = '\0';
}

/* "docker-ID.scope", "cri-containerd-ID.scope", "libpod-ID", "ID": what every engine has in common. */
static bool find_container_id(struct part p, struct part *ret_id)
{
	struct part id = { p.text, CONTAINER_ID_SIZE };
	size_t end = ends_with(p, ".scope") ? p.size - strlen(".scope") : p.size;

	if (end < CONTAINER_ID_SIZE)
		return false;
	id.text = p.text + end - CONTAINER_ID_SIZE;
	if (id.text > p.text && id.text[-1] != '-')
		return false;
	for (size_t i = 0; i < CONTAINER_ID_SIZE; i++) {
		if (!isxdigit((unsigned char)id.text[i]))
			return false;
	}
	*ret_id = id;
	return true;
}

/* LXC and nspawn name their containers: /lxc/NAME, /lxc.payload.NAME, machine-NAME.scope. */
static bool find_container_name(struct part parent, struct part p, struct part *ret_name)
{
	static const char payload[] = "lxc.payload.", machine[] = "machine-";
	struct part name = p;

	if (is_equal(parent, "lxc")) {
		*ret_name = p;
		return true;
	}
	if (starts_with(p, payload)) {
		name.text += strlen(payload);
		name.size -= strlen(payload);
	} else if (starts_with(p, machine) && ends_with(p, ".scope")) {
		name.text += strlen(machine);
		name.size -= strlen(machine) + strlen(".scope");
	} else {
		return false;
	}
	*ret_name = name;
	return true;
}

static void parse_path(struct part path, struct cgroup_name *name)
{
	struct part parent = { "", 0 };

	while (path.size > 0) {
		const char *slash = memchr(path.text, '/', path.size);
		struct part p = { path.text, slash ? (size_t)(slash - path.text) : path.size };
		struct part container;

		if (find_container_id(p, &container) || find_container_name(parent, p, &container))
			keep(container, name->container);
		else if (ends_with(p, ".service") || ends_with(p, ".scope"))
			keep(p, name->unit);
		path.text += p.size + (slash != NULL);
		path.size -= p.size + (slash != NULL);
		parent = p;
	}
}

/* Finds the path of a line that tells of units; false for the other hierarchies of version 1. */
static bool find_path(struct part line, bool *ret_is_v2, struct part *ret_path)
{
	const char *first = memchr(line.text, ':', line.size);
	const char *end = line.text + line.size;
	const char *second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	struct part controllers;

	if (!second)
		return false;
	controllers = (struct part){ first + 1, (size_t)(second - first - 1) };
	*ret_is_v2 = controllers.size == 0;
	*ret_path = (struct part){ second + 1, (size_t)(end - second - 1) };
	return *ret_is_v2 || is_equal(controllers, "name=systemd");
}

void cgroup_name_parse(const char *text, struct cgroup_name *ret_name)
{
	struct cgroup_name v1 = { 0 }, v2 = { 0 };

	while (*text != '\0') {
		struct part line = { text, strcspn(text, "\n") };
		struct part path;
		bool is_v2;

		if (find_path(line, &is_v2, &path))
			parse_path(path, is_v2 ? &v2 : &v1);
		text += line.size + (text[line.size] != '\0');
	}
	/* Where both are mounted, one of them is often left at its root. */
	*ret_name = v2.unit[0] || v2.container[0] ? v2 : v1;
}
