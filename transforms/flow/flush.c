/* flush.c - inserts flush markers, at which the stages downstream output everything they hold.
 *
 * The stream is passed on by reference. A marker from upstream passes too, and restarts the counts.
 * The end of the stream needs no marker, as all stages output everything there. A marker that is
 * due exactly at the end is inserted all the same: otherwise the output would depend on whether EOF
 * is known by then, which is a matter of timing.
 */

#include <stddef.h>

#include "lines.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_flush;

#define NS_PER_MS 1000000u

struct flush_params {
    uint64_t time_ms, bytes; /* 0: option not given */
    int64_t lines;
};

/* Counts since the last marker. */
struct flush {
    uint64_t bytes;
    struct leat_lines lines;
    uint64_t first_ns; /* when the first byte came; valid if bytes is not 0 */
    bool alarmed;      /* the alarm is set, for first_ns or an earlier one */
};

/* Passes the rest of the input on, up to the next marker. */
static void pass_counted(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct flush_params *p = leat_params(s);
    struct flush *f = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    size_t n = in->len - in->pos, passed;
    struct leat_lines before = f->lines;

    if (p->bytes > 0 && n > p->bytes - f->bytes)
        n = (size_t)(p->bytes - f->bytes);
    if (p->lines > 0)
        n = leat_lines_within(&f->lines, data, n, (uint64_t)p->lines, '\n');
    passed = leat_pass(out, in, n);
    if (p->lines > 0 && passed < n) { /* the rest is counted when it passes */
        f->lines = before;
        (void)leat_lines_within(&f->lines, data, passed, (uint64_t)p->lines, '\n');
    }
    f->bytes += passed;
}

/* Is a marker due after the bytes passed so far? Markers from upstream count too. */
static bool is_due(const struct flush_params *p, const struct flush *f, const struct leat_in *in)
{
    if (in->flush && in->pos == in->len)
        return true;
    if (p->bytes > 0 && f->bytes == p->bytes)
        return true;
    if (p->lines > 0 && leat_lines_complete(&f->lines, (uint64_t)p->lines))
        return true;
    if (p->bytes > 0 || p->lines > 0 || p->time_ms > 0)
        return false;
    return f->bytes > 0 && in->pos == in->len && !in->end;
}

/* Restarts the counts after a marker. */
static int flushed(struct flush *f)
{
    f->bytes = 0;
    f->lines = (struct leat_lines){.lines = 0};
    return LEAT_FLUSHED;
}

static int flush_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct flush_params *p = leat_params(s);
    struct flush *f = leat_state(s);
    bool first = f->bytes == 0;

    pass_counted(s, in, out);
    if (is_due(p, f, in))
        return flushed(f);
    if (in->end && in->pos == in->len)
        return LEAT_END;
    if (p->time_ms > 0 && first && f->bytes > 0) {
        f->first_ns = leat_clock_ns(s);
        if (!f->alarmed)
            leat_alarm_ms(s, p->time_ms);
        f->alarmed = true;
    }
    return LEAT_MORE;
}

/* The time of first_ns is over, or the alarm was for an earlier byte that is flushed by now. Sets
 * the next alarm if there is unflushed data. */
static int flush_alarm(struct leat_stage *s)
{
    const struct flush_params *p = leat_params(s);
    struct flush *f = leat_state(s);
    uint64_t passed_ms = (leat_clock_ns(s) - f->first_ns) / NS_PER_MS;

    f->alarmed = false;
    if (f->bytes == 0)
        return LEAT_MORE;
    if (passed_ms >= p->time_ms)
        return flushed(f);
    f->alarmed = true;
    leat_alarm_ms(s, p->time_ms - passed_ms);
    return LEAT_MORE;
}

#define AT(field) offsetof(struct flush_params, field)
static const struct leat_option flush_options[] = {
    {"time", 't', LEAT_OPT_DURATION, AT(time_ms), .metavar = "DURATION",
     .help = "when DURATION has passed since the first byte that is not flushed yet"},
    {"lines", 'n', LEAT_OPT_INT, AT(lines), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "after every N lines"},
    {"bytes", 'c', LEAT_OPT_SIZE, AT(bytes), .metavar = "SIZE", .min = 1, .max = INT64_MAX,
     .help = "after every SIZE bytes"},
    {0},
};

const struct leat_stage_type leat_stage_flush = {
    .name = "flush",
    .summary = "make compressors output everything that has come so far",
    .manual =
        "The stream passes unchanged, with flush markers in it that only stages see. At a "
        "marker, each following stage outputs everything that came before it, so that the output "
        "can be decompressed up to there. Use it for a log that is followed, a job that is "
        "watched, or a peer that waits for an answer. The options say when a marker is inserted; "
        "without options, one follows each piece of input as soon as it arrives.\n\n"
        "gzip, zlib, deflate, zstd and brotli flush at a marker and keep their history. Other "
        "compressors end a unit of their format: a block of xz, a member of lzip or gzip "
        "--blocks, a stream of bzip2, a frame of lz4 or zstd --seekable. lzma and compress "
        "cannot flush: their data is complete only at the end. Each marker makes the output "
        "larger, by a few bytes for the former and by many for the latter, so do not flush more "
        "often than needed. Other stages output what they have anyway. Data that they cannot "
        "output yet stays with them, for example the unfinished line in grep, or the lines that "
        "tail keeps.\n\n"
        "With --bytes or --lines the output is the same for the same input. With --time, or "
        "without options, the output depends on the timing of the input, but the decompressed "
        "data does not.\n\n"
        "A marker passes through tee, route and concat, into each branch. It does not pass "
        "through merge, paste and exec. decode on several threads delays xz data in spite of a "
        "marker; unxz does not. A buffer that waits for --start-at holds markers back with the "
        "data. Of the markers in a temporary file only the last one has an effect.",
    .examples = "read big.log : flush --lines=100 : gzip : gunzip : count -l\n"
                "read big.log : flush --time=1s --bytes=64K : zstd : write --force big.copy.zst",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_PASS_THROUGH | LEAT_FLUSHES,
    .params_size = sizeof(struct flush_params),
    .state_size = sizeof(struct flush),
    .options = flush_options,
    .step = flush_step,
    .alarm = flush_alarm,
};
