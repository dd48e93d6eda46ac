/* keys.h - a hash table of lines, each with a number.
 *
 * Slots have 8 bytes: the lower half of the hash, and the reference of the key in an arena. The upper bits of that half
 * are the place of a key, with linear probing, so a table is nearly in the order of that half: it grows in one pass over
 * both tables, and is soon sorted. A stage has as many bytes as it allows the table; if a line does not fit, the caller
 * takes the keys out and clears the table.
 */
#ifndef LEAT_TEXT_KEYS_H
#define LEAT_TEXT_KEYS_H

#include <string.h>

#include "key_arena.h"
#include "key_hash.h"

/* Zeroed, but for limit and fold: empty. */
struct leat_keys {
    struct leat_key_arena arena;
    uint64_t *slots;
    unsigned bits; /* 1 << bits slots; 0: none yet */
    size_t n;
    uint64_t limit; /* bytes of all, at most */
    bool fold;      /* the case of letters does not matter */
};

enum {
    LEAT_KEYS_OLD = 0,  /* the line was there */
    LEAT_KEYS_NEW = 1,  /* the line was added with value 0 */
    LEAT_KEYS_FULL = 2, /* it does not fit */
};

/* leat_keys_grow - make room for so many keys. Returns LEAT_KEYS_NEW; _FULL: there is no memory for that in
 * the limit; or fails the stage. */
int leat_keys_grow(struct leat_stage *stage, struct leat_keys *keys, size_t n);
/* leat_keys_insert - add a line that is not there, at the free slot `at`. Returns as leat_keys_add. */
int leat_keys_insert(struct leat_stage *stage, struct leat_keys *keys,
                     const struct leat_key_line *line, size_t at, struct leat_key **ret_key);
/* leat_keys_clear - forget the keys and keep the memory. */
void leat_keys_clear(struct leat_stage *stage, struct leat_keys *keys);
void leat_keys_done(struct leat_stage *stage, struct leat_keys *keys);
/* leat_keys_bytes - bytes that the table has now. */
uint64_t leat_keys_bytes(const struct leat_keys *keys);
/* leat_keys_sort - put the references of all keys in the order of (lower half of the hash, upper half, bytes) into the
 * first n of the slots, as their lower halves. Then only the arena and leat_keys_clear may be used. */
void leat_keys_sort(struct leat_keys *keys);
/* leat_keys_order - the order of leat_keys_sort, with fold of equal lines without their case. */
int leat_keys_order(const struct leat_key_line *a, const struct leat_key_line *b, bool fold);

static inline size_t leat_keys_home(const struct leat_keys *keys, uint64_t hash)
{
    return (size_t)((uint32_t)hash >> (32 - keys->bits));
}

/* leat_keys_prefetch - the slot of a line that is looked up soon; leat_keys_prefetch_key - its key, when the slot is here. */
static inline void leat_keys_prefetch(const struct leat_keys *keys, uint64_t hash)
{
    if (keys->bits)
        __builtin_prefetch(&keys->slots[leat_keys_home(keys, hash)]);
}

static inline void leat_keys_prefetch_key(const struct leat_keys *keys, uint64_t hash)
{
    uint64_t slot = keys->bits ? keys->slots[leat_keys_home(keys, hash)] : 0;

    if (slot >> 32 == (uint32_t)hash && slot)
        __builtin_prefetch(leat_key_at(&keys->arena, (uint32_t)slot));
}

/* Is it the key of this line? */
static inline bool leat_keys_match(const struct leat_keys *keys, const struct leat_key *key,
                                   const struct leat_key_line *line)
{
    uint64_t words[2];

    if (key->high != line->hash >> 32 || key->len != line->len)
        return false;
    if (keys->fold || line->len > LEAT_KEY_SHORT)
        return leat_key_same(key->bytes, line->data, line->len, keys->fold);
    if (line->len <= sizeof *words) { /* zeros follow the bytes of a key */
        memcpy(words, line->len > 0 ? key->bytes : (const uint8_t *)line->words, sizeof *words);
        return words[0] == line->words[0];
    }
    memcpy(words, key->bytes, sizeof words);
    return words[0] == line->words[0] && words[1] == line->words[1];
}

/* leat_keys_add - find a line, or add it. *ret_key is not set if the result is FULL.
 * Returns LEAT_KEYS_OLD, _NEW or _FULL, or fails the stage. */
static inline int leat_keys_add(struct leat_stage *stage, struct leat_keys *keys,
                                const struct leat_key_line *line, struct leat_key **ret_key)
{
    size_t mask, at;
    int r;

    if (!keys->bits && (r = leat_keys_grow(stage, keys, 1)) != LEAT_KEYS_NEW)
        return r;
    mask = ((size_t)1 << keys->bits) - 1;
    for (at = leat_keys_home(keys, line->hash); keys->slots[at]; at = (at + 1) & mask) {
        struct leat_key *key;

        if (keys->slots[at] >> 32 != (uint32_t)line->hash)
            continue;
        key = leat_key_at(&keys->arena, (uint32_t)keys->slots[at]);
        if (leat_keys_match(keys, key, line)) {
            *ret_key = key;
            return LEAT_KEYS_OLD;
        }
    }
    return leat_keys_insert(stage, keys, line, at, ret_key);
}

#endif
