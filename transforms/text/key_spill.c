/* key_spill.c - a table of keys that is larger than memory. */

#include "key_spill.h"

#include <inttypes.h>
#include <string.h>

#include "base/invariant.h"

#define BLOCK_SHARE                                                                                \
    1024u /* a block has at most this part of the memory limit, so that many runs can be merged */
#define BLOCK_LEAST ((size_t)4 << 10)
#define BLOCK_MOST ((size_t)64 << 10)
#define RUNS_FIRST 16u

static size_t block_of(const struct leat_stage *s)
{
    uint64_t size = leat_memory_limit(s) / BLOCK_SHARE;

    return size < BLOCK_LEAST ? BLOCK_LEAST : size > BLOCK_MOST ? BLOCK_MOST : (size_t)size;
}

/* Bytes that writing a run takes. */
static uint64_t need_of(const struct leat_stage *s)
{
    return leat_runs_need(block_of(s)) + 2 * block_of(s);
}

int leat_key_spill_begin(struct leat_stage *s, struct leat_key_spill *p, uint64_t *ret_limit)
{
    uint64_t need = need_of(s), free = leat_memory_spare(s);
    int r;

    leat_assert(!p->file && p->aside == 0);
    if (free > need + need / 4) { /* else a table cannot be spilled */
        r = leat_charge(s, need);
        if (r < 0)
            return r;
        p->aside = need;
        free -= need;
    }
    *ret_limit = free / 4 * 3;
    return 0;
}

int leat_key_fail_long(struct leat_stage *s, size_t n)
{
    return leat_fail(s, LEAT_ELIMIT, "there is no memory for a line of %zu bytes; raise --memory",
                     n);
}

static uint64_t memory_of(const struct leat_stage *s, const struct leat_key_spill *p)
{
    return p->memory ? p->memory : leat_memory_spare(s);
}

/* --- runs ------------------------------------------------------------------------------------- */

/* A new run after the others. */
static int add_run(struct leat_stage *s, struct leat_key_spill *p, struct leat_run **ret)
{
    size_t room = p->room ? 2 * p->room : RUNS_FIRST;
    struct leat_run *runs;

    if (!p->file) {
        leat_uncharge(s, p->aside);
        p->aside = 0;
        p->file = leat_runs_new(s, p->dir, block_of(s));
    }
    if (!p->file)
        return LEAT_ENOMEM;
    if (p->n == p->room) {
        runs = leat_alloc(s, room * sizeof *runs);
        if (!runs)
            return LEAT_ENOMEM;
        if (p->n > 0)
            memcpy(runs, p->runs, p->n * sizeof *runs);
        leat_free(s, p->runs);
        p->runs = runs;
        p->room = room;
    }
    leat_assert(p->n < p->room);
    p->runs[p->n] = (struct leat_run){0};
    *ret = &p->runs[p->n++];
    return 0;
}

static int add_key(struct leat_key_spill *p, struct leat_run *run, const struct leat_key *key)
{
    return leat_key_run_add(p->file, run, key->value, key->bytes, key->len);
}

int leat_key_spill_table(struct leat_stage *s, struct leat_key_spill *p, struct leat_keys *table)
{
    struct leat_run *run;
    int r = add_run(s, p, &run);

    leat_keys_sort(table);
    for (size_t i = 0; r == 0 && i < table->n; i++)
        r = add_key(p, run, leat_key_at(&table->arena, (uint32_t)table->slots[i]));
    if (r == 0)
        r = leat_run_end(p->file, run);
    leat_keys_clear(s, table);
    return r;
}

/* Runs that can be merged at once in so many bytes. */
static size_t runs_that_fit(const struct leat_key_spill *p, uint64_t bytes)
{
    uint64_t sum = 0;
    size_t n = 0;

    while (n < p->n && (n < 2 || sum + leat_key_merge_need(&p->runs[n]) <= bytes))
        sum += leat_key_merge_need(&p->runs[n++]);
    return n;
}

static int begin_merge(struct leat_stage *s, struct leat_key_spill *p, bool by_hash, size_t n)
{
    p->merge = (struct leat_key_merge){
        .file = p->file,
        .hasher = by_hash ? &p->hasher : NULL,
        .order = p->order,
        .fold = p->fold,
    };
    return leat_key_merge_begin(s, &p->merge, p->runs, n);
}

/* Forgets the first n runs, which were merged. */
static void drop_runs(struct leat_key_spill *p, size_t n)
{
    leat_assert(n <= p->n);
    p->n -= n;
    memmove(p->runs, p->runs + n, p->n * sizeof *p->runs);
}

/* --- equal lines ------------------------------------------------------------------------------ */

/* Adds a record to the key of an equal line. */
static void combine(const struct leat_key_spill *p, struct leat_key *key,
                    const struct leat_key_cursor *c)
{
    leat_assert(key->len == c->line.len);
    if (p->order == LEAT_KEY_BY_PLACE) {
        if (c->value < key->value) {
            key->value = c->value;
            memcpy(key->bytes, c->line.data, c->line.len); /* with fold: the first spelling */
        }
        return;
    }
    key->value += c->value;
    if (p->fold && memcmp(c->line.data, key->bytes, key->len) < 0)
        memcpy(key->bytes, c->line.data, key->len);
}

static bool is_last(const struct leat_key_spill *p, const struct leat_key_cursor *c)
{
    return p->last && p->last->high == c->line.hash >> 32 && p->last->len == c->line.len &&
           leat_key_same(p->last->bytes, c->line.data, c->line.len, p->fold);
}

/* Adds a record to the arena as the last key. Returns 1; 0: it is full; or fails. */
static int add_last(struct leat_stage *s, struct leat_key_spill *p, const struct leat_key_cursor *c)
{
    uint64_t items = leat_key_rank_need(p->n_keys + 1);
    uint32_t reference = 0;

    if (items < p->limit)
        reference = leat_key_arena_add(s, &p->arena, p->limit - items, c->line.data, c->line.len);
    if (p->arena.failed)
        return LEAT_ENOMEM;
    if (!reference && p->n_keys == 0)
        return leat_key_fail_long(s, c->line.len);
    if (!reference)
        return 0;
    p->last = leat_key_at(&p->arena, reference);
    p->last->value = c->value;
    p->last->high = (uint32_t)(c->line.hash >> 32);
    p->n_keys++;
    return 1;
}

static void clear_arena(struct leat_stage *s, struct leat_key_spill *p)
{
    leat_key_arena_clear(s, &p->arena);
    p->n_keys = 0;
    p->last = NULL;
}

/* --- merges that make fewer runs -------------------------------------------------------------- */

/* Merges by hash: writes the last key, which is complete, and forgets it. */
static int write_last(struct leat_stage *s, struct leat_key_spill *p, struct leat_run *run)
{
    int r = p->last ? add_key(p, run, p->last) : 0;

    clear_arena(s, p);
    return r;
}

static int merge_to_run(struct leat_stage *s, struct leat_key_spill *p, bool by_hash,
                        struct leat_run *run)
{
    const struct leat_key_cursor *c;
    int r = 0;

    while (r == 0 && (c = leat_key_merge_get(&p->merge))) {
        if (!by_hash) {
            r = leat_key_run_add(p->file, run, c->value, c->line.data, c->line.len);
        } else if (is_last(p, c)) {
            combine(p, p->last, c);
        } else {
            r = write_last(s, p, run);
            if (r == 0)
                r = add_last(s, p, c);
            r = r < 0 ? r : 0;
        }
        if (r == 0)
            r = leat_key_merge_on(s, &p->merge);
    }
    if (r == 0 && by_hash)
        r = write_last(s, p, run);
    return r;
}

/* Merges the first n runs to a new one. */
static int merge_some(struct leat_stage *s, struct leat_key_spill *p, bool by_hash, size_t n)
{
    struct leat_run run = {0}, *added;
    int r = begin_merge(s, p, by_hash, n);

    if (r == 0)
        r = merge_to_run(s, p, by_hash, &run);
    if (r == 0)
        r = leat_run_end(p->file, &run);
    leat_key_merge_done(s, &p->merge);
    if (r < 0) {
        leat_run_done(p->file, &run);
        return r;
    }
    drop_runs(p, n);
    r = add_run(s, p, &added);
    leat_assert(r == 0); /* there is room for it */
    *added = run;
    return 0;
}

/* Merges until all runs that are left can be merged at once in so many bytes. */
static int merge_down(struct leat_stage *s, struct leat_key_spill *p, bool by_hash, uint64_t bytes)
{
    int r = 0;

    while (r == 0) {
        size_t fit = runs_that_fit(p, bytes);

        if (fit == p->n)
            break;
        leat_assert(fit >= 2);
        r = merge_some(s, p, by_hash, p->n - fit + 1 < fit ? p->n - fit + 1 : fit);
    }
    return r;
}

/* --- the order of the output ------------------------------------------------------------------ */

static int rank(struct leat_stage *s, struct leat_key_spill *p)
{
    int r = leat_key_rank(s, &p->arena, p->n_keys, p->order, p->most, UINT64_MAX, &p->items);

    if (r == 0)
        return leat_fail(s, LEAT_ELIMIT, "no memory to sort %zu lines; raise --memory", p->n_keys);
    return r < 0 ? r : 0;
}

/* Writes the lines of the arena to a run, in order. `runs` has the runs by value. */
static int write_arena(struct leat_stage *s, struct leat_key_spill *p, struct leat_key_spill *to)
{
    struct leat_run *run;
    int r = rank(s, p);

    if (r == 0)
        r = add_run(s, to, &run);
    for (size_t i = 0; r == 0 && i < p->items.n; i++)
        r = add_key(to, run, leat_key_at(&p->arena, p->items.v[i].reference));
    if (r == 0)
        r = leat_run_end(to->file, run);
    if (r == 0 && p->most > 0 && p->items.n == p->most)
        p->least = leat_key_at(&p->arena, p->items.v[p->items.n - 1].reference)->value;
    leat_key_items_done(s, &p->items);
    clear_arena(s, p);
    return r;
}

/* Forgets the last key if it is not wanted. */
static void complete_last(struct leat_key_spill *p)
{
    if (p->last && p->last->value < (p->least > 0 ? p->least : 1)) {
        leat_key_arena_drop(&p->arena, p->last);
        p->n_keys--;
    }
    p->last = NULL;
}

/* The last merge by hash: fills the arena with lines, and runs by value if it becomes full. */
static int merge_to_order(struct leat_stage *s, struct leat_key_spill *p, struct leat_key_spill *to)
{
    const struct leat_key_cursor *c;
    int r = 0;

    while (r == 0 && (c = leat_key_merge_get(&p->merge))) {
        if (is_last(p, c)) {
            combine(p, p->last, c);
        } else {
            complete_last(p);
            r = add_last(s, p, c);
            if (r == 0) {
                r = write_arena(s, p, to);
                continue;
            }
            r = r < 0 ? r : 0;
        }
        if (r == 0)
            r = leat_key_merge_on(s, &p->merge);
    }
    complete_last(p);
    return r;
}

/* Begins the merge of the runs by value. */
static int begin_last_merge(struct leat_stage *s, struct leat_key_spill *p)
{
    int r;

    leat_key_arena_done(s, &p->arena);
    r = merge_down(s, p, false, memory_of(s, p) / 2);
    return r < 0 ? r : begin_merge(s, p, false, p->n);
}

int leat_key_spill_merge(struct leat_stage *s, struct leat_key_spill *p)
{
    struct leat_key_spill to = {.file = p->file};
    uint64_t half = memory_of(s, p) / 2;
    int r;

    leat_assert(p->n > 0 && !p->merged);
    leat_key_hasher_init(&p->hasher, p->fold);
    p->limit = half;
    r = merge_down(s, p, true, half);
    if (r == 0)
        r = begin_merge(s, p, true, p->n);
    p->limit = memory_of(s, p) / 4 * 3;
    if (r == 0)
        r = merge_to_order(s, p, &to);
    leat_key_merge_done(s, &p->merge);
    if (r == 0 && to.n > 0)
        r = write_arena(s, p, &to);
    else if (r == 0)
        r = rank(s, p);
    leat_free(s, p->runs);
    p->runs = to.runs;
    p->n = to.n;
    p->room = to.room;
    if (r == 0 && p->n > 0)
        r = begin_last_merge(s, p);
    p->merged = true;
    return r;
}

/* --- output ----------------------------------------------------------------------------------- */

bool leat_key_spill_get(const struct leat_key_spill *p, uint64_t *ret_value,
                        const uint8_t **ret_data, size_t *ret_n)
{
    const struct leat_key_cursor *c = leat_key_merge_get(&p->merge);
    const struct leat_key *key;

    leat_assert(p->merged);
    if (c) {
        *ret_value = c->value;
        *ret_data = c->line.data;
        *ret_n = c->line.len;
        return true;
    }
    if (p->item == p->items.n)
        return false;
    key = leat_key_at(&p->arena, p->items.v[p->item].reference);
    *ret_value = key->value;
    *ret_data = key->bytes;
    *ret_n = key->len;
    return true;
}

int leat_key_spill_on(struct leat_stage *s, struct leat_key_spill *p)
{
    if (leat_key_merge_get(&p->merge))
        return leat_key_merge_on(s, &p->merge);
    leat_assert(p->item < p->items.n);
    p->item++;
    return 0;
}

void leat_key_spill_done(struct leat_stage *s, struct leat_key_spill *p)
{
    leat_key_merge_done(s, &p->merge);
    for (size_t i = 0; i < p->n; i++)
        leat_run_done(p->file, &p->runs[i]);
    leat_runs_free(p->file);
    leat_uncharge(s, p->aside);
    leat_free(s, p->runs);
    leat_key_items_done(s, &p->items);
    leat_key_arena_done(s, &p->arena);
    leat_key_hasher_done(s, &p->hasher);
    p->file = NULL;
    p->runs = NULL;
    p->n = p->room = 0;
    p->aside = 0;
}
