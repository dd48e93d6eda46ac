/* test_blocking.c - LEAT_BLOCKING: transforms, sources and sinks around a library with a loop of its own. */
#include <stdlib.h>

#include "blocking_aid.h"
#include "test.h"

#define LEN 60000u

/* --- the same bytes under every schedule ------------------------------------------------------ */

static const char *const between[] = {"", "copies | ", "gzip -1 | gunzip | ",
                                      "copies | gzip -1 | gunzip | copies | "};

TEST(test_a_blocking_source_and_sink_move_the_same_bytes_under_every_schedule)
{
    unsigned seeds = test_under_sanitizer() ? 30 : 240;
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < seeds; e++) {
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = io.settings.room || io.settings.chunk ? 1000 : e % 10 == 0 ? 0 : LEN;
        from.piece = e % 3 == 0 ? 0 : e % 3 == 1 ? 700 : 1 + e % 2 * 20000;
        from.least = e % 4;
        if (e % 6 == 5)
            from.least = 5000;
        snprintf(text, sizeof text, "pushes --at=%lld | %s%s --at=%lld", library_at(&from),
                 between[e / 3 % 4], e % 7 ? "pulls" : "pulls_lines", library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, from.len);
        ASSERT_EQ(from.runs, 1);
        ASSERT_EQ(to.runs, 1);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

/* Where a library blocks until its bytes have arrived, no thread of the engine may wait for it. */
TEST(test_no_thread_of_the_engine_waits_for_a_blocked_library)
{
    uint8_t *in = memio_bytes(3000);

    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = 3000;
        from.piece = 200;
        from.least = e % 2;
        from.meets = true;
        from.peer = &to;
        io.settings.threads = e / N_EXECUTORS % 2 + 1;
        snprintf(text, sizeof text, "pushes --at=%lld | %spulls --at=%lld", library_at(&from),
                 e % 4 == 1 ? "copies | " : "", library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, from.len);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_blocking_source_and_sink_need_no_more_memory_than_others)
{
    uint8_t *in = memio_bytes(6 * MIB);

    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = 6 * MIB;
        from.least = e % 2;
        io.settings.memory = MIB;
        io.settings.room = io.settings.chunk = 0;
        snprintf(text, sizeof text,
                 "pushes --at=%lld | tee [ pulls --at=%lld ] | memsink --at=%lld",
                 library_at(&from), library_at(&to), memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, from.len);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, from.len);
        ASSERT_LE(io.stats.memory_peak, MIB);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_sink_that_blocks_runs_anew_for_each_part)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library to;
        char text[256];

        library_init(&to);
        io.in = in;
        io.in_len = 5000;
        snprintf(text, sizeof text, "memsource --at=%lld | split -b 1000 [ pulls_all --at=%lld ]",
                 memio_at(&io), library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_EQ(to.runs, 5);
        ASSERT_EQ(to.commits, 5);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, 5000);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

/* The stack of a thread that ended is used again, long before the commit. */
TEST(test_the_threads_of_many_parts_do_not_last_until_the_commit)
{
    enum { PARTS = 4 * MANY_STACKS };
    uint8_t *in = memio_bytes(PARTS);

    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library to;
        char text[256];

        library_init(&to);
        io.in = in;
        io.in_len = PARTS;
        snprintf(text, sizeof text, "memsource --at=%lld | split -b 1 [ pulls_all --at=%lld ]",
                 memio_at(&io), library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_EQ(to.commits, PARTS);
        ASSERT_LT(to.n_stacks, MANY_STACKS);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, PARTS);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

/* --- misuse ----------------------------------------------------------------------------------- */

TEST(test_a_blocking_stage_that_breaks_the_contract_fails_by_its_name)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from;
        char text[256];

        library_init(&from);
        from.answer = LEAT_WAIT;
        snprintf(text, sizeof text, "pushes --at=%lld | memsink --at=%lld", library_at(&from),
                 memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, "pushes");
        ASSERT_STR_HAS(io.error.text, "invalid result 2");
        library_done(&from);
        library_init(&from);
        from.answer = LEAT_ECANCELLED;
        snprintf(text, sizeof text, "pushes --at=%lld | memsink --at=%lld", library_at(&from),
                 memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, "pushes");
        ASSERT_STR_HAS(io.error.text, "cancelled");
        library_done(&from);
        io.in = "abc";
        io.in_len = 3;
        snprintf(text, sizeof text, "memsource --at=%lld | sink_pushes", memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, "sink_pushes");
        ASSERT_STR_HAS(io.error.text, "no output");
        memio_free(&io);
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
        struct memio io = library_under(0);
        char text[256];

        snprintf(text, sizeof text, "memsource --at=%lld | %s", memio_at(&io), rows[i].name);
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, rows[i].name);
        ASSERT_STR_HAS(io.error.text, rows[i].said);
        memio_free(&io);
    }
}

/* Room that is larger than the memory limit is refused, and says so. */
TEST(test_a_reservation_beyond_the_memory_limit_fails)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from;
        char text[256];

        library_init(&from);
        from.in = (const uint8_t *)"abc";
        from.len = 3;
        from.least = 8 * MIB;
        io.settings.memory = 4 * MIB;
        snprintf(text, sizeof text, "pushes --at=%lld | memsink --at=%lld", library_at(&from),
                 memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ELIMIT);
        ASSERT_STREQ(io.error.stage_name, "pushes");
        ASSERT_STR_HAS(io.error.text, "raise --memory");
        library_done(&from);
        memio_free(&io);
    }
}
