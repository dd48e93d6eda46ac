/* test_blocking.c - LEAT_BLOCKING: transforms, sources and sinks around a library with a loop of its own. */
#include <time.h>

#include "blocking_aid.h"
#include "test.h"

#define LEN 60000u

/* --- the same bytes under every schedule ------------------------------------------------------ */

static const char *const between[] = {"", "copies | ", "gzip -1 | gunzip | ",
                                      "copies | gzip -1 | gunzip | copies | "};

TEST(test_a_blocking_source_and_sink_move_the_same_bytes_under_every_schedule)
{
    unsigned seeds = test_under_sanitizer() ? 30 : 240;

    for (unsigned e = 0; e < seeds; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        if (b.io.settings.room || b.io.settings.chunk)
            b.from.len = 1000;
        else if (e % 10 == 0)
            b.from.len = 0;
        b.from.piece = e % 3 == 0 ? 0 : e % 3 == 1 ? 700 : 1 + e % 2 * 20000;
        b.from.least = e % 6 == 5 ? 5000 : e % 4;
        ASSERT_EQ(blocking_run(&b, "pushes @from | %s%s @to", between[e / 3 % 4],
                               e % 7 ? "pulls" : "pulls_lines"),
                  0);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.from.len);
        ASSERT_EQ(b.from.runs, 1);
        ASSERT_EQ(b.to.runs, 1);
        blocking_done(&b);
    }
}

/* Where a library blocks until its bytes have arrived, no thread of the engine may wait for it. */
TEST(test_no_thread_of_the_engine_waits_for_a_blocked_library)
{
    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, 3000);
        b.from.piece = 200;
        b.from.least = e % 2;
        b.from.meets = true;
        b.from.peer = &b.to;
        b.io.settings.threads = e / N_EXECUTORS % 2 + 1;
        ASSERT_EQ(blocking_run(&b, "pushes @from | %spulls @to", e % 4 == 1 ? "copies | " : ""), 0);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.len);
        blocking_done(&b);
    }
}

TEST(test_a_blocking_source_and_sink_need_no_more_memory_than_others)
{
    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, 6 * MIB);
        b.from.least = e % 2;
        b.io.settings.memory = MIB;
        b.io.settings.room = b.io.settings.chunk = 0;
        ASSERT_EQ(blocking_run(&b, "pushes @from | tee [ pulls @to ] | memsink @io"), 0);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.len);
        ASSERT_BYTES_EQ(b.io.out, b.io.out_len, b.in, b.len);
        ASSERT_LE(b.io.stats.memory_peak, MIB);
        blocking_done(&b);
    }
}

TEST(test_a_sink_that_blocks_runs_anew_for_each_part)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, 5000);
        ASSERT_EQ(blocking_run(&b, "memsource @io | split -b 1000 [ pulls_all @to ]"), 0);
        ASSERT_EQ(b.to.runs, 5);
        ASSERT_EQ(b.to.commits, 5);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.len);
        blocking_done(&b);
    }
}

/* The stack of a thread that ended is used again, long before the commit. */
TEST(test_the_threads_of_many_parts_do_not_last_until_the_commit)
{
    enum { PARTS = 4 * MANY_STACKS };

    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, PARTS);
        ASSERT_EQ(blocking_run(&b, "memsource @io | split -b 1 [ pulls_all @to ]"), 0);
        ASSERT_EQ(b.to.commits, PARTS);
        ASSERT_LT(b.to.n_stacks, MANY_STACKS);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.len);
        blocking_done(&b);
    }
}

/* --- a source goes on while its output is taken ----------------------------------------------- */

#define CHUNK 4096u

static struct {
    sem_t pushed; /* two chunks */
    bool waited;
} ahead;

static int two_chunks(struct leat_stage *s, struct leat_blocking *b)
{
    static const uint8_t data[2 * CHUNK];
    int r = leat_push(b, data, sizeof data);

    (void)s;
    ASSERT_EQ(sem_post(&ahead.pushed), 0);
    return r < 0 ? r : LEAT_END;
}

/* The only thread of the engine waits until both are pushed. */
static int take_late(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct timespec until;

    (void)s;
    (void)out;
    if (in->len > 0 && !ahead.waited) {
        ASSERT_EQ(clock_gettime(CLOCK_REALTIME, &until), 0);
        until.tv_sec += 60;
        ASSERT_EQ(sem_timedwait(&ahead.pushed, &until), 0);
        ahead.waited = true;
    }
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

TEST(test_a_blocking_source_fills_a_second_chunk_while_the_first_is_taken)
{
    static const struct leat_stage_type from = {
        .name = "from", .kind = LEAT_SOURCE, .nature = LEAT_BLOCKING, .run = two_chunks};
    static const struct leat_stage_type to = {.name = "to", .kind = LEAT_SINK, .step = take_late};
    struct leat_settings settings = {.size = sizeof settings, .threads = 1, .chunk = CHUNK};
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;

    ASSERT_EQ(sem_init(&ahead.pushed, 0, 0), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &from), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &to), 0);
    ASSERT_EQ(leat_pipeline_from_text(registry, "from : to", &settings, &pipeline, NULL), 0);
    ASSERT_EQ(leat_pipeline_run(pipeline), 0);
    ASSERT(ahead.waited);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    ASSERT_EQ(sem_destroy(&ahead.pushed), 0);
}

/* --- misuse ----------------------------------------------------------------------------------- */

/* The run fails with the code, by the name of the stage, with this in its message. */
static void fails(struct blocking *b, const char *text, int code, const char *stage,
                  const char *says)
{
    ASSERT_EQ(blocking_run(b, "%s", text), code);
    ASSERT_STREQ(b->io.error.stage_name, stage);
    ASSERT_STR_HAS(b->io.error.text, says);
    blocking_done(b);
}

TEST(test_a_blocking_stage_that_breaks_the_contract_fails_by_its_name)
{
    static const struct {
        int answer;
        const char *says;
    } cases[] = {{LEAT_WAIT, "invalid result 2"}, {LEAT_ECANCELLED, "cancelled"}};

    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct blocking b;

        for (size_t i = 0; i < 2; i++) {
            blocking_init(&b, e, 0);
            b.from.answer = cases[i].answer;
            fails(&b, "pushes @from | memsink @io", LEAT_EINTERNAL, "pushes", cases[i].says);
        }
        blocking_init(&b, e, 3);
        fails(&b, "memsource @io | sink_pushes", LEAT_EINTERNAL, "sink_pushes", "no output");
    }
}

TEST(test_a_plan_that_breaks_the_contract_fails_by_its_name)
{
    static const struct {
        const char *name, *said;
    } rows[] = {
        {"plans_parts", "cannot change LEAT_PARTS"},
        {"plans_flushes", "cannot flush"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct blocking b;
        char text[64];

        blocking_init(&b, 0, 0);
        snprintf(text, sizeof text, "memsource @io | %s", rows[i].name);
        fails(&b, text, LEAT_EINTERNAL, rows[i].name, rows[i].said);
    }
}

/* Room that is larger than the memory limit is refused, and says so. */
TEST(test_a_reservation_beyond_the_memory_limit_fails)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, 3);
        b.from.least = 8 * MIB;
        b.io.settings.memory = 4 * MIB;
        fails(&b, "pushes @from | memsink @io", LEAT_ELIMIT, "pushes", "raise --memory");
    }
}
