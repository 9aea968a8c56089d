/* The response's status, length and the pid in it; a hundred thousand times a second. */
#include "response.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char head_end[] = "\r\n\r\n";

/* Returns -1 if the head states no length. */
static long stated_length(const char *text, const char *body)
{
	static const char name[] = "\ncontent-length:";
	const char *found = strcasestr(text, name);

	if (!found || found > body)
		return -1;
	return strtol(found + sizeof(name) - 1, NULL, 10);
}

enum response response_check(const char *text, size_t n_received, bool is_ended)
{
	static const char version[] = "HTTP/1.1";
	const char *body = strstr(text, head_end);
	size_t n_head, n_version = sizeof(version) - 1;
	long length;

	if (!body)
		return is_ended ? RESPONSE_BAD : RESPONSE_PARTIAL;
	if (strncmp(text, version, n_version - 1) != 0 || strncmp(text + n_version, " 200", 4) != 0)
		return RESPONSE_BAD;
	body += sizeof(head_end) - 1;
	n_head = (size_t)(body - text);
	length = stated_length(text, body);
	if (length < 0)
		return is_ended ? RESPONSE_WHOLE : RESPONSE_BAD;
	if (n_received < n_head + (size_t)length)
		return is_ended ? RESPONSE_BAD : RESPONSE_PARTIAL;
	return n_received == n_head + (size_t)length ? RESPONSE_WHOLE : RESPONSE_BAD;
}

bool response_closes(const char *text)
{
	return strcasestr(text, "\nconnection: close") != NULL;
}

int response_pid(const char *text)
{
	static const char word[] = "pid ", header[] = "\nx-pid:";
	const char *found = strstr(text, word);
	long pid;

	if (found) {
		found += sizeof(word) - 1;
	} else {
		found = strcasestr(text, header);
		if (!found)
			return 0;
		found += sizeof(header) - 1;
	}
	pid = strtol(found, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (int)pid : 0;
}
