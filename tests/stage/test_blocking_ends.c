/* test_blocking_ends.c - a library that blocks: early readers, failures, cancels, the commit. */
#include <stdlib.h>

#include "blocking_aid.h"
#include "test.h"

#define LEN 60000u

TEST(test_a_reader_that_needs_no_more_ends_a_blocking_source)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        bool blocks = e / N_EXECUTORS % 2;
        struct library from;
        char text[256];

        library_init(&from);
        from.in = in;
        from.len = LEN;
        from.piece = 100;
        from.least = e % 2;
        from.block_at = blocks ? 1000 : NEVER;
        snprintf(text, sizeof text, "%s --at=%lld | head -c 1000 | memsink --at=%lld",
                 blocks ? "pushes_until" : "pushes", library_at(&from), memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 1000);
        library_done(&from);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_blocking_sink_that_needs_no_more_ends_its_source_without_a_failure)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 6 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = LEN;
        to.end_at = e % 2 ? 0 : 500;
        snprintf(text, sizeof text, "pushes --at=%lld | pulls_all --at=%lld", library_at(&from),
                 library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), 0);
        ASSERT_GE(to.out_len, to.end_at);
        ASSERT_EQ(to.commits, 1);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_failure_downstream_ends_a_blocking_source)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        bool blocks = e / N_EXECUTORS % 2;
        struct library from;
        char text[256];

        library_init(&from);
        from.in = in;
        from.len = LEN;
        from.piece = 100;
        from.block_at = blocks ? 1000 : NEVER;
        io.sink.fail_at = 1;
        snprintf(text, sizeof text, "%s --at=%lld | memsink --at=%lld",
                 blocks ? "pushes_until" : "pushes", library_at(&from), memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EIO);
        ASSERT_STREQ(io.error.stage_name, "memsink");
        library_done(&from);
        memio_free(&io);
    }
    free(in);
}

/* What was pushed before arrives; the error is the library's. */
TEST(test_a_failure_of_a_blocking_source_comes_after_its_output)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from;
        char text[256];

        library_init(&from);
        from.in = in;
        from.len = LEN;
        from.piece = 1;
        from.fail_at = 700;
        from.least = e % 2;
        snprintf(text, sizeof text, "pushes --at=%lld | %smemsink --at=%lld", library_at(&from),
                 e % 5 ? "" : "copies | ", memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECORRUPT);
        ASSERT_STREQ(io.error.stage_name, "pushes");
        ASSERT_STREQ(io.error.text, "planned failure at 700");
        ASSERT(!io.error.has_offset);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, 700);
        ASSERT_EQ(io.commits, 0);
        library_done(&from);
        memio_free(&io);
    }
    free(in);
}

/* The limit is exceeded while the library goes on to push. */
TEST(test_a_blocking_source_with_too_much_output_fails)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from;
        char text[256];

        library_init(&from);
        from.in = in;
        from.len = LEN;
        from.piece = e % 2 ? 100 : 0;
        snprintf(text, sizeof text, "pushes_limited --at=%lld | memsink --at=%lld",
                 library_at(&from), memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ELIMIT);
        ASSERT_STREQ(io.error.stage_name, "pushes_limited");
        ASSERT_BYTES_EQ(io.out, io.out_len, in, LIMITED_MAX);
        library_done(&from);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_failure_of_a_blocking_sink_names_it_and_its_place)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library to;
        char text[256];

        library_init(&to);
        to.fail_at = 700;
        io.in = in;
        io.in_len = LEN;
        snprintf(text, sizeof text, "memsource --at=%lld | pulls_all --at=%lld", memio_at(&io),
                 library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECORRUPT);
        ASSERT_STREQ(io.error.stage_name, "pulls_all");
        ASSERT(io.error.has_offset);
        ASSERT_EQ(io.error.offset, to.out_len);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, to.out_len);
        ASSERT_EQ(to.prepares + to.commits, 0);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_blocking_sink_gets_what_was_made_before_a_failure_upstream)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = LEN;
        from.piece = 50;
        from.fail_at = 700;
        snprintf(text, sizeof text, "pushes --at=%lld | pulls_all --at=%lld", library_at(&from),
                 library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECORRUPT);
        ASSERT_GE(to.out_len, 700);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, to.out_len);
        ASSERT_EQ(to.prepares + to.commits, 0);
        ASSERT(to.cancelled);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

TEST(test_a_blocking_sink_takes_part_in_the_commit)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        bool fails = e / N_EXECUTORS % 2;
        struct memio io = library_under(e);
        struct library one, two;
        char text[256];

        library_init(&one);
        library_init(&two);
        two.fail_prepare = fails ? LEAT_EIO : 0;
        io.in = "abc";
        io.in_len = 3;
        snprintf(text, sizeof text,
                 "memsource --at=%lld | tee [ pulls_all --at=%lld ] | pulls_all --at=%lld",
                 memio_at(&io), library_at(&one), library_at(&two));
        ASSERT_EQ(memio_run_text(&io, text), fails ? LEAT_EIO : 0);
        ASSERT_EQ(one.commits + two.commits, fails ? 0 : 2);
        ASSERT_EQ(two.prepares, 1);
        library_done(&one);
        library_done(&two);
        memio_free(&io);
    }
}

/* The library is in a call that nothing but `stop` ends. */
TEST(test_a_cancel_interrupts_a_blocked_library)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        bool sink = e / N_EXECUTORS % 2;
        struct memio io = library_under(e);
        struct library from, to;
        char text[256];

        library_init(&from);
        library_init(&to);
        from.in = in;
        from.len = LEN;
        from.piece = 100;
        from.block_at = sink ? NEVER : 700;
        to.block_at = sink ? e % 4 * 200 : NEVER;
        from.cancels = to.cancels = &io;
        snprintf(text, sizeof text, "pushes_until --at=%lld | pulls_until --at=%lld",
                 library_at(&from), library_at(&to));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECANCELLED);
        ASSERT_BYTES_EQ(to.out, to.out_len, in, to.out_len);
        ASSERT_GE(sink ? to.stops : from.stops, 1);
        library_done(&from);
        library_done(&to);
        memio_free(&io);
    }
    free(in);
}

/* Its branch is let go while the library still reads a piece of the stream. */
TEST(test_a_piece_stays_valid_for_a_library_whose_stage_was_stopped)
{
    uint8_t *in = memio_bytes(12 * MIB);

    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library held, fails, goes_on;
        char text[512];

        library_init(&held);
        library_init(&fails);
        library_init(&goes_on);
        io.in = in;
        io.in_len = 12 * MIB;
        io.piece = io.settings.room = io.settings.chunk = 0;
        held.holds = 4 * MIB;
        held.peer = &goes_on;
        fails.fail_at = 0;
        fails.after = &held;
        snprintf(text, sizeof text,
                 "memsource --at=%lld | tee --on-error=detach [ tee [ pulls --at=%lld ] | "
                 "pulls_until --at=%lld ] | pulls --at=%lld",
                 memio_at(&io), library_at(&fails), library_at(&held), library_at(&goes_on));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EBATCH);
        ASSERT_EQ(held.stops, 1);
        ASSERT_BYTES_EQ(goes_on.out, goes_on.out_len, in, 12 * MIB);
        library_done(&held);
        library_done(&fails);
        library_done(&goes_on);
        memio_free(&io);
    }
    free(in);
}

/* A branch fails while the libraries of others are blocked. */
TEST(test_a_failure_elsewhere_interrupts_a_blocked_library)
{
    uint8_t *in = memio_bytes(LEN);

    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        struct memio io = library_under(e);
        struct library from, to, other;
        char text[256];

        library_init(&from);
        library_init(&to);
        library_init(&other);
        from.in = other.in = in;
        from.len = other.len = LEN;
        from.block_at = to.block_at = 0;
        other.piece = 50;
        other.fail_at = 100 * e;
        io.settings.room = io.settings.chunk = 0; /* the edges hold what is pushed until then */
        snprintf(text, sizeof text,
                 "concat [ pushes --at=%lld ] [ pushes_until --at=%lld ] | tee [ pulls_until "
                 "--at=%lld ] | memsink --at=%lld",
                 library_at(&other), library_at(&from), library_at(&to), memio_at(&io));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_ECORRUPT);
        ASSERT_STREQ(io.error.stage_name, "pushes");
        library_done(&from);
        library_done(&to);
        library_done(&other);
        memio_free(&io);
    }
    free(in);
}
