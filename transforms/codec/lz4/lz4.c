/* lz4.c - lz4: frames of 4 MiB of input each, one after another; lz4 reads them as one file.
 *
 * There are several frames and not one, because the checksum of a frame's contents can only be
 * computed from its first byte to its last, so each lane makes whole frames, each with its
 * checksum.
 */

#include "stage.h"

#if HAVE_LZ4

#include <lz4frame.h>
#include <string.h>

#define FRAME ((size_t)4 << 20) /* input bytes: the size of the largest block */
#define LEVEL_DEFAULT 1
#define LEVEL_MAX 12
#define FAST_MAX 65536
#define BLOCK_CODE_MIN '4'
#define BLOCK_CODE_MAX '7'
/* Memory of liblz4 at its higher levels, with linked blocks. */
#define CONTEXT_BYTES ((uint64_t)336 << 10)

struct lz4_params {
    int64_t level, fast;
    int no_frame_crc;
    struct leat_strings block;
};

struct lz4 {
    LZ4F_preferences_t preferences;
    bool any; /* for the join: there was a frame */
};

static const struct leat_option options[] = {
    {.name = "level",
     .short_name = LEAT_DIGITS,
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct lz4_params, level),
     .metavar = "N",
     .min = 1,
     .max = LEVEL_MAX,
     .initial = LEVEL_DEFAULT,
     .help = "from 1 (fastest) to 12 (smallest); 1 and 2 are the same"},
    {.name = "best",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct lz4_params, level),
     .value = LEVEL_MAX,
     .initial = LEVEL_DEFAULT,
     .help = "the same as -12"},
    {.name = "fast",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct lz4_params, fast),
     .metavar = "N",
     .min = 1,
     .max = FAST_MAX,
     .value = 1,
     .value_optional = true,
     .help = "be faster than level 1, by N steps (1 if not given)"},
    {.short_name = 'B',
     .kind = LEAT_OPT_LIST,
     .offset = offsetof(struct lz4_params, block),
     .metavar = "LETTERS",
     .help = "4 to 7: blocks of 64K, 256K, 1M or 4M (default); D, I: linked or independent; X: "
             "block checksums"},
    {.name = "no-frame-crc",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct lz4_params, no_frame_crc),
     .help = "omit the checksum of the contents"},
    {0},
};

/* Applies one operand of -B. */
static int apply_block(struct leat_stage *stage, const char *letters, LZ4F_frameInfo_t *info)
{
    if (!*letters)
        return leat_fail(stage, LEAT_EUSAGE, "-B needs 4, 5, 6, 7, D, I or X");
    for (; *letters; letters++) {
        if (*letters >= BLOCK_CODE_MIN && *letters <= BLOCK_CODE_MAX)
            info->blockSizeID = (LZ4F_blockSizeID_t)(LZ4F_max64KB + (*letters - BLOCK_CODE_MIN));
        else if (*letters == 'D')
            info->blockMode = LZ4F_blockLinked;
        else if (*letters == 'I')
            info->blockMode = LZ4F_blockIndependent;
        else if (*letters == 'X')
            info->blockChecksumFlag = LZ4F_blockChecksumEnabled;
        else
            return leat_fail(stage, LEAT_EUSAGE, "-B: '%c' is not one of 4, 5, 6, 7, D, I and X",
                             *letters);
    }
    return 0;
}

static int read_params(struct leat_stage *stage, LZ4F_preferences_t *ret)
{
    const struct lz4_params *p = leat_params(stage);

    memset(ret, 0, sizeof *ret);
    ret->compressionLevel = p->fast ? (int)-p->fast : (int)p->level;
    ret->frameInfo.blockSizeID = LZ4F_max4MB;
    ret->frameInfo.blockMode = LZ4F_blockIndependent;
    ret->frameInfo.contentChecksumFlag =
        p->no_frame_crc ? LZ4F_noContentChecksum : LZ4F_contentChecksumEnabled;
    for (size_t i = 0; i < p->block.n; i++) {
        int r = apply_block(stage, p->block.v[i], &ret->frameInfo);

        if (r < 0)
            return r;
    }
    return 0;
}

static int lz4_plan(struct leat_stage *stage)
{
    LZ4F_preferences_t preferences;

    leat_plan_block(stage, FRAME, 0);
    leat_plan_whole(stage, FRAME);
    return read_params(stage, &preferences);
}

/* --- lane ------------------------------------------------------------------------------------- */

static int lz4_open(struct leat_stage *stage)
{
    struct lz4 *l = leat_state(stage);
    int r = read_params(stage, &l->preferences);

    if (r < 0)
        return r;
    if (leat_charge(stage, CONTEXT_BYTES) < 0)
        return LEAT_ELIMIT;
    return leat_keep_room(stage, LZ4F_compressFrameBound(FRAME, &l->preferences));
}

/* Writes a frame. Returns LEAT_END, or LEAT_MORE: there is no room now. */
static int put_frame(struct leat_stage *stage, const uint8_t *data, size_t n, struct leat_out *out)
{
    struct lz4 *l = leat_state(stage);
    size_t room = LZ4F_compressFrameBound(n, &l->preferences), made;
    uint8_t *to;

    if (leat_reserve_least(out, room, &to) == 0)
        return LEAT_MORE;
    made = LZ4F_compressFrame(to, room, data, n, &l->preferences);
    if (LZ4F_isError(made))
        return leat_fail(stage, LEAT_EINTERNAL, "liblz4: %s", LZ4F_getErrorName(made));
    leat_commit(out, made);
    return LEAT_END;
}

static int lz4_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    int r;

    if (!in->end)
        return leat_fail(stage, LEAT_EINTERNAL, "a block that is not one piece");
    r = put_frame(stage, in->data, in->len, out);
    if (r == LEAT_END)
        in->pos = in->len;
    return r;
}

/* --- join ------------------------------------------------------------------------------------- */

/* Without any input, writes an empty frame. */
static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    static const uint8_t nothing[1];
    struct lz4 *l = leat_state(stage);
    int r;

    (void)result;
    if (when == LEAT_JOIN_BLOCK)
        l->any = true;
    if (when != LEAT_JOIN_TAIL || l->any)
        return LEAT_END;
    r = read_params(stage, &l->preferences);
    return r < 0 ? r : put_frame(stage, nothing, 0, out);
}

static const struct leat_lanes split = {
    .join = join,
};

const struct leat_stage_type leat_stage_lz4 = {
    .name = "lz4",
    .summary = "compress to lz4 (.lz4)",
    .manual =
        "The input is cut into parts of 4 MiB, and each becomes a frame of its own, with a "
        "checksum of its contents. The lz4 command reads them as one file; with a library, a "
        "program may have to continue after the first frame. If the file is cut exactly between "
        "two frames, no decoder can detect it. There are as many workers as threads. The output "
        "does not depend on their number. A flush marker (see flush) ends a frame.\n\n"
        "Levels 1 and 2 are the fast compressor, 3 to 12 the high-compression one. Blocks are "
        "independent and of 4 MiB, as with the lz4 command, unless -B says otherwise.",
    .examples = "read big.log : lz4 : write --force big.copy.lz4\n"
                "zero -n 1M : lz4 -9 -B4 : count -c",
    .suffixes = ".lz4 .tlz4",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct lz4_params),
    .state_size = sizeof(struct lz4),
    .options = options,
    .lanes = &split,
    .plan = lz4_plan,
    .open = lz4_open,
    .step = lz4_step,
};

#else

LEAT_STAGE_MISSING(lz4, "lz4", "compress to lz4 (.lz4)", "liblz4-dev");

#endif
