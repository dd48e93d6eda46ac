/* brotli.c - brotli (RFC 7932): one stream, by libbrotlienc, in one thread.
 *
 * libbrotlienc ends the whole process when its allocator returns NULL. Therefore the allocator here
 * does not return then: it jumps out of the library with longjmp. All memory of the encoder is in a
 * list here, so it is freed without the library.
 *
 * At quality 0 and 1 the library makes a block of the bytes of each call. The input is shown in
 * pieces of a fixed size there, so that the output does not depend on how the input is cut.
 */

#include "stage.h"

#if HAVE_BROTLI

#include <brotli/encode.h>
#include <setjmp.h>
#include <string.h>

#define QUALITY_DEFAULT 6 /* the library's default, 11, is for data that is served many times */
#define WINDOW_LOG_DEFAULT 22
#define QUALITY_BLOCKS 1 /* and below */
#define BLOCK ((size_t)1 << 18)

struct brotli_params {
    int64_t quality, window_log;
};

/* The memory that the library holds, as a list. */
struct block {
    struct block *next, *before;
    max_align_t memory[];
};

struct brotli {
    BrotliEncoderState *encoder;
    struct block blocks; /* head of the list */
    jmp_buf no_memory;   /* set before every call that may allocate */
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
     .help = "use a window of 2^N bytes"},
    {0},
};

static void *alloc(void *opaque, size_t n)
{
    struct leat_stage *stage = opaque;
    struct brotli *b = leat_state(stage);
    struct block *block = leat_alloc_raw(stage, sizeof *block + n);

    if (!block)
        longjmp(b->no_memory, 1);
    block->next = b->blocks.next;
    block->before = &b->blocks;
    if (block->next)
        block->next->before = block;
    b->blocks.next = block;
    return block->memory;
}

static void release(void *opaque, void *memory)
{
    struct block *block;

    if (!memory)
        return;
    block = (struct block *)((char *)memory - offsetof(struct block, memory));
    block->before->next = block->next;
    if (block->next)
        block->next->before = block->before;
    leat_free(opaque, block);
}

static int brotli_plan(struct leat_stage *stage)
{
    const struct brotli_params *p = leat_params(stage);

    if (p->quality <= QUALITY_BLOCKS)
        leat_plan_whole(stage, BLOCK);
    return 0;
}

static int brotli_open(struct leat_stage *stage)
{
    const struct brotli_params *p = leat_params(stage);
    struct brotli *b = leat_state(stage);

    if (setjmp(b->no_memory))
        return LEAT_ENOMEM; /* leat_alloc has recorded the error */
    b->encoder = BrotliEncoderCreateInstance(alloc, release, stage);
    if (!b->encoder)
        return LEAT_ENOMEM;
    if (!BrotliEncoderSetParameter(b->encoder, BROTLI_PARAM_QUALITY, (uint32_t)p->quality) ||
        !BrotliEncoderSetParameter(b->encoder, BROTLI_PARAM_LGWIN, (uint32_t)p->window_log))
        return leat_fail(stage, LEAT_EINTERNAL, "libbrotlienc refuses its parameters");
    return 0;
}

static void brotli_close(struct leat_stage *stage)
{
    struct brotli *b = leat_state(stage);

    while (b->blocks.next)
        release(stage, b->blocks.next->memory);
    b->encoder = NULL;
}

static int brotli_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct brotli *b = leat_state(stage);

    if (setjmp(b->no_memory))
        return LEAT_ENOMEM; /* leat_alloc has recorded the error */
    for (;;) {
        size_t left = in->len - in->pos, n, room;
        const uint8_t *from = in->data + in->pos;
        /* Announce the end or a marker only after all input before it is consumed: the input may be
         * cut differently from run to run. */
        BrotliEncoderOperation what = left == 0 && in->end     ? BROTLI_OPERATION_FINISH
                                      : left == 0 && in->flush ? BROTLI_OPERATION_FLUSH
                                                               : BROTLI_OPERATION_PROCESS;
        uint8_t *to;

        room = n = leat_reserve(out, &to);
        if (n == 0)
            return LEAT_MORE;
        if (!BrotliEncoderCompressStream(b->encoder, what, &left, &from, &room, &to, NULL))
            return leat_fail(stage, LEAT_EINTERNAL, "libbrotlienc failed");
        in->pos = in->len - left;
        leat_commit(out, n - room);
        if (BrotliEncoderIsFinished(b->encoder))
            return LEAT_END;
        if (BrotliEncoderHasMoreOutput(b->encoder) || in->pos < in->len || in->end)
            continue;
        if (what == BROTLI_OPERATION_FLUSH)
            return LEAT_FLUSHED;
        if (!in->flush)
            return LEAT_MORE;
    }
}

const struct leat_stage_type leat_stage_brotli = {
    .name = "brotli",
    .summary = "compress to brotli (.br)",
    .manual =
        "The output is one stream, compressed in one thread. At a flush marker (see flush) "
        "everything is output. The format has no signature and no checksum: decode does not "
        "recognise it, and damage may go unnoticed.\n\n"
        "The default quality is 6. (The brotli command has 11; but a stream is usually "
        "decompressed once, and 11 is very slow.) It needs 2 to 16 MiB of memory at quality 6, "
        "and up to 180 MiB at 11.",
    .examples = "read big.log : brotli -5 : write --force big.copy.br\n"
                "zero -n 1M : brotli -1 --lgwin=18 : count -c",
    .suffixes = ".br .tbr",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_NO_STDOUT_TTY | LEAT_FLUSHES,
    .params_size = sizeof(struct brotli_params),
    .state_size = sizeof(struct brotli),
    .options = options,
    .plan = brotli_plan,
    .open = brotli_open,
    .step = brotli_step,
    .close = brotli_close,
};

#else

LEAT_STAGE_MISSING(brotli, "brotli", "compress to brotli (.br)", "libbrotli-dev");

#endif
