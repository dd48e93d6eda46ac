/* key_arena.h - lines that are kept in memory, each with a number, one after another in large pieces.
 *
 * A line is named by a reference of 32 bits, which stays the same until the arena is cleared. Nothing is allocated for
 * a line: a piece has up to 1 MiB, and only a line that is longer gets a piece of its own.
 */
#ifndef LEAT_TEXT_KEY_ARENA_H
#define LEAT_TEXT_KEY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

struct leat_key {
    uint64_t value;
    uint32_t len;
    uint32_t high;   /* the upper half of its hash */
    uint8_t bytes[]; /* zeros follow, up to a multiple of LEAT_KEY_UNIT */
};

struct leat_key_piece {
    uint8_t *data;
    size_t size, used; /* bytes */
};

/* Zeroed: empty. */
struct leat_key_arena {
    struct leat_key_piece *pieces;
    size_t n, at, room; /* pieces; the one that is filled; places for pieces */
    uint64_t charged;   /* bytes of all of this */
    bool failed;        /* an allocation failed, and the stage with it */
};

#define LEAT_KEY_UNIT 8u       /* keys begin at multiples of this */
#define LEAT_KEY_PIECE_BITS 17 /* a reference: piece + 1, and the unit in it */
#define LEAT_KEY_PIECE_MAX ((size_t)LEAT_KEY_UNIT << LEAT_KEY_PIECE_BITS)
#define LEAT_KEY_LEN_MAX ((size_t)UINT32_MAX - 64)

/* leat_key_size - bytes of a key with a line of n bytes. */
static inline size_t leat_key_size(size_t n)
{
    return (offsetof(struct leat_key, bytes) + n + LEAT_KEY_UNIT - 1) &
           ~(size_t)(LEAT_KEY_UNIT - 1);
}

/* leat_key_at - the key of a reference. */
static inline struct leat_key *leat_key_at(const struct leat_key_arena *arena, uint32_t reference)
{
    const struct leat_key_piece *piece = &arena->pieces[(reference >> LEAT_KEY_PIECE_BITS) - 1];
    size_t unit = reference & ((1u << LEAT_KEY_PIECE_BITS) - 1);

    return (struct leat_key *)(void *)(piece->data + unit * LEAT_KEY_UNIT);
}

/* leat_key_arena_add - append a line; its value is 0.
 *
 *   limit   bytes that the arena may have
 *
 * Returns a reference; 0: it does not fit in the limit or in the memory that is left, or arena->failed. */
uint32_t leat_key_arena_add(struct leat_stage *stage, struct leat_key_arena *arena, uint64_t limit,
                            const uint8_t *data, size_t n);
/* leat_key_arena_drop - remove the key that was added last. */
void leat_key_arena_drop(struct leat_key_arena *arena, const struct leat_key *key);
/* leat_key_arena_clear - forget the keys, and keep the pieces for others, except those for long lines. */
void leat_key_arena_clear(struct leat_stage *stage, struct leat_key_arena *arena);
void leat_key_arena_done(struct leat_stage *stage, struct leat_key_arena *arena);

/* A walk over the keys in the order in which they were added. Zeroed: at the first one. */
struct leat_key_walk {
    size_t piece, at;
};
/* leat_key_walk_get - the key at the walk, and its reference; NULL: there are no more. leat_key_walk_on goes on. */
struct leat_key *leat_key_walk_get(struct leat_key_walk *walk, const struct leat_key_arena *arena,
                                   uint32_t *ret_reference);
void leat_key_walk_on(struct leat_key_walk *walk, const struct leat_key *key);

/* leat_key_spare - can the stage charge so many bytes, with something left for others? */
bool leat_key_spare(const struct leat_stage *stage, uint64_t bytes);

#endif
