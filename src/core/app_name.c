/*
 * Finds a name for an app in its command.
 */
#include "core/app_name.h"

#include <string.h>

#define NAME_BYTES     "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define VERSION_BYTES  "0123456789."
#define NOT_FIRST      ".-"
#define NAME_OF_NO_ONE "app"

/* What runs a file that tells more than its own name does. Lists are of words. */
struct interpreter {
	const char *name;   /* a version may follow it: python3.11 */
	const char *code;   /* options that code follows, instead of a file */
	const char *valued; /* options that a value follows, as an argument of its own */
};

/* clang-format off */
static const struct interpreter interpreters[] = {
	{ "bash",   "-c",                   "-O -o" },
	{ "dash",   "-c",                   "-o" },
	{ "java",   "",                     "--class-path --module-path -classpath -cp -p" },
	{ "node",   "--eval --print -e -p", "--import --loader --require -C -r" },
	{ "nodejs", "--eval --print -e -p", "--import --loader --require -C -r" },
	{ "perl",   "-E -e",                "-I" },
	{ "php",    "-S -r",                "-c -d -t" },
	{ "python", "-c",                   "-W -X" },
	{ "ruby",   "-e",                   "-C -I -r" },
	{ "sh",     "-c",                   "-o" },
};
/* clang-format on */

static const char *const file_suffixes[] = {
	".cjs", ".jar", ".js", ".mjs", ".php", ".pl", ".py", ".rb", ".sh", ".ts",
};

static bool has_word(const char *words, const char *word)
{
	size_t size = strlen(word);

	while (*words) {
		size_t length = strcspn(words, " ");

		if (length == size && memcmp(words, word, size) == 0)
			return true;
		words += length + strspn(words + length, " ");
	}
	return false;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct interpreter *find_interpreter(const char *command)
{
	const char *name = file_name(command);
	size_t size = strlen(name);

	while (size > 0 && strchr(VERSION_BYTES, name[size - 1]))
		size--;
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		const struct interpreter *it = &interpreters[i];

		if (strlen(it->name) == size && memcmp(it->name, name, size) == 0)
			return it;
	}
	return NULL;
}

/* The file or module that an interpreter runs; NULL where it runs code, or nothing. */
static const char *find_program(const struct interpreter *it, char *const *arguments)
{
	for (; *arguments; arguments++) {
		if ((*arguments)[0] != '-')
			return strpbrk(*arguments, " \t\n;") ? NULL : *arguments;
		if (has_word(it->code, *arguments))
			return NULL;
		if (has_word(it->valued, *arguments) && arguments[1])
			arguments++;
	}
	return NULL;
}

static size_t size_without_suffix(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < sizeof(file_suffixes) / sizeof(file_suffixes[0]); i++) {
		size_t suffix_size = strlen(file_suffixes[i]);

		if (size > suffix_size && strcmp(name + size - suffix_size, file_suffixes[i]) == 0)
			return size - suffix_size;
	}
	return size;
}

/* The byte of a name that comes closest to @c. */
static char name_byte(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if (strchr(NAME_BYTES, c))
		return c;
	return '-';
}

bool app_name_is_valid(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size <= APP_NAME_MAX && strspn(name, NAME_BYTES) == size &&
	       !strchr(NOT_FIRST, name[0]);
}

void app_name_from_command(char *const *argv, char ret_name[static APP_NAME_MAX + 1])
{
	const struct interpreter *it = find_interpreter(argv[0]);
	const char *program = it ? find_program(it, argv + 1) : NULL;
	const char *name = file_name(program ? program : argv[0]);
	size_t end = size_without_suffix(name);
	size_t size = 0;

	for (size_t i = 0; i < end && size < APP_NAME_MAX; i++) {
		char c = name_byte(name[i]);

		if (size > 0 || !strchr(NOT_FIRST, c))
			ret_name[size++] = c;
	}
	if (size == 0) {
		size = strlen(NAME_OF_NO_ONE);
		memcpy(ret_name, NAME_OF_NO_ONE, size);
	}
	ret_name[size] = '\0';
}
