/* decode.c - recognises the codec by the first bytes, and decodes; other data goes through as it is.
 *
 * A codec is one line of the table: its first bytes, and the decoder that it shares with its own
 * stage. zlib and raw deflate have no first bytes to know them by.
 */

#include <string.h>

#include "decoder.h"

#define SIGNATURE_MAX 13u

struct signature {
    const char *bytes;
    size_t len;
    const char *mask; /* which bits of them count; NULL: all */
    const struct leat_decoder *decoder;
};

static const struct signature signatures[] = {
    {"\x1f\x8b\x08", 3, NULL, &leat_decoder_gzip},
    {"\x28\xb5\x2f\xfd", 4, NULL, &leat_decoder_zstd},
    {"\x50\x2a\x4d\x18", 4, "\xf0\xff\xff\xff", &leat_decoder_zstd}, /* a skippable frame */
    {"\x1f\x9d\x80", 3, "\xff\xff\x60", &leat_decoder_compress},
#if HAVE_BZ2 /* "BZh" and a digit, and the magic number of a block or of the end */
    {"BZh0\x31\x41\x59\x26\x53\x59", 10, "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff",
     &leat_decoder_bzip2},
    {"BZh0\x17\x72\x45\x38\x50\x90", 10, "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff",
     &leat_decoder_bzip2},
#endif
#if HAVE_LZ4
    {"\x04\x22\x4d\x18", 4, NULL, &leat_decoder_lz4},
    {"\x02\x21\x4c\x18", 4, NULL, &leat_decoder_lz4}, /* the legacy format */
#endif
#if HAVE_LZMA
    {"\xfd\x37\x7a\x58\x5a\x00", 6, NULL, &leat_decoder_xz},
    {"LZIP\x00", 5, "\xff\xff\xff\xff\xf0", &leat_decoder_lzip},
    /* It has no signature: the usual coder's parameters, a dictionary of whole 256 bytes, and a length
     * that is not stated, as encoders that stream write it. */
    {"\x5d\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 13,
     "\xff\xff\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", &leat_decoder_lzma},
#endif
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
    for (size_t i = 0; i < n; i++) {
        uint8_t mask = s->mask ? (uint8_t)s->mask[i] : 0xff;

        if ((d->first[i] ^ (uint8_t)s->bytes[i]) & mask)
            return false;
    }
    return true;
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
    .summary = "decompress whatever it is: gzip, zstd, xz…; other data goes through unchanged",
    .manual =
        "The codec is recognised by the first bytes of the data: gzip, zstd, xz, lzip, bzip2, lz4 "
        "and compress (.Z). One layer is unwrapped. lzma has no signature, but as encoders that do "
        "not know the length write it, it is recognised as well.\n\n"
        "zlib, raw deflate, brotli and other lzma data go through unchanged; unzlib, inflate, "
        "unbrotli and unlzma decode them. Data that begins like a codec's and is not valid is an "
        "error. A skippable frame at the beginning is taken for one of zstd; unlz4 reads those of "
        "lz4.",
    .examples = "read big.log.gz : decode : count -l\n"
                "read big.log : decode : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .state_size = sizeof(struct decode),
    .step = decode_step,
    .close = decode_close,
};
