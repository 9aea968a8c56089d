/*
 * Lists of texts that end with a NULL, as exec() takes them. Each list owns its
 * texts; NULL is an empty list.
 */
#ifndef BERTH_BASE_STRV_H
#define BERTH_BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

size_t strv_length(char *const *list);

/* Returns a list of copies, or NULL when there is no memory. */
char **strv_copy(char *const *list);

/* Adds a copy of @text at the end. Returns false, and changes nothing, without memory. */
bool strv_add(char ***list, const char *text);

/*
 * strv_set_variable - add a variable to an environment, or replace it there
 *
 * @variable:  "KEY=VALUE", copied
 *
 * Returns false, and changes nothing, without memory.
 */
bool strv_set_variable(char ***list, const char *variable);

/* Frees the list and its texts. Takes NULL. Returns NULL. */
char **strv_free(char **list);

#endif
