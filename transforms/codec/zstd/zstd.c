/* zstd.c - zstd (RFC 8878): one frame, by libzstd and its own workers; or many, by lanes
 * (zstd_seekable.c).
 *
 * The output depends only on the options and the memory limit. Jobs have a fixed size for any
 * number of workers. But libzstd's output also depends on how many bytes come with the call that
 * ends the frame, and whether a job was started before it. Therefore the last byte received is
 * always held back, and the frame ends with a call that has exactly that byte.
 */

#include <zstd.h>

#include "stage.h"
#include "zstd_dictionary.h"
#include "zstd_memory.h"
#include "zstd_reserve.h"
#include "zstd_seekable.h"

#define LEVEL_DEFAULT 3
#define LEVEL_MAX_USUAL 19
#define FAST_MAX 131072
#define LONG_LOG_MIN 10
#define LONG_LOG_MAX 31
#define LONG_LOG_DEFAULT 27

struct zstd_params {
    int64_t level, fast, long_log;
    uint64_t seekable; /* bytes of input in a frame; 0: one frame */
    const char *dict;
    int ultra, no_check;
};

struct zstd_state {
    ZSTD_CCtx *context;
    struct leat_zstd_reserve reserve; /* of the context */
    ZSTD_CDict *dictionary;           /* or NULL */
    size_t dictionary_len;
    bool held; /* a byte of the input is held back */
    uint8_t held_byte;
    struct leat_zstd_seekable seekable;
};

static const struct leat_option options[] = {
    {.name = "level",
     .short_name = LEAT_DIGITS,
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct zstd_params, level),
     .metavar = "N",
     .min = 1,
     .max = LEAT_ZSTD_LEVEL_MAX,
     .initial = LEVEL_DEFAULT,
     .help = "from 1 (fast) to 19, and to 22 with --ultra"},
    {.name = "fast",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct zstd_params, fast),
     .metavar = "N",
     .min = 1,
     .max = FAST_MAX,
     .value = 1,
     .value_optional = true,
     .help = "be faster than level 1, by N steps (1 if not given)"},
    {.name = "ultra",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct zstd_params, ultra),
     .help = "allow levels 20 to 22, which need much memory to compress and to decompress"},
    {.name = "long",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct zstd_params, long_log),
     .metavar = "N",
     .min = LONG_LOG_MIN,
     .max = LONG_LOG_MAX,
     .value = LONG_LOG_DEFAULT,
     .value_optional = true,
     .help = "find matches at long distances, in a window of 2^N bytes (27 if not given)"},
    {.name = "seekable",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct zstd_params, seekable),
     .metavar = "SIZE",
     .min = LEAT_ZSTD_SEEKABLE_MIN,
     .max = LEAT_ZSTD_SEEKABLE_MAX,
     .value = LEAT_ZSTD_SEEKABLE_DEFAULT,
     .value_optional = true,
     .help = "write a frame for every SIZE bytes (1M) and a seek table at the end, for read "
             "--range"},
    {.name = "dict",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct zstd_params, dict),
     .metavar = "FILE",
     .help = "use the dictionary in FILE, made by zstd --train; unzstd needs the same"},
    {.name = "no-check",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct zstd_params, no_check),
     .help = "omit the checksum"},
    {0},
};

static int level_of(const struct zstd_params *params)
{
    return params->fast ? (int)-params->fast : (int)params->level;
}

static int zstd_plan(struct leat_stage *stage)
{
    const struct zstd_params *params = leat_params(stage);
    ZSTD_bounds window = ZSTD_cParam_getBounds(ZSTD_c_windowLog);

    if (params->level > LEVEL_MAX_USUAL && !params->ultra)
        return leat_fail(stage, LEAT_EUSAGE, "level %d needs --ultra", (int)params->level);
    if (params->long_log > window.upperBound)
        return leat_fail(stage, LEAT_EUSAGE, "--long=%d: this machine supports at most %d",
                         (int)params->long_log, window.upperBound);
    if (params->seekable > 0) {
        leat_plan_nature(stage, LEAT_PARALLEL);
        leat_plan_block(stage, (size_t)params->seekable, 0);
        leat_plan_whole(stage, (size_t)params->seekable);
    }
    return leat_zstd_dictionary_plan(stage, params->dict);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* How many workers this libzstd may have: a static one may have none. */
static unsigned workers_most(void)
{
    ZSTD_bounds b = ZSTD_cParam_getBounds(ZSTD_c_nbWorkers);

    return ZSTD_isError(b.error) || b.upperBound < 0 ? 0 : (unsigned)b.upperBound;
}

/* The most workers that a stage of this pipeline has. */
static unsigned workers_for(const struct leat_stage *stage)
{
    unsigned most = workers_most(), threads = leat_threads(stage);

    return most < threads ? most : threads;
}

/* Charges the memory of as many workers as there are threads, or of as many as fit, but of at least
 * one, because the output without workers differs. Returns how many, or fails. */
static int charge_workers(struct leat_stage *stage, int level, int long_log, uint64_t job,
                          unsigned most)
{
    uint64_t part = leat_zstd_memory_part(leat_memory_limit(stage));

    for (unsigned n = most; n > 1; n--) {
        uint64_t need = leat_zstd_memory_need(level, long_log, n, job);

        if (need <= part && need <= leat_memory_spare(stage) && leat_charge(stage, need) == 0)
            return (int)n;
    }
    return leat_charge(stage, leat_zstd_memory_need(level, long_log, 1, job)) == 0 ? 1
                                                                                   : LEAT_ELIMIT;
}

/* Sets the number of libzstd's workers, if there are any. */
static int set_workers(struct leat_stage *stage, struct zstd_state *z, int level, int long_log)
{
    struct leat_zstd_plan plan = leat_zstd_memory_plan(level, long_log, leat_memory_limit(stage));
    unsigned most = workers_for(stage);
    size_t r;
    int n;

    if (!plan.workers || most == 0)
        return leat_charge(stage, leat_zstd_memory_need(level, long_log, 0, 0));
    n = charge_workers(stage, level, long_log, plan.job, most);
    if (n < 0)
        return n;
    leat_own_threads(stage, (unsigned)n);
    r = ZSTD_CCtx_setParameter(z->context, ZSTD_c_nbWorkers, n);
    if (!ZSTD_isError(r))
        r = ZSTD_CCtx_setParameter(z->context, ZSTD_c_jobSize, (int)plan.job);
    return ZSTD_isError(r) ? leat_zstd_fail(stage, r) : 0;
}

static int set_parameters(struct leat_stage *stage, struct zstd_state *z, int level, int long_log)
{
    const struct zstd_params *params = leat_params(stage);
    const struct {
        ZSTD_cParameter name;
        int value;
    } values[] = {
        {ZSTD_c_compressionLevel, level},
        {ZSTD_c_checksumFlag, !params->no_check},
        {ZSTD_c_enableLongDistanceMatching, long_log > 0},
        {ZSTD_c_windowLog, long_log}, /* 0: that of the level */
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        size_t r = ZSTD_CCtx_setParameter(z->context, values[i].name, values[i].value);

        if (ZSTD_isError(r))
            return leat_zstd_fail(stage, r);
    }
    return 0;
}

static int load_dictionary(struct leat_stage *stage, struct zstd_state *z, const char *path,
                           int level)
{
    const uint8_t *data;
    size_t code;
    int r = leat_zstd_dictionary_read(stage, path, &data, &z->dictionary_len);

    if (r < 0)
        return r;
    z->dictionary = ZSTD_createCDict(data, z->dictionary_len, level);
    if (!z->dictionary)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    if (leat_charge(stage, ZSTD_sizeof_CDict(z->dictionary)) < 0)
        return LEAT_ELIMIT;
    code = ZSTD_CCtx_refCDict(z->context, z->dictionary);
    return ZSTD_isError(code) ? leat_zstd_fail(stage, code) : 0;
}

/* Begins the frame now: then its memory and threads are allocated, or the lack of them is known. */
static int begin_frame(struct leat_stage *stage, struct zstd_state *z)
{
    ZSTD_inBuffer nothing = {&z->held_byte, 0, 0};
    ZSTD_outBuffer nowhere = {&z->held_byte, 0, 0};
    size_t code = ZSTD_compressStream2(z->context, &nowhere, &nothing, ZSTD_e_continue);

    return ZSTD_isError(code) ? leat_zstd_fail(stage, code) : 0;
}

static int open_seekable(struct leat_stage *stage, struct zstd_state *z, int level, int long_log)
{
    uint64_t size = ((const struct zstd_params *)leat_params(stage))->seekable;
    uint64_t need = leat_zstd_memory_need(level, long_log, 0, 0);
    int r = leat_charge(stage, leat_zstd_seekable_need(need, size + z->dictionary_len));

    return r < 0 ? r : leat_zstd_seekable_open(stage, &z->seekable, (size_t)size);
}

static int zstd_open(struct leat_stage *stage)
{
    const struct zstd_params *params = leat_params(stage);
    struct zstd_state *z = leat_state(stage);
    int level = level_of(params), long_log = (int)params->long_log, r;

    z->context = leat_zstd_context_new(&z->reserve, workers_for(stage));
    if (!z->context)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    r = set_parameters(stage, z, level, long_log);
    if (r == 0 && params->dict)
        r = load_dictionary(stage, z, params->dict, level);
    if (r == 0 && params->seekable > 0)
        return open_seekable(stage, z, level, long_log);
    if (r == 0)
        r = set_workers(stage, z, level, long_log);
    return r < 0 ? r : begin_frame(stage, z);
}

static void zstd_close(struct leat_stage *stage)
{
    struct zstd_state *z = leat_state(stage);

    leat_zstd_context_free(z->context, &z->reserve);
    ZSTD_freeCDict(z->dictionary);
    leat_zstd_seekable_close(stage, &z->seekable);
}

/* --- step ------------------------------------------------------------------------------------- */

/* Compresses n bytes into the available room. Returns LEAT_END: all are consumed, and unless `how`
 * is ZSTD_e_continue the library holds nothing back; LEAT_MORE: not yet, or no room; or < 0. */
static int feed(struct leat_stage *stage, const uint8_t *data, size_t n, ZSTD_EndDirective how,
                struct leat_out *out, size_t *ret_taken)
{
    struct zstd_state *z = leat_state(stage);
    ZSTD_inBuffer from = {data, n, 0};
    ZSTD_outBuffer to = {.pos = 0};
    uint8_t *room;
    size_t left;

    *ret_taken = 0;
    to.size = leat_reserve(out, &room);
    to.dst = room;
    if (to.size == 0)
        return LEAT_MORE;
    left = ZSTD_compressStream2(z->context, &to, &from, how);
    *ret_taken = from.pos;
    leat_commit(out, to.pos);
    if (ZSTD_isError(left))
        return leat_zstd_fail(stage, left);
    return from.pos == n && (how == ZSTD_e_continue || left == 0) ? LEAT_END : LEAT_MORE;
}

/* Feeds the held byte, if any. Returns as feed. */
static int feed_held(struct leat_stage *stage, ZSTD_EndDirective how, struct leat_out *out)
{
    struct zstd_state *z = leat_state(stage);
    size_t taken;
    int r = feed(stage, &z->held_byte, z->held, how, out, &taken);

    if (taken > 0)
        z->held = false;
    return r;
}

static int zstd_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct zstd_state *z = leat_state(stage);
    int r;

    if (((const struct zstd_params *)leat_params(stage))->seekable > 0)
        return leat_zstd_seekable_step(stage, &z->seekable, z->context, in, out);
    while (in->pos < in->len) {
        size_t n = in->len - in->pos - 1, taken = 0;

        r = LEAT_END;
        if (z->held)
            r = feed_held(stage, ZSTD_e_continue, out);
        if (r == LEAT_END && n > 0)
            r = feed(stage, in->data + in->pos, n, ZSTD_e_continue, out, &taken);
        in->pos += taken;
        if (r < 0)
            return r;
        if (r == LEAT_END) {
            z->held_byte = in->data[in->pos++];
            z->held = true;
        } else if (taken == 0) {
            return LEAT_MORE; /* no room */
        }
    }
    if (in->flush) {
        r = feed_held(stage, ZSTD_e_flush, out);
        return r == LEAT_END ? LEAT_FLUSHED : r;
    }
    return in->end ? feed_held(stage, ZSTD_e_end, out) : LEAT_MORE;
}

static int zstd_join(struct leat_stage *stage, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    struct zstd_state *z = leat_state(stage);

    return leat_zstd_seekable_join(stage, &z->seekable, when, result, out);
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct leat_zstd_seekable_result),
    .join = zstd_join,
};

const struct leat_stage_type leat_stage_zstd = {
    .name = "zstd",
    .summary = "compress to zstd (.zst)",
    .manual =
        "The output is one frame with a checksum, compressed by as many workers of libzstd as "
        "there are threads. The output does not depend on their number. At a flush marker (see "
        "flush) everything is output; with --seekable the marker ends a frame.\n\n"
        "--seekable writes zstd's seekable format: a frame for every SIZE bytes of input, and a "
        "seek table in a skippable frame at the end. Every zstd decoder reads it. unzstd decodes "
        "its frames in parallel, and read --range decodes only the frames that it needs. There "
        "are no matches across frames, so the output is larger, and the smaller SIZE is, the "
        "larger. If the file is cut exactly between two frames, zstd and unzstd do not detect "
        "it, but read --range does.\n\n"
        "With --dict, the file may have at most 32M. It counts against --memory, and so do the "
        "tables that libzstd makes of it, for each worker with --seekable. At high levels these "
        "tables are many times as large as the file.\n\n"
        "Two workers need about 18 MiB of memory at level 1, 70 at 3, 180 at 10 and 400 at 19. "
        "They may use all of --memory but 64 MiB, which are left for other stages; if --memory "
        "is less than 128M, a quarter of it. If two workers do not fit, they get smaller jobs, "
        "and the output is a little larger. If that is not enough (at level 19 with less than "
        "300M), one thread compresses without jobs, so the output may depend on --memory. If "
        "other stages use so much memory that not even one worker fits, that is an error, and "
        "the message tells both sizes.",
    .examples = "read big.log : zstd -10 : write --force big.copy.zst\n"
                "zero -n 1M : zstd --fast=3 --long : count -c",
    .suffixes = ".zst .zstd .tzst",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY, /* LEAT_PARALLEL with --seekable */
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct zstd_params),
    .state_size = sizeof(struct zstd_state),
    .options = options,
    .lanes = &split,
    .plan = zstd_plan,
    .open = zstd_open,
    .step = zstd_step,
    .close = zstd_close,
};
