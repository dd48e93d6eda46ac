/* lzip.c - lzip: members that are compressed independently, as in plzip.
 *
 * liblzma makes the LZMA stream of each member; its header and trailer are made here. The layout:
 * "LZIP", version 1, the dictionary size; the stream with its end marker; and the CRC-32 and the
 * size of the data, and the size of the member.
 */

#include "stage.h"

#if HAVE_LZMA

#include <string.h>

#include "../gzip/checksum.h"
#include "../shared/bytes.h"
#include "lzma_aid.h"

#define FORMAT "lzip"
#define LEVEL_DEFAULT 6
#define HEADER_LEN 6u
#define TRAILER_LEN 20u
#define DICTIONARY_LOG_MIN 12
#define MEMBER_DICTIONARIES 2u /* as in plzip */

struct lzip {
    struct leat_lzma lzma;
    lzma_options_lzma options;
    enum { AT_HEADER, AT_STREAM, AT_TRAILER } part;
    uint8_t text[TRAILER_LEN]; /* header or trailer: text_pos of text_len bytes are written */
    size_t text_len, text_pos;
    uint32_t crc;
    /* For the join. */
    bool made; /* there was a member */
    size_t empty_pos;
};

/* Dictionary sizes of lzip, in KiB; at level 0 that of liblzma. */
static const uint32_t dictionaries[LEAT_LZMA_LEVEL_MAX + 1] = {
    256, 1024, 1536, 2048, 3072, 4096, 8192, 16384, 24576, 32768,
};

static const struct leat_option options[] = {
    LEAT_LZMA_OPTIONS(LEVEL_DEFAULT),
    {0},
};

static int preset(struct leat_stage *stage, lzma_options_lzma *ret)
{
    const struct leat_lzma_params *p = leat_params(stage);
    int r = leat_lzma_preset(stage, p, ret);

    if (r == 0)
        ret->dict_size = dictionaries[leat_lzma_level(p)] * 1024;
    return r;
}

static int lzip_plan(struct leat_stage *stage)
{
    lzma_options_lzma o;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA1, &o}, {LZMA_VLI_UNKNOWN, NULL}};
    struct leat_lzma_lanes lanes = {.most = MEMBER_DICTIONARIES};
    int r = preset(stage, &o);

    if (r < 0)
        return r;
    lanes.encoder = lzma_raw_encoder_memusage(filters);
    lanes.dictionary = o.dict_size;
    leat_lzma_plan_lanes(stage, &lanes, leat_lzma_block(&lanes, leat_memory_limit(stage)));
    return 0;
}

/* --- lane ------------------------------------------------------------------------------------- */

static int lzip_open(struct leat_stage *stage)
{
    struct lzip *l = leat_state(stage);
    lzma_filter filters[] = {{LZMA_FILTER_LZMA1, &l->options}, {LZMA_VLI_UNKNOWN, NULL}};
    int r = preset(stage, &l->options);

    if (r < 0)
        return r;
    return leat_lzma_init_charged(&l->lzma, stage, lzma_raw_encoder_memusage(filters));
}

/* A power of two, minus a number of sixteenths of it. */
static uint8_t dictionary_code(uint32_t size)
{
    unsigned log = DICTIONARY_LOG_MIN;
    unsigned sixteenths = 0;

    while (log < 29 && (1u << log) < size)
        log++;
    while (sixteenths < 7 && (1u << log) - (sixteenths + 1) * (1u << (log - 4)) >= size)
        sixteenths++;
    return (uint8_t)(sixteenths << 5 | log);
}

static int begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct lzip *l = leat_state(stage);
    lzma_filter filters[] = {{LZMA_FILTER_LZMA1, &l->options}, {LZMA_VLI_UNKNOWN, NULL}};
    lzma_ret r = lzma_raw_encoder(&l->lzma.strm, filters);

    (void)in;
    if (r != LZMA_OK)
        return leat_lzma_fail(stage, r, FORMAT);
    memcpy(l->text, "LZIP\1", HEADER_LEN - 1);
    l->text[HEADER_LEN - 1] = dictionary_code(l->options.dict_size);
    l->text_len = HEADER_LEN;
    l->text_pos = 0;
    l->part = AT_HEADER;
    l->crc = LEAT_CRC32_INIT;
    return 0;
}

static void begin_trailer(struct lzip *l)
{
    const lzma_stream *z = &l->lzma.strm;
    uint64_t member = HEADER_LEN + z->total_out + TRAILER_LEN;

    leat_put_le32(l->text, l->crc);
    leat_put_le32(l->text + 4, (uint32_t)z->total_in);
    leat_put_le32(l->text + 8, (uint32_t)(z->total_in >> 32));
    leat_put_le32(l->text + 12, (uint32_t)member);
    leat_put_le32(l->text + 16, (uint32_t)(member >> 32));
    l->text_len = TRAILER_LEN;
    l->text_pos = 0;
    l->part = AT_TRAILER;
}

static int write_text(struct lzip *l, struct leat_out *out)
{
    l->text_pos += leat_write(out, l->text + l->text_pos, l->text_len - l->text_pos);
    return l->text_pos < l->text_len ? LEAT_MORE : LEAT_END;
}

static int lzip_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct lzip *l = leat_state(stage);
    int r;

    if (l->part == AT_HEADER) {
        if (write_text(l, out) == LEAT_MORE)
            return LEAT_MORE;
        l->part = AT_STREAM;
    }
    if (l->part == AT_STREAM) {
        size_t from = in->pos;

        r = leat_lzma_run(&l->lzma, stage, FORMAT, NULL, NULL, in, out);
        l->crc = leat_codec_crc32(l->crc, in->data + from, in->pos - from);
        if (r != LEAT_END)
            return r;
        begin_trailer(l);
    }
    return write_text(l, out);
}

static void lzip_close(struct leat_stage *stage)
{
    struct lzip *l = leat_state(stage);

    leat_lzma_close(&l->lzma);
}

/* --- join ------------------------------------------------------------------------------------- */

/* Without any block, writes an empty member. */
static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    static const uint8_t empty[] = {
        'L',  'Z',  'I',  'P',  1,    DICTIONARY_LOG_MIN,
        0,    0x83, 0xff, 0xfb, 0xff, 0xff,
        0xc0, 0,    0,    0, /* the end marker */
        0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,
        36,   0,    0,    0,    0,    0,
        0,    0,
    };
    struct lzip *l = leat_state(stage);

    (void)result;
    if (when == LEAT_JOIN_BLOCK)
        l->made = true;
    if (when != LEAT_JOIN_TAIL || l->made)
        return LEAT_END;
    l->empty_pos += leat_write(out, empty + l->empty_pos, sizeof empty - l->empty_pos);
    return l->empty_pos < sizeof empty ? LEAT_MORE : LEAT_END;
}

static const struct leat_lanes split = {
    .begin = begin,
    .join = join,
};

const struct leat_stage_type leat_stage_lzip = {
    .name = FORMAT,
    .summary = "compress to lzip (.lz)",
    .manual =
        "The input is cut into parts, and each becomes a member of its own, as with plzip. If "
        "the file is cut exactly between two members, no decoder can detect it. There are as "
        "many workers as threads, or as fit in --memory. The output does not depend on their "
        "number. A flush marker (see flush) ends a member.\n\n"
        "The dictionary sizes are those of lzip (1 MiB at level 1, 8 MiB at 6, 32 MiB at 9). A "
        "part is twice the dictionary size if two workers with parts of that size fit in "
        "--memory; otherwise it is the dictionary size. At level 6 a worker uses about 129 MiB, "
        "or 112 MiB with the smaller parts. The default of --memory, 256M, is therefore enough "
        "for two workers with the smaller parts, and 512M for three with the larger ones.",
    .examples = "read big.log : lzip -1 : write --force big.copy.lz\n"
                "zero -n 1M : lzip --fast : count -c",
    .suffixes = ".lz",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct leat_lzma_params),
    .state_size = sizeof(struct lzip),
    .options = options,
    .lanes = &split,
    .plan = lzip_plan,
    .open = lzip_open,
    .step = lzip_step,
    .close = lzip_close,
};

#else

LEAT_STAGE_MISSING(lzip, "lzip", "compress to lzip (.lz)", "liblzma-dev");

#endif
