/* last_block.c - zlib finds the last block: among few bits, or from the start. */

#include "last_block.h"

#include <string.h>

#include "zmem.h"

#define SCRATCH ((size_t)65536)
#define WINDOW ((size_t)32768)
#define BLOCK_END 128 /* in zlib's data_type: at the end of a block */
#define BLOCK_LAST 64 /* in zlib's data_type: in the last block */
#define BITS_UNUSED 7 /* in zlib's data_type: unused bits of the last byte */

struct leat_verifier {
    z_stream z;
    bool z_ready;
    struct leat_approach *approach;
    uint8_t scratch[SCRATCH];
};

/* The compressed stream, and the data it was made of. */
struct pair {
    const uint8_t *made, *data;
    size_t n, len;
};

/* zlib allocates its window at the first output, when there may be no memory left, so it first
 * decodes one byte in a stored block. */
static int open_window(struct leat_verifier *v)
{
    static const uint8_t stored[] = {0x00, 0x01, 0x00, 0xfe, 0xff, 0x00};

    v->z.next_in = stored;
    v->z.avail_in = sizeof stored;
    v->z.next_out = v->scratch;
    v->z.avail_out = SCRATCH;
    return inflate(&v->z, Z_NO_FLUSH) == Z_OK ? 0 : LEAT_ENOMEM;
}

void leat_verifier_close(struct leat_stage *stage, struct leat_verifier *v)
{
    if (!v)
        return;
    if (v->z_ready)
        inflateEnd(&v->z);
    leat_approach_close(stage, v->approach);
    leat_free(stage, v);
}

int leat_verifier_open(struct leat_stage *stage, size_t most, struct leat_verifier **ret)
{
    struct leat_verifier *v = leat_alloc(stage, sizeof *v);

    if (!v)
        return LEAT_ENOMEM;
    leat_zmem_set(&v->z, stage);
    v->z_ready = inflateInit2(&v->z, -MAX_WBITS) == Z_OK;
    if (!v->z_ready || open_window(v) < 0 || leat_approach_open(stage, most, &v->approach) < 0) {
        leat_verifier_close(stage, v);
        return LEAT_ENOMEM;
    }
    *ret = v;
    return 0;
}

/* Sets zlib to begin at a block, with the decoded bytes before it as its window. */
static bool begin_at(z_stream *z, const struct pair *p, uint64_t bit, size_t done)
{
    size_t byte = (size_t)(bit / 8), window = done < WINDOW ? done : WINDOW;
    int skip = (int)(bit % 8);

    if (inflateReset(z) != Z_OK)
        return false;
    if (skip > 0 && inflatePrime(z, 8 - skip, p->made[byte++] >> skip) != Z_OK)
        return false;
    z->next_in = p->made + byte;
    z->avail_in = (uInt)(p->n - byte);
    return window == 0 || inflateSetDictionary(z, p->data + done - window, (uInt)window) == Z_OK;
}

/* Decodes from the header of a block on, `done` bytes into the data. Returns as
 * leat_verifier_run. */
static int inflate_from(struct leat_verifier *v, const struct pair *p, uint64_t bit, size_t done,
                        struct leat_last_block *ret)
{
    z_stream *z = &v->z;
    int r;

    *ret = (struct leat_last_block){.header = bit};
    if (!begin_at(z, p, bit, done))
        return 0;
    do {
        size_t got;

        z->next_out = v->scratch;
        z->avail_out = SCRATCH;
        r = inflate(z, Z_BLOCK);
        got = SCRATCH - z->avail_out;
        if (r == Z_MEM_ERROR)
            return LEAT_ENOMEM;
        if (r != Z_OK && r != Z_STREAM_END)
            return 0;
        if (got > p->len - done || memcmp(v->scratch, p->data + done, got) != 0)
            return 0;
        done += got;
        if (z->data_type & BLOCK_END) {
            uint64_t at =
                (uint64_t)(p->n - z->avail_in) * 8 - (unsigned)(z->data_type & BITS_UNUSED);

            if (z->data_type & BLOCK_LAST)
                ret->end = at;
            else
                ret->header = at;
        }
    } while (r != Z_STREAM_END);
    return done == p->len && z->avail_in == 0 && ret->end > ret->header;
}

/* Returns 1; 0: not found this way; or LEAT_ENOMEM. */
static int find_near(struct leat_verifier *v, const struct pair *p, struct leat_last_block *ret)
{
    size_t byte, done, found = 0;

    if (!v->approach ||
        !leat_approach_run(v->approach, p->made, p->n, p->data, p->len, &byte, &done))
        return 0;
    for (uint64_t bit = (uint64_t)byte * 8 - 8; bit < (uint64_t)byte * 8; bit++) {
        struct leat_last_block block;
        int r;

        if (!(p->made[bit / 8] >> bit % 8 & 1))
            continue;
        r = inflate_from(v, p, bit, done, &block);
        if (r < 0)
            return r;
        if (r == 1 && block.header == bit) {
            *ret = block;
            found++;
        }
    }
    return found == 1;
}

int leat_verifier_run(struct leat_verifier *v, const uint8_t *made, size_t n, const uint8_t *data,
                      size_t len, struct leat_last_block *ret)
{
    struct pair p = {.made = made, .n = n, .data = data, .len = len};
    int r = find_near(v, &p, ret);

    return r != 0 ? r : inflate_from(v, &p, 0, 0, ret);
}
