/* space_saving.c - the most frequent lines of a stream, with a fixed number of counters.
 *
 * Counters with equal counts are in one bucket, a list from the oldest one on, and the buckets are in a list by their
 * counts. A count grows by one, so a counter moves to the next bucket. The lines are in an arena; when most of it belongs
 * to lines that have lost their counter, the others are copied to a new one.
 */

#include "space_saving.h"

#include <string.h>

#include "base/invariant.h"

#define NONE UINT32_MAX

struct counter {
    uint64_t hash;
    uint32_t key; /* reference in the arena */
    uint32_t bucket;
    uint32_t before, after; /* in the bucket */
};

struct bucket {
    uint64_t count;
    uint32_t first, last;   /* counters */
    uint32_t before, after; /* buckets with smaller and larger counts; free ones: after */
};

struct leat_saving {
    struct counter *counters;
    struct bucket *buckets;
    uint32_t *slots; /* counters by hash, + 1; 0: free */
    size_t n, room, mask;
    uint32_t smallest, free;
    uint64_t error; /* the largest count that a line took over */
    bool fold;
    struct leat_key_arena arena;
    uint64_t live, used; /* bytes of the keys of counters, and of all */
};

struct leat_saving *leat_saving_new(struct leat_stage *s, size_t n, bool fold)
{
    struct leat_saving *v = leat_alloc(s, sizeof *v);
    size_t size = 4;

    leat_assert(n > 0 && n < NONE / 4);
    if (!v)
        return NULL;
    while (size < 2 * n)
        size *= 2;
    v->room = n;
    v->mask = size - 1;
    v->fold = fold;
    v->smallest = NONE;
    v->counters = leat_alloc_raw(s, n * sizeof *v->counters);
    v->buckets = v->counters ? leat_alloc_raw(s, (n + 1) * sizeof *v->buckets) : NULL;
    v->slots = v->buckets ? leat_alloc(s, size * sizeof *v->slots) : NULL;
    if (!v->slots) {
        leat_saving_free(s, v);
        return NULL;
    }
    for (uint32_t i = 0; i <= n; i++)
        v->buckets[i].after = i < n ? i + 1 : NONE;
    v->free = 0;
    return v;
}

void leat_saving_free(struct leat_stage *s, struct leat_saving *v)
{
    if (!v)
        return;
    leat_key_arena_done(s, &v->arena);
    leat_free(s, v->slots);
    leat_free(s, v->buckets);
    leat_free(s, v->counters);
    leat_free(s, v);
}

/* --- buckets ---------------------------------------------------------------------------------- */

/* A bucket for this count after another one (NONE: as the first). */
static uint32_t new_bucket(struct leat_saving *v, uint64_t count, uint32_t before)
{
    uint32_t i = v->free;
    struct bucket *b = &v->buckets[i];

    leat_assert(i != NONE);
    v->free = b->after;
    *b = (struct bucket){.count = count, .first = NONE, .last = NONE, .before = before};
    b->after = before == NONE ? v->smallest : v->buckets[before].after;
    if (b->after != NONE)
        v->buckets[b->after].before = i;
    if (before == NONE)
        v->smallest = i;
    else
        v->buckets[before].after = i;
    return i;
}

static void drop_if_empty(struct leat_saving *v, uint32_t i)
{
    struct bucket *b = &v->buckets[i];

    if (b->first != NONE)
        return;
    if (b->after != NONE)
        v->buckets[b->after].before = b->before;
    if (b->before != NONE)
        v->buckets[b->before].after = b->after;
    else
        v->smallest = b->after;
    b->after = v->free;
    v->free = i;
}

static void put_in(struct leat_saving *v, uint32_t counter, uint32_t bucket)
{
    struct counter *c = &v->counters[counter];
    struct bucket *b = &v->buckets[bucket];

    c->bucket = bucket;
    c->before = b->last;
    c->after = NONE;
    if (b->last != NONE)
        v->counters[b->last].after = counter;
    else
        b->first = counter;
    b->last = counter;
}

static void take_out(struct leat_saving *v, uint32_t counter)
{
    struct counter *c = &v->counters[counter];
    struct bucket *b = &v->buckets[c->bucket];

    if (c->before != NONE)
        v->counters[c->before].after = c->after;
    else
        b->first = c->after;
    if (c->after != NONE)
        v->counters[c->after].before = c->before;
    else
        b->last = c->before;
}

static void count_one(struct leat_saving *v, uint32_t counter)
{
    uint32_t old = v->counters[counter].bucket, next = v->buckets[old].after;
    uint64_t count = v->buckets[old].count + 1;

    leat_assert(next == NONE || v->buckets[next].count >= count);
    if (next == NONE || v->buckets[next].count != count)
        next = new_bucket(v, count, old);
    take_out(v, counter);
    put_in(v, counter, next);
    drop_if_empty(v, old);
}

/* --- keys ------------------------------------------------------------------------------------- */

static struct leat_key *key_of(const struct leat_saving *v, uint32_t counter)
{
    return leat_key_at(&v->arena, v->counters[counter].key);
}

static int no_room(struct leat_stage *s, const struct leat_key_arena *arena)
{
    if (arena->failed)
        return LEAT_ENOMEM;
    return leat_fail(s, LEAT_ELIMIT,
                     "no memory for the lines of the counters; use fewer with --approx=N, or raise "
                     "--memory");
}

/* Copies the keys that are in use to a new arena. */
static int compact(struct leat_stage *s, struct leat_saving *v)
{
    struct leat_key_arena arena = {.n = 0};
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < v->n; i++) {
        const struct leat_key *key = key_of(v, i);
        uint32_t reference = leat_key_arena_add(s, &arena, UINT64_MAX, key->bytes, key->len);

        if (!reference)
            r = no_room(s, &arena);
        v->counters[i].key = reference;
    }
    leat_key_arena_done(s, &v->arena);
    v->arena = arena;
    v->used = v->live;
    return r;
}

/* Gives a counter the key of a line. */
static int set_key(struct leat_stage *s, struct leat_saving *v, uint32_t counter,
                   const struct leat_key_line *line)
{
    uint32_t reference = leat_key_arena_add(s, &v->arena, UINT64_MAX, line->data, line->len);

    if (!reference)
        return no_room(s, &v->arena);
    v->counters[counter].key = reference;
    v->counters[counter].hash = line->hash;
    v->live += leat_key_size(line->len);
    v->used += leat_key_size(line->len);
    return 0;
}

/* --- slots ------------------------------------------------------------------------------------ */

/* The slot of a line, or the free one where it belongs. */
static size_t find(const struct leat_saving *v, const struct leat_key_line *line)
{
    size_t at = line->hash & v->mask;

    for (; v->slots[at]; at = (at + 1) & v->mask) {
        uint32_t i = v->slots[at] - 1;
        const struct leat_key *key;

        if (v->counters[i].hash != line->hash)
            continue;
        key = key_of(v, i);
        if (key->len == line->len && leat_key_same(key->bytes, line->data, line->len, v->fold))
            break;
    }
    return at;
}

/* Empties the slot of a counter, and moves others up, so that each is still found. */
static void empty_slot(struct leat_saving *v, uint32_t counter)
{
    size_t at = v->counters[counter].hash & v->mask, next;

    while (v->slots[at] != counter + 1)
        at = (at + 1) & v->mask;
    for (next = (at + 1) & v->mask; v->slots[next]; next = (next + 1) & v->mask) {
        size_t home = v->counters[v->slots[next] - 1].hash & v->mask;

        if (((next - home) & v->mask) < ((next - at) & v->mask))
            continue;
        v->slots[at] = v->slots[next];
        at = next;
    }
    v->slots[at] = 0;
}

/* --- counting --------------------------------------------------------------------------------- */

/* A line without a counter, while not all are in use. */
static int add_first(struct leat_stage *s, struct leat_saving *v, const struct leat_key_line *line,
                     size_t at)
{
    uint32_t i = (uint32_t)v->n;
    int r = set_key(s, v, i, line);

    if (r < 0)
        return r;
    v->n++;
    v->slots[at] = i + 1;
    if (v->smallest == NONE || v->buckets[v->smallest].count != 1)
        (void)new_bucket(v, 1, NONE);
    put_in(v, i, v->smallest);
    return 0;
}

/* The line takes over the counter that has had the smallest count for longest. */
static int take_over(struct leat_stage *s, struct leat_saving *v, const struct leat_key_line *line)
{
    uint32_t i = v->buckets[v->smallest].first;
    int r = 0;

    leat_assert(i < v->n && v->n == v->room);
    v->error = v->buckets[v->smallest].count;
    empty_slot(v, i);
    v->live -= leat_key_size(key_of(v, i)->len);
    r = set_key(s, v, i, line);
    if (r == 0 && v->used / 2 > v->live + LEAT_KEY_PIECE_MAX)
        r = compact(s, v);
    if (r < 0)
        return r;
    v->slots[find(v, line)] = i + 1;
    count_one(v, i);
    return 0;
}

int leat_saving_add(struct leat_stage *s, struct leat_saving *v, const struct leat_key_line *line)
{
    size_t at = find(v, line);
    struct leat_key *key;

    if (!v->slots[at])
        return v->n < v->room ? add_first(s, v, line, at) : take_over(s, v, line);
    if (v->fold) {
        key = key_of(v, v->slots[at] - 1);
        if (memcmp(line->data, key->bytes, key->len) < 0)
            memcpy(key->bytes, line->data, key->len);
    }
    count_one(v, v->slots[at] - 1);
    return 0;
}

int leat_saving_end(struct leat_stage *s, struct leat_saving *v)
{
    int r = compact(s, v);

    for (uint32_t i = 0; r == 0 && i < v->n; i++)
        key_of(v, i)->value = v->buckets[v->counters[i].bucket].count;
    return r;
}

const struct leat_key_arena *leat_saving_keys(const struct leat_saving *v, size_t *ret_n)
{
    *ret_n = v->n;
    return &v->arena;
}

uint64_t leat_saving_error(const struct leat_saving *v)
{
    return v->error;
}
