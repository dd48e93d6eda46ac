/* keys.c - a hash table of lines, each with a number. */

#include "keys.h"

#include <string.h>

#include "base/invariant.h"

#define BITS_FIRST 8u
#define BITS_MAX 31u

/* Keys at which a table is full: two thirds. */
static size_t most_keys(unsigned bits)
{
    return bits ? ((size_t)1 << bits) / 3 * 2 : 0;
}

static uint64_t slots_bytes(unsigned bits)
{
    return bits ? sizeof(uint64_t) << bits : 0;
}

uint64_t leat_keys_bytes(const struct leat_keys *k)
{
    return k->arena.charged + slots_bytes(k->bits);
}

static void put(uint64_t *slots, unsigned bits, uint64_t slot)
{
    size_t mask = ((size_t)1 << bits) - 1, at = (size_t)(slot >> 32 >> (32 - bits));

    while (slots[at])
        at = (at + 1) & mask;
    slots[at] = slot;
}

int leat_keys_grow(struct leat_stage *s, struct leat_keys *k, size_t n)
{
    unsigned bits = k->bits ? k->bits : BITS_FIRST;
    uint64_t *slots;

    while (bits < BITS_MAX && most_keys(bits) < n)
        bits++;
    if (most_keys(bits) < n)
        return LEAT_KEYS_FULL;
    if (bits == k->bits)
        return LEAT_KEYS_NEW;
    if (leat_keys_bytes(k) + slots_bytes(bits) > k->limit || !leat_key_spare(s, slots_bytes(bits)))
        return LEAT_KEYS_FULL;
    slots = leat_alloc(s, slots_bytes(bits));
    if (!slots)
        return LEAT_ENOMEM;
    for (size_t i = 0; k->bits && i >> k->bits == 0; i++)
        if (k->slots[i])
            put(slots, bits, k->slots[i]);
    leat_free(s, k->slots);
    k->slots = slots;
    k->bits = bits;
    return LEAT_KEYS_NEW;
}

static size_t free_slot(const struct leat_keys *k, uint64_t hash)
{
    size_t mask = ((size_t)1 << k->bits) - 1, at = leat_keys_home(k, hash);

    while (k->slots[at])
        at = (at + 1) & mask;
    return at;
}

int leat_keys_insert(struct leat_stage *s, struct leat_keys *k, const struct leat_key_line *line,
                     size_t at, struct leat_key **ret_key)
{
    uint32_t reference;
    int r;

    if (k->n == most_keys(k->bits)) {
        r = leat_keys_grow(s, k, k->n + 1);
        if (r != LEAT_KEYS_NEW)
            return r;
        at = free_slot(k, line->hash);
    }
    leat_assert(k->n < most_keys(k->bits));
    leat_assert(!k->slots[at]);
    leat_assert(k->limit >= slots_bytes(k->bits));
    reference =
        leat_key_arena_add(s, &k->arena, k->limit - slots_bytes(k->bits), line->data, line->len);
    if (!reference)
        return k->arena.failed ? LEAT_ENOMEM : LEAT_KEYS_FULL;
    k->slots[at] = line->hash << 32 | reference;
    k->n++;
    *ret_key = leat_key_at(&k->arena, reference);
    (*ret_key)->high = (uint32_t)(line->hash >> 32);
    return LEAT_KEYS_NEW;
}

void leat_keys_clear(struct leat_stage *s, struct leat_keys *k)
{
    leat_key_arena_clear(s, &k->arena);
    if (k->bits)
        memset(k->slots, 0, slots_bytes(k->bits));
    k->n = 0;
}

void leat_keys_done(struct leat_stage *s, struct leat_keys *k)
{
    leat_key_arena_done(s, &k->arena);
    leat_free(s, k->slots);
    k->slots = NULL;
    k->bits = 0;
    k->n = 0;
}

/* --- order ------------------------------------------------------------------------------------ */

static int bytes_order(const uint8_t *a, const uint8_t *b, size_t n, bool fold)
{
    if (!fold)
        return n > 0 ? memcmp(a, b, n) : 0;
    for (size_t i = 0; i < n; i++)
        if (leat_key_upper(a[i]) != leat_key_upper(b[i]))
            return leat_key_upper(a[i]) < leat_key_upper(b[i]) ? -1 : 1;
    return 0;
}

int leat_keys_order(const struct leat_key_line *a, const struct leat_key_line *b, bool fold)
{
    uint32_t low_a = (uint32_t)a->hash, low_b = (uint32_t)b->hash;

    if (low_a != low_b)
        return low_a < low_b ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return bytes_order(a->data, b->data, a->len, fold);
}

/* Is the key of slot a before that of slot b? */
static bool is_before(const struct leat_keys *k, uint64_t a, uint64_t b)
{
    const struct leat_key *key_a, *key_b;
    struct leat_key_line line_a, line_b;

    if (a >> 32 != b >> 32)
        return a < b;
    key_a = leat_key_at(&k->arena, (uint32_t)a);
    key_b = leat_key_at(&k->arena, (uint32_t)b);
    line_a = (struct leat_key_line){key_a->bytes, key_a->len, (uint64_t)key_a->high << 32, {0, 0}};
    line_b = (struct leat_key_line){key_b->bytes, key_b->len, (uint64_t)key_b->high << 32, {0, 0}};
    return leat_keys_order(&line_a, &line_b, k->fold) < 0;
}

/* Moves the used slots to the front, in the order of their homes but for short distances. Those at the start of the
 * table whose home is near its end belong to the end. */
static void compact(struct leat_keys *k)
{
    size_t size = (size_t)1 << k->bits, wrapped = 0, to = size;

    while (wrapped < size && k->slots[wrapped] &&
           k->slots[wrapped] >> 32 >> (32 - k->bits) > wrapped)
        wrapped++;
    leat_assert(wrapped <= size - k->n);
    for (size_t i = size; i-- > wrapped;)
        if (k->slots[i])
            k->slots[--to] = k->slots[i];
    leat_assert(wrapped + size - to == k->n);
    for (size_t i = 0; i < wrapped; i++) { /* rotate them to the end, one after another */
        uint64_t slot = k->slots[i];

        memmove(&k->slots[to - 1], &k->slots[to], (size - to) * sizeof slot);
        k->slots[size - 1] = slot;
        to--;
        leat_assert(to > i);
    }
    memmove(k->slots, &k->slots[to], k->n * sizeof *k->slots);
}

void leat_keys_sort(struct leat_keys *k)
{
    if (!k->bits)
        return;
    compact(k);
    for (size_t i = 1; i < k->n; i++) {
        uint64_t slot = k->slots[i];
        size_t at = i;

        while (at > 0 && is_before(k, slot, k->slots[at - 1])) {
            k->slots[at] = k->slots[at - 1];
            at--;
        }
        k->slots[at] = slot;
    }
}
