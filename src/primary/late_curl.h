/*
 * libcurl, loaded when the first probe needs it: with what it needs itself it would be
 * as much again as all the rest of the primary.
 */
#ifndef BERTH_PRIMARY_LATE_CURL_H
#define BERTH_PRIMARY_LATE_CURL_H

/* Its macros check the types of arguments by the functions' names, which stand in here for others. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* The functions that are used, by their names without "curl_". */
#define LATE_CURL_FUNCTIONS(X) \
	X(easy_cleanup)        \
	X(easy_getinfo)        \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_strerror)       \
	X(global_init)         \
	X(multi_add_handle)    \
	X(multi_cleanup)       \
	X(multi_info_read)     \
	X(multi_init)          \
	X(multi_remove_handle) \
	X(multi_setopt)        \
	X(multi_socket_action) \
	X(slist_append)        \
	X(slist_free_all)

#define LATE_CURL_MEMBER(name) __typeof__(curl_##name) *name;

struct late_curl {
	LATE_CURL_FUNCTIONS(LATE_CURL_MEMBER)
};

/*
 * late_curl_load - find the functions
 *
 * The first time it reads the library from disk; it is never unloaded. Returns 0, or
 * -ELIBACC if it isn't there or lacks one of them. Any thread.
 */
int late_curl_load(struct late_curl *ret_curl);

#endif
