/* decode.c - recognises the codec by the first bytes, and decodes; other data goes through as it is.
 *
 * With --all, what comes out is looked at in the same way: the layers are a row of decoders, and
 * between two of them lies a buffer. The last layer, plain data, needs none.
 *
 * A codec is one line of the table: its first bytes, and the decoder that it shares with its own
 * stage. zlib and raw deflate have no first bytes to know them by.
 */

#include <string.h>

#include "decoder.h"
#include "expansion.h"

#define SIGNATURE_MAX 13u
#define DEPTH_DEFAULT 8
#define DEPTH_MAX 32
#define HOLD_BYTES ((size_t)65536) /* between two layers */

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

struct decode_params {
    struct leat_expansion_params expansion;
    int64_t depth; /* layers; 0: one, and what is in it is not looked at */
    int strict;
};

struct layer {
    uint8_t first[SIGNATURE_MAX]; /* have of them are there, first_pos are handed on */
    size_t have, first_pos;
    bool known; /* what it is; decoder NULL: plain data */
    const struct leat_decoder *decoder;
    void *state;
    struct leat_out *hold; /* what it gives, for the layer in it */
    uint64_t given;        /* bytes that the layer in it took */
    bool ended;
};

struct decode {
    struct layer layers[DEPTH_MAX + 1];
};

static const struct decode_params *params_of(const struct leat_stage *stage)
{
    return leat_params(stage);
}

/* Do the first n bytes, at most the signature's length, agree with it? */
static bool agrees(const struct layer *l, const struct signature *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t mask = s->mask ? (uint8_t)s->mask[i] : 0xff;

        if ((l->first[i] ^ (uint8_t)s->bytes[i]) & mask)
            return false;
    }
    return true;
}

/* Is it clear what the data is? */
static bool recognise(struct layer *l, bool end)
{
    bool maybe = false;

    for (size_t i = 0; i < N_SIGNATURES; i++) {
        const struct signature *s = &signatures[i];

        if (l->have >= s->len && agrees(l, s, s->len)) {
            l->decoder = s->decoder;
            return true;
        }
        maybe = maybe || (l->have < s->len && agrees(l, s, l->have));
    }
    return end || !maybe;
}

/* It is known what layer `at` is: make ready to decode it, if it is to be decoded. */
static int begin(struct leat_stage *stage, struct layer *l, size_t at)
{
    const struct decode_params *p = params_of(stage);
    int r;

    if (!l->decoder && at == 0 && p->strict)
        return leat_fail_at(stage, LEAT_ECORRUPT, 0,
                            "not in a format that is known by its first bytes");
    l->known = true;
    if (!l->decoder)
        return LEAT_END;
    if (p->depth > 0 && at == (size_t)p->depth)
        return leat_fail(stage, LEAT_ELIMIT,
                         "%s data in %zu layers of compression, and the limit is %lld; raise "
                         "--all=DEPTH",
                         l->decoder->name, at, (long long)p->depth);
    l->state = leat_alloc(stage, l->decoder->state_size);
    if (!l->state)
        return LEAT_ENOMEM;
    if (p->depth > 0) {
        l->hold = leat_hold_new(stage, HOLD_BYTES);
        if (!l->hold)
            return LEAT_ENOMEM;
    }
    r = l->decoder->open(stage, l->state);
    return r < 0 ? r : LEAT_END;
}

/* Takes the first bytes, as few as tell. Returns LEAT_END when it is known what they begin. */
static int look(struct leat_stage *stage, struct layer *l, size_t at, struct leat_in *in)
{
    while (!recognise(l, in->end && in->pos == in->len)) {
        if (in->pos == in->len)
            return LEAT_MORE;
        l->first[l->have++] = in->data[in->pos++];
    }
    return begin(stage, l, at);
}

/* Plain data: the first bytes as a copy, all others by reference. */
static int pass(struct layer *l, struct leat_in *in, struct leat_out *out)
{
    l->first_pos += leat_write(out, l->first + l->first_pos, l->have - l->first_pos);
    if (l->first_pos < l->have)
        return LEAT_MORE;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

/* The decoder sees the first bytes as an input of their own. */
static int run(struct leat_stage *stage, struct layer *l, size_t at, struct leat_in *in,
               struct leat_out *out)
{
    int r = LEAT_MORE;

    while (l->first_pos < l->have && r == LEAT_MORE) {
        struct leat_in first = {
            .data = l->first,
            .pos = l->first_pos,
            .len = l->have,
            .end = in->end && in->pos == in->len,
        };

        r = l->decoder->step(stage, l->state, &first, out);
        l->first_pos = first.pos;
        if (r == LEAT_MORE && first.pos < first.len)
            return r;
    }
    if (r == LEAT_MORE)
        r = l->decoder->step(stage, l->state, in, out);
    if (r < 0 && at > 0)
        return leat_fail_within(stage, "; in layer %zu, %s", at + 1, l->decoder->name);
    return r;
}

/* --- layers in layers ------------------------------------------------------------------------- */

static int layer_step(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                      struct leat_out *out);

/* Hands what the layer gave to the one in it. Returns LEAT_END at the end of that one; LEAT_MORE: all
 * of it was taken, or there is no room. */
static int hand_on(struct leat_stage *stage, struct decode *d, size_t at, struct leat_out *out)
{
    struct layer *l = &d->layers[at];
    struct leat_in in = {.end = l->ended, .offset = l->given};
    int r;

    in.len = leat_hold_data(l->hold, &in.data);
    r = layer_step(stage, d, at + 1, &in, out);
    leat_hold_take(l->hold, in.pos);
    l->given += in.pos;
    return r;
}

/* Decodes a layer, and what is in it. */
static int run_with_inner(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                          struct leat_out *out)
{
    struct layer *l = &d->layers[at];

    for (;;) {
        const uint8_t *data;
        int r;

        if (l->ended || leat_hold_data(l->hold, &data) > 0) {
            r = hand_on(stage, d, at, out);
            if (r != LEAT_MORE || l->ended || leat_hold_data(l->hold, &data) > 0)
                return r;
        }
        leat_hold_begin(l->hold);
        r = run(stage, l, at, in, l->hold);
        if (r < 0)
            return r;
        l->ended = r == LEAT_END;
        if (!l->ended && leat_hold_data(l->hold, &data) == 0)
            return LEAT_MORE;
    }
}

/* Is the layer in this one plain data, of which nothing waits here? */
static bool inner_is_plain(const struct decode *d, size_t at)
{
    const struct layer *l = &d->layers[at], *inner = l + 1;
    const uint8_t *data;

    return inner->known && !inner->decoder && inner->first_pos == inner->have && !l->ended &&
           leat_hold_data(l->hold, &data) == 0;
}

static int layer_step(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                      struct leat_out *out)
{
    struct layer *l = &d->layers[at];

    if (!l->known) {
        int r = look(stage, l, at, in);

        if (r != LEAT_END)
            return r;
    }
    if (!l->decoder)
        return pass(l, in, out);
    if (!l->hold || inner_is_plain(d, at))
        return run(stage, l, at, in, out);
    return run_with_inner(stage, d, at, in, out);
}

/* --- the stage -------------------------------------------------------------------------------- */

static int decode_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return layer_step(stage, leat_state(stage), 0, in, out);
}

static void decode_close(struct leat_stage *stage)
{
    struct decode *d = leat_state(stage);

    for (size_t i = 0; i <= DEPTH_MAX; i++) {
        struct layer *l = &d->layers[i];

        if (l->state) {
            l->decoder->close(stage, l->state);
            leat_free(stage, l->state);
        }
        leat_hold_free(stage, l->hold);
    }
}

static const struct leat_option options[] = {
    {.name = "all",
     .short_name = 'a',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct decode_params, depth),
     .metavar = "DEPTH",
     .min = 1,
     .max = DEPTH_MAX,
     .value = DEPTH_DEFAULT,
     .value_optional = true,
     .help = "unwrap layers within layers, so many at most (8 if it is not said); one more fails "
             "with status 7"},
    {.name = "strict",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct decode_params, strict),
     .help = "data of no known format is an error"},
    LEAT_EXPANSION_OPTIONS,
    {0},
};

const struct leat_stage_type leat_stage_decode = {
    .name = "decode",
    .summary = "decompress whatever it is: gzip, zstd, xz…; other data goes through unchanged",
    .manual =
        "The codec is recognised by the first bytes of the data: gzip, zstd, xz, lzip, bzip2, lz4 "
        "and compress (.Z). One layer is unwrapped; with --all, layers within layers as well, such as "
        "those of .gz.zst. lzma has no signature, but as encoders that do "
        "not know the length write it, it is recognised as well.\n\n"
        "zlib, raw deflate, brotli and other lzma data go through unchanged; unzlib, inflate, "
        "unbrotli and unlzma decode them. Data that begins like a codec's and is not valid is an "
        "error. A skippable frame at the beginning is taken for one of zstd; unlz4 reads those of "
        "lz4.",
    .examples = "read big.log.gz : decode : count -l\n"
                "read big.log : decode : count -l\n"
                "read big.log.gz : zstd : decode --all : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct decode_params),
    .state_size = sizeof(struct decode),
    .options = options,
    .plan = leat_expansion_plan,
    .step = decode_step,
    .close = decode_close,
};
