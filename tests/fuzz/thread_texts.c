/*
 * Texts of /proc that tell where a thread stands and how much memory a process has.
 * Whatever they are, what comes out fits.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/proc_memory.h"
#include "os/stacks.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);
	char stack[STACKS_STACK_MAX];
	char call[STACKS_CALL_MAX];
	uint64_t memory = 0;

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	stacks_parse_stack(text, stack);
	assert(memchr(stack, '\0', sizeof(stack)) && !strchr(stack, '\n'));
	stacks_parse_call(text, call);
	assert(memchr(call, '\0', sizeof(call)));
	if (proc_memory_parse(text, "VmRSS", "VmSwap", &memory))
		assert(strstr(text, "VmRSS:"));
	if (proc_memory_parse(text, "Pss", "SwapPss", &memory))
		assert(strstr(text, "Pss:"));
	free(text);
	return 0;
}
