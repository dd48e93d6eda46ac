/* zlib.c - zlib (RFC 1950). */

#include <zlib.h>

#include "../shared/bytes.h"
#include "../shared/pieces.h"
#include "checksum.h"

#define CMF 0x78 /* deflate, a window of 32 KiB */

static uint32_t combine(uint32_t adler, uint32_t next, uint64_t len)
{
    return (uint32_t)adler32_combine(adler, next, (z_off_t)len);
}

static size_t header(uint8_t *to, int level)
{
    unsigned flevel = level < 2 ? 0 : level < 6 ? 1 : level == 6 ? 2 : 3;
    unsigned flg = flevel << 6;

    flg += 31 - (CMF * 256u + flg) % 31;
    to[0] = CMF;
    to[1] = (uint8_t)flg;
    return 2;
}

static size_t trailer(uint8_t *to, uint32_t adler, uint64_t total)
{
    (void)total;
    leat_put_be32(to, adler);
    return 4;
}

static const struct leat_wrapper wrapper = {
    .check_init = LEAT_ADLER32_INIT,
    .check = leat_codec_adler32,
    .combine = combine,
    .header = header,
    .trailer = trailer,
};

static int zlib_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return leat_pieces_step(stage, &wrapper, in, out);
}

static int zlib_join(struct leat_stage *stage, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    return leat_pieces_join(stage, &wrapper, when, result, out);
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct leat_pieces_result),
    .join = zlib_join,
};

const struct leat_stage_type leat_stage_zlib = {
    .name = "zlib",
    .summary = "compress to a zlib stream (RFC 1950)",
    .manual = LEAT_PIECES_MANUAL "The checksum is an Adler-32.",
    .examples = "read big.log : zlib -9 : unzlib : count -l",
    .suffixes = ".zz .zlib",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct leat_pieces_params),
    .state_size = sizeof(struct leat_pieces),
    .options = leat_pieces_options,
    .lanes = &split,
    .plan = leat_pieces_plan,
    .open = leat_pieces_open,
    .step = zlib_step,
    .close = leat_pieces_close,
};
