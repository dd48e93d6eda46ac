/* unzstd.c - decodes zstd frames (RFC 8878).
 *
 * Any number of frames follow each other, with skippable ones between them. The memory for a
 * frame's window is charged before the library sees the header, so a hostile header cannot use more
 * memory.
 *
 * The stage is parallel: several frames are decoded at once. The cutter finds the ends of frames by
 * the sizes of their blocks. A lane that begins with a later block continues as after a frame.
 */

#include <zstd.h>
#include <zstd_errors.h>

#include "../shared/expansion.h"
#include "../shared/lanes.h"
#include "zstd_dictionary.h"
#include "zstd_frame.h"

/* Memory of the library without the window: its context, and a block each for input and output. */
#define CONTEXT_BYTES ((uint64_t)192 << 10)
#define BLOCK_MAX ((uint64_t)128 << 10)
#define WINDOW_LATER ((uint64_t)9 << 20) /* needs of level 19 */
#define BLOCK_BUFFERS (2 * BLOCK_MAX + 1024)

struct unzstd {
    ZSTD_DCtx *context;
    enum { AT_FRAME, IN_FRAME, IN_SKIPPABLE } place;
    uint8_t header[LEAT_ZSTD_HEADER_MAX]; /* header_have bytes are filled */
    size_t header_have;
    uint64_t frame_at;      /* byte offset of the frame */
    uint64_t content, made; /* bytes that its header states, and bytes decoded so far */
    uint64_t skip;          /* bytes left of a skippable frame */
    uint64_t charged;       /* for the largest window so far */
    bool later_frame;       /* not the first frame */
    ZSTD_DDict *dictionary; /* or NULL; the library compares its ID */
    struct leat_zstd_cut cut;
    bool any; /* join: there was a block */
};

static int unzstd_open(struct leat_stage *stage, void *state)
{
    struct unzstd *z = state;
    ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    size_t r;

    if (leat_charge(stage, CONTEXT_BYTES) < 0)
        return LEAT_ELIMIT;
    z->context = ZSTD_createDCtx();
    if (!z->context) /* the charge is returned when the stage closes */
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    /* The memory limit of the pipeline applies instead. */
    r = ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, bounds.upperBound);
    if (ZSTD_isError(r))
        return leat_fail(stage, LEAT_EINTERNAL, "libzstd: %s", ZSTD_getErrorName(r));
    return 0;
}

static void unzstd_close(struct leat_stage *stage, void *state)
{
    struct unzstd *z = state;

    if (z->context)
        leat_uncharge(stage, CONTEXT_BYTES + z->charged);
    ZSTD_freeDCtx(z->context);
    ZSTD_freeDDict(z->dictionary);
}

static int fail_zstd(struct leat_stage *stage, size_t code)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    case ZSTD_error_frameParameter_windowTooLarge:
        return leat_fail(stage, LEAT_ELIMIT, "the window is larger than libzstd can decode");
    case ZSTD_error_dictionary_wrong:
        return leat_fail(stage, LEAT_EUSAGE, "needs a different dictionary than that of --dict");
    case ZSTD_error_checksum_wrong:
        return leat_fail(stage, LEAT_ECORRUPT, "the frame's checksum (XXH64) does not match");
    default:
        return leat_fail(stage, LEAT_ECORRUPT, "invalid zstd data: %s", ZSTD_getErrorName(code));
    }
}

/* Charges the memory that this frame needs, unless an earlier one needed as much. */
static int charge_window(struct leat_stage *stage, struct unzstd *z,
                         const struct leat_zstd_frame *f)
{
    uint64_t kept = f->content < f->window ? f->content : f->window;
    uint64_t need = kept + BLOCK_BUFFERS;

    if (need < kept)
        need = UINT64_MAX;
    if (need <= z->charged)
        return 0;
    leat_uncharge(stage, z->charged);
    z->charged = 0;
    if (leat_charge(stage, need) < 0)
        return leat_fail_at(stage, LEAT_ELIMIT, z->frame_at,
                            "a window of %llu bytes needs %llu bytes of memory, and %llu are left "
                            "of the limit of %llu; raise --memory to %lluM",
                            (unsigned long long)f->window, (unsigned long long)need,
                            (unsigned long long)leat_memory_left(stage),
                            (unsigned long long)leat_memory_limit(stage),
                            (unsigned long long)leat_memory_enough(stage, need) >> 20);
    z->charged = need;
    return 0;
}

/* The header is complete: prepare for the data after it. */
static int begin_frame(struct leat_stage *stage, struct unzstd *z)
{
    struct leat_zstd_frame f;
    ZSTD_inBuffer in = {z->header, z->header_have, 0};
    ZSTD_outBuffer none = {z->header, 0, 0};
    size_t r;

    leat_zstd_frame_parse(z->header, &f);
    z->header_have = 0;
    if (f.kind == LEAT_ZSTD_NONE)
        return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at,
                            z->later_frame ? "trailing garbage after the zstd frame"
                                           : "not in zstd format");
    z->later_frame = true;
    if (f.kind == LEAT_ZSTD_SKIPPABLE) {
        z->skip = f.content;
        z->place = IN_SKIPPABLE;
        return LEAT_END;
    }
    if (f.reserved)
        return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at,
                            "a reserved bit is set in the zstd frame header");
    if (f.dictionary && !z->dictionary)
        return leat_fail_at(stage, LEAT_EUSAGE, z->frame_at,
                            "needs the dictionary with ID %u; set it with unzstd --dict=FILE",
                            f.dictionary);
    if (charge_window(stage, z, &f) < 0)
        return LEAT_ELIMIT;
    r = ZSTD_decompressStream(z->context, &none, &in);
    if (ZSTD_isError(r))
        return fail_zstd(stage, r);
    if (in.pos < in.size)
        return leat_fail(stage, LEAT_EINTERNAL, "libzstd refuses the frame header");
    z->content = f.content;
    z->made = 0;
    z->place = IN_FRAME;
    return LEAT_END;
}

/* libzstd compares the size with that in the header only at the end of a block that is not
 * empty. */
static int end_frame(struct leat_stage *stage, struct unzstd *z)
{
    z->place = AT_FRAME;
    if (z->content == UINT64_MAX || z->content == z->made)
        return LEAT_END;
    return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at,
                        "the zstd frame holds %llu bytes, but its header states %llu",
                        (unsigned long long)z->made, (unsigned long long)z->content);
}

/* Returns LEAT_END when a frame begins. */
static int read_header(struct leat_stage *stage, struct unzstd *z, struct leat_in *in)
{
    if (z->header_have == 0)
        z->frame_at = in->offset + in->pos;
    while (z->header_have < leat_zstd_frame_need(z->header, z->header_have)) {
        if (in->pos < in->len)
            z->header[z->header_have++] = in->data[in->pos++];
        else if (!in->end || (z->header_have == 0 && z->later_frame))
            return LEAT_MORE;
        else
            return leat_fail(stage, LEAT_ETRUNCATED,
                             "unexpected end of input in a zstd frame header");
    }
    return begin_frame(stage, z);
}

static int skip(struct leat_stage *stage, struct unzstd *z, struct leat_in *in)
{
    size_t n = in->len - in->pos;

    if (n > z->skip)
        n = (size_t)z->skip;
    in->pos += n;
    z->skip -= n;
    if (z->skip > 0)
        return in->end ? leat_fail(stage, LEAT_ETRUNCATED,
                                   "unexpected end of input in a skippable zstd frame")
                       : LEAT_MORE;
    z->place = AT_FRAME;
    return LEAT_END;
}

static int read_frame(struct leat_stage *stage, struct unzstd *z, struct leat_in *in,
                      struct leat_out *out)
{
    for (;;) {
        ZSTD_inBuffer from = {in->data, in->len, in->pos};
        ZSTD_outBuffer to = {.pos = 0};
        uint8_t *room;
        size_t r;

        to.size = leat_reserve(out, &room);
        to.dst = room;
        if (to.size == 0)
            return LEAT_MORE;
        r = ZSTD_decompressStream(z->context, &to, &from);
        in->pos = from.pos;
        leat_commit(out, to.pos);
        z->made += to.pos;
        if (ZSTD_isError(r))
            return fail_zstd(stage, r);
        if (r == 0)
            return end_frame(stage, z);
        if (to.pos == to.size || in->pos < in->len)
            continue; /* the library may have more output */
        if (in->end)
            return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in a zstd frame");
        return LEAT_MORE;
    }
}

static int unzstd_step(struct leat_stage *stage, void *state, struct leat_in *in,
                       struct leat_out *out)
{
    struct unzstd *z = state;
    int r;

    do {
        switch (z->place) {
        case AT_FRAME:
            r = read_header(stage, z, in);
            if (r == LEAT_MORE && in->end)
                return LEAT_END;
            break;
        case IN_SKIPPABLE:
            r = skip(stage, z, in);
            break;
        case IN_FRAME:
        default:
            r = read_frame(stage, z, in, out);
            break;
        }
    } while (r == LEAT_END);
    return r;
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* Decoded at once: several short frames, or one long one. */
#define BLOCK_CONTENT ((uint64_t)1 << 19)
/* The output of a block should fit between a lane and the join, so that the lanes need not wait. */
#define BLOCK_MADE ((uint64_t)2 << 20)
#define LIMIT_PARTS 32u
/* This many windows may be held at a time. A frame with a window larger than a part of the limit,
 * and all frames after it, are left to one lane. */
#define LANES_MAX 16u
/* With a smaller limit all memory is for the window. */
#define LIMIT_SPLIT ((uint64_t)32 << 20)

static int lane_cut(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
                    size_t *ret_take, uint64_t *ret_note)
{
    struct unzstd *z = state;

    *ret_note = 0;
    return leat_zstd_cut(&z->cut, BLOCK_CONTENT, leat_memory_limit(stage) / LIMIT_PARTS, data, len,
                         ret_take);
}

static int lane_begin(struct leat_stage *stage, void *state, const struct leat_in *in)
{
    struct unzstd *z = state;

    (void)stage;
    z->place = AT_FRAME;
    z->header_have = 0;
    z->later_frame = in->block > 0;
    return 0;
}

/* Empty input is not a zstd file. */
static int lane_join(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    struct unzstd *z = state;

    (void)result;
    (void)out;
    if (when == LEAT_JOIN_BLOCK)
        z->any = true;
    if (when != LEAT_JOIN_TAIL || z->any)
        return LEAT_END;
    return leat_fail_at(stage, LEAT_ETRUNCATED, 0,
                        "unexpected end of input in a zstd frame header");
}

static const struct leat_decoder_lanes lanes = {
    .state_size = sizeof(struct unzstd),
    .memory_min = LIMIT_SPLIT,
    .holds = CONTEXT_BYTES,
    .cut = lane_cut,
    .open = unzstd_open,
    .begin = lane_begin,
    .step = unzstd_step,
    .join = lane_join,
    .close = unzstd_close,
};

const struct leat_decoder leat_decoder_zstd = {
    .name = "zstd",
    .state_size = sizeof(struct unzstd),
    .open = unzstd_open,
    .step = unzstd_step,
    .close = unzstd_close,
    .lanes = &lanes,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_LANES_CALLBACKS(lanes)

struct unzstd_params {
    struct leat_expansion_params expansion; /* must be first, for expansion.c */
    const char *dict;
};

static const struct leat_option options[] = {
    LEAT_EXPANSION_OPTIONS,
    {.name = "dict",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct unzstd_params, dict),
     .metavar = "FILE",
     .help = "the dictionary that was used for compression"},
    {0},
};

static int stage_plan(struct leat_stage *stage)
{
    const struct unzstd_params *params = leat_params(stage);
    uint64_t most = leat_memory_limit(stage) / LIMIT_PARTS;

    if (leat_zstd_dictionary_plan(stage, params->dict) < 0)
        return LEAT_ENOMEM;
    if (!leat_lanes_used(stage, &lanes))
        leat_plan_nature(stage, LEAT_HEAVY);
    leat_plan_block(stage, (size_t)(most < BLOCK_MADE ? most : BLOCK_MADE), 0);
    leat_plan_lanes(stage, LANES_MAX);
    leat_plan_later(stage, WINDOW_LATER);
    return leat_expansion_plan(stage);
}

static int load_dictionary(struct leat_stage *stage, struct unzstd *z, const char *path)
{
    const uint8_t *data;
    size_t len, code;
    int r = leat_zstd_dictionary_read(stage, path, &data, &len);

    if (r < 0)
        return r;
    z->dictionary = ZSTD_createDDict(data, len);
    if (!z->dictionary)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libzstd");
    if (leat_charge(stage, ZSTD_sizeof_DDict(z->dictionary)) < 0)
        return LEAT_ELIMIT;
    code = ZSTD_DCtx_refDDict(z->context, z->dictionary);
    return ZSTD_isError(code) ? fail_zstd(stage, code) : 0;
}

static int stage_open(struct leat_stage *stage)
{
    const struct unzstd_params *params = leat_params(stage);
    struct unzstd *z = leat_state(stage);
    int r = unzstd_open(stage, z);

    return r < 0 || !params->dict ? r : load_dictionary(stage, z, params->dict);
}

static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    return unzstd_step(stage, leat_state(stage), in, out);
}

static void stage_close(struct leat_stage *stage)
{
    unzstd_close(stage, leat_state(stage));
}

static const struct leat_lanes split = {
    .cut = stage_cut,
    .begin = stage_begin,
    .join = stage_join,
};

const struct leat_stage_type leat_stage_unzstd = {
    .name = "unzstd",
    .summary = "decompress zstd (.zst)",
    .manual =
        "Decompresses any number of frames, one after another, and ignores skippable frames. "
        "Errors are: truncation, any other data after the last frame, and a checksum or a size "
        "that does not match. Damage may go unnoticed in a frame without a checksum, and so may "
        "a cut exactly between two frames.\n\n"
        "Several frames, as written by zstd --seekable and pzstd, are decoded by as many workers "
        "as there are threads.\n\n"
        "The window of a frame counts against --memory. If a frame needs more, that is an error, "
        "and the message tells both sizes. With --dict, the file and the tables that libzstd "
        "makes of it count too, for each worker.",
    .examples = "read big.log : zstd : unzstd : count -l\n"
                "read big.log : zstd --seekable : unzstd : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL, /* LEAT_HEAVY for one thread, or with little memory */
    .flags = LEAT_DECODES,
    .frame_holds = leat_zstd_frame_holds,
    .params_size = sizeof(struct unzstd_params),
    .state_size = sizeof(struct unzstd),
    .options = options,
    .lanes = &split,
    .plan = stage_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};
