/* flush_aid.c - a source that pauses, and a stage that notes where flush marks are. */
#include "flush_aid.h"

#include <stdlib.h>

#include "codec_same.h"
#include "stage.h"

#define SCATTERED ((size_t)4096)        /* bytes that are passed by reference */
#define SLOW_NS ((uint64_t)60000000000) /* a minute */

/* The memio is the first of a watch. */
static struct flush_watch *watch_of(const struct leat_stage *stage)
{
    return memio_given(stage);
}

size_t flush_burst_end(const struct flush_watch *w, size_t i)
{
    return i + 1 == w->n_bursts ? w->io.in_len : (i + 1) * (w->io.in_len / w->n_bursts);
}

static int burst_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct flush_watch *w = watch_of(stage);
    bool *paused = leat_state(stage);
    size_t end;

    (void)in;
    if (*paused) {
        *paused = false;
        w->seen[w->bursts] = w->io.out_len;
        w->seen_ns[w->bursts++] = leat_clock_ns(stage);
        if (w->bursts == w->n_bursts)
            return LEAT_END;
    }
    end = flush_burst_end(w, w->bursts);
    w->given += leat_write(out, (const uint8_t *)w->io.in + w->given, end - w->given);
    if (w->given < end)
        return LEAT_MORE;
    *paused = true;
    leat_wait_ms(stage, FLUSH_PAUSE_MS);
    return LEAT_WAIT;
}

static const struct leat_stage_type burst_type = {
    .name = "burst",
    .summary = "bytes from memory, with pauses",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct memio_params),
    .state_size = sizeof(bool),
    .options = memio_option,
    .step = burst_step,
};

static int marks_open(struct leat_stage *stage)
{
    watch_of(stage)->marks_opened++;
    return 0;
}

static int marks_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct flush_watch *w = watch_of(stage);

    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    if (in->flush) {
        ASSERT(!in->end);
        ASSERT_LT(w->n_marks, FLUSH_MARKS_MAX);
        w->marks[w->n_marks] = in->offset + in->len;
        w->marks_ns[w->n_marks++] = leat_clock_ns(stage);
        return LEAT_FLUSHED;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type marks_type = {
    .name = "marks",
    .summary = "notes where marks are",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_FLUSHES,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .open = marks_open,
    .step = marks_step,
};

/* Passes ranges by reference and copies others in turn, so that no two slices join; the first one is of
 * either kind. */
static int scatter_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    bool by_reference = in->offset % 2;
    size_t given = 1;

    (void)stage;
    while (in->pos < in->len && given > 0) {
        size_t n = in->len - in->pos;

        if (by_reference) {
            given = leat_pass(out, in, n < SCATTERED ? n : SCATTERED);
        } else {
            given = leat_write(out, in->data + in->pos, 1);
            in->pos += given;
        }
        by_reference = !by_reference;
    }
    return in->end && in->pos == in->len ? LEAT_END : LEAT_FLUSHED;
}

static const struct leat_stage_type scatter_type = {
    .name = "scatter",
    .summary = "many slices, and a mark",
    .kind = LEAT_TRANSFORM,
    .step = scatter_step,
};

static int slow_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    leat_spend_ns(stage, SLOW_NS);
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type slow_type = {
    .name = "slow",
    .summary = "takes its time",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .step = slow_step,
};

static void add_stages(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &burst_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &marks_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &scatter_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &slow_type), 0);
}

/* Puts the number in the place of every @. */
static void fill_in(char *to, size_t size, const char *text, const struct flush_watch *w)
{
    size_t n = 0;

    for (; *text; text++) {
        ASSERT_LT(n + 32, size);
        if (*text == '@')
            n += (size_t)snprintf(to + n, size - n, "--at=%lld", memio_at(&w->io));
        else
            to[n++] = *text;
    }
    to[n] = '\0';
}

int flush_run(struct flush_watch *w, const char *text)
{
    char whole[1024];

    w->bursts = w->given = w->n_marks = w->marks_opened = 0;
    w->io.registered = add_stages;
    fill_in(whole, sizeof whole, text, w);
    return memio_run_text(&w->io, whole);
}

struct flush_watch flush_seeded(const struct codec_bytes *in, uint64_t seed)
{
    struct flush_watch w = {.io = {.in = in->data, .in_len = in->len, .seed = seed}};

    w.io.piece = seed % 3 ? MEMIO_RANDOM : 0;
    w.io.gulp = seed % 2 ? MEMIO_RANDOM : 0;
    w.io.settings.executor = LEAT_EXECUTOR_SEEDED;
    w.io.settings.seed = seed;
    w.io.settings.threads = (unsigned)(1 + seed % 4);
    if (seed % 5 == 1)
        w.io.settings.room = 1 + seed;
    if (seed % 5 == 2)
        w.io.settings.chunk = 100 + seed;
    return w;
}

void flush_check_marks(const struct flush_watch *w, size_t step)
{
    ASSERT_EQ(w->n_marks, w->io.in_len / step);
    for (size_t i = 0; i < w->n_marks; i++)
        ASSERT_EQ(w->marks[i], (i + 1) * step);
}

static bool left_out(const char *stages)
{
    if (!codec_missing(stages))
        return false;
    test_note("left out, as this build lacks a library: %s", stages);
    return true;
}

void flush_keeps_place(const char *stages, size_t step)
{
    struct codec_bytes in;
    char text[512];

    if (left_out(stages))
        return;
    in = codec_text(FLUSH_LEN, 7);
    snprintf(text, sizeof text, "memsource @ : flush --bytes=%zu : %s : marks @ : memsink @", step,
             stages);
    for (uint64_t seed = 0; seed < FLUSH_SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);

        test_context("%s, seed %d", text, (int)seed);
        ASSERT_EQ(flush_run(&w, text), 0);
        ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
        flush_check_marks(&w, step);
        memio_free(&w.io);
    }
    free(in.data);
}

struct flush_watch flush_with_pauses(const struct codec_bytes *in, size_t n_bursts, uint64_t seed)
{
    struct flush_watch w = flush_seeded(in, seed);

    w.n_bursts = n_bursts;
    w.io.settings.virtual_time = true;
    w.io.settings.room = 0;
    return w;
}

void flush_keeps_place_on_threads(const char *stages, bool exact)
{
    struct codec_bytes in;

    if (left_out(stages))
        return;
    in = codec_text((size_t)1 << 20, 9);
    in.data[in.len - 1] = '\n';
    for (unsigned threads = 2; threads <= 4; threads++) {
        struct flush_watch w = {.io = {.in = in.data, .in_len = in.len, .piece = MEMIO_RANDOM}};
        char text[256];

        snprintf(text, sizeof text, "memsource @ : flush --bytes=1K : %s : marks @ : memsink @",
                 stages);
        test_context("%s, %u threads", text, threads);
        w.io.settings.executor = LEAT_EXECUTOR_POOL;
        w.io.settings.threads = threads;
        ASSERT_EQ(flush_run(&w, text), 0);
        ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
        if (exact)
            flush_check_marks(&w, 1024);
        ASSERT_GT(w.n_marks, 0);
        memio_free(&w.io);
    }
    free(in.data);
}
