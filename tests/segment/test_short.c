/* test_short.c - memory that never comes: who waits for it fails, unless an input may still come. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};
#define N_EXECUTORS 3

/* One record that is longer than grep finds memory for, beside gzip's. */
#define SHORT_MEMORY (4 * MIB)
#define SHORT_RECORD 600000u

static int idle_pipe[2];

static int idle_source_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    (void)out;
    leat_wait_fd(stage, idle_pipe[0], false);
    return LEAT_WAIT;
}

static const struct leat_stage_type idle_source_type = {.name = "idle_source",
                                                        .summary = "waits for a descriptor",
                                                        .kind = LEAT_SOURCE,
                                                        .step = idle_source_step};

static void add_idle_source(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &idle_source_type), 0);
}

/* The alarm is a day away. */
TEST(test_an_alarm_does_not_keep_a_pipeline_waiting_for_memory_that_never_comes)
{
    static const char *const texts[] = {"grep 1 : gzip -6", "limit --time=1d : grep 1 : gzip -6",
                                        "timeout 1d : grep 1 : gzip -6",
                                        "flush --time=1d : grep 1 : gzip -6"};
    char *in = calloc(1, SHORT_RECORD);

    ASSERT_NOT_NULL(in);
    for (size_t i = 0; i < sizeof texts / sizeof *texts * N_EXECUTORS; i++) {
        struct memio io = {.in = in, .in_len = SHORT_RECORD};

        test_context("%s, executor %zu", texts[i / N_EXECUTORS], i % N_EXECUTORS);
        io.settings.executor = executors[i % N_EXECUTORS];
        io.settings.threads = 1 + (unsigned)i % 4;
        io.settings.memory = SHORT_MEMORY;
        ASSERT_EQ(memio_run(&io, texts[i / N_EXECUTORS]), LEAT_ELIMIT);
        ASSERT_STREQ(io.error.stage_name, "grep");
        memio_free(&io);
    }
    free(in);
}

/* A source that may still give something: no outcome before it has, or is at its end. */
TEST(test_an_idle_descriptor_keeps_a_pipeline_waiting_for_memory)
{
    char *in = calloc(1, SHORT_RECORD), text[256];

    ASSERT_NOT_NULL(in);
    ASSERT_EQ(pipe2(idle_pipe, O_CLOEXEC), 0);
    for (size_t e = 0; e < N_EXECUTORS; e++) {
        struct memio io = {.in = in, .in_len = SHORT_RECORD, .registered = add_idle_source};

        snprintf(text, sizeof text,
                 "concat [ memsource --at=%lld ] [ idle_source ] | limit --time=1d | grep 1 | "
                 "gzip -6 | memsink --at=%lld",
                 memio_at(&io), memio_at(&io));
        io.settings.executor = executors[e];
        io.settings.memory = SHORT_MEMORY;
        io.settings.timeout_ms = 20;
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ETIMEDOUT);
        memio_free(&io);
    }
    close(idle_pipe[0]);
    close(idle_pipe[1]);
    free(in);
}
