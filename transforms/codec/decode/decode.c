/* decode.c - recognises the format by the first bytes, and decodes; other data passes unchanged.
 *
 * With --all, the decoded data is examined in the same way: the layers are a row of decoders with a
 * buffer between each two. The last layer, plain data, needs none. Without --all, and with threads
 * and memory for it, the format is decoded in lanes; see decode_lanes.c.
 */

#include "decode_lanes.h"

#define FORMAT_LATER                                                                               \
    ((uint64_t)12 << 20) /* needs of one lane of any format, except at high levels */
#define DEPTH_DEFAULT 8
#define DEPTH_MAX 32
#define HOLD_BYTES ((size_t)65536) /* between two layers */

struct layer {
    struct leat_first first;
    bool known;                         /* the format is known */
    const struct leat_decoder *decoder; /* NULL: plain data */
    void *state;
    struct leat_out *hold; /* buffer for its output, which the next inner layer reads */
    uint64_t given;        /* bytes that the next inner layer has consumed */
    int error;             /* 0, or the error of this layer: its output before the error is passed
                            * on first */
    bool ended;
};

struct decode {
    size_t file; /* index of the current input file */
    struct layer layers[DEPTH_MAX + 1];
};

union state {
    struct leat_decode_lane lane; /* used in lanes */
    struct decode serial;
};

static const struct leat_decode_params *params_of(const struct leat_stage *stage)
{
    return leat_params(stage);
}

int leat_decode_unknown(struct leat_stage *stage, uint64_t at)
{
    if (!params_of(stage)->strict)
        return 0;
    return leat_fail_at(stage, LEAT_ECORRUPT, at, "not in a format that decode recognises");
}

/* The format of layer `at` is known: prepare its decoder, if it has one. */
static int begin(struct leat_stage *stage, struct layer *l, size_t at)
{
    const struct leat_decode_params *p = params_of(stage);
    int r = 0;

    l->known = true;
    l->decoder = leat_format_decoder(l->first.format);
    if (!l->decoder && at == 0)
        r = leat_decode_unknown(stage, l->first.at);
    if (!l->decoder)
        return r < 0 ? r : LEAT_END;
    if (p->depth > 0 && at == (size_t)p->depth)
        return leat_fail(stage, LEAT_ELIMIT,
                         "%s data in %zu layers of compression, and the limit is %lld; raise "
                         "--all=DEPTH",
                         l->decoder->name, at, (long long)p->depth);
    l->state = leat_alloc(stage, l->decoder->state_size);
    if (!l->state)
        return LEAT_ENOMEM;
    if (p->depth > 0) {
        l->hold = leat_nested_new(stage, HOLD_BYTES);
        if (!l->hold)
            return LEAT_ENOMEM;
    }
    r = l->decoder->open(stage, l->state);
    return r < 0 ? r : LEAT_END;
}

/* Consumes the first bytes, as few as are needed. Returns LEAT_END when the format is known. */
static int look(struct leat_stage *stage, struct layer *l, size_t at, struct leat_in *in)
{
    if (l->first.have == 0)
        l->first.at = in->offset + in->pos;
    in->pos += leat_first_look(&l->first, in->data + in->pos, in->len - in->pos, in->end);
    return l->first.known ? begin(stage, l, at) : LEAT_MORE;
}

static int run(struct leat_stage *stage, struct layer *l, size_t at, struct leat_in *in,
               struct leat_out *out)
{
    int r = leat_first_run(&l->first, stage, l->decoder->step, l->state, in, out);

    if (r < 0 && at > 0)
        return leat_fail_within(stage, "; in layer %zu, %s", at + 1, l->decoder->name);
    return r;
}

/* --- nested layers ---------------------------------------------------------------------------- */

static int layer_step(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                      struct leat_out *out);

/* Passes the output of a layer to the next inner one. Returns LEAT_END at the end of that one;
 * LEAT_MORE: all of it is consumed, or there is no room. */
static int decode_inner(struct leat_stage *stage, struct decode *d, size_t at, struct leat_out *out)
{
    struct layer *l = &d->layers[at];
    struct leat_in in = {.end = l->ended, .offset = l->given};
    int r;

    in.len = leat_nested_data(l->hold, &in.data);
    r = layer_step(stage, d, at + 1, &in, out);
    leat_nested_take(l->hold, in.pos);
    l->given += in.pos;
    return r;
}

/* Decodes a layer and its inner layers. */
static int run_with_inner(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                          struct leat_out *out)
{
    struct layer *l = &d->layers[at];

    for (;;) {
        const uint8_t *data;
        int r;

        if (l->ended || leat_nested_data(l->hold, &data) > 0) {
            r = decode_inner(stage, d, at, out);
            if (r < 0 || l->ended || (r == LEAT_MORE && leat_nested_data(l->hold, &data) > 0))
                return r;
            if (r == LEAT_END && l->error == 0)
                return r;
        }
        if (l->error < 0)
            return l->error;
        leat_nested_begin(l->hold);
        r = run(stage, l, at, in, l->hold);
        l->error = r < 0 ? r : 0;
        l->ended = r == LEAT_END;
        if (r == LEAT_MORE && leat_nested_data(l->hold, &data) == 0)
            return LEAT_MORE;
    }
}

/* Is the next inner layer plain data, with nothing buffered before it? */
static bool inner_is_plain(const struct decode *d, size_t at)
{
    const struct layer *l = &d->layers[at], *inner = l + 1;
    const uint8_t *data;

    return inner->known && !inner->decoder && inner->first.pos == inner->first.have && !l->ended &&
           l->error == 0 && leat_nested_data(l->hold, &data) == 0;
}

static int layer_step(struct leat_stage *stage, struct decode *d, size_t at, struct leat_in *in,
                      struct leat_out *out)
{
    struct layer *l = &d->layers[at];

    if (!l->known) {
        int r = look(stage, l, at, in);

        if (r != LEAT_END)
            return r;
    }
    if (!l->decoder)
        return leat_first_run(&l->first, stage, leat_plain_step, NULL, in, out);
    if (!l->hold || inner_is_plain(d, at))
        return run(stage, l, at, in, out);
    return run_with_inner(stage, d, at, in, out);
}

/* --- the stage -------------------------------------------------------------------------------- */

static int decode_plan(struct leat_stage *stage)
{
    if (leat_decode_in_lanes(stage))
        leat_decode_lanes_plan(stage);
    else
        leat_plan_nature(stage, LEAT_HEAVY);
    leat_plan_later(stage, FORMAT_LATER);
    return leat_expansion_plan(stage);
}

static void close_layers(struct leat_stage *stage, struct decode *d)
{
    for (size_t i = 0; i <= DEPTH_MAX; i++) {
        struct layer *l = &d->layers[i];

        if (l->state) {
            l->decoder->close(stage, l->state);
            leat_free(stage, l->state);
        }
        leat_nested_free(stage, l->hold);
        *l = (struct layer){.known = false};
    }
}

/* Each file of the input is recognised separately, and must be complete. */
static int serial_step(struct leat_stage *stage, struct decode *d, struct leat_in *in,
                       struct leat_out *out)
{
    const size_t len = in->len;
    const bool end = in->end;

    for (;;) {
        struct leat_input_file next;
        bool last = !leat_input_file(stage, d->file + 1, &next) || next.begin > in->offset + len;
        int r;

        if (!last) {
            in->len = (size_t)(next.begin - in->offset);
            in->end = true;
        }
        r = layer_step(stage, d, 0, in, out);
        in->len = len;
        in->end = end;
        if (r != LEAT_END || last)
            return r;
        close_layers(stage, d);
        d->file++;
    }
}

static int decode_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    union state *s = leat_state(stage);

    if (leat_decode_in_lanes(stage))
        return leat_decode_lane_step(stage, &s->lane, in, out);
    return serial_step(stage, &s->serial, in, out);
}

static void decode_close(struct leat_stage *stage)
{
    union state *s = leat_state(stage);

    if (leat_decode_in_lanes(stage))
        leat_decode_lane_close(stage, &s->lane);
    else
        close_layers(stage, &s->serial);
}

static const struct leat_option options[] = {
    {.name = "all",
     .short_name = 'a',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct leat_decode_params, depth),
     .metavar = "DEPTH",
     .min = 1,
     .max = DEPTH_MAX,
     .value = DEPTH_DEFAULT,
     .value_optional = true,
     .help = "unwrap nested layers of compression, at most DEPTH (8 if not given); one more "
             "fails with status 7"},
    {.name = "strict",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct leat_decode_params, strict),
     .help = "fail if the data is in no known format"},
    LEAT_EXPANSION_OPTIONS,
    {0},
};

const struct leat_stage_type leat_stage_decode = {
    .name = "decode",
    .summary = "detect the format (gzip, zstd, xz…) and decompress; pass other data unchanged",
    .manual =
        "The format is recognised by the first bytes of the data: gzip, zstd, xz, lzip, bzip2, "
        "lz4 and compress (.Z). One layer is decompressed; with --all, nested layers too, for "
        "example both of .gz.zst. lzma has no signature, but lzma data from encoders that do not "
        "know the length in advance is recognised too.\n\n"
        "zlib, raw deflate, brotli and other lzma data pass unchanged; unzlib, inflate, unbrotli "
        "and unlzma decode them. Two things are errors: data that begins with the magic number "
        "of a format (for example the two bytes of gzip) but is not valid after it, and data of "
        "another format that follows in the same file. The exception is lzip: data after the "
        "last member is ignored, as by unlzip.\n\n"
        "If the input is the files of read, each file is recognised separately and must be "
        "complete: read a.gz b.zst notes.txt : decode outputs the contents of all three. The "
        "pieces of a file that was cut are not complete. Join them with the stage for their "
        "format, for example gunzip, or with cat and standard input. A skippable frame at the "
        "beginning counts as zstd; unlz4 reads those of lz4.\n\n"
        "Several workers decode BGZF, zstd of several frames, bzip2, lz4 and xz, as in gunzip, "
        "unzstd, bunzip2, unlz4 and unxz. One worker decodes other formats and plain data. There "
        "are as many workers as threads, or fewer: an eighth of --memory must hold the memory of "
        "all but the first (10 MiB each for lz4, 5 MiB for bzip2, half a MiB for others). Of "
        "several files, those in the format of the first file are decoded in parallel, the others "
        "by one worker. With less than --memory=64M, and with --all, there is one worker for all "
        "formats but xz.",
    .examples = "read big.log.gz : decode : count -l\n"
                "read big.log : decode : count -l\n"
                "read big.log.gz : zstd : decode --all : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL, /* LEAT_HEAVY for one thread, with little memory, and with --all */
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_decode_params),
    .state_size = sizeof(union state),
    .options = options,
    .lanes = &leat_decode_split,
    .recognise = leat_format_of,
    .plan = decode_plan,
    .step = decode_step,
    .close = decode_close,
};
