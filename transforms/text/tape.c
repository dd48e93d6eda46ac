/* tape.c - bytes that are appended, and read at any offset later.
 *
 * Blocks grow from FIRST to LARGEST, so a short stream needs little memory. When the memory for them is used up, the
 * oldest block goes to the file, and its memory is used for the next bytes. Large blocks are asked for in huge pages: the first
 * touch of so many small ones would cost more than the copy.
 */
#include "tape.h"

#include <string.h>
#include <sys/mman.h>

#include "base/invariant.h"
#include "stage.h"

#define FIRST ((size_t)64 << 10)
#define LARGEST ((size_t)4 << 20)
#define HUGE_PAGE ((uintptr_t)2 << 20)

void leat_tape_init(struct leat_tape *t, struct leat_stage *s, const char *dir)
{
    *t = (struct leat_tape){.len = 0};
    leat_nameless_init(&t->file, s, dir);
}

void leat_tape_done(struct leat_tape *t)
{
    for (size_t i = 0; i < t->n_blocks; i++)
        leat_free(t->file.stage, t->blocks[i].data);
    t->n_blocks = 0;
    if (t->file.stage)
        leat_nameless_close(&t->file);
}

void leat_tape_lend(struct leat_tape *t, uint64_t size)
{
    leat_assert(t->len == 0 && t->n_blocks == 0);
    t->is_input = true;
    t->len = size;
}

/* The size of the next block. */
static size_t next_size(const struct leat_tape *t)
{
    size_t size = t->n_blocks > 0 ? 2 * t->blocks[t->n_blocks - 1].size : FIRST;

    return size < LARGEST ? size : LARGEST;
}

static void ask_for_huge_pages(uint8_t *data, size_t size)
{
    uintptr_t from = ((uintptr_t)data + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)data + size) & ~(HUGE_PAGE - 1);

    if (from < to)
        (void)madvise(data + (from - (uintptr_t)data), to - from, MADV_HUGEPAGE); /* advice only */
}

/* Appends an empty block of new memory. */
static int add_block(struct leat_tape *t, size_t size)
{
    uint8_t *data = leat_alloc_raw(t->file.stage, size);

    if (!data)
        return LEAT_ENOMEM;
    ask_for_huge_pages(data, size);
    leat_assert(t->n_blocks < LEAT_TAPE_BLOCKS);
    t->blocks[t->n_blocks++] = (struct leat_tape_block){.data = data, .size = size, .at = t->len};
    t->taken += size;
    return 0;
}

/* Writes the oldest block to the file, and makes it an empty one at the end. */
static int file_oldest(struct leat_tape *t)
{
    struct leat_tape_block oldest = t->blocks[0];
    int r = leat_nameless_write(&t->file, oldest.data, oldest.len, oldest.at);

    if (r < 0)
        return r;
    leat_assert(oldest.at == t->filed);
    t->filed += oldest.len;
    t->n_blocks--;
    memmove(t->blocks, t->blocks + 1, t->n_blocks * sizeof *t->blocks);
    oldest.len = 0;
    oldest.at = t->len;
    t->blocks[t->n_blocks++] = oldest;
    return 0;
}

/* Appends an empty block. */
static int next_block(struct leat_tape *t)
{
    size_t size = next_size(t);

    if (t->memory == 0) {
        t->memory = leat_memory_spare(t->file.stage) / 4 * 3;
        if (t->memory < FIRST)
            t->memory = FIRST;
    }
    if (t->n_blocks == 0 || (t->n_blocks < LEAT_TAPE_BLOCKS && t->taken + size <= t->memory &&
                             size <= leat_memory_left(t->file.stage)))
        return add_block(t, size);
    return file_oldest(t);
}

int leat_tape_add(struct leat_tape *t, const uint8_t *data, size_t n)
{
    leat_assert(!t->is_input || n == 0);
    while (n > 0) {
        struct leat_tape_block *last = t->n_blocks > 0 ? &t->blocks[t->n_blocks - 1] : NULL;
        size_t fits = last ? last->size - last->len : 0;
        int r;

        if (fits == 0) {
            r = next_block(t);
            if (r < 0)
                return r;
            continue;
        }
        if (fits > n)
            fits = n;
        memcpy(last->data + last->len, data, fits);
        last->len += fits;
        t->len += fits;
        data += fits;
        n -= fits;
    }
    return 0;
}

/* The block with the byte at an offset, which is not in the file. Reads go backwards mostly. */
static const struct leat_tape_block *block_at(const struct leat_tape *t, uint64_t at)
{
    size_t i = t->n_blocks;

    do
        leat_assert(i > 0);
    while (t->blocks[--i].at > at);
    return &t->blocks[i];
}

int leat_tape_read(struct leat_tape *t, uint64_t at, uint8_t *to, size_t n)
{
    leat_assert(at <= t->len && n <= t->len - at);
    if (t->is_input)
        return leat_input_read(t->file.stage, at, to, n);
    while (n > 0) {
        size_t part = n;

        if (at < t->filed) {
            int r;

            if (part > t->filed - at)
                part = (size_t)(t->filed - at);
            r = leat_nameless_read(&t->file, to, part, at);
            if (r < 0)
                return r;
        } else {
            const struct leat_tape_block *b = block_at(t, at);
            size_t from = (size_t)(at - b->at);

            leat_assert(from < b->len);
            if (part > b->len - from)
                part = b->len - from;
            memcpy(to, b->data + from, part);
        }
        to += part;
        at += part;
        n -= part;
    }
    return 0;
}
