/*
 * Numbers and lists of numbers, as the kernel prints them. See machine_text.h.
 */
#include "os/machine_text.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>

#include "base/number.h"

#define PORT_MAX     (MACHINE_PORTS - 1)
#define VERSION_MAX  9999
#define BYTES_PER_KB 1024
#define HEX_DIGITS   16 /* of a set of capabilities */

/* Takes a number, and what stands before it, off the begin of a text. */
static bool take_number(const char **at, const char *blanks, uint64_t max, uint64_t *ret_number)
{
	size_t size;

	*at += strspn(*at, blanks);
	size = strspn(*at, "0123456789");
	if (!number_parse(*at, size, max, ret_number))
		return false;
	*at += size;
	return true;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* The kernel ends every line. */
static bool is_end(const char *at)
{
	return strcmp(at, "\n") == 0;
}

bool machine_text_number(const char *text, uint64_t *ret_number)
{
	uint64_t number;

	/* Two values stand for "not known" and "no limit". */
	if (!take_number(&text, "", INT64_MAX, &number) || !is_end(text))
		return false;
	*ret_number = number;
	return true;
}

bool machine_text_release(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	uint64_t major, minor;

	if (!take_number(&text, "", VERSION_MAX, &major) || !take(&text, '.') ||
	    !take_number(&text, "", VERSION_MAX, &minor) || !strchr(".-+\n", *text))
		return false;
	*ret_major = (unsigned)major;
	*ret_minor = (unsigned)minor;
	return true;
}

/* What stands behind "@name:" and blanks; NULL where no line begins so. */
static const char *find_value(const char *text, const char *name)
{
	const size_t size = strlen(name);

	while (text && (strncmp(text, name, size) != 0 || text[size] != ':')) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return NULL;
	text += size + 1;
	return text + strspn(text, " \t");
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sixteen digits, and the line ends. */
static bool read_set(const char *at, uint64_t *ret_set)
{
	uint64_t set = 0;

	for (int i = 0; at && i < HEX_DIGITS; i++) {
		int digit = hex_digit(*at++);

		if (digit < 0)
			return false;
		set = set << 4 | (uint64_t)digit;
	}
	if (!at || *at != '\n')
		return false;
	*ret_set = set;
	return true;
}

bool machine_text_caps(const char *text, struct machine_caps *ret_caps)
{
	const char *privs = find_value(text, "NoNewPrivs");
	struct machine_caps caps;
	uint64_t no_new_privs;

	if (!read_set(find_value(text, "CapEff"), &caps.effective) ||
	    !read_set(find_value(text, "CapBnd"), &caps.bounding) || !privs ||
	    !take_number(&privs, "", 1, &no_new_privs) || *privs != '\n')
		return false;
	caps.no_new_privs = no_new_privs == 1;
	*ret_caps = caps;
	return true;
}

bool machine_text_range(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
	uint64_t first, last;

	if (!take_number(&text, "", PORT_MAX, &first) ||
	    !take_number(&text, " \t", PORT_MAX, &last) || !is_end(text) || first > last)
		return false;
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return true;
}

bool machine_text_reserved(const char *text, uint64_t ret_ports[static MACHINE_PORTS / 64])
{
	uint64_t ports[MACHINE_PORTS / 64] = { 0 };
	uint64_t first, last;

	while (!is_end(text)) {
		if (!take_number(&text, "", PORT_MAX, &first))
			return false;
		last = first;
		if (take(&text, '-') && !take_number(&text, "", PORT_MAX, &last))
			return false;
		for (uint64_t port = first; port <= last; port++)
			ports[port / 64] |= UINT64_C(1) << port % 64;
		if (take(&text, ',') ? is_end(text) : !is_end(text))
			return false;
	}
	memcpy(ret_ports, ports, sizeof(ports));
	return true;
}

bool machine_text_files(const char *text, uint64_t *ret_used)
{
	uint64_t used, unused, most;

	if (!take_number(&text, "", INT64_MAX, &used) ||
	    !take_number(&text, "\t", INT64_MAX, &unused) ||
	    !take_number(&text, "\t", UINT64_MAX, &most) || !is_end(text))
		return false;
	*ret_used = used;
	return true;
}

bool machine_text_available(const char *text, uint64_t *ret_bytes)
{
	const char *value = find_value(text, "MemAvailable");
	uint64_t kb;

	if (!value || !take_number(&value, "", INT64_MAX / BYTES_PER_KB, &kb) ||
	    strncmp(value, " kB\n", strlen(" kB\n")) != 0)
		return false;
	*ret_bytes = kb * BYTES_PER_KB;
	return true;
}

static uint32_t word_at(const uint8_t *bytes, size_t n)
{
	uint32_t word;

	memcpy(&word, bytes + n * sizeof(word), sizeof(word));
	return le32toh(word);
}

bool machine_text_file_caps(const void *bytes, size_t size, struct machine_file_caps *ret_caps)
{
	struct machine_file_caps caps = { .is_there = true };
	uint32_t head;
	size_t wanted;

	if (size < sizeof(head))
		return false;
	head = word_at(bytes, 0);
	switch (head & VFS_CAP_REVISION_MASK) {
	case VFS_CAP_REVISION_1: wanted = XATTR_CAPS_SZ_1; break;
	case VFS_CAP_REVISION_2: wanted = XATTR_CAPS_SZ_2; break;
	case VFS_CAP_REVISION_3: wanted = XATTR_CAPS_SZ_3; break;
	default: return false;
	}
	if (size != wanted)
		return false;
	/* permitted and inheritable in turn; the first revision has 32 of each only */
	caps.permitted = word_at(bytes, 1);
	if (wanted > XATTR_CAPS_SZ_1)
		caps.permitted |= (uint64_t)word_at(bytes, 3) << 32;
	caps.is_effective = head & VFS_CAP_FLAGS_EFFECTIVE;
	*ret_caps = caps;
	return true;
}
