/* gzip.c - gzip (RFC 1952): one member, which every reader accepts. */

#include <zlib.h>

#include "bytes.h"
#include "checksum.h"
#include "pieces.h"

#define OS_UNIX 3
#define XFL_SMALLEST 2
#define XFL_FASTEST 4

static uint32_t combine(uint32_t crc, uint32_t next, uint64_t len)
{
    return (uint32_t)crc32_combine(crc, next, (z_off_t)len);
}

/* No name and no time: the same input gives the same output. */
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

static int gzip_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return leat_pieces_step(stage, &wrapper, in, out);
}

static int gzip_join(struct leat_stage *stage, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    return leat_pieces_join(stage, &wrapper, when, result, out);
}

static const struct leat_split split = {
    .result_size = sizeof(struct leat_pieces_result),
    .join = gzip_join,
};

const struct leat_stage_type leat_stage_gzip = {
    .name = "gzip",
    .summary = "compress to gzip (.gz)",
    .manual = LEAT_PIECES_MANUAL
    "The header holds no name and no time, so that the same input gives the same output.",
    .examples = "read big.log : gzip -9 : write --force big.copy.gz\n"
                "zero -n 1M : gzip --fast : count -c",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_SPLIT,
    .flags = LEAT_NO_STDOUT_TTY,
    .params_size = sizeof(struct leat_pieces_params),
    .state_size = sizeof(struct leat_pieces),
    .options = leat_pieces_options,
    .split = &split,
    .plan = leat_pieces_plan,
    .open = leat_pieces_open,
    .step = gzip_step,
    .close = leat_pieces_close,
};
