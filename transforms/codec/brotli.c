/* brotli.c - brotli (RFC 7932): one stream, by libbrotlienc, in one thread. */

#include "stage.h"

#if HAVE_BROTLI

#include <brotli/encode.h>

#define QUALITY_DEFAULT 6 /* the library's 11 is for what is compressed once and served for ever */
#define WINDOW_LOG_DEFAULT 22

struct brotli_params {
    int64_t quality, window_log;
};

struct brotli {
    BrotliEncoderState *encoder;
};

static const struct leat_option options[] = {
    {.name = "quality",
     .short_name = LEAT_DIGITS,
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct brotli_params, quality),
     .metavar = "N",
     .min = BROTLI_MIN_QUALITY,
     .max = BROTLI_MAX_QUALITY,
     .initial = QUALITY_DEFAULT,
     .help = "from 0 (fastest) to 11 (smallest, and very slow)"},
    {.name = "best",
     .short_name = 'Z',
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct brotli_params, quality),
     .value = BROTLI_MAX_QUALITY,
     .initial = QUALITY_DEFAULT,
     .help = "the same as -11"},
    {.name = "lgwin",
     .short_name = 'w',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct brotli_params, window_log),
     .metavar = "N",
     .min = BROTLI_MIN_WINDOW_BITS,
     .max = BROTLI_MAX_WINDOW_BITS,
     .initial = WINDOW_LOG_DEFAULT,
     .help = "a window of 2^N bytes"},
    {0},
};

static void *alloc(void *stage, size_t n)
{
    return leat_alloc(stage, n);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

static int brotli_open(struct leat_stage *stage)
{
    const struct brotli_params *p = leat_params(stage);
    struct brotli *b = leat_state(stage);

    b->encoder = BrotliEncoderCreateInstance(alloc, release, stage);
    if (!b->encoder)
        return LEAT_ENOMEM;
    if (!BrotliEncoderSetParameter(b->encoder, BROTLI_PARAM_QUALITY, (uint32_t)p->quality) ||
        !BrotliEncoderSetParameter(b->encoder, BROTLI_PARAM_LGWIN, (uint32_t)p->window_log))
        return leat_fail(stage, LEAT_EINTERNAL, "libbrotlienc does not take its parameters");
    return 0;
}

static void brotli_close(struct leat_stage *stage)
{
    struct brotli *b = leat_state(stage);

    if (b->encoder)
        BrotliEncoderDestroyInstance(b->encoder);
}

static int brotli_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct brotli *b = leat_state(stage);

    for (;;) {
        size_t left = in->len - in->pos, n;
        const uint8_t *from = in->data + in->pos;
        /* All of the input must be in before the end is said: pieces may differ from step to
         * step. */
        BrotliEncoderOperation what =
            left == 0 && in->end ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
        uint8_t *to;

        n = leat_reserve(out, &to);
        if (n == 0)
            return LEAT_MORE;
        {
            size_t room = n;

            if (!BrotliEncoderCompressStream(b->encoder, what, &left, &from, &room, &to, NULL))
                return leat_fail(stage, LEAT_ENOMEM, "libbrotlienc failed: out of memory");
            in->pos = in->len - left;
            leat_commit(out, n - room);
        }
        if (BrotliEncoderIsFinished(b->encoder))
            return LEAT_END;
        if (!BrotliEncoderHasMoreOutput(b->encoder) && in->pos == in->len && !in->end)
            return LEAT_MORE;
    }
}

const struct leat_stage_type leat_stage_brotli = {
    .name = "brotli",
    .summary = "compress to brotli (.br)",
    .manual =
        "One stream, compressed in one thread. The format has no signature and no checksum: decode "
        "does not recognise it, and damage may go unnoticed.\n\n"
        "Quality 11 is what the brotli command does if it is not told; here it is 6, as the data is "
        "as a rule read once. It holds 2 to 16 MiB at quality 6, and up to 180 MiB at 11.",
    .examples = "read big.log : brotli -5 : write --force big.copy.br\n"
                "zero -n 1M : brotli -1 --lgwin=18 : count -c",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_NO_STDOUT_TTY,
    .params_size = sizeof(struct brotli_params),
    .state_size = sizeof(struct brotli),
    .options = options,
    .open = brotli_open,
    .step = brotli_step,
    .close = brotli_close,
};

#else

LEAT_STAGE_MISSING(brotli, "brotli", "compress to brotli (.br)", "libbrotli-dev");

#endif
