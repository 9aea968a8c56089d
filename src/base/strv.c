/*
 * Lists of texts that end with a NULL.
 */
#include "base/strv.h"

#include <stdlib.h>
#include <string.h>

size_t strv_length(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

char **strv_copy(char *const *list)
{
	size_t n = strv_length(list);
	char **copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i])
			return strv_free(copy);
	}
	return copy;
}

bool strv_add(char ***list, const char *text)
{
	size_t n = strv_length(*list);
	char *copy = strdup(text);
	char **longer = NULL;

	if (copy)
		longer = reallocarray(*list, n + 2, sizeof(*longer));
	if (!longer) {
		free(copy);
		return false;
	}
	longer[n] = copy;
	longer[n + 1] = NULL;
	*list = longer;
	return true;
}

bool strv_set_variable(char ***list, const char *variable)
{
	size_t key_size = strcspn(variable, "=") + 1; /* with its '=' */
	size_t n = strv_length(*list);
	char *copy;

	for (size_t i = 0; i < n; i++) {
		if (strncmp((*list)[i], variable, key_size) != 0)
			continue;
		copy = strdup(variable);
		if (!copy)
			return false;
		free((*list)[i]);
		(*list)[i] = copy;
		return true;
	}
	return strv_add(list, variable);
}

char **strv_free(char **list)
{
	size_t n = strv_length(list);

	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return NULL;
}
