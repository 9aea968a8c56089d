/*
 * A journal that anyone may have left: it is refused, or everything in it can be used,
 * and nothing outside of it is touched.
 *
 * The bytes are the numbers of the block; then come its first streams, each behind the
 * other, then what lies at the beginning of input and queue.
 */
#include "core/journal.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define N_STREAMS 4
#define HEAD_SIZE offsetof(struct journal_block, states[2])

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Between two pages that cannot be touched. */
static struct journal_block *make_block(void)
{
	size_t size = sizeof(struct journal_block);
	char *memory = mmap(NULL, size + 2 * (size_t)JOURNAL_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(memory != MAP_FAILED);
	assert(mprotect(memory + JOURNAL_PAGE, size, PROT_READ | PROT_WRITE) == 0);
	return (struct journal_block *)(void *)(memory + JOURNAL_PAGE);
}

static void put(void *to, size_t room, const uint8_t **bytes, size_t *size)
{
	size_t n = *size < room ? *size : room;

	memcpy(to, *bytes, n);
	*bytes += n;
	*size -= n;
}

static void fill(struct journal_block *block, const uint8_t *bytes, size_t size)
{
	/* Nothing of the input before. */
	assert(madvise(block, sizeof(*block), MADV_DONTNEED) == 0);
	put(block, HEAD_SIZE, &bytes, &size);
	for (unsigned i = 0; i < N_STREAMS; i++)
		put(&block->streams[i], sizeof(block->streams[i]), &bytes, &size);
	put(block->input, size / 2, &bytes, &size);
	put(block->queue, sizeof(block->queue), &bytes, &size);
}

static void use_stream(struct journal *j, uint32_t number)
{
	struct message_source source = journal_source(j, number);
	struct span input = journal_input(j);
	struct lines lines;
	struct span line;
	size_t n_bytes = 0;

	assert(strlen(source.app) <= APP_NAME_MAX);
	journal_lines(j, number, &lines);
	while (input.size > 0) {
		if (lines_next(&lines, &input, &line))
			n_bytes += line.size;
	}
	assert(n_bytes <= LINES_SIZE_MAX + JOURNAL_INPUT_SIZE);
	(void)lines_last(&lines, &line);
}

static void use(struct journal *j)
{
	struct span queued = journal_queued(j);
	struct journal_state next;

	assert(queued.size == 0 || queued.at[queued.size - 1] == '\n');
	for (uint32_t i = 0; i < j->n_streams; i++) {
		if (j->block->streams[i].id != 0)
			use_stream(j, i);
	}
	if (journal_make_room(j, 3)) {
		next = journal_next(j);
		journal_append(j, &next, (struct span){ "ab\n", 3 });
		journal_commit(j, &next);
		assert(journal_queued(j).size == queued.size + 3);
	}
	next = journal_next(j);
	journal_use_input(&next, 0);
	journal_commit(j, &next);
	memset(journal_begin_read(j, 0, JOURNAL_INPUT_SIZE), 'x', JOURNAL_INPUT_SIZE);
	journal_end_read(j, JOURNAL_INPUT_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct journal_block *block;
	struct journal j, again;

	if (!block)
		block = make_block();
	fill(block, bytes, size);
	if (!journal_open(&j, block))
		return 0;
	assert(journal_open(&again, block)); /* what one has opened, another can */
	assert(again.now.queue_begin == j.now.queue_begin &&
	       again.now.queue_end == j.now.queue_end);
	use(&again);
	return 0;
}
