/*
 * What the kernel tells of itself, and attributes of files: whatever the bytes are, what
 * comes out is in its bounds.
 */
#include "os/machine_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_numbers(const char *text)
{
	unsigned major, minor;
	uint64_t number;

	if (machine_text_number(text, &number))
		assert(number < MACHINE_UNLIMITED);
	if (machine_text_files(text, &number))
		assert(number < MACHINE_UNLIMITED);
	if (machine_text_available(text, &number))
		assert(number % 1024 == 0 && strstr(text, "MemAvailable:"));
	if (machine_text_release(text, &major, &minor))
		assert(major <= 9999 && minor <= 9999);
}

static void check_ports(const char *text)
{
	static uint64_t ports[MACHINE_PORTS / 64];
	uint16_t first, last;

	if (machine_text_range(text, &first, &last))
		assert(first <= last);
	if (machine_text_reserved(text, ports))
		assert(text[strspn(text, "0123456789,-")] == '\n');
}

static void check_caps(const char *text, const uint8_t *bytes, size_t size)
{
	struct machine_file_caps file;
	struct machine_caps caps;

	if (machine_text_caps(text, &caps))
		assert(strstr(text, "CapEff:") && strstr(text, "CapBnd:"));
	if (machine_text_file_caps(bytes, size, &file))
		assert(file.is_there);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);

	if (!text)
		return 0;
	check_numbers(text);
	check_ports(text);
	check_caps(text, bytes, size);
	free(text);
	return 0;
}
