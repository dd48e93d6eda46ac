/* signature.c - recognises the format of data by its first bytes.
 *
 * A format is one line of the table: its magic number, and the decoder that it shares with its own
 * stage. Only the magic number counts: a header with a damaged field after it still goes to the
 * decoder, which reports the damage, instead of passing as plain data. zlib and raw deflate have no
 * magic number.
 */

#include "signature.h"

struct signature {
    const char *bytes;
    size_t len;
    const char *mask; /* the bits that count; NULL: all */
    const struct leat_decoder *decoder;
};

static const struct signature signatures[] = {
    {"\x1f\x8b", 2, NULL, &leat_decoder_gzip},
    {"\x28\xb5\x2f\xfd", 4, NULL, &leat_decoder_zstd},
    {"\x50\x2a\x4d\x18", 4, "\xf0\xff\xff\xff", &leat_decoder_zstd}, /* a skippable frame */
    {"\x1f\x9d", 2, NULL, &leat_decoder_compress},
#if HAVE_BZ2
    {"BZh", 3, NULL, &leat_decoder_bzip2},
#endif
#if HAVE_LZ4
    {"\x04\x22\x4d\x18", 4, NULL, &leat_decoder_lz4},
    {"\x02\x21\x4c\x18", 4, NULL, &leat_decoder_lz4}, /* the legacy format */
#endif
#if HAVE_LZMA
    {"\xfd\x37\x7a\x58\x5a\x00", 6, NULL, &leat_decoder_xz},
    {"LZIP", 4, NULL, &leat_decoder_lzip},
    /* The format has no signature: the usual parameters, a dictionary of a multiple of 256 bytes,
     * and no stated length, as in the output of streaming encoders. */
    {"\x5d\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 13,
     "\xff\xff\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", &leat_decoder_lzma},
#endif
};

#define N_SIGNATURES (sizeof signatures / sizeof signatures[0])
_Static_assert(N_SIGNATURES < LEAT_FORMATS_END, "formats beyond LEAT_FORMATS_END");

const struct leat_decoder *leat_format_decoder(unsigned format)
{
    return format > 0 && format <= N_SIGNATURES ? signatures[format - 1].decoder : NULL;
}

/* Do the first n bytes, at most the signature's length, match it? */
static bool agrees(const struct leat_first *f, const struct signature *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t mask = s->mask ? (uint8_t)s->mask[i] : 0xff;

        if ((f->bytes[i] ^ (uint8_t)s->bytes[i]) & mask)
            return false;
    }
    return true;
}

/* Is the format clear? */
static bool recognise(struct leat_first *f, bool end)
{
    bool maybe = false;

    for (unsigned i = 0; i < N_SIGNATURES; i++) {
        const struct signature *s = &signatures[i];

        if (f->have >= s->len && agrees(f, s, s->len)) {
            f->format = i + 1;
            return true;
        }
        maybe = maybe || (f->have < s->len && agrees(f, s, f->have));
    }
    return end || !maybe;
}

size_t leat_first_look(struct leat_first *f, const uint8_t *data, size_t n, bool end)
{
    size_t at = 0;

    while (!f->known) {
        f->known = recognise(f, end && at == n);
        if (f->known || at == n)
            break;
        f->bytes[f->have++] = data[at++];
    }
    return at;
}

int leat_first_run(struct leat_first *f, struct leat_stage *stage,
                   int (*step)(struct leat_stage *stage, void *state, struct leat_in *in,
                               struct leat_out *out),
                   void *state, struct leat_in *in, struct leat_out *out)
{
    int r = LEAT_MORE;

    while (f->pos < f->have && r == LEAT_MORE) {
        struct leat_in first = {
            .data = f->bytes,
            .pos = f->pos,
            .len = f->have,
            .offset = f->at,
            .end = in->end && in->pos == in->len,
        };

        r = step(stage, state, &first, out);
        f->pos = first.pos;
        if (r == LEAT_MORE && first.pos < first.len)
            return r;
    }
    return r == LEAT_MORE ? step(stage, state, in, out) : r;
}

const char *leat_format_of(const uint8_t *first, size_t n)
{
    struct leat_first f = {.known = false};
    const struct leat_decoder *decoder;

    (void)leat_first_look(&f, first, n, true);
    decoder = leat_format_decoder(f.format);
    return decoder ? decoder->name : NULL;
}

int leat_plain_step(struct leat_stage *stage, void *state, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)state;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}
