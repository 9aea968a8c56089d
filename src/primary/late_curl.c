/*
 * By the name under which the linker would have found it.
 */
#include "primary/late_curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

/* A function's address is data for dlsym(): it is copied, since C doesn't let it be cast. */
#define FIND(name)                              \
	symbol = dlsym(library, "curl_" #name); \
	is_whole = is_whole && symbol;          \
	memcpy(&found.name, &symbol, sizeof(found.name));

int late_curl_load(struct late_curl *ret_curl)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	struct late_curl found;
	bool is_whole = true;
	void *symbol;

	if (!library)
		return -ELIBACC;
	LATE_CURL_FUNCTIONS(FIND)
	(void)dlclose(library);
	if (!is_whole)
		return -ELIBACC;
	*ret_curl = found;
	return 0;
}
