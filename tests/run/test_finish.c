/* test_finish.c - leat_pipeline_finish: the sources end, and the run ends well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};
#define N_EXECUTORS (sizeof executors / sizeof *executors)

/* A stage that ends the sources when so many bytes have come. */
struct ender {
    struct memio *io;
    uint64_t after, seen;
    bool over; /* it was at the end of its input */
};

static int ender_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct ender *e = memio_given(s);
    size_t at = in->pos;
    int r = memio_pass(s, in, out);
    uint64_t before = e->seen;

    e->seen += in->pos - at;
    if (before < e->after && e->seen >= e->after)
        leat_pipeline_finish(e->io->pipeline);
    e->over = r == LEAT_END;
    return r;
}

static const struct leat_stage_type ender_type = {
    .name = "ender",
    .summary = "ends the sources",
    .kind = LEAT_TRANSFORM,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .step = ender_step,
};

static void add_ender(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &ender_type), 0);
}

static struct memio endless(const char *in, size_t executor, uint64_t seed)
{
    struct memio io = {.in = in, .in_len = strlen(in), .in_repeat = UINT64_MAX / 64};

    io.registered = add_ender;
    io.piece = seed % 2 ? MEMIO_RANDOM : 0;
    io.seed = io.settings.seed = seed;
    io.settings.executor = executors[executor];
    io.source.wait_every = seed % 3 > 0 ? 1 + seed % 3 : 0;
    return io;
}

TEST(test_what_was_read_goes_on_and_is_committed)
{
    static const char *const before[] = {"", "flush --bytes=64 : gzip : gunzip :", "pass : pass :"};
    static const char text[] = "one\ntwo\n";

    for (uint64_t seed = 0; seed < 30; seed++)
        for (size_t e = 0; e < N_EXECUTORS; e++) {
            struct memio io = endless(text, e, seed);
            struct ender ender = {.io = &io, .after = 1 + seed * 50};
            char job[256];

            test_context("seed %ju, executor %zu", (uintmax_t)seed, e);
            snprintf(job, sizeof job, "%s ender --at=%lld : pass", before[seed % 3],
                     (long long)(intptr_t)&ender);
            ASSERT_EQ(memio_run(&io, job), 0);
            ASSERT(ender.over);
            ASSERT_EQ(io.commits, 1);
            ASSERT_EQ(io.out_len, ender.seen);
            ASSERT_GE(io.out_len, ender.after);
            for (size_t i = 0; i < io.out_len; i++)
                ASSERT_EQ(io.out[i], text[i % (sizeof text - 1)]);
            memio_free(&io);
        }
}

/* The first branch of a concat is endless, and so is the second. */
TEST(test_all_sources_end)
{
    for (size_t e = 0; e < N_EXECUTORS; e++) {
        struct memio io = endless("a\n", e, 4), other = endless("b\n", e, 4);
        struct ender ender = {.io = &io, .after = 100};
        char job[256];

        io.discard = true;
        snprintf(job, sizeof job,
                 "concat [ memsource --at=%lld ] [ memsource --at=%lld ] : ender --at=%lld : "
                 "memsink --at=%lld",
                 memio_at(&io), memio_at(&other), (long long)(intptr_t)&ender, memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, job), 0);
        ASSERT_GE(io.out_len, 100);
        ASSERT_EQ(io.commits, 1);
        memio_free(&io);
        memio_free(&other);
    }
}

TEST(test_before_the_start_it_ends_the_run_at_once)
{
    struct leat_pipeline *p = NULL;

    ASSERT_EQ(leat_pipeline_from_text(NULL, "zero : null", NULL, &p, NULL), 0);
    leat_pipeline_finish(p);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    leat_pipeline_finish(p); /* too late, without effect */
    leat_pipeline_unref(p);
    leat_pipeline_finish(NULL);
}
