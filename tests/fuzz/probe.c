/*
 * Probes as users write them: whatever is accepted prints as a text that is read back
 * as the same probe, and holds nothing that could end a request's line.
 */
#include "core/probe.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const char *text)
{
	char printed[PROBE_TEXT_MAX];
	struct probe p, again;
	enum probe_error e = probe_parse(text, &p);

	assert(probe_error_text(e));
	if (e != PROBE_OK)
		return;
	if (p.kind == PROBE_HTTP) {
		assert(p.what[0] == '/' && !strpbrk(p.what, " \t\r\n#"));
		assert(p.status_min >= 100 && p.status_min <= p.status_max && p.status_max <= 599);
	}
	assert(probe_parse(probe_text(&p, printed), &again) == PROBE_OK);
	assert(again.kind == p.kind && again.port == p.port);
	assert(again.status_min == p.status_min && again.status_max == p.status_max);
	assert(strcmp(again.what, p.what) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);

	if (text)
		check(text);
	free(text);
	return 0;
}
