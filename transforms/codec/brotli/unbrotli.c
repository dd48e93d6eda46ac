/* unbrotli.c - decodes a brotli stream (RFC 7932). */

#include "../shared/expansion.h"

#if HAVE_BROTLI

#include <brotli/decode.h>

#define WINDOW_LATER ((uint64_t)17 << 20) /* the largest window, and its tables */

struct unbrotli {
    BrotliDecoderState *decoder;
    bool ended;
};

static int unbrotli_plan(struct leat_stage *stage)
{
    leat_plan_later(stage, WINDOW_LATER);
    return leat_expansion_plan(stage);
}

static void *alloc(void *stage, size_t n)
{
    return leat_alloc_raw(stage, n);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

static int unbrotli_open(struct leat_stage *stage)
{
    struct unbrotli *b = leat_state(stage);

    b->decoder = BrotliDecoderCreateInstance(alloc, release, stage);
    if (!b->decoder)
        return LEAT_ENOMEM;
    /* The window counts against the memory limit of the pipeline, so no other limit is needed. */
    if (!BrotliDecoderSetParameter(b->decoder, BROTLI_DECODER_PARAM_LARGE_WINDOW, 1))
        return leat_fail(stage, LEAT_EINTERNAL, "libbrotlidec has no large windows");
    return 0;
}

static void unbrotli_close(struct leat_stage *stage)
{
    struct unbrotli *b = leat_state(stage);

    if (b->decoder)
        BrotliDecoderDestroyInstance(b->decoder);
}

static int fail_brotli(struct leat_stage *stage, struct unbrotli *b)
{
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(b->decoder);

    if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
        code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
        return LEAT_ENOMEM; /* leat_alloc has recorded the error */
    return leat_fail(stage, LEAT_ECORRUPT, "invalid brotli data: %s",
                     BrotliDecoderErrorString(code));
}

/* Returns LEAT_END when the stream has ended. */
static int decode(struct leat_stage *stage, struct unbrotli *b, struct leat_in *in,
                  struct leat_out *out)
{
    for (;;) {
        const uint8_t *from = in->data + in->pos;
        size_t left = in->len - in->pos, room, n;
        BrotliDecoderResult r;
        uint8_t *to;

        n = room = leat_reserve(out, &to);
        if (n == 0)
            return LEAT_MORE;
        r = BrotliDecoderDecompressStream(b->decoder, &left, &from, &room, &to, NULL);
        in->pos = in->len - left;
        leat_commit(out, n - room);
        switch (r) {
        case BROTLI_DECODER_RESULT_SUCCESS:
            return LEAT_END;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
            break;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
            return in->end ? leat_fail(stage, LEAT_ETRUNCATED,
                                       "unexpected end of input in a brotli stream")
                           : LEAT_MORE;
        case BROTLI_DECODER_RESULT_ERROR:
        default:
            return fail_brotli(stage, b);
        }
    }
}

static int unbrotli_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct unbrotli *b = leat_state(stage);

    if (!b->ended) {
        int r = decode(stage, b, in, out);

        if (r != LEAT_END)
            return r;
        b->ended = true;
    }
    if (in->pos < in->len)
        return leat_fail(stage, LEAT_ECORRUPT, "trailing garbage after the brotli stream");
    return in->end ? LEAT_END : LEAT_MORE;
}

const struct leat_stage_type leat_stage_unbrotli = {
    .name = "unbrotli",
    .summary = "decompress brotli (.br)",
    .manual =
        "Decompresses one stream. Its window counts against --memory. The window is at most 16 "
        "MiB, or up to 1 GiB if the stream was made with brotli --large_window. Errors are: "
        "truncation, and any data after the stream. The format has no checksum: damage may go "
        "unnoticed.",
    .examples = "read big.log : brotli -1 : unbrotli : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(struct unbrotli),
    .options = leat_expansion_options,
    .plan = unbrotli_plan,
    .open = unbrotli_open,
    .step = unbrotli_step,
    .close = unbrotli_close,
};

#else

LEAT_STAGE_MISSING(unbrotli, "unbrotli", "decompress brotli (.br)", "libbrotli-dev");

#endif
