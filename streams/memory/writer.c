/* writer.c - reserve, commit and pass: how a step writes output, copied or by reference.
 *
 * A step may write one chunk's worth before it must return, so that the next stage runs while the
 * data is in the cache. If a chunk is handed on half full, its rest is filled later: no slice
 * refers to it.
 */

#include "writer.h"

#include <string.h>

/* A chunk with less room than this is not filled further, if chunks are large. */
#define FILL_MIN ((size_t)4096)

void leat_out_init(struct leat_out *out, struct leat_slice_queue *to, struct leat_pool *pool,
                   size_t room_max)
{
    *out = (struct leat_out){.to = to, .pool = pool, .room_max = room_max};
}

void leat_out_done(struct leat_out *out)
{
    leat_assert(!out->hold);
    leat_chunk_unref(out->fill);
    out->fill = NULL;
    out->large.from = out->large.at = 0;
}

void leat_out_discard(struct leat_out *out)
{
    leat_assert(out->at == out->from);
    out->to = NULL;
    out->discards = true;
}

void leat_out_close(struct leat_out *out)
{
    leat_assert(out->at == out->from);
    out->to = NULL;
    out->discards = false;
    out->large.from = out->large.at = 0;
}

/* Turn the committed bytes into a slice; the queue keeps one place free for it. A discarding writer
 * must not reuse the bytes in the chunk either: another port may refer to them. */
static void flush(struct leat_out *out)
{
    if (out->at == out->from)
        return;
    if (out->discards) {
        out->from = out->at;
        return;
    }
    leat_assert(out->to != NULL);
    leat_assert(out->from < out->at);
    leat_assert(out->fill && out->at <= out->fill->cap);
    leat_slice_queue_push(out->to, (struct leat_slice){.chunk = leat_chunk_ref(out->fill),
                                                       .off = out->from,
                                                       .len = out->at - out->from});
    out->from = out->at;
}

void leat_out_begin(struct leat_out *out)
{
    leat_assert(!out->to || !out->discards);
    leat_assert(!out->fill || out->at <= out->fill->cap);
    out->step_bytes = 0;
    out->offered = 0;
    out->large.offered = false;
    out->full = out->starved = false;
}

void leat_out_mark(struct leat_out *out)
{
    leat_out_mark_at(out, 0);
}

void leat_out_mark_at(struct leat_out *out, uint64_t position)
{
    leat_assert(out->marked <= out->total);
    leat_assert(!leat_out_holds(out));
    if (out->to && (position > 0 || out->marked < out->total))
        leat_slice_queue_mark_at(out->to, position);
    out->marked = out->total;
}

/* Is there room for one more slice, and then still for a flush() and for a flush marker? */
static bool queue_has_room(const struct leat_out *out)
{
    if (out->discards)
        return true;
    return out->to && out->to->n + 3 <= LEAT_SLICE_QUEUE_MAX;
}

static bool new_fill(struct leat_out *out)
{
    struct leat_chunk *c;
    int r;

    if (out->fill) {
        flush(out);
        leat_chunk_unref(out->fill);
        out->fill = NULL;
    }
    out->from = out->at = 0;
    if (!queue_has_room(out))
        return false;
    leat_assert(out->pool != NULL);
    r = leat_pool_get(out->pool, 0, &c);
    if (r < 0) {
        out->starved = r == LEAT_ELIMIT;
        out->nomem = r == LEAT_ENOMEM;
        return false;
    }
    out->fill = c;
    return true;
}

/* Limit the room to room_max bytes in a step, but not to fewer than `least`. */
static size_t limited(const struct leat_out *out, size_t room, size_t least)
{
    size_t left;

    if (!out->room_max)
        return room;
    left = out->step_bytes < out->room_max ? out->room_max - out->step_bytes : 0;
    if (left > 0 && left < least)
        left = least;
    return room < left ? room : left;
}

static size_t reserve_held(struct leat_out *out, size_t least, uint8_t **ret_to)
{
    size_t room = limited(out, out->hold_size - out->at, least);

    leat_assert(out->from <= out->at);
    leat_assert(out->at <= out->hold_size);
    if (room < least) {
        room = 0;
        if (least > out->hold_size)
            out->grow(out, least);
    }
    out->full = room == 0;
    out->offered = room;
    *ret_to = room ? out->hold + out->at : NULL;
    return room;
}

/* Has the step written as much as it may? */
static inline bool step_is_full(const struct leat_out *out)
{
    return !queue_has_room(out) || out->step_bytes >= out->pool->chunk_size ||
           (out->room_max && out->step_bytes >= out->room_max);
}

/* Room in a chunk; least <= the size of a chunk. */
static size_t reserve_chunk(struct leat_out *out, size_t least, uint8_t **ret_to)
{
    size_t cap = out->pool->chunk_size, room;

    leat_assert(least <= cap);
    if (step_is_full(out)) {
        out->full = true;
        return 0;
    }
    room = out->fill ? cap - out->at : 0;
    if (room < least || (room < FILL_MIN && cap >= 8 * FILL_MIN)) {
        if (!new_fill(out)) {
            out->full = true;
            return 0;
        }
        room = cap;
    }
    room = limited(out, room, least);
    leat_assert(room >= least);
    leat_assert(out->at + room <= out->fill->cap);
    *ret_to = out->fill->data + out->at;
    out->offered = room;
    return room;
}

static void commit_chunk(struct leat_out *out, size_t n)
{
    leat_assert(n <= out->offered);
    leat_assert(n == 0 || out->at + n <= (out->hold ? out->hold_size : out->fill->cap));
    out->at += n;
    out->step_bytes += n;
    out->total += n;
    out->offered = 0;
}

static bool copy_large(struct leat_out *out)
{
    struct leat_out_large *large = &out->large;

    leat_assert(large->from <= large->at);
    leat_assert(large->at <= large->size);
    while (large->from < large->at) {
        size_t n = large->at - large->from, room;
        uint8_t *to;

        room = reserve_chunk(out, 1, &to);
        if (room == 0)
            return false;
        n = n < room ? n : room;
        memcpy(to, large->data + large->from, n);
        commit_chunk(out, n);
        large->from += n;
    }
    return true;
}

/* Copy the committed bytes of `large` to chunks; usually there are none. Returns false: not all of
 * them have room now. */
static inline bool drain_large(struct leat_out *out)
{
    return out->large.from == out->large.at || copy_large(out);
}

/* The buffer: it is empty now. */
static size_t reserve_large(struct leat_out *out, size_t n, uint8_t **ret_to)
{
    struct leat_out_large *large = &out->large;

    leat_assert(!leat_out_holds(out));
    if (step_is_full(out) || (large->size < n && !out->grow(out, n))) {
        out->full = true;
        return 0;
    }
    leat_assert(large->size >= n);
    large->from = large->at = 0;
    large->offered = true;
    out->offered = large->size;
    *ret_to = large->data;
    return out->offered;
}

static inline size_t reserve(struct leat_out *out, size_t least, uint8_t **ret_to)
{
    if (out->hold)
        return reserve_held(out, least, ret_to);
    *ret_to = NULL;
    out->offered = 0;
    out->large.offered = false;
    if (!drain_large(out))
        return 0;
    return least <= out->pool->chunk_size ? reserve_chunk(out, least, ret_to)
                                          : reserve_large(out, least, ret_to);
}

size_t leat_reserve(struct leat_out *out, uint8_t **ret_to)
{
    return reserve(out, 1, ret_to);
}

size_t leat_reserve_least(struct leat_out *out, size_t n, uint8_t **ret_to)
{
    return reserve(out, n > 0 ? n : 1, ret_to);
}

void leat_commit(struct leat_out *out, size_t n)
{
    if (n == out->offered)
        out->full = true;
    if (!out->large.offered) {
        commit_chunk(out, n);
        return;
    }
    leat_assert(n <= out->offered);
    out->large.at = n;
    out->large.offered = false;
    out->offered = 0;
}

void leat_out_commit_lent(struct leat_out *out, const uint8_t *from, size_t n)
{
    leat_assert(out->fill && !out->hold);
    leat_assert(from == out->fill->data + out->at);
    leat_assert(n <= out->fill->cap - out->at);
    out->offered = n;
    leat_commit(out, n);
}

void leat_out_adopt(struct leat_out *out, struct leat_chunk *chunk)
{
    leat_assert(out->step_bytes == 0 && out->from == out->at && !out->hold);
    leat_assert(chunk->own && queue_has_room(out));
    leat_chunk_unref(out->fill);
    out->fill = leat_chunk_ref(chunk);
    out->from = out->at = 0;
}

void leat_out_end(struct leat_out *out)
{
    leat_assert(!out->hold);
    drain_large(out);
    flush(out);
    leat_assert(out->from == out->at);
}

/* Do n bytes fit in the chunk that is being filled, as for most lines? Else leat_reserve finds out
 * why not. */
static inline bool fits(const struct leat_out *out, size_t n)
{
    return out->fill && !out->room_max && !leat_out_holds(out) && !step_is_full(out) &&
           out->fill->cap - out->at >= (n > FILL_MIN ? n : FILL_MIN);
}

bool leat_out_append(struct leat_out *out, const void *data, size_t n)
{
    if (!out->fill || out->room_max || leat_out_holds(out) || !queue_has_room(out) ||
        out->fill->cap - out->at < (n > FILL_MIN ? n : FILL_MIN))
        return false;
    leat_assert(!out->hold);
    memcpy(out->fill->data + out->at, data, n);
    out->at += n;
    out->total += n;
    out->offered = 0;
    return true;
}

size_t leat_write(struct leat_out *out, const void *data, size_t n)
{
    size_t done = 0;

    if (fits(out, n)) {
        leat_assert(!out->hold);
        memcpy(out->fill->data + out->at, data, n);
        out->offered = n;
        commit_chunk(out, n);
        out->large.offered = out->full = false;
        return n;
    }
    while (done < n) {
        uint8_t *to;
        size_t room = leat_reserve(out, &to);

        if (room == 0)
            break;
        if (room > n - done)
            room = n - done;
        memcpy(to, (const uint8_t *)data + done, room);
        leat_commit(out, room);
        done += room;
    }
    if (done == n)
        out->full = false;
    return done;
}

static void push_ref(struct leat_out *out, struct leat_chunk *chunk, size_t off, size_t n)
{
    leat_assert(off + n <= chunk->cap);
    flush(out);
    if (!out->discards)
        leat_slice_queue_push(
            out->to, (struct leat_slice){.chunk = leat_chunk_ref(chunk), .off = off, .len = n});
    out->step_bytes += n;
    out->total += n;
}

static bool by_reference(const struct leat_out *out, const struct leat_in *in, size_t n)
{
    return n >= LEAT_PASS_MIN && in->engine && !out->room_max && !out->hold;
}

size_t leat_out_refer(struct leat_out *out, struct leat_chunk *chunk, size_t n)
{
    leat_assert(n > 0 && n <= chunk->cap);
    if (n < LEAT_PASS_MIN || out->room_max || out->hold)
        return leat_write(out, chunk->data, n);
    if (!drain_large(out) || step_is_full(out)) {
        out->full = true;
        return 0;
    }
    push_ref(out, chunk, 0, n);
    out->full = true; /* there may be more */
    return n;
}

static size_t offset_in(const struct leat_in *in, const struct leat_chunk *chunk)
{
    leat_assert(in->data >= chunk->data);
    return (size_t)(in->data + in->pos - chunk->data);
}

size_t leat_pass(struct leat_out *out, struct leat_in *in, size_t n)
{
    struct leat_chunk *chunk = in->engine;

    leat_assert(in->pos <= in->len);
    leat_assert(n <= in->len - in->pos);
    if (!by_reference(out, in, n)) {
        n = leat_write(out, in->data + in->pos, n);
    } else if (drain_large(out) && queue_has_room(out)) {
        push_ref(out, chunk, offset_in(in, chunk), n);
    } else {
        out->full = true;
        n = 0;
    }
    in->pos += n;
    return n;
}

/* Copy a small piece once, to the chunk of the first port; the other ports get references to that,
 * so that nothing can fail between two ports. */
size_t leat_pass_all(struct leat_out *out, struct leat_in *in, size_t n)
{
    struct leat_chunk *chunk = in->engine;
    size_t off;
    uint8_t *to;

    leat_assert(in->pos <= in->len);
    leat_assert(n <= in->len - in->pos);
    for (size_t i = 0; i < (out->n_ports ? out->n_ports : 1); i++)
        if (!drain_large(leat_port(out, i)) || !queue_has_room(leat_port(out, i))) {
            out->full = true;
            return 0;
        }
    if (by_reference(out, in, n)) {
        off = offset_in(in, chunk);
        push_ref(out, chunk, off, n);
    } else {
        size_t room = leat_reserve(out, &to);

        n = n < room ? n : room;
        if (n == 0)
            return 0;
        memcpy(to, in->data + in->pos, n);
        leat_assert(to == out->fill->data + out->at);
        chunk = out->fill;
        off = out->at;
        leat_commit(out, n);
    }
    for (size_t i = 1; i < out->n_ports; i++)
        push_ref(&out->ports[i], chunk, off, n);
    in->pos += n;
    return n;
}

struct leat_out *leat_port(struct leat_out *out, size_t i)
{
    leat_assert(i == 0 || i < out->n_ports);
    return i == 0 ? out : &out->ports[i];
}

/* --- nested writers --------------------------------------------------------------------------- */

void leat_nested_begin(struct leat_out *hold)
{
    leat_assert(hold->hold != NULL);
    leat_assert(hold->from <= hold->at);
    if (hold->from == hold->at)
        hold->from = hold->at = 0;
    leat_out_begin(hold);
}

size_t leat_nested_data(const struct leat_out *hold, const uint8_t **ret_data)
{
    leat_assert(hold->at <= hold->hold_size);
    *ret_data = hold->hold + hold->from;
    return hold->at - hold->from;
}

void leat_nested_take(struct leat_out *hold, size_t n)
{
    leat_assert(n <= hold->at - hold->from);
    hold->from += n;
}
