/* test_engine.c - what the engine promises, seen through leat.h: outcomes, commit, bounds, waits. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};
#define N_EXECUTORS 3

/* --- outcome ---------------------------------------------------------------------------------- */

TEST(test_bytes_arrive_in_order_under_every_executor)
{
    size_t n = 1000000, i;
    uint8_t *in = memio_bytes(n);

    for (i = 0; i < N_EXECUTORS; i++) {
        struct memio io = {.in = in, .in_len = n, .piece = MEMIO_RANDOM, .gulp = MEMIO_RANDOM};

        io.settings.executor = executors[i];
        io.settings.threads = 4;
        test_context("executor %d", (int)executors[i]);
        ASSERT_EQ(memio_run(&io, "pass : gzip -1 : gunzip : pass"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, n);
        ASSERT_EQ(io.commits, 1);
        memio_free(&io);
    }
    free(in);
}

TEST(test_the_error_names_the_stage_its_number_and_the_offset)
{
    struct memio io = {.in = "this is no gzip data at all", .in_len = 27};
    char line[600];

    ASSERT_EQ(memio_run(&io, "pass : gunzip : pass"), LEAT_ECORRUPT);
    ASSERT_EQ(io.error.stage, 3);
    ASSERT_STREQ(io.error.stage_name, "gunzip");
    ASSERT(io.error.has_offset);
    ASSERT_LE(io.error.offset, 10);
    ASSERT_NULL(strchr(io.error.text, '\n'));
    leat_error_format(&io.error, line, sizeof(line));
    ASSERT_STR_HAS(line, "gunzip (#3): ");
    ASSERT_STR_HAS(line, "(byte ");
    ASSERT_EQ(io.commits, 0);
}

TEST(test_a_consequence_never_displaces_the_root_cause)
{
    uint8_t *in = memio_bytes(500000);
    uint64_t k;

    for (k = 1; k < 40; k++) {
        struct memio io = {.in = in, .in_len = 500000, .piece = 10000};

        /* The source fails; the codecs then see a stream that is cut off. */
        io.source.fail_at = k;
        io.source.fail_code = LEAT_ENETWORK;
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.seed = k;
        test_context("k %ju", (uintmax_t)k);
        ASSERT_EQ(memio_run(&io, "gzip : gunzip : zstd : unzstd"), LEAT_ENETWORK);
        ASSERT_STREQ(io.error.stage_name, "memsource");
        ASSERT_EQ(io.error.stage, 1);
    }
    free(in);
}

TEST(test_a_reader_that_ends_early_is_success)
{
    uint8_t *in = memio_bytes(100000);
    size_t i;

    for (i = 0; i < N_EXECUTORS; i++) {
        struct memio io = {.in = in, .in_len = 100000, .in_repeat = 1000000, .piece = 4096};

        io.settings.executor = executors[i];
        ASSERT_EQ(memio_run(&io, "pass : head -c 12345"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 12345);
        memio_free(&io);
    }
    free(in);
}

TEST(test_an_empty_stream_is_a_stream)
{
    struct memio io = {.in = "", .in_len = 0};

    ASSERT_EQ(memio_run(&io, NULL), 0);
    ASSERT_EQ(io.out_len, 0);
    ASSERT_EQ(io.commits, 1);
    ASSERT_EQ(memio_run(&io, "gzip : gunzip : grep x : zstd : unzstd"), 0);
    ASSERT_EQ(io.out_len, 0);
}

/* --- commit ----------------------------------------------------------------------------------- */

static bool exists(const char *dir, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

TEST(test_a_failing_prepare_leaves_no_output_at_all)
{
    struct memio io = {.in = "abc\n", .in_len = 4};
    char text[256];

    snprintf(text, sizeof(text), "sha256 --to=%s/sum : count --to=%s/n", test_tmp_dir(),
             test_tmp_dir());
    io.sink.fail_prepare = LEAT_EIO;
    ASSERT_EQ(memio_run(&io, text), LEAT_EIO);
    ASSERT_EQ(io.commits, 0);
    ASSERT(!exists(test_tmp_dir(), "sum"));
    ASSERT(!exists(test_tmp_dir(), "n"));

    io.sink.fail_prepare = 0;
    ASSERT_EQ(memio_run(&io, text), 0);
    ASSERT(exists(test_tmp_dir(), "sum"));
    ASSERT(exists(test_tmp_dir(), "n"));
    memio_free(&io);
}

TEST(test_a_failing_commit_takes_the_others_back)
{
    struct memio io = {.in = "abc\n", .in_len = 4};
    char text[256];

    snprintf(text, sizeof(text), "sha256 --to=%s/sum", test_tmp_dir());
    io.sink.fail_commit = LEAT_EIO;
    ASSERT_EQ(memio_run(&io, text), LEAT_EIO);
    ASSERT(!exists(test_tmp_dir(), "sum"));
    memio_free(&io);
}

TEST(test_a_failing_open_is_the_outcome)
{
    struct memio io = {.in = "abc\n", .in_len = 4};

    io.source.fail_open = LEAT_ENOENT;
    ASSERT_EQ(memio_run(&io, "gzip"), LEAT_ENOENT);
    ASSERT_EQ(io.source_calls, 0);
    io.source.fail_open = 0;
    io.sink.fail_open = LEAT_EEXIST;
    ASSERT_EQ(memio_run(&io, "gzip"), LEAT_EEXIST);
    ASSERT_EQ(io.commits, 0);
    memio_free(&io);
}

/* --- bounds ----------------------------------------------------------------------------------- */

TEST(test_a_bomb_stays_within_the_limit)
{
    size_t n = 4 * MIB;
    struct memio bomb = {.in_repeat = test_under_sanitizer() ? 8 : 256};
    struct memio io = {.discard = true};
    uint64_t total = n * bomb.in_repeat;
    size_t i;

    bomb.in = calloc(1, n);
    bomb.in_len = n;
    ASSERT_NOT_NULL(bomb.in);
    ASSERT_EQ(memio_run(&bomb, "gzip -9"), 0);
    ASSERT_LT(bomb.out_len, total / 500);
    io.in = bomb.out;
    io.in_len = bomb.out_len;
    for (i = 0; i < N_EXECUTORS; i++) {
        io.settings.executor = executors[i];
        io.settings.memory = 8 * MIB;
        ASSERT_EQ(memio_run(&io, "gunzip"), 0);
        ASSERT_EQ(io.out_len, total);
        ASSERT_LE(io.stats.memory_peak, io.settings.memory);
        /* A sink that moves nothing on every second call makes all the others wait. */
        io.sink.wait_every = 2;
        ASSERT_EQ(memio_run(&io, "gunzip : head -c 20M"), 0);
        ASSERT_LE(io.stats.memory_peak, io.settings.memory);
        io.sink.wait_every = 0;
    }
    free((void *)(uintptr_t)bomb.in);
    memio_free(&bomb);
}

TEST(test_the_limit_does_not_depend_on_the_input_size)
{
    uint8_t *in = memio_bytes(MIB);
    struct memio io = {.in = in, .in_len = MIB, .discard = true};
    uint64_t peak;

    io.settings.memory = 16 * MIB;
    io.settings.threads = 2;
    io.in_repeat = 8;
    ASSERT_EQ(memio_run(&io, "gzip -1 : gunzip : grep -v DEBUG"), 0);
    peak = io.stats.memory_peak;
    ASSERT_GT(peak, 0);
    io.in_repeat = 80;
    ASSERT_EQ(memio_run(&io, "gzip -1 : gunzip : grep -v DEBUG"), 0);
    ASSERT_LE(io.stats.memory_peak, peak + 2 * MIB);
    free(in);
}

TEST(test_a_limit_that_is_too_small_is_an_error_with_both_figures)
{
    uint8_t *in = memio_bytes(100000);
    struct memio io = {.in = in, .in_len = 100000};

    io.settings.memory = LEAT_MEMORY_MIN;
    ASSERT_EQ(memio_run(&io, "zstd -19"), LEAT_ELIMIT);
    ASSERT_NE(strcspn(io.error.text, "0123456789"), strlen(io.error.text));
    ASSERT_STR_HAS(io.error.text, "1"); /* 1 MiB, the limit */
    free(in);
}

TEST(test_a_line_longer_than_the_limit_is_an_error)
{
    uint8_t *in = malloc(300000);
    struct memio io = {.in = in, .in_len = 300000};

    ASSERT_NOT_NULL(in);
    memset(in, 'x', 300000);
    in[299999] = '\n';
    io.settings.record_max = 100000;
    io.settings.chunk = 4096;
    ASSERT_EQ(memio_run(&io, "grep x"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "100000");
    io.settings.record_max = 300000;
    ASSERT_EQ(memio_run(&io, "grep x"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, in, 300000);
    memio_free(&io);
    free(in);
}

TEST(test_lines_longer_than_a_chunk_are_whole)
{
    uint8_t *in = malloc(200000);
    struct memio io = {.in = in, .in_len = 200000};
    size_t i;

    ASSERT_NOT_NULL(in);
    for (i = 0; i < 200000; i++)
        in[i] = i % 9973 == 9972 ? '\n' : (uint8_t)('a' + i % 26);
    for (io.settings.chunk = 1; io.settings.chunk < 20000; io.settings.chunk *= 11) {
        io.settings.threads = 3;
        ASSERT_EQ(memio_run(&io, "grep -c ."), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, "21\n", 3);
    }
    memio_free(&io);
    free(in);
}

/* --- a stage that breaks its contract --------------------------------------------------------- */

static int idle_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)in;
    (void)out;
    return LEAT_MORE;
}

static const struct leat_stage_type idle_type = {
    .name = "idle", .summary = "does nothing", .kind = LEAT_TRANSFORM, .step = idle_step};

static int forever_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    (void)out;
    leat_wait_ms(stage, (uint64_t)1000 * 60 * 60 * 24);
    return LEAT_WAIT;
}

static const struct leat_stage_type forever_type = {
    .name = "forever", .summary = "waits for a day", .kind = LEAT_SINK, .step = forever_step};

/* Sets its alarm anew at each step. */
static int dozer_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    leat_alarm_ms(stage, (uint64_t)1000 * 60 * 60);
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int no_alarm(struct leat_stage *stage)
{
    (void)stage;
    return 0;
}

static const struct leat_stage_type dozer_type = {.name = "dozer",
                                                  .summary = "sets an alarm at each step",
                                                  .kind = LEAT_TRANSFORM,
                                                  .step = dozer_step,
                                                  .alarm = no_alarm};

/* Its alarm fails, and says no more than a code. */
static int failing_open(struct leat_stage *stage)
{
    leat_alarm_ms(stage, 1);
    return 0;
}

static int failing_alarm(struct leat_stage *stage)
{
    (void)stage;
    return LEAT_EIO;
}

static const struct leat_stage_type failing_type = {.name = "failing_alarm",
                                                    .summary = "fails when its time has come",
                                                    .kind = LEAT_SINK,
                                                    .open = failing_open,
                                                    .step = forever_step,
                                                    .alarm = failing_alarm};

#define SLOW_STEP_NS 3000000u
#define SLOW_BYTES 40u

static unsigned slow_steps, loop_turns;

static uint64_t clock_ns(void)
{
    struct timespec t;

    ASSERT_EQ(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Takes one byte a step, and longer than a run of a segment may last. */
static int slow_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    uint64_t until = clock_ns() + SLOW_STEP_NS;

    (void)stage;
    (void)out;
    while (clock_ns() < until)
        ;
    slow_steps++;
    in->pos += in->pos < in->len;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type slow_type = {
    .name = "slow_forever", .summary = "takes its time", .kind = LEAT_SINK, .step = slow_step};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &idle_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &forever_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &slow_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &dozer_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &failing_type), 0);
}

TEST(test_a_stage_that_makes_no_progress_is_named)
{
    struct memio io = {.in = "abc", .in_len = 3, .registered = add_types};
    size_t i;

    for (i = 0; i < N_EXECUTORS; i++) {
        io.settings.executor = executors[i];
        ASSERT_EQ(memio_run(&io, "pass : idle : pass"), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, "idle");
        ASSERT_EQ(io.error.stage, 3);
    }
}

TEST(test_a_timeout_ends_a_pipeline_that_waits)
{
    struct memio io = {.in = "abc", .in_len = 3, .registered = add_types};
    char text[128];
    size_t i;

    snprintf(text, sizeof(text), "memsource --at=%lld | pass | forever", memio_at(&io));
    for (i = 0; i < N_EXECUTORS; i++) {
        io.settings.executor = executors[i];
        io.settings.timeout_ms = 20;
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ETIMEDOUT);
    }
}

TEST(test_an_alarm_that_is_set_again_replaces_the_one_before)
{
    struct memio io = {.in = "abcdef", .in_len = 6, .piece = 1, .registered = add_types};
    size_t i;

    io.source.wait_every = 2;
    for (i = 0; i < N_EXECUTORS; i++) {
        io.settings.executor = executors[i];
        ASSERT_EQ(memio_run(&io, "dozer"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, "abcdef", 6);
        memio_free(&io);
    }
}

TEST(test_an_alarm_that_fails_with_a_code_alone_is_an_error)
{
    struct memio io = {.in = "abc", .in_len = 3, .registered = add_types};
    char text[128];
    size_t i;

    snprintf(text, sizeof(text), "memsource --at=%lld | failing_alarm", memio_at(&io));
    for (i = 0; i < N_EXECUTORS; i++) {
        io.settings.executor = executors[i];
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EIO);
    }
}

/* --- on the caller's loop --------------------------------------------------------------------- */

struct run {
    struct leat_pipeline *pipeline;
    struct leat_registry *registry;
    struct memio io;
    int dones, code, ticks;
    bool frees;
};

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct run *run = arg;

    ASSERT(pipeline == run->pipeline);
    run->dones++;
    run->code = error ? error->code : 0;
    if (run->frees) {
        leat_pipeline_unref(pipeline);
        run->pipeline = NULL;
    }
}

static void run_new(struct run *run, const char *middle)
{
    struct leat_settings settings = run->io.settings;
    char text[512];

    settings.size = sizeof settings;
    settings.fixed_default_io = true;
    run->registry = leat_registry_new();
    ASSERT_NOT_NULL(run->registry);
    ASSERT_EQ(memio_register(run->registry), 0);
    add_types(run->registry, NULL);
    snprintf(text, sizeof(text), "memsource --at=%lld | %s", memio_at(&run->io), middle);
    if (!strstr(middle, "forever"))
        snprintf(text + strlen(text), 64, " | memsink --at=%lld", memio_at(&run->io));
    ASSERT_EQ(leat_pipeline_from_text(run->registry, text, &settings, &run->pipeline, NULL), 0);
    run->io.pipeline = run->pipeline;
}

static void run_free(struct run *run)
{
    leat_pipeline_unref(run->pipeline);
    leat_registry_free(run->registry);
    memio_free(&run->io);
}

static void close_loop(uv_loop_t *loop)
{
    ASSERT_EQ(uv_run(loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_loop_close(loop), 0); /* no handle of ours is left */
}

TEST(test_two_pipelines_share_the_callers_loop)
{
    uint8_t *in = memio_bytes(300000);
    struct run runs[2];
    uv_loop_t loop;
    size_t i, e;

    for (e = 0; e < N_EXECUTORS; e++) {
        memset(runs, 0, sizeof(runs));
        ASSERT_EQ(uv_loop_init(&loop), 0);
        for (i = 0; i < 2; i++) {
            runs[i].io = (struct memio){.in = in, .in_len = 300000, .piece = 1000};
            runs[i].io.settings.executor = executors[e];
            run_new(&runs[i], i ? "gzip : gunzip" : "zstd : unzstd");
            ASSERT_EQ(leat_pipeline_start(runs[i].pipeline, &loop, on_done, &runs[i]), 0);
            ASSERT_EQ(runs[i].dones, 0);
        }
        close_loop(&loop);
        for (i = 0; i < 2; i++) {
            ASSERT_EQ(runs[i].dones, 1);
            ASSERT_EQ(runs[i].code, 0);
            ASSERT_BYTES_EQ(runs[i].io.out, runs[i].io.out_len, in, 300000);
            run_free(&runs[i]);
        }
    }
    free(in);
}

TEST(test_a_pipeline_may_be_freed_in_its_callback)
{
    struct run run = {.io = {.in = "abc", .in_len = 3}, .frees = true};
    uv_loop_t loop;

    ASSERT_EQ(uv_loop_init(&loop), 0);
    run_new(&run, "pass");
    ASSERT_EQ(leat_pipeline_start(run.pipeline, &loop, on_done, &run), 0);
    close_loop(&loop);
    ASSERT_EQ(run.dones, 1);
    ASSERT_EQ(run.code, 0);
    run_free(&run);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;

    if (++run->ticks < 3)
        return;
    leat_pipeline_cancel(run->pipeline, LEAT_ECANCELLED, "enough");
    uv_close((uv_handle_t *)timer, NULL);
}

/* The loop goes on while the pipeline runs, under each executor, or this never ends. */
TEST(test_the_callers_timers_run_beside_an_endless_pipeline)
{
    size_t e;

    for (e = 0; e < N_EXECUTORS; e++) {
        struct run run = {.io = {.in = "abc\n", .in_len = 4, .in_repeat = UINT64_MAX / 8}};
        uv_timer_t timer;
        uv_loop_t loop;

        run.io.discard = true;
        run.io.settings.executor = executors[e];
        ASSERT_EQ(uv_loop_init(&loop), 0);
        run_new(&run, "pass");
        ASSERT_EQ(uv_timer_init(&loop, &timer), 0);
        timer.data = &run;
        ASSERT_EQ(uv_timer_start(&timer, on_tick, 1, 1), 0);
        ASSERT_EQ(leat_pipeline_start(run.pipeline, &loop, on_done, &run), 0);
        close_loop(&loop);
        ASSERT_EQ(run.dones, 1);
        ASSERT_EQ(run.code, LEAT_ECANCELLED);
        ASSERT_STREQ(leat_pipeline_error(run.pipeline)->text, "enough");
        run_free(&run);
    }
}

/* --- how long a run of a segment is ------------------------------------------------------------ */

static void on_turn(uv_check_t *check)
{
    (void)check;
    loop_turns++;
}

/* The loop has a turn after each step that takes longer than a run may last. */
TEST(test_on_one_thread_the_loop_has_its_turn_however_slow_a_step_is)
{
    struct run run = {.io = {.in = "abcd", .in_len = 4, .in_repeat = SLOW_BYTES / 4}};
    uv_check_t check;
    uv_loop_t loop;

    run.io.settings.executor = LEAT_EXECUTOR_LOOP;
    ASSERT_EQ(uv_loop_init(&loop), 0);
    run_new(&run, "slow_forever");
    ASSERT_EQ(uv_check_init(&loop, &check), 0);
    ASSERT_EQ(uv_check_start(&check, on_turn), 0);
    uv_unref((uv_handle_t *)&check);
    ASSERT_EQ(leat_pipeline_start(run.pipeline, &loop, on_done, &run), 0);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    uv_close((uv_handle_t *)&check, NULL);
    close_loop(&loop);
    ASSERT_EQ(run.code, 0);
    ASSERT_GE(slow_steps, SLOW_BYTES);
    ASSERT_GE(loop_turns, slow_steps);
    run_free(&run);
}

TEST(test_no_step_follows_a_cancel)
{
    for (size_t e = 0; e < N_EXECUTORS; e++) {
        struct memio io = {.in = "abc", .in_len = 3, .in_repeat = 1000, .piece = 1};

        test_context("executor %zu", e);
        io.settings.executor = executors[e];
        io.source.cancel_at = 5;
        ASSERT_EQ(memio_run(&io, "pass"), LEAT_ECANCELLED);
        ASSERT_EQ(io.source_calls, 5);
        memio_free(&io);
    }
}

static void *cancel_it(void *arg)
{
    struct run *run = arg;

    leat_pipeline_cancel(run->pipeline, LEAT_ETIMEDOUT, NULL);
    return NULL;
}

TEST(test_cancel_from_another_thread_ends_a_pipeline_that_waits)
{
    size_t e;

    for (e = 0; e < N_EXECUTORS; e++) {
        struct run run = {.io = {.in = "abc", .in_len = 3}};
        pthread_t thread;
        uv_loop_t loop;

        run.io.settings.executor = executors[e];
        ASSERT_EQ(uv_loop_init(&loop), 0);
        run_new(&run, "pass | forever");
        ASSERT_EQ(leat_pipeline_start(run.pipeline, &loop, on_done, &run), 0);
        ASSERT_EQ(pthread_create(&thread, NULL, cancel_it, &run), 0);
        close_loop(&loop);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
        ASSERT_EQ(run.code, LEAT_ETIMEDOUT);
        run_free(&run);
    }
}

TEST(test_cancel_before_the_start_is_the_outcome)
{
    struct run run = {.io = {.in = "abc", .in_len = 3}};

    run_new(&run, "pass");
    leat_pipeline_cancel(run.pipeline, LEAT_ECANCELLED, NULL);
    ASSERT_EQ(leat_pipeline_run(run.pipeline), LEAT_ECANCELLED);
    ASSERT_EQ(run.io.commits, 0);
    run_free(&run);
}

TEST(test_a_pipeline_runs_once)
{
    struct run run = {.io = {.in = "abc", .in_len = 3}};

    run_new(&run, "pass");
    ASSERT_EQ(leat_pipeline_run(run.pipeline), 0);
    ASSERT_LT(leat_pipeline_run(run.pipeline), 0);
    ASSERT_EQ(run.io.out_len, 3);
    run_free(&run);
}

TEST(test_a_pipeline_that_never_ran_is_freed)
{
    struct run run = {.io = {.in = "abc", .in_len = 3}};

    run_new(&run, "gzip | zstd");
    run_free(&run);
    ASSERT_EQ(run.io.source_opens, 0);
}

/* --- sight ------------------------------------------------------------------------------------ */

TEST(test_the_stats_of_the_stages_add_up)
{
    uint8_t *in = memio_bytes(400000);
    struct run run = {.io = {.in = in, .in_len = 400000}};
    struct leat_stage_stats stage[6];
    struct leat_stats stats = LEAT_INIT(leat_stats);
    size_t i;

    run.io.settings.threads = 2;
    run_new(&run, "gzip -1 : gunzip : grep -v x : pass");
    ASSERT_EQ(leat_pipeline_run(run.pipeline), 0);
    leat_pipeline_stats(run.pipeline, &stats);
    ASSERT_EQ(stats.n_stages, 6);
    ASSERT_EQ(stats.source_pos, 400000);
    ASSERT_EQ(stats.source_total, 400000);
    ASSERT_GT(stats.elapsed_ns, 0);
    for (i = 0; i < 6; i++) {
        stage[i].size = sizeof stage[i];
        ASSERT_EQ(leat_pipeline_stage_stats(run.pipeline, i, &stage[i]), 0);
        ASSERT_EQ(stage[i].number, i + 1);
        ASSERT_GT(stage[i].steps, 0);
        if (i)
            ASSERT_EQ(stage[i].bytes_in, stage[i - 1].bytes_out);
    }
    ASSERT_EQ(stage[0].bytes_out, 400000);
    ASSERT_EQ(stage[2].bytes_out, 400000);
    ASSERT_EQ(stage[5].bytes_in, run.io.out_len);
    ASSERT_STREQ(stage[3].name, "grep");
    ASSERT_STREQ(stage[3].text, "grep -v x");
    run_free(&run);
    free(in);
}
