/* decode.c - recognises the codec by the first bytes, and decodes; other data goes through as it is.
 *
 * A codec is one line of the table: its first bytes, and the decoder that it shares with its own
 * stage. zlib and raw deflate have no first bytes to know them by.
 */

#include <string.h>

#include "decoder.h"

#define SIGNATURE_MAX 6u

struct signature {
    const char *bytes;
    size_t len;
    uint8_t first_mask; /* which bits of the first byte count */
    const struct leat_decoder *decoder;
};

static const struct signature signatures[] = {
    {"\x1f\x8b\x08", 3, 0xff, &leat_decoder_gzip},
    {"\x28\xb5\x2f\xfd", 4, 0xff, &leat_decoder_zstd},
    {"\x50\x2a\x4d\x18", 4, 0xf0, &leat_decoder_zstd}, /* a skippable frame */
};

#define N_SIGNATURES (sizeof signatures / sizeof signatures[0])

struct decode {
    uint8_t first[SIGNATURE_MAX]; /* have of them are there, first_pos are handed on */
    size_t have, first_pos;
    bool known;                         /* what it is; decoder NULL: plain data */
    const struct leat_decoder *decoder;
    void *state;
};

/* Do the first n bytes, at most the signature's length, agree with it? */
static bool agrees(const struct decode *d, const struct signature *s, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)s->bytes;

    if (n == 0)
        return true;
    return ((d->first[0] ^ bytes[0]) & s->first_mask) == 0 &&
           memcmp(d->first + 1, bytes + 1, n - 1) == 0;
}

/* Is it clear what the data is? */
static bool recognise(struct decode *d, bool end)
{
    bool maybe = false;

    for (size_t i = 0; i < N_SIGNATURES; i++) {
        const struct signature *s = &signatures[i];

        if (d->have >= s->len && agrees(d, s, s->len)) {
            d->decoder = s->decoder;
            return true;
        }
        maybe = maybe || (d->have < s->len && agrees(d, s, d->have));
    }
    return end || !maybe;
}

/* Takes the first bytes, as few as tell. Returns LEAT_END when it is known what they begin. */
static int look(struct leat_stage *stage, struct decode *d, struct leat_in *in)
{
    while (!recognise(d, in->end && in->pos == in->len)) {
        if (in->pos == in->len)
            return LEAT_MORE;
        d->first[d->have++] = in->data[in->pos++];
    }
    if (d->decoder) {
        int r;

        d->state = leat_alloc(stage, d->decoder->state_size);
        if (!d->state)
            return LEAT_ENOMEM;
        r = d->decoder->open(stage, d->state);
        if (r < 0)
            return r;
    }
    d->known = true;
    return LEAT_END;
}

/* Plain data: the first bytes as a copy, all others by reference. */
static int pass(struct decode *d, struct leat_in *in, struct leat_out *out)
{
    d->first_pos += leat_write(out, d->first + d->first_pos, d->have - d->first_pos);
    if (d->first_pos < d->have)
        return LEAT_MORE;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

/* The decoder sees the first bytes as an input of their own. */
static int run(struct leat_stage *stage, struct decode *d, struct leat_in *in,
               struct leat_out *out)
{
    while (d->first_pos < d->have) {
        struct leat_in first = {
            .data = d->first,
            .pos = d->first_pos,
            .len = d->have,
            .end = in->end && in->pos == in->len,
        };
        int r = d->decoder->step(stage, d->state, &first, out);

        d->first_pos = first.pos;
        if (r != LEAT_MORE || first.pos < first.len)
            return r;
    }
    return d->decoder->step(stage, d->state, in, out);
}

static int decode_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct decode *d = leat_state(stage);

    if (!d->known) {
        int r = look(stage, d, in);

        if (r != LEAT_END)
            return r;
    }
    return d->decoder ? run(stage, d, in, out) : pass(d, in, out);
}

static void decode_close(struct leat_stage *stage)
{
    struct decode *d = leat_state(stage);

    if (d->state) {
        d->decoder->close(stage, d->state);
        leat_free(stage, d->state);
    }
}

const struct leat_stage_type leat_stage_decode = {
    .name = "decode",
    .summary = "decompress whatever it is: gzip or zstd; other data goes through unchanged",
    .manual = "The codec is recognised by the first bytes of the data. One layer is unwrapped. zlib "
              "and raw deflate have no signature, and go through unchanged; unzlib and inflate "
              "decode them. Data that begins like a codec's and is not valid is an error.",
    .examples = "read big.log.gz : decode : count -l\n"
                "read big.log : decode : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .state_size = sizeof(struct decode),
    .step = decode_step,
    .close = decode_close,
};
