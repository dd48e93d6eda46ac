/* store.c - the sorted runs of all lanes.
 *
 * Packets are copied to segments of memory, one after another. When no more memory is to spare, all runs in memory are
 * merged to one run in the temporary file, and the segments are used again. Runs stay in the order of the input, so of
 * equal records the first one comes out first. At the end all runs are merged to the output. If there are more runs in the
 * file than there is memory for their buffers, neighbours are first merged to larger ones.
 */

#include "store.h"

#include <sys/mman.h>

#include "base/invariant.h"
#include "block.h"
#include "stage.h"

#define FILE_BLOCK ((size_t)64 << 10)
#define FILE_BLOCK_PART 256u /* of the memory limit: a block of the file is at most this part */
#define FILE_BLOCK_LEAST ((size_t)1 << 10)
#define FANIN_LEAST 2u
#define FREE_PART 8u /* of the memory limit: it is left for long lines, and for other stages */
#define HUGE_PAGE ((uintptr_t)2 << 20)
#define KEPT_PART 14u   /* one run in memory for so many powers of 2 of the limit, */
#define KEPT_LEAST 16u  /* but at least so many, */
#define KEPT_MOST 4096u /* and at most so many */

static size_t file_block(const struct leat_stage *s)
{
    uint64_t part = leat_memory_limit(s) / FILE_BLOCK_PART;

    return part > FILE_BLOCK         ? FILE_BLOCK
           : part < FILE_BLOCK_LEAST ? FILE_BLOCK_LEAST
                                     : (size_t)part;
}

static size_t kept_most(const struct leat_stage *s)
{
    uint64_t most = leat_memory_limit(s) >> KEPT_PART;

    return most > KEPT_MOST ? KEPT_MOST : most < KEPT_LEAST ? KEPT_LEAST : (size_t)most;
}

/* Keeps the memory that a spill needs. Returns 0, or fails the stage. */
static int reserve(struct leat_sort_store *t)
{
    size_t block = file_block(t->stage);
    uint64_t need =
        block + leat_sort_merge_need(kept_most(t->stage)) + (t->runs ? 0 : leat_runs_need(block));
    int r = leat_charge(t->stage, need);

    leat_assert(t->reserved == 0);
    t->reserved = r == 0 ? need : 0;
    return r;
}

static void release(struct leat_sort_store *t)
{
    leat_uncharge(t->stage, t->reserved);
    t->reserved = 0;
}

int leat_sort_store_open(struct leat_sort_store *t, struct leat_stage *s,
                         const struct leat_sort_format *f, const char *dir, size_t segment)
{
    t->stage = s;
    t->format = f;
    t->dir = dir;
    t->segment = segment;
    return reserve(t);
}

static void drop_segments(struct leat_sort_store *t)
{
    for (size_t i = 0; i < t->n_segments; i++)
        leat_free(t->stage, t->segments[i]);
    t->n_segments = t->n_used = t->fill = 0;
}

void leat_sort_store_close(struct leat_sort_store *t)
{
    if (!t->stage)
        return;
    if (t->merges)
        leat_sort_merge_end(&t->merge);
    for (size_t i = 0; i < t->n_spilled; i++)
        leat_run_done(t->runs, &t->spilled[i]);
    leat_runs_free(t->runs);
    drop_segments(t);
    leat_free(t->stage, t->segments);
    leat_free(t->stage, t->sizes);
    leat_free(t->stage, t->pieces);
    leat_free(t->stage, t->kept);
    leat_free(t->stage, t->spilled);
    release(t);
    *t = (struct leat_sort_store){0};
}

/* Makes room for one more element of `size` bytes in an array of n. Returns 0, or fails the stage. */
static int grow(struct leat_stage *s, void *array, size_t n, size_t *room, size_t size)
{
    size_t more = *room > 0 ? 2 * *room : 16;
    void *old, *new;

    if (n < *room)
        return 0;
    new = leat_alloc_raw(s, more * size);
    if (!new)
        return LEAT_ENOMEM;
    memcpy(&old, array, sizeof old);
    if (old) {
        memcpy(new, old, n * size);
        leat_free(s, old);
    }
    memcpy(array, &new, sizeof new);
    *room = more;
    return 0;
}

/* --- segments --------------------------------------------------------------------------------- */

/* Large pages make the first touch of a segment several times as fast. */
static void advise(uint8_t *segment, size_t size)
{
    uintptr_t from = ((uintptr_t)segment + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)segment + size) & ~(HUGE_PAGE - 1);

    if (from < to)
        (void)madvise(segment + (from - (uintptr_t)segment), to - from,
                      MADV_HUGEPAGE); /* as fast as the kernel can */
}

/* Allocates a segment. Returns 1; 0: there is no memory to spare; or fails the stage. */
static int add_segment(struct leat_sort_store *t, size_t size, bool needed)
{
    size_t room = t->room_segments;
    uint8_t *segment;
    int r;

    if (!needed && leat_memory_spare(t->stage) < size + leat_memory_limit(t->stage) / FREE_PART)
        return 0;
    r = grow(t->stage, &t->segments, t->n_segments, &room, sizeof *t->segments);
    if (r == 0)
        r = grow(t->stage, &t->sizes, t->n_segments, &t->room_segments, sizeof *t->sizes);
    segment = r == 0 ? leat_alloc_raw(t->stage, size) : NULL;
    if (!segment)
        return LEAT_ENOMEM;
    advise(segment, size);
    t->segments[t->n_segments] = segment;
    t->sizes[t->n_segments++] = size;
    return 1;
}

static int spill(struct leat_sort_store *t);

/* Makes the next segment the one in use. It has room for n bytes. Returns 0, or fails the stage. */
static int next_segment(struct leat_sort_store *t, size_t n)
{
    size_t size = n > t->segment ? n : t->segment;
    int r = 1;

    if (t->n_used == t->n_segments || t->sizes[t->n_used] < n)
        r = t->n_kept < kept_most(t->stage) ? add_segment(t, size, t->n_segments == 0) : 0;
    if (r == 0) {
        r = spill(t);
        /* A packet that does not fit in a usual segment needs memory of another one. */
        if (r == 0 && t->n_segments > 0 && t->sizes[0] >= n)
            r = 1;
        if (r == 0)
            drop_segments(t);
        if (r == 0)
            r = add_segment(t, size, true);
    }
    if (r < 0)
        return r;
    if (t->sizes[t->n_used] < n) { /* the new one is the last of them */
        uint8_t *segment = t->segments[t->n_used];
        size_t last = t->n_segments - 1, old = t->sizes[t->n_used];

        t->segments[t->n_used] = t->segments[last];
        t->sizes[t->n_used] = t->sizes[last];
        t->segments[last] = segment;
        t->sizes[last] = old;
    }
    leat_assert(t->sizes[t->n_used] >= n);
    t->n_used++;
    t->fill = 0;
    return 0;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Room for a packet of n bytes, as a piece of the last run. Returns 0, or fails the stage. */
static int begin_packet(struct leat_sort_store *t, size_t n, bool first)
{
    struct leat_sort_piece *piece;
    bool fresh;
    int r = 0;

    if (t->n_used == 0 || t->sizes[t->n_used - 1] - t->fill < n)
        r = next_segment(t, n);
    if (r == 0)
        r = grow(t->stage, &t->kept, t->n_kept, &t->room_kept, sizeof *t->kept);
    if (r == 0)
        r = grow(t->stage, &t->pieces, t->n_pieces, &t->room_pieces, sizeof *t->pieces);
    if (r < 0)
        return r;
    /* After a spill the rest of a run is a run. */
    first = first || t->n_kept == 0;
    if (first)
        t->kept[t->n_kept++] = (struct leat_sort_run){.first = t->n_pieces};
    t->to = t->segments[t->n_used - 1] + t->fill;
    t->fill += n;
    fresh = first || t->fill == n;
    if (fresh) {
        t->pieces[t->n_pieces++] = (struct leat_sort_piece){.at = t->to};
        t->kept[t->n_kept - 1].n++;
    }
    piece = &t->pieces[t->n_pieces - 1];
    leat_assert(piece->at + piece->len == t->to);
    piece->len += n;
    t->left = n;
    return 0;
}

int leat_sort_store_add(struct leat_sort_store *t, const uint8_t *data, size_t n)
{
    size_t take;
    uint32_t head;
    int r;

    while (n > 0) {
        if (t->left > 0) {
            take = n < t->left ? n : t->left;
            memcpy(t->to, data, take);
            t->to += take;
            t->left -= take;
        } else {
            take = n < sizeof t->head - t->head_len ? n : sizeof t->head - t->head_len;
            memcpy(t->head + t->head_len, data, take);
            t->head_len += take;
            if (t->head_len == sizeof t->head) {
                memcpy(&head, t->head, sizeof head);
                t->head_len = 0;
                r = begin_packet(t, head & ~LEAT_SORT_FIRST, head & LEAT_SORT_FIRST);
                if (r < 0)
                    return r;
            }
        }
        data += take;
        n -= take;
    }
    return 0;
}

/* --- spilling --------------------------------------------------------------------------------- */

static int open_file(struct leat_sort_store *t)
{
    if (!t->runs)
        t->runs = leat_runs_new(t->stage, t->dir, file_block(t->stage));
    return t->runs ? 0 : LEAT_ENOMEM;
}

/* Writes what is left of the merge as a run of the file. */
static int write_run(struct leat_sort_store *t, struct leat_run *run)
{
    const struct leat_sort_record *record;
    uint8_t *to;
    int r;

    while ((r = leat_sort_merge_next(&t->merge, &record)) > 0) {
        r = leat_run_room(t->runs, run, record->size, &to);
        if (r < 0)
            return r;
        memcpy(to, record->start, record->size);
    }
    return r < 0 ? r : leat_run_end(t->runs, run);
}

static void add_kept(struct leat_sort_store *t)
{
    for (size_t i = 0; i < t->n_kept; i++)
        leat_sort_merge_pieces(&t->merge, t->pieces + t->kept[i].first, t->kept[i].n);
}

static int begin_merge(struct leat_sort_store *t, size_t n)
{
    leat_assert(!t->merges);
    t->merges = true;
    return leat_sort_merge_begin(&t->merge, t->stage, t->format, t->runs, n);
}

static void end_merge(struct leat_sort_store *t)
{
    leat_sort_merge_end(&t->merge);
    t->merges = false;
}

/* Merges all runs in memory to one in the file. Their segments can be used again. */
static int spill(struct leat_sort_store *t)
{
    int r;

    leat_assert(t->left == 0);
    if (t->n_kept == 0)
        return 0;
    release(t);
    r = open_file(t);
    if (r == 0)
        r = grow(t->stage, &t->spilled, t->n_spilled, &t->room_spilled, sizeof *t->spilled);
    if (r == 0)
        r = begin_merge(t, t->n_kept);
    if (r < 0)
        return r;
    t->spilled[t->n_spilled++] = (struct leat_run){0};
    add_kept(t);
    r = leat_sort_merge_start(&t->merge);
    if (r == 0)
        r = write_run(t, &t->spilled[t->n_spilled - 1]);
    if (r < 0)
        return r;
    end_merge(t);
    t->n_kept = t->n_pieces = t->n_used = t->fill = 0;
    return reserve(t);
}

/* Merges n neighbouring runs of the file to one, which takes the place of the first. */
static int merge_group(struct leat_sort_store *t, size_t first, size_t n, size_t place)
{
    struct leat_run run = {0};
    int r = begin_merge(t, n);

    for (size_t i = 0; r == 0 && i < n; i++)
        leat_sort_merge_run(&t->merge, &t->spilled[first + i]);
    if (r == 0)
        r = leat_sort_merge_start(&t->merge);
    if (r == 0)
        r = write_run(t, &run);
    if (r < 0) {
        leat_run_done(t->runs, &run);
        return r;
    }
    end_merge(t);
    for (size_t i = 0; i < n; i++)
        leat_run_done(t->runs, &t->spilled[first + i]);
    t->spilled[place] = run;
    return 0;
}

/* Bytes that a merge of the runs first to first + n to another one needs: their buffers, that of the other one, and a copy
 * of a key. */
static uint64_t need_of(const struct leat_sort_store *t, size_t first, size_t n)
{
    uint64_t need = leat_sort_merge_need(n);
    size_t largest = file_block(t->stage);

    for (size_t i = 0; i < n; i++) {
        size_t block = leat_run_need(&t->spilled[first + i]);

        need += block;
        largest = block > largest ? block : largest;
    }
    return need + 3 * (uint64_t)largest;
}

/* Merges runs of the file until the rest can be merged at once with so many bytes. */
static int reduce(struct leat_sort_store *t)
{
    uint64_t most = leat_memory_left(t->stage);
    int r = 0;

    most -= most / 8;
    while (t->n_spilled > FANIN_LEAST && need_of(t, 0, t->n_spilled) > most) {
        size_t to = 0, n;

        for (size_t from = 0; from < t->n_spilled; from += n) {
            for (n = 1; from + n < t->n_spilled; n++)
                if (n >= FANIN_LEAST && need_of(t, from, n + 1) > most)
                    break;
            if (n > 1)
                r = merge_group(t, from, n, to++);
            else
                t->spilled[to++] = t->spilled[from];
            if (r < 0)
                return r;
        }
        leat_assert(to < t->n_spilled);
        t->n_spilled = to;
    }
    return 0;
}

/* --- output ----------------------------------------------------------------------------------- */

static int begin_output(struct leat_sort_store *t)
{
    int r = 0;

    release(t);
    if (t->n_spilled > 0 && need_of(t, 0, t->n_spilled) + leat_sort_merge_need(t->n_kept) >
                                leat_memory_left(t->stage) / 8 * 7) {
        r = spill(t);
        release(t);
        drop_segments(t);
        if (r == 0)
            r = reduce(t);
    }
    if (r == 0)
        r = begin_merge(t, t->n_spilled + t->n_kept);
    for (size_t i = 0; r == 0 && i < t->n_spilled; i++)
        leat_sort_merge_run(&t->merge, &t->spilled[i]);
    if (r < 0)
        return r;
    add_kept(t);
    return leat_sort_merge_start(&t->merge);
}

/* Writes lines while there is room for whole ones. Returns 1: there are no more; 0: no room for the next; or fails. */
static int write_lines(struct leat_sort_store *t, uint8_t *to, size_t room, size_t *ret_written)
{
    const struct leat_sort_record *record;
    size_t n = 0;
    int r;

    while ((r = leat_sort_merge_next(&t->merge, &record)) > 0) {
        if (record->line_len > room - n) {
            t->line = record->line;
            t->line_left = record->line_len;
            break;
        }
        memcpy(to + n, record->line, record->line_len);
        n += record->line_len;
    }
    *ret_written = n;
    return r < 0 ? r : r == 0;
}

int leat_sort_store_output(struct leat_sort_store *t, struct leat_out *out)
{
    size_t n;
    uint8_t *to;
    int r;

    if (!t->merges) {
        r = begin_output(t);
        if (r < 0)
            return r;
    }
    for (;;) {
        if (t->line_left > 0) {
            n = leat_write(out, t->line, t->line_left);
            t->line += n;
            t->line_left -= n;
            if (t->line_left > 0)
                return 0;
        }
        n = leat_reserve(out, &to);
        if (n == 0)
            return 0;
        r = write_lines(t, to, n, &n);
        leat_commit(out, n);
        if (r != 0)
            return r;
    }
}
