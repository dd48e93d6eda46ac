/* xz.c - xz: one stream of independent blocks, which every decoder reads, and which xz -T and unxz
 * decode in parallel.
 *
 * Each lane makes a whole block in a buffer, because the header of a block contains its sizes. The
 * join writes the stream header, collects the index, and writes it with the footer. liblzma's own
 * threaded encoder makes the same kind of stream, but one step of it may take as long as a block.
 */

#include "stage.h"

#if HAVE_LZMA

#include <string.h>

#include "lzma_aid.h"

#define LEVEL_DEFAULT 6
#define BLOCK_DICTIONARIES 3u /* as in xz */
#define TAIL_MAX 256u         /* bytes of the index and footer that are written at once */

struct xz_params {
    struct leat_lzma_params lzma;
    uint64_t block;
    int check;
};

struct xz_result {
    uint64_t unpadded, uncompressed; /* sizes as in the index */
};

struct xz {
    struct leat_lzma lzma;
    lzma_options_lzma options;
    lzma_filter filters[2];
    lzma_block block;
    uint8_t header[LZMA_BLOCK_HEADER_SIZE_MAX];
    uint8_t *made; /* the block without its header, in made_size bytes */
    size_t made_size, made_len;
    size_t written; /* bytes of header and made */
    bool finished;  /* the block is complete */
    /* For the join. */
    lzma_index *index;
    uint8_t text[TAIL_MAX]; /* text_pos of text_len bytes are written */
    size_t text_len, text_pos;
    enum { TAIL_NONE, TAIL_INDEX, TAIL_FOOTER } tail;
};

static const lzma_check checks[] = {LZMA_CHECK_CRC64, LZMA_CHECK_CRC32, LZMA_CHECK_SHA256,
                                    LZMA_CHECK_NONE};

static const struct leat_option options[] = {
    LEAT_LZMA_OPTIONS(LEVEL_DEFAULT),
    {.name = "check",
     .short_name = 'C',
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct xz_params, check),
     .metavar = "NAME",
     .choices = "crc64|crc32|sha256|none",
     .help = "the integrity check that decoders verify"},
    {.name = "block-size",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct xz_params, block),
     .metavar = "SIZE",
     .min = 4096,
     .max = (int64_t)1 << 32,
     .help = "the size of a block in input bytes (three dictionaries if not given and memory "
             "allows)"},
    {0},
};

static const struct xz_params *params_of(const struct leat_stage *stage)
{
    return leat_params(stage);
}

static lzma_check check_of(const struct leat_stage *stage)
{
    return checks[params_of(stage)->check];
}

/* --- block size ------------------------------------------------------------------------------- */

static struct leat_lzma_lanes lanes_of(const lzma_options_lzma *o, const lzma_filter *filters)
{
    return (struct leat_lzma_lanes){.encoder = lzma_raw_encoder_memusage(filters),
                                    .dictionary = o->dict_size,
                                    .most = BLOCK_DICTIONARIES,
                                    .gathers = true};
}

static uint64_t block_of(const struct leat_stage *stage, const struct leat_lzma_lanes *lanes)
{
    uint64_t given = params_of(stage)->block;

    return given ? given : leat_lzma_block(lanes, leat_memory_limit(stage));
}

static int xz_plan(struct leat_stage *stage)
{
    const struct xz_params *p = params_of(stage);
    lzma_options_lzma o;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &o}, {LZMA_VLI_UNKNOWN, NULL}};
    struct leat_lzma_lanes lanes;
    int r = leat_lzma_preset(stage, &p->lzma, &o);

    if (r < 0)
        return r;
    if (!lzma_check_is_supported(check_of(stage)))
        return leat_fail(stage, LEAT_EUNSUPPORTED, "liblzma does not have this check");
    lanes = lanes_of(&o, filters);
    leat_lzma_plan_lanes(stage, &lanes, block_of(stage, &lanes));
    return 0;
}

/* --- lane ------------------------------------------------------------------------------------- */

static int xz_open(struct leat_stage *stage)
{
    struct xz *x = leat_state(stage);
    struct leat_lzma_lanes lanes;
    int r = leat_lzma_preset(stage, &params_of(stage)->lzma, &x->options);

    if (r < 0)
        return r;
    x->filters[0] = (lzma_filter){LZMA_FILTER_LZMA2, &x->options};
    x->filters[1] = (lzma_filter){LZMA_VLI_UNKNOWN, NULL};
    lanes = lanes_of(&x->options, x->filters);
    r = leat_lzma_init_charged(&x->lzma, stage, lanes.encoder);
    if (r < 0)
        return r;
    x->made_size = lzma_block_buffer_bound((size_t)block_of(stage, &lanes));
    x->made = leat_alloc_raw(stage, x->made_size);
    return x->made ? 0 : LEAT_ENOMEM;
}

static int begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct xz *x = leat_state(stage);
    lzma_ret r;

    (void)in;
    x->block = (lzma_block){
        .version = 1,
        .check = check_of(stage),
        .compressed_size = LZMA_VLI_UNKNOWN,
        .uncompressed_size = LZMA_VLI_UNKNOWN,
        .filters = x->filters,
    };
    r = lzma_block_encoder(&x->lzma.strm, &x->block);
    x->lzma.strm.next_out = x->made;
    x->lzma.strm.avail_out = x->made_size;
    x->finished = false;
    return r == LZMA_OK ? 0 : leat_lzma_fail(stage, r, "xz");
}

/* The block is in `made`: make its header, and its record for the index. */
static int finish(struct leat_stage *stage)
{
    struct xz *x = leat_state(stage);
    struct xz_result *result = leat_result(stage);
    lzma_ret r = lzma_block_header_size(&x->block);

    if (r == LZMA_OK)
        r = lzma_block_header_encode(&x->block, x->header);
    if (r != LZMA_OK)
        return leat_lzma_fail(stage, r, "xz");
    x->made_len = x->made_size - x->lzma.strm.avail_out;
    x->written = 0;
    x->finished = true;
    result->unpadded = lzma_block_unpadded_size(&x->block);
    result->uncompressed = x->block.uncompressed_size;
    return 0;
}

static int encode(struct leat_stage *stage, struct leat_in *in)
{
    struct xz *x = leat_state(stage);
    lzma_stream *z = &x->lzma.strm;

    do {
        /* Announce the end only after all input is consumed: the input may be cut differently from
         * run to run. */
        lzma_action action = in->pos == in->len && in->end ? LZMA_FINISH : LZMA_RUN;
        lzma_ret r;

        z->next_in = in->data + in->pos;
        z->avail_in = in->len - in->pos;
        r = lzma_code(z, action);
        in->pos = in->len - z->avail_in;
        if (r == LZMA_STREAM_END)
            return finish(stage);
        if (r != LZMA_OK)
            return leat_lzma_fail(stage, r == LZMA_BUF_ERROR ? LZMA_PROG_ERROR : r, "xz");
    } while (in->pos < in->len || in->end);
    return 0;
}

/* Writes the part of data that is still missing; data lies at `from` in a sequence, of which
 * x->written bytes are written. */
static void write_part(struct xz *x, size_t from, const uint8_t *data, size_t n,
                       struct leat_out *out)
{
    if (x->written >= from && x->written < from + n)
        x->written += leat_write(out, data + (x->written - from), n - (x->written - from));
}

static int xz_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct xz *x = leat_state(stage);

    if (!x->finished) {
        int r = encode(stage, in);

        if (r < 0)
            return r;
        if (!x->finished)
            return LEAT_MORE;
    }
    write_part(x, 0, x->header, x->block.header_size, out);
    write_part(x, x->block.header_size, x->made, x->made_len, out);
    return x->written == x->block.header_size + x->made_len ? LEAT_END : LEAT_MORE;
}

static void xz_close(struct leat_stage *stage)
{
    struct xz *x = leat_state(stage);

    lzma_index_end(x->index, x->lzma.strm.allocator);
    leat_lzma_close(&x->lzma);
    leat_free(stage, x->made);
}

/* --- join ------------------------------------------------------------------------------------- */

static int write_text(struct xz *x, struct leat_out *out)
{
    x->text_pos += leat_write(out, x->text + x->text_pos, x->text_len - x->text_pos);
    if (x->text_pos < x->text_len)
        return LEAT_MORE;
    x->text_pos = x->text_len = 0;
    return LEAT_END;
}

static int join_head(struct leat_stage *stage, struct xz *x, struct leat_out *out)
{
    lzma_stream_flags flags = {.version = 0, .check = check_of(stage)};

    if (!x->index) {
        lzma_ret r;

        leat_lzma_init(&x->lzma, stage);
        x->index = lzma_index_init(&x->lzma.allocator);
        if (!x->index)
            return LEAT_ENOMEM;
        r = lzma_stream_header_encode(&flags, x->text);
        if (r != LZMA_OK)
            return leat_lzma_fail(stage, r, "xz");
        x->text_len = LZMA_STREAM_HEADER_SIZE;
    }
    return write_text(x, out);
}

static int join_block(struct leat_stage *stage, struct xz *x, const struct xz_result *result)
{
    lzma_ret r =
        lzma_index_append(x->index, &x->lzma.allocator, result->unpadded, result->uncompressed);

    return r == LZMA_OK ? LEAT_END : leat_lzma_fail(stage, r, "xz");
}

/* Puts the next bytes of the index and the footer in `text`. */
static int next_text(struct leat_stage *stage, struct xz *x)
{
    lzma_stream *z = &x->lzma.strm;
    lzma_ret r;

    if (x->tail == TAIL_NONE) {
        r = lzma_index_encoder(z, x->index);
        if (r != LZMA_OK)
            return leat_lzma_fail(stage, r, "xz");
        x->tail = TAIL_INDEX;
    }
    z->next_in = NULL;
    z->avail_in = 0;
    z->next_out = x->text;
    z->avail_out = sizeof x->text - LZMA_STREAM_HEADER_SIZE;
    r = lzma_code(z, LZMA_RUN);
    if (r != LZMA_OK && r != LZMA_STREAM_END)
        return leat_lzma_fail(stage, r, "xz");
    x->text_len = sizeof x->text - LZMA_STREAM_HEADER_SIZE - z->avail_out;
    if (r == LZMA_STREAM_END) {
        lzma_stream_flags flags = {
            .version = 0, .check = check_of(stage), .backward_size = lzma_index_size(x->index)};

        r = lzma_stream_footer_encode(&flags, x->text + x->text_len);
        if (r != LZMA_OK)
            return leat_lzma_fail(stage, r, "xz");
        x->text_len += LZMA_STREAM_HEADER_SIZE;
        x->tail = TAIL_FOOTER;
    }
    return 0;
}

static int join_tail(struct leat_stage *stage, struct xz *x, struct leat_out *out)
{
    for (;;) {
        int r;

        if (x->text_len == 0) {
            if (x->tail == TAIL_FOOTER)
                return LEAT_END;
            r = next_text(stage, x);
            if (r < 0)
                return r;
        }
        r = write_text(x, out);
        if (r != LEAT_END)
            return r;
    }
}

static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    struct xz *x = leat_state(stage);

    switch (when) {
    case LEAT_JOIN_HEAD:
        return join_head(stage, x, out);
    case LEAT_JOIN_BLOCK:
        return join_block(stage, x, result);
    case LEAT_JOIN_TAIL:
    default:
        return join_tail(stage, x, out);
    }
}

static const struct leat_lanes split = {
    .result_size = sizeof(struct xz_result),
    .begin = begin,
    .join = join,
};

const struct leat_stage_type leat_stage_xz = {
    .name = "xz",
    .summary = "compress to xz (.xz)",
    .manual =
        "The output is one stream of blocks. The blocks are compressed in parallel: there are as "
        "many workers as threads, or as fit in --memory. The output does not depend on their "
        "number. Each block has its sizes in its header, so that unxz and xz -T decode the "
        "blocks in parallel. A flush marker (see flush) ends a block.\n\n"
        "A block is three times the dictionary size, as with xz -T (24 MiB at level 6), if two "
        "workers with blocks of that size fit in --memory; otherwise two times or one, so the "
        "output may depend on --memory; with --block-size it does not. A worker uses about 170 "
        "MiB of --memory at level 6 with blocks of 24 MiB (set 512M for two workers), 120 MiB "
        "with blocks of 8 MiB (two of them fit in 256M), and 880 MiB at level 9 with blocks of "
        "one dictionary.",
    .examples = "read big.log : xz -6 : write --force big.copy.xz\n"
                "zero -n 1M : xz --fast --check=crc32 : count -c",
    .suffixes = ".xz .txz",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct xz_params),
    .state_size = sizeof(struct xz),
    .options = options,
    .lanes = &split,
    .plan = xz_plan,
    .open = xz_open,
    .step = xz_step,
    .close = xz_close,
};

#else

LEAT_STAGE_MISSING(xz, "xz", "compress to xz (.xz)", "liblzma-dev");

#endif
