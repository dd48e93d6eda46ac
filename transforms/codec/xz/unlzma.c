/* unlzma.c - decodes an lzma stream, the format before xz.
 *
 * If a stream has both a length and an end marker, liblzma (5.4.1) refuses it when an input ends
 * within the marker. Therefore the last bytes received are always held back until the end of the
 * input; then liblzma gets them all at once.
 */

#include "../shared/decoder.h"

#if HAVE_LZMA

#include <string.h>

#include "../shared/expansion.h"
#include "lzma_aid.h"

#define FORMAT "lzma"
#define HELD_MAX ((size_t)32) /* more than the marker and the read-ahead of the range coder */

struct unlzma {
    struct leat_lzma lzma;
    uint8_t held[HELD_MAX];
    size_t n_held;
    bool ended;
};

static int unlzma_open(struct leat_stage *stage, void *state)
{
    struct unlzma *u = state;
    lzma_ret r;

    leat_lzma_init(&u->lzma, stage);
    /* Its memory is charged to the stage, so it needs no other limit. */
    r = lzma_alone_decoder(&u->lzma.strm, UINT64_MAX);
    return r == LZMA_OK ? 0 : leat_lzma_fail(stage, r, FORMAT);
}

/* Decodes data[*pos] up to n. Returns LEAT_MORE when all of it is consumed or there is no room. */
static int feed(struct leat_stage *stage, struct unlzma *u, const uint8_t *data, size_t *pos,
                size_t n, bool end, struct leat_out *out)
{
    struct leat_in part = {.data = data, .pos = *pos, .len = n, .end = end};
    int r = leat_lzma_run(&u->lzma, stage, FORMAT, NULL, NULL, &part, out);

    *pos = part.pos;
    return r;
}

/* Decodes the first n of the held bytes. Returns as feed. */
static int feed_held(struct leat_stage *stage, struct unlzma *u, size_t n, bool end,
                     struct leat_out *out)
{
    size_t taken = 0;
    int r = feed(stage, u, u->held, &taken, n, end, out);

    u->n_held -= taken;
    memmove(u->held, u->held + taken, u->n_held);
    return r;
}

/* Decodes all but the last HELD_MAX bytes received. Returns LEAT_END when the stream has ended. */
static int decode(struct leat_stage *stage, struct unlzma *u, struct leat_in *in,
                  struct leat_out *out)
{
    size_t n = in->len - in->pos, all = u->n_held + n;
    size_t over = all > HELD_MAX ? all - HELD_MAX : 0;
    size_t from_held = over < u->n_held ? over : u->n_held, to = in->pos + (over - from_held);
    size_t before = u->n_held;
    int r;

    if (from_held > 0) {
        r = feed_held(stage, u, from_held, false, out);
        if (r != LEAT_MORE || before - u->n_held < from_held)
            return r;
    }
    if (in->pos < to) {
        r = feed(stage, u, in->data, &in->pos, to, false, out);
        if (r != LEAT_MORE || in->pos < to)
            return r;
    }
    n = in->len - in->pos;
    memcpy(u->held + u->n_held, in->data + in->pos, n);
    u->n_held += n;
    in->pos = in->len;
    return in->end ? feed_held(stage, u, u->n_held, true, out) : LEAT_MORE;
}

static int unlzma_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct unlzma *u = state;

    if (!u->ended) {
        int r = decode(stage, u, in, out);

        if (r != LEAT_END)
            return r;
        u->ended = true;
    }
    if (in->pos < in->len || u->n_held > 0)
        return leat_fail_at(stage, LEAT_ECORRUPT, in->offset + in->pos - u->n_held,
                            "trailing garbage after the lzma stream");
    return in->end ? LEAT_END : LEAT_MORE;
}

static void unlzma_close(struct leat_stage *stage, void *state)
{
    struct unlzma *u = state;

    (void)stage;
    leat_lzma_close(&u->lzma);
}

const struct leat_decoder leat_decoder_lzma = {
    .name = FORMAT,
    .state_size = sizeof(struct unlzma),
    .open = unlzma_open,
    .step = unlzma_step,
    .close = unlzma_close,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_DECODER_CALLBACKS(leat_decoder_lzma)

const struct leat_stage_type leat_stage_unlzma = {
    .name = "unlzma",
    .summary = "decompress lzma (.lzma), the format before xz",
    .manual =
        "Decompresses one stream; the format allows no more. Errors are: truncation, and any "
        "data after the stream. The format has no checksum: damage may go unnoticed.\n\n"
        "The dictionary counts against --memory. If the stream needs more, that is an error, and "
        "the message tells both sizes.",
    .examples = "read big.log : lzma -1 : unlzma : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(struct unlzma),
    .options = leat_expansion_options,
    .plan = leat_lzma_decoder_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unlzma, "unlzma", "decompress lzma (.lzma), the format before xz",
                   "liblzma-dev");

#endif
