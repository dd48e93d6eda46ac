/* key_arena.c - lines that are kept in memory, one after another in large pieces. */

#include "key_arena.h"

#include <string.h>

#include "base/invariant.h"

#define PIECE_FIRST ((size_t)16 << 10)
#define PIECES_MAX (((size_t)1 << (32 - LEAT_KEY_PIECE_BITS)) - 1)
#define PIECES_FIRST 16u
#define SLACK ((uint64_t)256 << 10) /* stays free for stages that charge at the same time */

bool leat_key_spare(const struct leat_stage *s, uint64_t bytes)
{
    uint64_t limit = leat_memory_limit(s), slack = limit / 256 < SLACK ? limit / 256 : SLACK;

    return leat_memory_spare(s) >= bytes + slack;
}

/* A larger table of pieces. Returns false if it does not fit. */
static bool more_pieces(struct leat_stage *s, struct leat_key_arena *a, uint64_t limit)
{
    size_t room = a->room ? 2 * a->room : PIECES_FIRST, bytes = room * sizeof *a->pieces;
    struct leat_key_piece *pieces;

    if (a->charged + bytes > limit || !leat_key_spare(s, bytes))
        return false;
    pieces = leat_alloc(s, bytes);
    a->failed = !pieces;
    if (!pieces)
        return false;
    if (a->n > 0)
        memcpy(pieces, a->pieces, a->n * sizeof *pieces);
    leat_free(s, a->pieces);
    a->charged += bytes - a->room * sizeof *pieces;
    a->pieces = pieces;
    a->room = room;
    return true;
}

static bool add_piece(struct leat_stage *s, struct leat_key_arena *a, uint64_t limit, size_t need)
{
    size_t size = PIECE_FIRST << (a->n < 6 ? a->n : 6);
    struct leat_key_piece piece = {0};

    leat_assert(size <= LEAT_KEY_PIECE_MAX);
    if (a->n == PIECES_MAX)
        return false;
    if (a->n == a->room && !more_pieces(s, a, limit))
        return false;
    while (size > PIECE_FIRST && (a->charged + size > limit || !leat_key_spare(s, size)))
        size /= 2;
    if (size < need)
        size = need;
    if (a->charged + size > limit || !leat_key_spare(s, size))
        return false;
    piece.data = leat_alloc_raw(s, size);
    a->failed = !piece.data;
    if (!piece.data)
        return false;
    piece.size = size;
    a->charged += size;
    a->pieces[a->n++] = piece;
    return true;
}

/* Is there room for so many bytes in the piece, at a place that a reference can name? */
static bool fits(const struct leat_key_piece *p, size_t need)
{
    return p->used < LEAT_KEY_PIECE_MAX && need <= p->size - p->used;
}

uint32_t leat_key_arena_add(struct leat_stage *s, struct leat_key_arena *a, uint64_t limit,
                            const uint8_t *data, size_t n)
{
    size_t need = leat_key_size(n);
    struct leat_key_piece *p;
    struct leat_key *key;
    uint32_t reference;

    leat_assert(n <= LEAT_KEY_LEN_MAX);
    while (a->at < a->n && !fits(&a->pieces[a->at], need))
        a->at++;
    if (a->at == a->n && !add_piece(s, a, limit, need)) {
        a->at = a->n > 0 ? a->n - 1 : 0; /* a shorter line may still fit */
        return 0;
    }
    p = &a->pieces[a->at];
    leat_assert(p->used % LEAT_KEY_UNIT == 0 && p->used + need <= p->size);
    reference = (uint32_t)((a->at + 1) << LEAT_KEY_PIECE_BITS | p->used / LEAT_KEY_UNIT);
    key = (struct leat_key *)(void *)(p->data + p->used);
    key->value = 0;
    key->len = (uint32_t)n;
    key->high = 0;
    if (n > 0) {
        memset(p->data + p->used + need - LEAT_KEY_UNIT, 0, LEAT_KEY_UNIT);
        memcpy(key->bytes, data, n);
    }
    p->used += need;
    return reference;
}

void leat_key_arena_drop(struct leat_key_arena *a, const struct leat_key *key)
{
    struct leat_key_piece *p = &a->pieces[a->at];
    size_t size = leat_key_size(key->len);

    leat_assert(a->at < a->n && p->used >= size);
    leat_assert((const uint8_t *)key == p->data + p->used - size);
    p->used -= size;
}

void leat_key_arena_clear(struct leat_stage *s, struct leat_key_arena *a)
{
    size_t kept = 0;

    for (size_t i = 0; i < a->n; i++) {
        if (a->pieces[i].size > LEAT_KEY_PIECE_MAX) {
            leat_free(s, a->pieces[i].data);
            a->charged -= a->pieces[i].size;
            continue;
        }
        a->pieces[i].used = 0;
        a->pieces[kept++] = a->pieces[i];
    }
    a->n = kept;
    a->at = 0;
}

void leat_key_arena_done(struct leat_stage *s, struct leat_key_arena *a)
{
    for (size_t i = 0; i < a->n; i++)
        leat_free(s, a->pieces[i].data);
    leat_free(s, a->pieces);
    *a = (struct leat_key_arena){.n = 0};
}

struct leat_key *leat_key_walk_get(struct leat_key_walk *w, const struct leat_key_arena *a,
                                   uint32_t *ret_reference)
{
    while (w->piece < a->n && w->at == a->pieces[w->piece].used) {
        w->piece++;
        w->at = 0;
    }
    if (w->piece == a->n)
        return NULL;
    leat_assert(w->at < a->pieces[w->piece].used);
    *ret_reference = (uint32_t)((w->piece + 1) << LEAT_KEY_PIECE_BITS | w->at / LEAT_KEY_UNIT);
    return (struct leat_key *)(void *)(a->pieces[w->piece].data + w->at);
}

void leat_key_walk_on(struct leat_key_walk *w, const struct leat_key *key)
{
    w->at += leat_key_size(key->len);
}
