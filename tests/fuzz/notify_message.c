/*
 * Notifications from workers: whatever they are, what comes out of them may be shown.
 */
#include "core/notify_message.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct notify_message m;
	enum notify_verdict v = notify_message_parse((const char *)bytes, size, &m);
	size_t length;

	assert(notify_verdict_text(v));
	assert((v == NOTIFY_TOO_LONG) == (size > NOTIFY_SIZE_MAX));
	if (v != NOTIFY_OK)
		return 0;
	assert(m.is_ready || m.is_reloading || m.is_stopping || m.is_alive || m.wants_storage ||
	       m.has_status);
	length = strlen(m.status);
	assert(length < sizeof(m.status) && (m.has_status || length == 0));
	for (size_t at = 0, n; at < length; at += n) {
		n = utf8_printable(m.status + at, length - at);
		assert(n > 0);
	}
	return 0;
}
