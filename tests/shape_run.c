/* shape_run.c - runs a shape and compares: bytes, verdict, outputs that are there, nothing left. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "memio.h"
#include "shape.h"
#include "test.h"

#define ENOUGH ((uint64_t)32 << 30) /* --memory that is enough for any shape */
#define RECORD_OWN 16384u /* bytes of a record that are set aside: CARRY_SIZE of framer.c */

struct run {
    struct shape *shape;
    struct memio *sources, *sinks;
    int code;
    struct leat_error error;
    bool too_little; /* memory: any part may have failed of that */
};

static void set_up(struct run *run, const struct shape_config *config)
{
    struct shape *shape = run->shape;

    run->sources = calloc((size_t)shape->n_sources + 1, sizeof *run->sources);
    run->sinks = calloc((size_t)shape->n_sinks + 1, sizeof *run->sinks);
    ASSERT(run->sources && run->sinks);
    for (int i = 0; i < shape->n_sources; i++) {
        const struct shape_source *source = &shape->sources[i];
        struct memio *io = &run->sources[i];

        io->in = shape->inputs[source->input].bytes.data;
        io->in_len = shape->inputs[source->input].bytes.len;
        io->piece = source->piece;
        io->source.wait_every = source->wait_every;
        io->seed = config->seed + (uint64_t)i;
    }
    for (int i = 0; i < shape->n_sinks; i++) {
        const struct shape_sink *sink = &shape->sinks[i];
        struct memio *io = &run->sinks[i];

        io->sink.end_at = sink->end_at;
        io->sink.fail_at = sink->fail_at;
        io->sink.wait_every = sink->wait_every;
        io->gulp = sink->gulp;
        if (sink->after >= 0) {
            struct memio *other = &run->sinks[sink->after];

            if (!other->ended_fd)
                other->ended_fd = eventfd(0, EFD_CLOEXEC);
            ASSERT_GT(other->ended_fd, 0);
            io->after_fd = other->ended_fd;
        }
    }
    run->sources[0].settings = (struct leat_settings){
        .size = sizeof(struct leat_settings),
        .threads = config->threads,
        .memory = config->memory,
        .chunk = config->chunk,
        .seed = config->seed,
        .executor = (enum leat_executor_kind)config->executor,
    };
}

static void tear_down(struct run *run)
{
    for (int i = 0; i < run->shape->n_sinks; i++) {
        if (run->sinks[i].ended_fd)
            close(run->sinks[i].ended_fd);
        memio_free(&run->sinks[i]);
    }
    free(run->sources);
    free(run->sinks);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static uint32_t bit(int code)
{
    return (uint32_t)1 << -code;
}

/* A sink that came to the call that it fails at has failed its unit for sure. */
static bool must_fail(const struct run *run, int unit)
{
    if (run->shape->units[unit].must)
        return true;
    for (int i = 0; i < run->shape->n_sinks; i++) {
        const struct shape_sink *sink = &run->shape->sinks[i];

        if (sink->unit == unit && sink->fail_at && run->sinks[i].sink_calls >= sink->fail_at)
            return true;
    }
    return false;
}

static size_t longest_line(const struct shape *shape)
{
    size_t longest = 0;

    for (size_t i = 0; i < shape->n_inputs; i++) {
        const struct shape_bytes *in = &shape->inputs[i].bytes;

        for (size_t at = 0; at < in->len;) {
            const uint8_t *end = memchr(in->data + at, '\n', in->len - at);
            size_t n = end ? (size_t)(end - in->data) + 1 - at : in->len - at;

            longest = n > longest ? n : longest;
            at += n;
        }
    }
    return longest;
}

/* A record that the memory of its own holds never lacks any; a longer one's room doubles. */
static bool may_be_record(const struct run *run, const char *text, unsigned long long needs)
{
    size_t longest = longest_line(run->shape) * (strstr(text, "paste") ? SHAPE_BRANCHES_MAX : 1);

    return needs > RECORD_OWN && longest > RECORD_OWN && needs <= 2 * (unsigned long long)longest;
}

/* A run may fail for want of memory in three ways: the pipeline does not fit, a stage charges more than
 * is left, or a long record has no room. The message has the figures, and they say so. `text` is the
 * pipeline. */
static bool is_too_little(const struct run *run, const struct shape_config *config,
                          const char *text)
{
    unsigned long long needs = 0, left = 0, limit = 0;
    const char *said = run->error.text, *at;

    if ((run->code != LEAT_ELIMIT && run->code != LEAT_EBATCH) || config->memory >= ENOUGH ||
        !strstr(said, "raise --memory"))
        return false;
    at = strstr(said, "needs ");
    if (at && sscanf(at, "needs at least %llu bytes of memory and the limit is %llu", &needs,
                     &limit) == 2)
        return needs > limit && limit == config->memory && run->sinks[0].sink_opens == 0;
    if (at && sscanf(at, "needs %llu bytes of memory", &needs) == 1) {
        at = strstr(at, "and ");
        return at && sscanf(at, "and %llu are left of the limit of %llu", &left, &limit) == 2 &&
               needs > left && limit == config->memory;
    }
    at = strstr(said, "there are no ");
    return at && sscanf(at, "there are no %llu bytes of memory for a record", &needs) == 1 &&
           may_be_record(run, text, needs);
}

static void check_code(const struct run *run)
{
    const struct shape_unit *units = run->shape->units;
    uint32_t allowed = units[0].may;
    bool part_fails = false, whole_fails = must_fail(run, 0);

    for (int i = 1; i < run->shape->n_units; i++) {
        if (units[i].may)
            allowed |= bit(LEAT_EBATCH);
        part_fails = part_fails || must_fail(run, i);
    }
    if (!whole_fails && !part_fails)
        allowed |= bit(0);
    if (whole_fails)
        allowed &= ~bit(LEAT_EBATCH);
    if (!(allowed & bit(run->code)))
        FAIL("code %d (%s: %s), allowed are the bits %#x", run->code, run->error.stage_name,
             run->error.text, allowed);
}

/* --- the bytes -------------------------------------------------------------------------------- */

static bool may_be_lost(const struct run *run, int unit)
{
    if (run->too_little && unit > 0)
        return true;
    for (; unit > 0; unit = run->shape->units[unit].parent)
        if (run->shape->units[unit].may)
            return true;
    return false;
}

static bool must_be_lost(const struct run *run, int unit)
{
    for (; unit > 0; unit = run->shape->units[unit].parent)
        if (must_fail(run, unit))
            return true;
    return false;
}

/* `whole`: all of it has to be there, else a beginning. */
static void check_bytes(const struct run *run, int i, bool whole)
{
    const struct shape_sink *sink = &run->shape->sinks[i];
    const struct memio *io = &run->sinks[i];
    struct shape_bytes expected = sink->expected;

    if (sink->lossy)
        return;
    if ((!whole || sink->end_at) && io->out_len < expected.len)
        expected.len = io->out_len;
    if (io->out_len != expected.len ||
        (io->out_len && memcmp(io->out, expected.data, io->out_len) != 0))
        test_note("out-%d of %d", i, run->shape->n_sinks);
    ASSERT_BYTES_EQ(io->out, io->out_len, expected.data, expected.len);
}

static void check_sink(const struct run *run, int i)
{
    const struct shape_sink *sink = &run->shape->sinks[i];
    const struct memio *io = &run->sinks[i];
    int there = io->commits - io->reverts;
    bool whole = run->code == 0 || (run->code == LEAT_EBATCH && !must_be_lost(run, sink->unit) &&
                                    (!may_be_lost(run, sink->unit) || there > 0));

    ASSERT_EQ(io->sink_opens, io->sink_closes);
    if (there != (whole ? io->sink_opens : 0))
        FAIL("out-%d: opened %d times, committed %d, reverted %d; code %d", i, io->sink_opens,
             io->commits, io->reverts, run->code);
    if (!sink->in_part && run->code == 0)
        ASSERT_EQ(io->sink_opens, 1);
    check_bytes(run, i, whole);
}

static void check_memory(const struct run *run)
{
    const struct memio *io = &run->sources[0];

    ASSERT_LE(io->stats.memory_peak, io->stats.memory_limit);
    for (int i = 0; i < run->shape->n_sources; i++)
        ASSERT_EQ(run->sources[i].source_opens, run->sources[i].source_closes);
}

int shape_run(struct shape *shape, const struct shape_config *config)
{
    struct run run = {.shape = shape};
    int threads = test_thread_count();
    char *text;

    set_up(&run, config);
    text = shape_text(shape, run.sources, run.sinks, NULL);
    run.code = memio_run_text(&run.sources[0], text);
    run.error = run.sources[0].error;
    run.too_little = is_too_little(&run, config, text);
    free(text);
    if (!run.too_little)
        check_code(&run);
    for (int i = 0; i < shape->n_sinks; i++)
        check_sink(&run, i);
    check_memory(&run);
    for (int i = 0; i < 100000 && test_thread_count() != threads; i++)
        sched_yield();
    ASSERT_EQ(test_thread_count(), threads);
    tear_down(&run);
    return run.code;
}
