/* unxz.c - decodes xz streams, with padding between them.
 *
 * liblzma's threaded decoder decodes blocks that state their sizes in parallel, if memory allows.
 * Its memory limit is charged to the stage before liblzma gets it, and raised when a stream needs
 * more. liblzma decodes one stream; the start of the next one is examined here, so that trailing
 * garbage can be reported.
 */

#include "../shared/decoder.h"

#if HAVE_LZMA

#include <string.h>

#include "../shared/expansion.h"
#include "lzma_aid.h"

#define FORMAT "xz"
#define MAGIC_LEN 6u
#define PADDING_UNIT 4u                  /* bytes */
#define HELD_BYTES ((uint64_t)128 << 10) /* memory of liblzma without any block */
/* Two blocks of xz -6 -T, compressed and decompressed, need less than this for a thread. */
#define THREAD_BYTES ((uint64_t)64 << 20)
/* Bytes that may have to be examined again: a block header. */
#define RECENT ((size_t)LZMA_BLOCK_HEADER_SIZE_MAX)
/* A part of the memory that other stages have left. */
#define PART_NUMERATOR 3u
#define PART_DENOMINATOR 4u

static const uint8_t magic[MAGIC_LEN] = {0xfd, '7', 'z', 'X', 'Z', 0};

struct unxz {
    struct leat_lzma lzma;
    enum { AT_STREAM, AT_MAGIC, IN_STREAM } place;
    bool later_stream;        /* not the first stream */
    uint64_t stream_at;       /* byte offset of the stream */
    size_t have, given;       /* bytes of its magic number that are read, and that liblzma has */
    unsigned padding;         /* bytes of padding, modulo PADDING_UNIT */
    uint64_t charged;         /* bytes: the limit set in liblzma */
    const struct leat_in *in; /* input of this step: in->pos - in_from bytes of it were passed to
                               * liblzma */
    size_t in_from;
    uint8_t recent[2 * RECENT]; /* n_recent bytes from earlier steps, at least the last RECENT */
    size_t n_recent;
};

/* Not called in `open`: it would use memory that stages opened later need. */
static int charge(struct leat_stage *stage, struct unxz *x)
{
    unsigned threads = leat_threads(stage);
    uint64_t part = leat_memory_spare(stage) / PART_DENOMINATOR * PART_NUMERATOR;
    uint64_t wanted = threads > 1 ? threads * THREAD_BYTES : HELD_BYTES;

    wanted = wanted < part ? wanted : part;
    if (wanted < HELD_BYTES)
        wanted = HELD_BYTES;
    if (leat_charge(stage, wanted) < 0)
        return LEAT_ELIMIT;
    x->charged = wanted;
    return 0;
}

static int begin_stream(struct leat_stage *stage, struct unxz *x)
{
    unsigned threads = leat_threads(stage);
    lzma_mt mt = {.flags = LZMA_TELL_UNSUPPORTED_CHECK, .threads = threads};
    lzma_ret r;

    if (x->charged == 0 && charge(stage, x) < 0)
        return LEAT_ELIMIT;
    mt.memlimit_threading = mt.memlimit_stop = x->charged;
    r = lzma_stream_decoder_mt(&x->lzma.strm, &mt);
    if (r == LZMA_MEM_ERROR)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for liblzma");
    if (r != LZMA_OK)
        return leat_lzma_fail(stage, r, FORMAT);
    leat_own_threads(stage, threads > 1 ? threads : 0);
    x->given = 0;
    x->place = AT_MAGIC;
    return LEAT_END;
}

/* Keeps the last bytes that liblzma consumed, n more now. They are moved only once in RECENT bytes,
 * because a step may consume only one byte. */
static void remember(struct unxz *x, const uint8_t *data, size_t n)
{
    if (n > RECENT) {
        data += n - RECENT;
        n = RECENT;
    }
    if (n > sizeof x->recent - x->n_recent) {
        memmove(x->recent, x->recent + x->n_recent - RECENT, RECENT);
        x->n_recent = RECENT;
    }
    memcpy(x->recent + x->n_recent, data, n);
    x->n_recent += n;
}

static void remember_step(struct unxz *x)
{
    remember(x, x->in->data + x->in_from, x->in->pos - x->in_from);
    x->in_from = x->in->pos;
}

/* The memory for decoding the block of this header; 0: not a header. */
static uint64_t header_need(const uint8_t *header, size_t n)
{
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    lzma_block block = {.version = 1, .header_size = (uint32_t)n, .filters = filters};
    uint64_t need;

    if (lzma_block_header_size_decode(header[0]) != n ||
        lzma_block_header_decode(&block, NULL, header) != LZMA_OK)
        return 0;
    need = lzma_raw_decoder_memusage(filters);
    lzma_filters_free(filters, NULL);
    return need;
}

/* The threaded decoder does not tell how much memory it lacks (lzma_memusage is what it holds), but
 * it stops directly after the header of the block that needs it. */
static uint64_t needed(struct unxz *x)
{
    uint64_t need = 0;

    remember_step(x);
    for (size_t n = LZMA_BLOCK_HEADER_SIZE_MIN; n <= x->n_recent && need == 0; n += 4)
        need = header_need(x->recent + x->n_recent - n, n);
    return need;
}

/* The stream needs more memory than liblzma may use. */
static int raise_limit(struct leat_stage *stage, void *state)
{
    struct unxz *x = state;
    uint64_t need = needed(x);

    if (need <= x->charged)
        return leat_fail(stage, LEAT_EINTERNAL, "liblzma is out of memory at %llu bytes",
                         (unsigned long long)x->charged);
    if (need - x->charged > leat_memory_left(stage))
        return leat_fail(stage, LEAT_ELIMIT,
                         "needs %llu bytes of memory to decode, and %llu are left of the limit of "
                         "%llu; raise --memory to %lluM",
                         (unsigned long long)need,
                         (unsigned long long)leat_memory_left(stage) + x->charged,
                         (unsigned long long)leat_memory_limit(stage),
                         (unsigned long long)leat_memory_enough(stage, need - x->charged) >> 20);
    if (leat_charge(stage, need - x->charged) < 0)
        return LEAT_ELIMIT;
    x->charged = need;
    if (lzma_memlimit_set(&x->lzma.strm, need) != LZMA_OK)
        return leat_fail(stage, LEAT_EINTERNAL, "liblzma refuses a limit of %llu bytes",
                         (unsigned long long)need);
    return 0;
}

static int unxz_open(struct leat_stage *stage, void *state)
{
    struct unxz *x = state;

    (void)stage;
    x->lzma.strm = (lzma_stream)LZMA_STREAM_INIT;
    return 0;
}

/* --- streams ---------------------------------------------------------------------------------- */

static int fail_magic(struct leat_stage *stage, const struct unxz *x)
{
    return leat_fail_at(stage, LEAT_ECORRUPT, x->stream_at,
                        x->later_stream ? "trailing garbage after the xz stream"
                                        : "not in xz format");
}

/* The input ends before a stream. Returns LEAT_MORE, also if it may end here. */
static int used_up(struct leat_stage *stage, const struct unxz *x, const struct leat_in *in)
{
    if (!in->end)
        return in->flush ? LEAT_FLUSHED : LEAT_MORE;
    if (x->have > 0 || !x->later_stream)
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in the xz header");
    if (x->padding > 0)
        return leat_fail(stage, LEAT_ECORRUPT,
                         "the padding after an xz stream is not a multiple of %u bytes",
                         PADDING_UNIT);
    return LEAT_MORE;
}

/* Skips padding, and reads the magic number of the next stream. Returns LEAT_END when it is
 * complete. */
static int look(struct leat_stage *stage, struct unxz *x, struct leat_in *in)
{
    while (x->later_stream && x->have == 0 && in->pos < in->len && in->data[in->pos] == 0) {
        in->pos++;
        x->padding = (x->padding + 1) % PADDING_UNIT;
    }
    for (; x->have < MAGIC_LEN && in->pos < in->len; x->have++) {
        if (x->have == 0)
            x->stream_at = in->offset + in->pos;
        if (in->data[in->pos] != magic[x->have] || x->padding > 0)
            return fail_magic(stage, x);
        in->pos++;
    }
    return x->have < MAGIC_LEN ? used_up(stage, x, in) : begin_stream(stage, x);
}

/* Passes the magic number to liblzma as a separate input. */
static int run_magic(struct leat_stage *stage, struct unxz *x, struct leat_out *out)
{
    struct leat_in in = {.data = magic, .pos = x->given, .len = MAGIC_LEN};
    int r = leat_lzma_run(&x->lzma, stage, FORMAT, NULL, NULL, &in, out);

    x->given = in.pos;
    if (r != LEAT_MORE || x->given < MAGIC_LEN)
        return r;
    x->place = IN_STREAM;
    return LEAT_END;
}

static int run_stream(struct leat_stage *stage, struct unxz *x, struct leat_in *in,
                      struct leat_out *out)
{
    int r;

    x->in = in;
    x->in_from = in->pos;
    r = leat_lzma_run(&x->lzma, stage, FORMAT, raise_limit, x, in, out);
    remember_step(x);
    if (r == LEAT_END) {
        x->place = AT_STREAM;
        x->later_stream = true;
        x->have = 0;
        x->padding = 0;
    }
    return r == LEAT_ENOMEM ? leat_fail(stage, r, "out of memory for liblzma") : r;
}

static int unxz_step(struct leat_stage *stage, void *state, struct leat_in *in,
                     struct leat_out *out)
{
    struct unxz *x = state;
    int r;

    do {
        switch (x->place) {
        case AT_STREAM:
            r = look(stage, x, in);
            if (r == LEAT_MORE && in->end)
                return LEAT_END;
            break;
        case AT_MAGIC:
            r = run_magic(stage, x, out);
            break;
        case IN_STREAM:
        default:
            r = run_stream(stage, x, in, out);
            break;
        }
    } while (r == LEAT_END);
    return r;
}

static void unxz_close(struct leat_stage *stage, void *state)
{
    struct unxz *x = state;

    leat_lzma_close(&x->lzma);
    leat_uncharge(stage, x->charged);
}

const struct leat_decoder leat_decoder_xz = {
    .name = FORMAT,
    .state_size = sizeof(struct unxz),
    .open = unxz_open,
    .step = unxz_step,
    .close = unxz_close,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_DECODER_CALLBACKS(leat_decoder_xz)

const struct leat_stage_type leat_stage_unxz = {
    .name = "unxz",
    .summary = "decompress xz (.xz)",
    .manual =
        "Decompresses any number of streams, one after another; between them there may be "
        "padding of zero bytes, in multiples of four. Errors are: truncation, any other data "
        "after the last stream, a check that does not match, and a kind of check that liblzma "
        "cannot verify. Damage may go unnoticed in a stream without a check.\n\n"
        "Blocks that have their sizes in their headers, as from leat's xz and from xz -T, are "
        "decoded in parallel, by as many threads as fit in the memory that the other stages "
        "leave. If a stream needs more than that for one thread, that is an error, and the "
        "message tells both sizes.",
    .examples = "read big.log : xz : unxz : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES | LEAT_FLUSHES, /* the threads hold decoded data back */
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(struct unxz),
    .options = leat_expansion_options,
    .plan = leat_lzma_decoder_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unxz, "unxz", "decompress xz (.xz)", "liblzma-dev");

#endif
