/* frame.c - a stream in frames, whose end cannot be mistaken.
 *
 * The stream begins with 8 bytes. Each frame is its length, 1 to 2^20, as four bytes, the lowest first, and so many bytes. A
 * length of 0 ends the stream; after it come its length in all and its XXH64, 8 bytes each. An end that receives only, ends
 * its own stream, which is empty, when it has seen the end of the other one: that tells the sender that all has arrived.
 */

#include <endian.h>
#include <string.h>

#include "base/invariant.h"
#include "wire.h"

#define FRAME_MAX ((uint32_t)1 << 20)
#define LENGTH_BYTES 4u
#define TAIL_BYTES 16u

static const uint8_t magic[8] = {0x89, 'l', 'e', 'a', 't', '1', '\r', '\n'};

void leat_frames_begin(struct leat_wire *w)
{
    XXH64_reset(&w->out.hash, 0);
    XXH64_reset(&w->in.hash, 0);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void put(struct leat_frame_out *o, const void *bytes, unsigned n)
{
    leat_assert(o->head_n + n <= sizeof o->head);
    memcpy(o->head + o->head_n, bytes, n);
    o->head_n += n;
}

static void put_length(struct leat_frame_out *o, uint32_t n)
{
    uint32_t length = htole32(n);

    o->head_n = o->head_at = 0;
    if (!o->begun)
        put(o, magic, sizeof magic);
    o->begun = true;
    put(o, &length, LENGTH_BYTES);
}

/* Returns 0: the head was sent; or an error. */
static int send_head(struct leat_wire *w, bool more)
{
    struct leat_frame_out *o = &w->out;

    while (o->head_at < o->head_n) {
        ssize_t r = leat_wire_write_raw(w, o->head + o->head_at, o->head_n - o->head_at, more);

        if (r < 0)
            return (int)r;
        o->head_at += (unsigned)r;
    }
    return 0;
}

ssize_t leat_frames_write(struct leat_wire *w, const uint8_t *data, size_t n)
{
    struct leat_frame_out *o = &w->out;
    ssize_t r;

    leat_assert(!o->ended);
    if (o->left == 0) {
        o->left = n < FRAME_MAX ? (uint32_t)n : FRAME_MAX;
        put_length(o, o->left);
    }
    r = send_head(w, true);
    if (r == 0)
        r = leat_wire_write_raw(w, data, n < o->left ? n : o->left, false);
    if (r <= 0)
        return r;
    XXH64_update(&o->hash, data, (size_t)r);
    o->left -= (uint32_t)r;
    o->total += (uint64_t)r;
    return r;
}

int leat_frames_finish(struct leat_wire *w)
{
    struct leat_frame_out *o = &w->out;
    uint64_t tail[2] = {htole64(o->total), htole64(XXH64_digest(&o->hash))};
    int r;

    leat_assert(o->left == 0); /* a frame is as long as what was there */
    if (!o->last) {
        put_length(o, 0);
        put(o, tail, sizeof tail);
        o->last = true;
    }
    r = send_head(w, false);
    o->ended = r == 0;
    return r;
}

/* --- receiving -------------------------------------------------------------------------------- */

static int cut(struct leat_wire *w)
{
    return leat_wire_lost(w, w->in.begun || w->in.head_n > 0
                                 ? "the connection ended before the end of the stream: the other "
                                   "end failed or was killed"
                                 : "the connection ended before the stream began: the other end "
                                   "failed, or has no --end=frame");
}

/* Returns 0: n bytes are in the head; or an error. */
static int take_head(struct leat_wire *w, unsigned n)
{
    struct leat_frame_in *i = &w->in;

    leat_assert(n <= sizeof i->head);
    while (i->head_n < n) {
        ssize_t r = leat_wire_read_raw(w, i->head + i->head_n, n - i->head_n);

        if (r <= 0)
            return r < 0 ? (int)r : cut(w);
        i->head_n += (unsigned)r;
    }
    i->head_n = 0;
    return 0;
}

static int take_begin(struct leat_wire *w)
{
    int r = take_head(w, sizeof magic);

    if (r == 0 && memcmp(w->in.head, magic, sizeof magic) != 0)
        return leat_wire_lost(w, "the other end sends no frames: both ends need --end=frame");
    w->in.begun = r == 0;
    return r;
}

static int take_length(struct leat_wire *w)
{
    struct leat_frame_in *i = &w->in;
    uint32_t length;
    int r = take_head(w, LENGTH_BYTES);

    if (r < 0)
        return r;
    memcpy(&length, i->head, sizeof length);
    i->left = le32toh(length);
    i->last = i->left == 0;
    return i->left <= FRAME_MAX ? 0 : leat_wire_lost(w, "a frame is too long: the data is damaged");
}

static int take_tail(struct leat_wire *w)
{
    struct leat_frame_in *i = &w->in;
    uint64_t tail[2];
    int r = take_head(w, TAIL_BYTES);

    if (r < 0)
        return r;
    memcpy(tail, i->head, sizeof tail);
    if (le64toh(tail[0]) != i->total || le64toh(tail[1]) != XXH64_digest(&i->hash))
        return leat_wire_lost(
            w, "the length or the digest of the stream is wrong: it was damaged on the way");
    i->ended = true;
    return 0;
}

ssize_t leat_frames_read(struct leat_wire *w, uint8_t *to, size_t n)
{
    struct leat_frame_in *i = &w->in;
    ssize_t r = 0;

    if (i->ended)
        return 0;
    if (!i->begun)
        r = take_begin(w);
    if (r == 0 && i->left == 0 && !i->last)
        r = take_length(w);
    if (r < 0)
        return r;
    if (i->last)
        return take_tail(w);
    r = leat_wire_read_raw(w, to, n < i->left ? n : i->left);
    if (r <= 0)
        return r < 0 ? r : cut(w);
    XXH64_update(&i->hash, to, (size_t)r);
    i->left -= (uint32_t)r;
    i->total += (uint64_t)r;
    return r;
}
