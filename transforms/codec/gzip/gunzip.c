/* gunzip.c - decodes gzip members (RFC 1952).
 *
 * Any number of members follow each other. After the last one only zero bytes may follow, because
 * tapes and block devices pad with them. The checksum and the length of each member are verified.
 *
 * The stage is parallel: if the members have their sizes in their headers, as in BGZF, several
 * members are one block, and the lanes decode blocks in parallel. Any other data is one block, from
 * its start to the end of the input. A lane that begins with a later block continues as after a
 * member.
 */

#include "../shared/bytes.h"
#include "../shared/lanes.h"
#include "bgzf.h"
#include "gzip_header.h"
#include "inflate_options.h"
#include "inflater.h"

#define TRAILER 8u /* bytes: CRC-32, length */
/* The output of a block is at most this part of the memory limit, so that it fits at once. */
#define LIMIT_PARTS 16u
#define LANE_HOLDS ((uint64_t)256 << 10) /* state of a library, with its window */

/* A library may read ahead past the deflate data, but only into the trailer, so the deflate data of
 * the next member always begins at the input cursor. */
_Static_assert(TRAILER >= LEAT_INFLATER_BACK_MAX, "a library reads ahead into the next member");

struct gunzip {
    struct leat_inflater inflater;
    enum { IN_HEADER, IN_DATA, IN_TRAILER, BETWEEN, IN_PADDING } place;
    struct leat_gzip_header header;
    uint64_t header_at; /* byte offset of the member */
    uint64_t trailer_at;
    bool later_member; /* not the first member */
    uint8_t trailer[TRAILER];
    size_t trailer_have;
    bool unfinished; /* the last member was of BGZF, and not the empty one that ends the file */
    /* For the cutter and the join. */
    struct leat_bgzf_cut cut;
    bool any; /* a member has ended; in the join: a block has */
    uint64_t end;
};

/* Result of a lane for a block. */
struct gunzip_result {
    bool member; /* a member ended in it */
    bool unfinished;
    uint64_t end; /* byte offset of the end of the block */
};

static int open_with(struct leat_stage *stage, struct gunzip *g, int backend)
{
    return leat_inflater_open(&g->inflater, stage, (enum leat_inflater_backend)backend,
                              LEAT_INFLATER_CRC32);
}

static int gunzip_open(struct leat_stage *stage, void *state)
{
    return open_with(stage, state, LEAT_INFLATER_AUTO);
}

static void gunzip_close(struct leat_stage *stage, void *state)
{
    struct gunzip *g = state;

    leat_inflater_close(&g->inflater, stage);
}

static int fail_garbage(struct leat_stage *stage, uint64_t at)
{
    return leat_fail_at(stage, LEAT_ECORRUPT, at, "trailing garbage after the gzip member");
}

/* The input ends here. */
static int used_up(struct leat_stage *stage, const struct leat_in *in, const char *what)
{
    if (!in->end)
        return LEAT_MORE;
    return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in %s", what);
}

static int read_header(struct leat_stage *stage, struct gunzip *g, struct leat_in *in)
{
    enum leat_gzip_header_result r = LEAT_GZIP_HEADER_MORE;
    const char *problem = NULL;
    uint64_t at;
    uint8_t byte;

    do {
        at = leat_inflater_offset(&g->inflater, in);
        if (g->header.part == 0)
            g->header_at = at;
        if (!leat_inflater_byte(&g->inflater, in, &byte))
            return used_up(stage, in, "the gzip header");
        r = leat_gzip_header_feed(&g->header, byte, &problem);
    } while (r == LEAT_GZIP_HEADER_MORE);
    if (r == LEAT_GZIP_HEADER_BAD)
        return leat_fail_at(stage, LEAT_ECORRUPT, at, "%s", problem);
    if (r == LEAT_GZIP_HEADER_NONE && g->later_member)
        return fail_garbage(stage, g->header_at);
    if (r == LEAT_GZIP_HEADER_NONE)
        return leat_fail_at(stage, LEAT_ECORRUPT, g->header_at, "not in gzip format");
    leat_inflater_reset(&g->inflater);
    g->place = IN_DATA;
    return LEAT_END;
}

static int read_trailer(struct leat_stage *stage, struct gunzip *g, struct leat_in *in)
{
    uint32_t crc, len;

    if (g->trailer_have == 0)
        g->trailer_at = leat_inflater_offset(&g->inflater, in);
    while (g->trailer_have < TRAILER) {
        if (!leat_inflater_byte(&g->inflater, in, &g->trailer[g->trailer_have]))
            return used_up(stage, in, "the gzip trailer");
        g->trailer_have++;
    }
    crc = leat_get_le32(g->trailer);
    len = leat_get_le32(g->trailer + 4);
    if (crc != g->inflater.check)
        return leat_fail_at(stage, LEAT_ECORRUPT, g->trailer_at,
                            "CRC-32 mismatch: stored %08x, computed %08x", crc, g->inflater.check);
    if (len != (uint32_t)g->inflater.total)
        return leat_fail_at(stage, LEAT_ECORRUPT, g->trailer_at + 4,
                            "length mismatch: stored %u, decoded %u (modulo 2^32)", len,
                            (uint32_t)g->inflater.total);
    if (g->header.block_size > 0 && g->header.block_size != g->trailer_at + TRAILER - g->header_at)
        return leat_fail_at(stage, LEAT_ECORRUPT, g->header_at,
                            "this member has %llu bytes, but its header says %u",
                            (unsigned long long)(g->trailer_at + TRAILER - g->header_at),
                            g->header.block_size);
    g->trailer_have = 0;
    g->any = true;
    g->unfinished = g->header.block_size > 0 && g->inflater.total > 0;
    g->place = BETWEEN;
    return LEAT_END;
}

/* After a member: another one, padding, or the end. Returns LEAT_END if there is another. */
static int read_between(struct leat_stage *stage, struct gunzip *g, struct leat_in *in)
{
    const char *problem;
    uint64_t at;
    uint8_t byte;

    for (;;) {
        at = leat_inflater_offset(&g->inflater, in);
        if (!leat_inflater_byte(&g->inflater, in, &byte))
            return LEAT_MORE;
        if (byte != 0)
            break;
        g->place = IN_PADDING;
    }
    if (g->place == IN_PADDING)
        return fail_garbage(stage, at);
    g->header = (struct leat_gzip_header){.part = 0};
    g->header_at = at;
    g->later_member = true;
    g->place = IN_HEADER;
    if (leat_gzip_header_feed(&g->header, byte, &problem) < 0)
        return fail_garbage(stage, at);
    return LEAT_END;
}

/* Returns LEAT_END at the end of the input, or of the block. */
static int run(struct leat_stage *stage, struct gunzip *g, struct leat_in *in, struct leat_out *out)
{
    int r;

    for (;;) {
        switch (g->place) {
        case IN_HEADER:
            r = read_header(stage, g, in);
            break;
        case IN_DATA:
            r = leat_inflater_step(&g->inflater, stage, in, out);
            if (r == LEAT_END)
                g->place = IN_TRAILER;
            break;
        case IN_TRAILER:
            r = read_trailer(stage, g, in);
            break;
        case BETWEEN:
        case IN_PADDING:
        default:
            r = read_between(stage, g, in);
            if (r == LEAT_MORE && in->end)
                return LEAT_END;
            break;
        }
        if (r != LEAT_END)
            return r;
    }
}

static int fail_unfinished(struct leat_stage *stage, uint64_t at)
{
    return leat_fail_at(
        stage, LEAT_ETRUNCATED, at,
        "unexpected end of input: the empty member that ends a BGZF file is missing");
}

static int gunzip_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct gunzip *g = state;
    int r = run(stage, g, in, out);

    return r == LEAT_END && g->unfinished ? fail_unfinished(stage, in->offset + in->pos) : r;
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int lane_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                    size_t *ret_take, uint64_t *ret_note)
{
    struct gunzip *g = state;

    (void)stage;
    *ret_note = 0;
    return leat_bgzf_cut(&g->cut, data, len, ret_take);
}

static int lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in)
{
    struct gunzip *g = state;

    (void)stage;
    g->later_member = in->block > 0;
    g->place = g->later_member ? BETWEEN : IN_HEADER;
    g->header = (struct leat_gzip_header){.part = 0};
    g->header_at = in->offset;
    g->trailer_have = 0;
    g->any = g->unfinished = false;
    return 0;
}

static int lane_step(struct leat_stage *stage, void *state, struct leat_in *in,
                     struct leat_out *out)
{
    struct gunzip *g = state;
    int r = run(stage, g, in, out);

    if (r == LEAT_END)
        *(struct gunzip_result *)leat_result(stage) = (struct gunzip_result){
            .member = g->any, .unfinished = g->unfinished, .end = in->offset + in->pos};
    return r;
}

static int lane_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct gunzip_result *of_block = result;
    struct gunzip *g = state;

    (void)out;
    if (when == LEAT_JOIN_BLOCK) {
        g->any = true;
        g->end = of_block->end;
        if (of_block->member)
            g->unfinished = of_block->unfinished;
    }
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (!g->any)
        return leat_fail_at(stage, LEAT_ETRUNCATED, 0,
                            "unexpected end of input in the gzip header");
    /* The empty member ends a file, and no part of one. */
    return g->unfinished && !leat_input_is_part(stage) ? fail_unfinished(stage, g->end) : LEAT_END;
}

static const struct leat_decoder_lanes lanes = {
    .state_size = sizeof(struct gunzip),
    .result_size = sizeof(struct gunzip_result),
    .holds = LANE_HOLDS,
    .cut = lane_cut,
    .open = gunzip_open,
    .begin = lane_begin,
    .step = lane_step,
    .join = lane_join,
    .close = gunzip_close,
};

const struct leat_decoder leat_decoder_gzip = {
    .name = "gzip",
    .state_size = sizeof(struct gunzip),
    .open = gunzip_open,
    .step = gunzip_step,
    .close = gunzip_close,
    .lanes = &lanes,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_LANES_CALLBACKS(lanes)

static int stage_plan(struct leat_stage *stage)
{
    size_t made = LEAT_BGZF_MEMBERS * LEAT_BGZF_CONTENT_MAX;
    uint64_t most = leat_memory_limit(stage) / LIMIT_PARTS;

    /* The output of a block should fit between the lanes and the join. */
    leat_plan_block(stage, made < most ? made : (size_t)most, 0);
    return leat_inflate_plan(stage);
}

static int stage_open(struct leat_stage *stage)
{
    return open_with(stage, leat_state(stage), leat_inflate_backend(stage));
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return lane_step(stage, leat_state(stage), in, out);
}

static void stage_close(struct leat_stage *stage)
{
    gunzip_close(stage, leat_state(stage));
}

/* Members state no size of their content in their headers. */
static uint64_t member_holds(const uint8_t *head, size_t n)
{
    (void)head;
    (void)n;
    return UINT64_MAX;
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct gunzip_result),
    .cut = stage_cut,
    .begin = stage_begin,
    .join = stage_join,
};

const struct leat_stage_type leat_stage_gunzip = {
    .name = "gunzip",
    .summary = "decompress gzip (.gz)",
    .manual = "Decompresses any number of members, one after another; zero bytes may follow the "
              "last one. Errors are: truncation, any other data after the last member, and a "
              "checksum or length that does not match.\n\n"
              "BGZF, the output of gzip --blocks and bgzip, is decoded by as many workers as "
              "there are threads. A BGZF file must end with an empty member; if that is missing, "
              "the file was truncated, and this is an error.\n\n" LEAT_INFLATE_MANUAL,
    .examples = "read big.log.gz : gunzip : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_inflate_params),
    .state_size = sizeof(struct gunzip),
    .options = leat_inflate_options,
    .lanes = &split,
    .frame_holds = member_holds,
    .plan = stage_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};
