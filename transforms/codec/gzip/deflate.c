/* deflate.c - raw deflate (RFC 1951): no header, no checksum. */

#include "../shared/pieces.h"

static uint32_t check(uint32_t none, const uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
    return none;
}

static uint32_t combine(uint32_t none, uint32_t next, uint64_t len)
{
    (void)next;
    (void)len;
    return none;
}

static size_t header(uint8_t *to, int level)
{
    (void)to;
    (void)level;
    return 0;
}

static size_t trailer(uint8_t *to, uint32_t none, uint64_t total)
{
    (void)to;
    (void)none;
    (void)total;
    return 0;
}

static const struct leat_wrapper wrapper = {
    .check = check,
    .combine = combine,
    .header = header,
    .trailer = trailer,
};

static int deflate_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return leat_pieces_step(stage, &wrapper, in, out);
}

static int deflate_join(struct leat_stage *stage, enum leat_join when, const void *result,
                        struct leat_out *out)
{
    return leat_pieces_join(stage, &wrapper, when, result, out);
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct leat_pieces_result),
    .join = deflate_join,
};

const struct leat_stage_type leat_stage_deflate = {
    .name = "deflate",
    .summary = "compress to raw deflate data (RFC 1951)",
    .manual = LEAT_PIECES_MANUAL
    "Raw deflate data has no checksum: damage may go unnoticed. gzip and zlib have one.",
    .examples = "read big.log : deflate -9 : inflate : count -l",
    .suffixes = ".deflate",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct leat_pieces_params),
    .state_size = sizeof(struct leat_pieces),
    .options = leat_pieces_options,
    .lanes = &split,
    .plan = leat_pieces_plan,
    .open = leat_pieces_open,
    .step = deflate_step,
    .close = leat_pieces_close,
};
