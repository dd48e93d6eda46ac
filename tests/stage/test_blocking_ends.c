/* test_blocking_ends.c - a library that blocks: early readers, failures, cancels, the commit. */
#include "blocking_aid.h"
#include "test.h"

#define LEN 60000u

TEST(test_a_reader_that_needs_no_more_ends_a_blocking_source)
{
    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        bool blocks = e / N_EXECUTORS % 2;
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = 100;
        b.from.least = e % 2;
        b.from.block_at = blocks ? 1000 : NEVER;
        ASSERT_EQ(blocking_run(&b, "%s @from | head -c 1000 | memsink @io",
                               blocks ? "pushes_until" : "pushes"),
                  0);
        ASSERT_BYTES_EQ(b.io.out, b.io.out_len, b.in, 1000);
        blocking_done(&b);
    }
}

TEST(test_a_blocking_sink_that_needs_no_more_ends_its_source_without_a_failure)
{
    for (unsigned e = 0; e < 6 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.to.end_at = e % 2 ? 0 : 500;
        ASSERT_EQ(blocking_run(&b, "pushes @from | pulls_all @to"), 0);
        ASSERT_GE(b.to.out_len, b.to.end_at);
        ASSERT_EQ(b.to.commits, 1);
        blocking_done(&b);
    }
}

TEST(test_a_failure_downstream_ends_a_blocking_source)
{
    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        bool blocks = e / N_EXECUTORS % 2;
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = 100;
        b.from.block_at = blocks ? 1000 : NEVER;
        b.io.sink.fail_at = 1;
        ASSERT_EQ(blocking_run(&b, "%s @from | memsink @io", blocks ? "pushes_until" : "pushes"),
                  LEAT_EIO);
        ASSERT_STREQ(b.io.error.stage_name, "memsink");
        blocking_done(&b);
    }
}

/* The bytes that were pushed before the failure arrive; the error is the library's. */
TEST(test_a_failure_of_a_blocking_source_comes_after_its_output)
{
    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = 1;
        b.from.fail_at = 700;
        b.from.least = e % 2;
        ASSERT_EQ(blocking_run(&b, "pushes @from | %smemsink @io", e % 5 ? "" : "copies | "),
                  LEAT_ECORRUPT);
        ASSERT_STREQ(b.io.error.stage_name, "pushes");
        ASSERT_STREQ(b.io.error.text, "planned failure at 700");
        ASSERT(!b.io.error.has_offset);
        ASSERT_BYTES_EQ(b.io.out, b.io.out_len, b.in, 700);
        ASSERT_EQ(b.io.commits, 0);
        blocking_done(&b);
    }
}

/* The sink has all bytes up to its end, and takes no part in the commit. */
static void assert_not_committed(const struct blocking *b)
{
    ASSERT_BYTES_EQ(b->to.out, b->to.out_len, b->in, b->to.out_len);
    ASSERT_EQ(b->to.prepares + b->to.commits, 0);
}

/* The limit is exceeded while the library goes on to push. */
TEST(test_a_blocking_source_with_too_much_output_fails)
{
    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = e % 2 ? 100 : 0;
        ASSERT_EQ(blocking_run(&b, "pushes_limited @from | memsink @io"), LEAT_ELIMIT);
        ASSERT_STREQ(b.io.error.stage_name, "pushes_limited");
        ASSERT_BYTES_EQ(b.io.out, b.io.out_len, b.in, LIMITED_MAX);
        blocking_done(&b);
    }
}

TEST(test_a_failure_of_a_blocking_sink_names_it_and_its_place)
{
    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.to.fail_at = 700;
        ASSERT_EQ(blocking_run(&b, "memsource @io | pulls_all @to"), LEAT_ECORRUPT);
        ASSERT_STREQ(b.io.error.stage_name, "pulls_all");
        ASSERT(b.io.error.has_offset);
        ASSERT_EQ(b.io.error.offset, b.to.out_len);
        assert_not_committed(&b);
        blocking_done(&b);
    }
}

TEST(test_a_blocking_sink_gets_the_output_before_a_failure_upstream)
{
    for (unsigned e = 0; e < 10 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = 50;
        b.from.fail_at = 700;
        ASSERT_EQ(blocking_run(&b, "pushes @from | pulls_all @to"), LEAT_ECORRUPT);
        ASSERT_GE(b.to.out_len, 700);
        assert_not_committed(&b);
        ASSERT(b.to.cancelled);
        blocking_done(&b);
    }
}

TEST(test_a_blocking_sink_takes_part_in_the_commit)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        bool fails = e / N_EXECUTORS % 2;
        struct blocking b;

        blocking_init(&b, e, 3);
        b.to.fail_prepare = fails ? LEAT_EIO : 0;
        ASSERT_EQ(blocking_run(&b, "memsource @io | tee [ pulls_all @other ] | pulls_all @to"),
                  fails ? LEAT_EIO : 0);
        ASSERT_EQ(b.other.commits + b.to.commits, fails ? 0 : 2);
        ASSERT_EQ(b.to.prepares, 1);
        blocking_done(&b);
    }
}

/* The library is in a call that nothing but `stop` ends. */
TEST(test_a_cancel_interrupts_a_blocked_library)
{
    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        bool sink = e / N_EXECUTORS % 2;
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.piece = 100;
        b.from.block_at = sink ? NEVER : 700;
        b.to.block_at = sink ? e % 4 * 200 : NEVER;
        b.from.cancels = b.to.cancels = &b.io;
        ASSERT_EQ(blocking_run(&b, "pushes_until @from | pulls_until @to"), LEAT_ECANCELLED);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, b.to.out_len);
        ASSERT_GE(sink ? b.to.stops : b.from.stops, 1);
        blocking_done(&b);
    }
}

/* The branch of `to` is detached while its library still reads a piece of the stream. */
TEST(test_a_piece_stays_valid_for_a_library_whose_stage_was_stopped)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, 12 * MIB);
        b.io.piece = b.io.settings.room = b.io.settings.chunk = 0;
        b.to.holds = 4 * MIB;
        b.to.peer = &b.other;
        b.from.fail_at = 0; /* it is a sink here */
        b.from.after = &b.to;
        ASSERT_EQ(blocking_run(&b, "memsource @io | tee --on-error=detach [ tee [ pulls @from ] | "
                                   "pulls_until @to ] | pulls @other"),
                  LEAT_EBATCH);
        ASSERT_EQ(b.to.stops, 1);
        ASSERT_BYTES_EQ(b.other.out, b.other.out_len, b.in, b.len);
        blocking_done(&b);
    }
}

/* A branch fails while the libraries of others are blocked. */
TEST(test_a_failure_elsewhere_interrupts_a_blocked_library)
{
    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        struct blocking b;

        blocking_init(&b, e, LEN);
        b.from.block_at = b.to.block_at = 0;
        b.other.in = b.in;
        b.other.len = LEN;
        b.other.piece = 50;
        b.other.fail_at = 100 * e;
        b.io.settings.room = b.io.settings.chunk = 0; /* the edges hold what is pushed until then */
        ASSERT_EQ(blocking_run(&b, "concat [ pushes @other ] [ pushes_until @from ] | "
                                   "tee [ pulls_until @to ] | memsink @io"),
                  LEAT_ECORRUPT);
        ASSERT_STREQ(b.io.error.stage_name, "pushes");
        blocking_done(&b);
    }
}
