/*
 * Replaces `{slot}`, `{workers}` and sums of them: one walk over the text that
 * hands pieces to an output, which counts them first and writes them then.
 */
#include "core/expand.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

struct sum {
	int64_t value;
	bool is_too_large;
	bool names_variable;
};

struct output {
	char *text; /* NULL: only count */
	size_t used;
};

static void put(struct output *out, const char *bytes, size_t size)
{
	if (out->text)
		memcpy(out->text + out->used, bytes, size);
	out->used += size;
}

static bool begins_with(const char *at, const char *word)
{
	return strncmp(at, word, strlen(word)) == 0;
}

static void add(struct sum *sum, char sign, uint64_t term)
{
	int64_t value = (int64_t)term; /* at most INT64_MAX: see read_term() */

	if (__builtin_add_overflow(sum->value, sign == '-' ? -value : value, &sum->value))
		sum->is_too_large = true;
}

/* Adds the term at @at. Returns the byte behind it, or NULL where there is none. */
static const char *read_term(const char *at, char sign, const struct expand_vars *v,
			     struct sum *sum)
{
	size_t n_digits = strspn(at, "0123456789");
	uint64_t number;

	if (begins_with(at, "slot")) {
		sum->names_variable = true;
		add(sum, sign, v->slot);
		return at + strlen("slot");
	}
	if (begins_with(at, "workers")) {
		sum->names_variable = true;
		add(sum, sign, v->n_workers);
		return at + strlen("workers");
	}
	if (n_digits == 0 || (n_digits > 1 && *at == '0'))
		return NULL;
	if (number_parse(at, n_digits, INT64_MAX, &number))
		add(sum, sign, number);
	else
		sum->is_too_large = true;
	return at + n_digits;
}

/* Returns the byte behind the sum's closing brace, or NULL where @at begins no sum. */
static const char *read_sum(const char *at, const struct expand_vars *v, struct sum *ret_sum)
{
	struct sum sum = { 0 };
	char sign = '+';

	if (*at != '{')
		return NULL;
	do {
		at = read_term(at + 1, sign, v, &sum);
		if (!at)
			return NULL;
		sign = *at;
	} while (sign == '+' || sign == '-');
	if (sign != '}' || !sum.names_variable)
		return NULL;
	*ret_sum = sum;
	return at + 1;
}

static enum expand_result put_sum(struct output *out, const struct sum *sum)
{
	char digits[sizeof("9223372036854775807")];

	if (sum->is_too_large)
		return EXPAND_TOO_LARGE;
	if (sum->value < 0)
		return EXPAND_NEGATIVE;
	put(out, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, sum->value));
	return EXPAND_OK;
}

static enum expand_result walk(const char *text, const struct expand_vars *v, struct output *out)
{
	while (*text) {
		struct sum sum;
		const char *behind = read_sum(text, v, &sum);
		enum expand_result r;

		if (!behind) {
			size_t size = 1 + strcspn(text + 1, "{");

			put(out, text, size);
			text += size;
			continue;
		}
		r = put_sum(out, &sum);
		if (r != EXPAND_OK)
			return r;
		text = behind;
	}
	put(out, "", 1);
	return EXPAND_OK;
}

enum expand_result expand_measure(const char *text, const struct expand_vars *v, size_t *ret_size)
{
	struct output out = { 0 };
	enum expand_result r = walk(text, v, &out);

	if (r == EXPAND_OK)
		*ret_size = out.used;
	return r;
}

enum expand_result expand(const char *text, const struct expand_vars *v, char *ret_text,
			  size_t size)
{
	struct output out = { .text = ret_text };
	size_t needed = 0;
	enum expand_result r = expand_measure(text, v, &needed);

	if (r != EXPAND_OK)
		return r;
	if (needed > size)
		return EXPAND_TOO_LONG;
	return walk(text, v, &out);
}

const char *expand_result_text(enum expand_result r)
{
	switch (r) {
	case EXPAND_OK: return "is a good text";
	case EXPAND_NEGATIVE: return "has a sum in braces that is less than 0";
	case EXPAND_TOO_LARGE: return "has a sum in braces that is too large";
	case EXPAND_TOO_LONG: return "becomes too long";
	}
	return "cannot be used";
}
