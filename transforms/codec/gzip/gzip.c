/* gzip.c - gzip (RFC 1952): one member, which every decoder reads; or many small ones, as BGZF. */

#include <zlib.h>

#include "../shared/bytes.h"
#include "../shared/pieces.h"
#include "bgzf.h"
#include "checksum.h"

#define OS_UNIX 3
#define XFL_SMALLEST 2
#define XFL_FASTEST 4

struct gzip_params {
    struct leat_pieces_params pieces; /* must be first, for pieces.c */
    int blocks;
};

struct gzip {
    struct leat_pieces pieces; /* must be first, for pieces.c */
    struct leat_bgzf blocks;
};

static const struct leat_option options[] = {
    LEAT_PIECES_OPTIONS,
    {.name = "blocks",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct gzip_params, blocks),
     .help = "output BGZF: small independent members, which bgzip and tabix can index"},
    {0},
};

static const struct gzip_params *params_of(const struct leat_stage *stage)
{
    return leat_params(stage);
}

static struct leat_bgzf *blocks_of(struct leat_stage *stage)
{
    return &((struct gzip *)leat_state(stage))->blocks;
}

static uint32_t combine(uint32_t crc, uint32_t next, uint64_t len)
{
    return (uint32_t)crc32_combine(crc, next, (z_off_t)len);
}

/* No name and no time, so that the same input gives the same output. */
static size_t header(uint8_t *to, int level)
{
    uint8_t xfl = level >= 9 ? XFL_SMALLEST : level == 1 ? XFL_FASTEST : 0;
    uint8_t bytes[] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, xfl, OS_UNIX};

    memcpy(to, bytes, sizeof bytes);
    return sizeof bytes;
}

static size_t trailer(uint8_t *to, uint32_t crc, uint64_t total)
{
    leat_put_le32(to, crc);
    leat_put_le32(to + 4, (uint32_t)total);
    return 8;
}

static const struct leat_wrapper wrapper = {
    .check_init = LEAT_CRC32_INIT,
    .check = leat_codec_crc32,
    .combine = combine,
    .header = header,
    .trailer = trailer,
};

static int gzip_plan(struct leat_stage *stage)
{
    int r = leat_pieces_plan(stage);

    if (r == 0 && params_of(stage)->blocks)
        leat_bgzf_plan(stage);
    return r;
}

static int gzip_open(struct leat_stage *stage)
{
    const struct gzip_params *params = params_of(stage);
    struct leat_deflater_choice c;

    if (!params->blocks)
        return leat_pieces_open(stage);
    c = leat_deflater_choose_alone((int)params->pieces.level, params->pieces.backend != 0,
                                   leat_memory_limit(stage));
    c.block = LEAT_BGZF_INPUT;
    return leat_bgzf_open(stage, blocks_of(stage), &c);
}

static int gzip_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    if (params_of(stage)->blocks)
        return leat_bgzf_step(stage, blocks_of(stage), in, out);
    return leat_pieces_step(stage, &wrapper, in, out);
}

static int gzip_join(struct leat_stage *stage, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    if (!params_of(stage)->blocks)
        return leat_pieces_join(stage, &wrapper, when, result, out);
    return when == LEAT_JOIN_TAIL ? leat_bgzf_end(out) : LEAT_END;
}

static void gzip_close(struct leat_stage *stage)
{
    leat_pieces_close(stage);
    leat_bgzf_close(stage, blocks_of(stage));
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct leat_pieces_result),
    .join = gzip_join,
};

const struct leat_stage_type leat_stage_gzip = {
    .name = "gzip",
    .summary = "compress to gzip (.gz)",
    .manual = LEAT_PIECES_MANUAL
    "The header has no name and no time, so that the same input gives the same output.\n\n"
    "--blocks outputs BGZF, the form of gzip that bgzip writes: members of 65280 bytes of input "
    "each, with their sizes in their headers, and an empty member at the end. Every gzip decoder "
    "reads it. gunzip decodes it with as many workers as there are threads, and bgzip and tabix "
    "can index it to read a part of it. It is 2 to 5 % larger. With --blocks, level 1 is always "
    "ISA-L's level 3, and level 6 always libdeflate's level 6.",
    .examples = "read big.log : gzip -9 : write --force big.copy.gz\n"
                "read big.log : gzip --blocks : gunzip : count -l\n"
                "zero -n 1M : gzip --fast : count -c",
    .suffixes = ".gz .tgz .bgz",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct gzip_params),
    .state_size = sizeof(struct gzip),
    .options = options,
    .lanes = &split,
    .plan = gzip_plan,
    .open = gzip_open,
    .step = gzip_step,
    .close = gzip_close,
};
