/* bzip2.c - bzip2: independent streams of one block each, which every decoder reads as one file.
 *
 * The input is cut where bzip2 would end its blocks, or where a stream would get a second, tiny
 * one. The lanes compress with libbz2 as the input comes; nothing is buffered outside of the
 * library. A lane allocates the library's memory when it is opened, so that there are no more lanes
 * than fit, and reuses it for all of its blocks.
 */

#include <string.h>

#include "stage.h"

#if HAVE_BZ2

#include <bzlib.h>

#define LEVEL_DEFAULT 9
#define LEVEL_BYTES ((size_t)100000) /* in a block, for each level, after run-length coding */
#define BLOCK_SPARE ((size_t)19)     /* bytes that libbz2 leaves unused */
#define RUN_CODED 4u                 /* a run is coded as this many equal bytes and a length */
#define RUN_MAX 255u
/* Memory of libbz2, according to its manual: 400k, and 8 bytes for each byte of a block. */
#define HELD_FIXED ((size_t)400000)
#define HELD_FACTOR ((size_t)8)

struct bzip2_params {
    int64_t level;
};

struct bzip2 {
    bz_stream bz;
    bool begun;      /* libbz2 is in a stream */
    uint8_t *memory; /* memory of libbz2; `used` bytes of it are allocated */
    size_t used;
    /* For the cutter: the coded size of the block so far, and the run at its end. */
    size_t coded;
    unsigned run; /* bytes, not yet in `coded` */
    uint8_t run_byte;
    /* For the join. */
    bool made;        /* there was a block */
    size_t empty_pos; /* bytes written of the stream for empty input */
};

static int level_of(const struct leat_stage *stage)
{
    return (int)((const struct bzip2_params *)leat_params(stage))->level;
}

static int bzip2_plan(struct leat_stage *stage)
{
    leat_plan_block(stage, LEVEL_BYTES * (size_t)level_of(stage), 0);
    return 0;
}

/* --- cutter ----------------------------------------------------------------------------------- */

/* Follows the way libbz2 fills a block: a run counts when it ends, and a block is full before a
 * byte. */
static int cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
               size_t *ret_take)
{
    struct bzip2 *b = leat_state(stage);
    size_t max = LEVEL_BYTES * (size_t)level_of(stage) - BLOCK_SPARE, coded = b->coded, i;
    unsigned run = b->run;
    uint8_t byte = b->run_byte;

    (void)end;
    if (len == 0) { /* a marker ends the block */
        b->coded = b->run = 0;
        return 1;
    }
    for (i = 0; i < len && coded < max; i++) {
        if (data[i] == byte && run > 0 && run < RUN_MAX) {
            run++;
            continue;
        }
        coded += run < RUN_CODED ? run : RUN_CODED + 1;
        byte = data[i];
        run = 1;
    }
    b->coded = coded;
    b->run = run;
    b->run_byte = byte;
    if (coded < max) {
        *ret_take = len;
        return 0;
    }
    b->coded = b->run = 0;
    *ret_take = i;
    return 1;
}

/* --- lane ------------------------------------------------------------------------------------- */

static size_t held(const struct leat_stage *stage)
{
    return HELD_FIXED + HELD_FACTOR * LEVEL_BYTES * (size_t)level_of(stage);
}

static int bzip2_open(struct leat_stage *stage)
{
    struct bzip2 *b = leat_state(stage);

    b->memory = leat_alloc_raw(stage, held(stage));
    return b->memory ? 0 : LEAT_ENOMEM;
}

/* libbz2 allocates all memory for a stream at once, and frees all of it. */
static void *alloc(void *stage, int items, int size)
{
    size_t n = (size_t)items * (size_t)size, unit = _Alignof(max_align_t);
    struct bzip2 *b = leat_state(stage);
    uint8_t *at = b->memory + b->used;

    n = (n + unit - 1) / unit * unit;
    if (n > held(stage) - b->used)
        return NULL;
    b->used += n;
    return at;
}

static void release(void *stage, void *memory)
{
    (void)stage;
    (void)memory;
}

static int begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct bzip2 *b = leat_state(stage);
    int r;

    (void)in;
    b->bz = (bz_stream){.bzalloc = alloc, .bzfree = release, .opaque = stage};
    b->used = 0;
    r = BZ2_bzCompressInit(&b->bz, level_of(stage), 0, 0);
    if (r != BZ_OK)
        return leat_fail(stage, LEAT_EINTERNAL, "libbz2: error %d", r);
    b->begun = true;
    return 0;
}

static void end_stream(struct bzip2 *b)
{
    if (b->begun)
        BZ2_bzCompressEnd(&b->bz);
    b->begun = false;
}

static void bzip2_close(struct leat_stage *stage)
{
    struct bzip2 *b = leat_state(stage);

    end_stream(b);
    leat_free(stage, b->memory);
}

/* libbz2 does not change its input, but its pointers lack the const. */
static char *unconst(const uint8_t *data)
{
    return (char *)(uintptr_t)data;
}

static int bzip2_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct bzip2 *b = leat_state(stage);
    int r;

    for (;;) {
        uint8_t *room;
        size_t n = leat_reserve(out, &room), left = in->len - in->pos;

        if (n == 0)
            return LEAT_MORE;
        b->bz.next_in = unconst(in->data + in->pos);
        b->bz.avail_in = (unsigned)left;
        b->bz.next_out = (char *)room;
        b->bz.avail_out = (unsigned)n;
        /* Announce the end only after all input is consumed: the input may be cut differently from
         * run to run. */
        r = BZ2_bzCompress(&b->bz, left == 0 && in->end ? BZ_FINISH : BZ_RUN);
        in->pos += left - b->bz.avail_in;
        leat_commit(out, n - b->bz.avail_out);
        if (r == BZ_STREAM_END) {
            end_stream(b);
            return LEAT_END;
        }
        if (r == BZ_PARAM_ERROR && left == 0 && !in->end)
            return LEAT_MORE; /* it had nothing to do */
        if (r < 0)
            return leat_fail(stage, LEAT_EINTERNAL, "libbz2: error %d", r);
        if (!in->end && in->pos == in->len && b->bz.avail_out > 0)
            return LEAT_MORE;
    }
}

/* --- join ------------------------------------------------------------------------------------- */

/* Without any block, writes a stream that has none. */
static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    static const uint8_t magic_and_crc[] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0, 0, 0, 0};
    uint8_t empty[4 + sizeof magic_and_crc] = {'B', 'Z', 'h', (uint8_t)('0' + level_of(stage))};
    struct bzip2 *b = leat_state(stage);

    (void)result;
    if (when == LEAT_JOIN_BLOCK)
        b->made = true;
    if (when != LEAT_JOIN_TAIL || b->made)
        return LEAT_END;
    memcpy(empty + 4, magic_and_crc, sizeof magic_and_crc);
    b->empty_pos += leat_write(out, empty + b->empty_pos, sizeof empty - b->empty_pos);
    return b->empty_pos < sizeof empty ? LEAT_MORE : LEAT_END;
}

static const struct leat_option options[] = {
    {.name = "level",
     .short_name = LEAT_DIGITS,
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct bzip2_params, level),
     .metavar = "N",
     .min = 1,
     .max = 9,
     .initial = LEVEL_DEFAULT,
     .help = "use blocks of N times 100,000 bytes, 1 to 9"},
    {.name = "fast",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct bzip2_params, level),
     .value = 1,
     .initial = LEVEL_DEFAULT,
     .help = "the same as -1"},
    {.name = "best",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct bzip2_params, level),
     .value = 9,
     .initial = LEVEL_DEFAULT,
     .help = "the same as -9"},
    {0},
};

static const struct leat_lanes split = {
    .cut = cut,
    .begin = begin,
    .join = join,
};

const struct leat_stage_type leat_stage_bzip2 = {
    .name = "bzip2",
    .summary = "compress to bzip2 (.bz2)",
    .manual =
        "The input is cut into blocks of bzip2 (of 900,000 bytes if no level is given), and each "
        "becomes a bzip2 stream of its own, as with pbzip2. Every bzip2 decoder reads the result "
        "as one file. But if that file is cut exactly between two streams, no decoder can detect "
        "it. The output does not depend on the number of threads. A flush marker (see flush) "
        "ends a stream.\n\n"
        "There are as many workers as threads, or as fit in --memory: each uses 8 MiB at level 9.",
    .examples = "read big.log : bzip2 -9 : write --force big.copy.bz2\n"
                "zero -n 1M : bzip2 --fast : count -c",
    .suffixes = ".bz2 .tbz2 .tbz",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct bzip2_params),
    .state_size = sizeof(struct bzip2),
    .options = options,
    .lanes = &split,
    .plan = bzip2_plan,
    .open = bzip2_open,
    .step = bzip2_step,
    .close = bzip2_close,
};

#else

LEAT_STAGE_MISSING(bzip2, "bzip2", "compress to bzip2 (.bz2)", "libbz2-dev");

#endif
