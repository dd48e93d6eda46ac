/* gunzip.c - gzip members (RFC 1952) to what is in them.
 *
 * Any number of members follow each other. After the last one zero bytes may follow, as tapes and
 * block devices pad, and nothing else. The checksum and the length of each are verified.
 */

#include "bytes.h"
#include "decoder.h"
#include "gzip_header.h"
#include "inflate_options.h"
#include "inflater.h"

#define TRAILER 8u /* bytes: CRC-32, length */

/* What is read ahead of the deflate data ends in its trailer, so the next member's deflate data
 * always begins at the input cursor. */
_Static_assert(TRAILER >= LEAT_INFLATER_BACK_MAX, "a library reads ahead into the next member");

struct gunzip {
    struct leat_inflater inflater;
    enum { IN_HEADER, IN_DATA, IN_TRAILER, BETWEEN, IN_PADDING } place;
    struct leat_gzip_header header;
    uint64_t header_at; /* byte offset of the member */
    uint64_t trailer_at;
    bool later_member; /* it is not the first one */
    uint8_t trailer[TRAILER];
    size_t trailer_have;
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

/* The input is used up here. */
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
    g->trailer_have = 0;
    g->place = BETWEEN;
    return LEAT_END;
}

/* After a member: another one, padding, or the end. Returns LEAT_END when there is another. */
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

static int gunzip_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct gunzip *g = state;
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

const struct leat_decoder leat_decoder_gzip = {
    .name = "gzip",
    .state_size = sizeof(struct gunzip),
    .open = gunzip_open,
    .step = gunzip_step,
    .close = gunzip_close,
};

/* --- the stage -------------------------------------------------------------------------------- */

static int stage_open(struct leat_stage *stage)
{
    return open_with(stage, leat_state(stage), leat_inflate_backend(stage));
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return gunzip_step(stage, leat_state(stage), in, out);
}

static void stage_close(struct leat_stage *stage)
{
    gunzip_close(stage, leat_state(stage));
}

const struct leat_stage_type leat_stage_gunzip = {
    .name = "gunzip",
    .summary = "decompress gzip (.gz)",
    .manual = "Reads any number of members, one after the other; zero bytes may follow the last "
              "one. Truncation, anything else after the last member, and a checksum or length that "
              "does not match are errors.\n\n" LEAT_INFLATE_MANUAL,
    .examples = "read big.log.gz : gunzip : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct leat_inflate_params),
    .state_size = sizeof(struct gunzip),
    .options = leat_inflate_options,
    .plan = leat_inflate_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};
