/* unlzip.c - decodes lzip members, one after another.
 *
 * liblzma decodes a member; the data after a member is examined here. liblzma would treat a second
 * member with a damaged magic number as trailing data and drop it silently. lzip does not, so the
 * rules here are those of lzip.
 */

#include "../shared/decoder.h"
#include "../shared/expansion.h"

#if HAVE_LZMA

#include "lzma_aid.h"

#define FORMAT "lzip"
#define MAGIC_LEN 4u
#define MAGIC_LIKE 2u /* trailing data with this many of its bytes is a damaged member */

static const uint8_t magic[MAGIC_LEN] = {'L', 'Z', 'I', 'P'};

struct unlzip {
    struct leat_lzma lzma;
    enum { AT_MAGIC, IN_MAGIC, IN_MEMBER, TRAILING } place;
    uint8_t first[MAGIC_LEN]; /* `have` of them are filled, first_pos are passed on */
    size_t have, first_pos;
    bool later_member; /* not the first member */
};

static int unlzip_open(struct leat_stage *stage, void *state)
{
    struct unlzip *u = state;

    leat_lzma_init(&u->lzma, stage);
    return 0;
}

static int begin_member(struct leat_stage *stage, struct unlzip *u)
{
    /* Its memory is charged to the stage, so it needs no other limit. */
    lzma_ret r = lzma_lzip_decoder(&u->lzma.strm, UINT64_MAX, 0);

    u->place = IN_MAGIC;
    u->first_pos = 0;
    u->later_member = true;
    return r == LZMA_OK ? LEAT_END : leat_lzma_fail(stage, r, FORMAT);
}

/* Examines the data after a member. Returns LEAT_END when it is known what follows. */
static int look(struct leat_stage *stage, struct unlzip *u, struct leat_in *in)
{
    size_t agree = 0;

    while (u->have < MAGIC_LEN && in->pos < in->len)
        u->first[u->have++] = in->data[in->pos++];
    if (u->have < MAGIC_LEN && !in->end)
        return LEAT_MORE;
    if (!u->later_member)
        return begin_member(stage, u);
    for (size_t i = 0; i < u->have; i++)
        agree += u->first[i] == magic[i];
    if (agree == MAGIC_LEN)
        return begin_member(stage, u);
    if (u->have > 0 && u->have < MAGIC_LEN && agree == u->have)
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in a member's header");
    if (agree >= MAGIC_LIKE)
        return leat_fail(stage, LEAT_ECORRUPT, "a damaged header after an lzip member");
    u->place = TRAILING;
    return LEAT_END;
}

/* Passes the bytes in `first` to liblzma as a separate input. */
static int run_magic(struct leat_stage *stage, struct unlzip *u, const struct leat_in *in,
                     struct leat_out *out)
{
    struct leat_in first = {
        .data = u->first,
        .pos = u->first_pos,
        .len = u->have,
        .end = u->have < MAGIC_LEN && in->end,
    };
    int r = leat_lzma_run(&u->lzma, stage, FORMAT, NULL, NULL, &first, out);

    u->first_pos = first.pos;
    if (r != LEAT_MORE || first.pos < first.len)
        return r;
    u->place = IN_MEMBER;
    return LEAT_END;
}

static int unlzip_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct unlzip *u = state;
    int r;

    do {
        switch (u->place) {
        case AT_MAGIC:
            r = look(stage, u, in);
            break;
        case IN_MAGIC:
            r = run_magic(stage, u, in, out);
            break;
        case IN_MEMBER:
            r = leat_lzma_run(&u->lzma, stage, FORMAT, NULL, NULL, in, out);
            if (r == LEAT_END) {
                u->place = AT_MAGIC;
                u->have = 0;
            }
            break;
        case TRAILING:
        default:
            in->pos = in->len;
            return in->end ? LEAT_END : LEAT_MORE;
        }
    } while (r == LEAT_END);
    return r;
}

static void unlzip_close(struct leat_stage *stage, void *state)
{
    struct unlzip *u = state;

    (void)stage;
    leat_lzma_close(&u->lzma);
}

const struct leat_decoder leat_decoder_lzip = {
    .name = FORMAT,
    .state_size = sizeof(struct unlzip),
    .open = unlzip_open,
    .step = unlzip_step,
    .close = unlzip_close,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_DECODER_CALLBACKS(leat_decoder_lzip)

const struct leat_stage_type leat_stage_unlzip = {
    .name = "unlzip",
    .summary = "decompress lzip (.lz)",
    .manual =
        "Decompresses any number of members, one after another. Errors are: truncation, and a "
        "CRC or a size that does not match. As with lzip, data after the last member is ignored, "
        "unless at least two of its first four bytes are those that begin a member.\n\n"
        "The dictionary counts against --memory. If a member needs more, that is an error, and "
        "the message tells both sizes.",
    .examples = "read big.log : lzip -1 : unlzip : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(struct unlzip),
    .options = leat_expansion_options,
    .plan = leat_lzma_decoder_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unlzip, "unlzip", "decompress lzip (.lz)", "liblzma-dev");

#endif
