/* test_flush.c - flush marks: where they are put, that they keep their place in the stream through
 * everything that moves it. */
#include <stdlib.h>

#include "flush_aid.h"

#define SEEDS FLUSH_SEEDS
#define LEN FLUSH_LEN

/* Ends the last line, too. Returns how many there are. */
static size_t whole_lines(struct codec_bytes *in)
{
    size_t lines = 0;

    in->data[in->len - 1] = '\n';
    for (size_t i = 0; i < in->len; i++)
        lines += in->data[i] == '\n';
    return lines;
}

/* --- marks keep their place ------------------------------------------------------------------- */

TEST(test_a_mark_keeps_its_place_in_a_segment)
{
    flush_keeps_place("pass", 1000);
    flush_keeps_place("pass : count -l --to=/dev/null : flush --bytes=1500 : limit --rate=1G/s",
                      1000);
    flush_keeps_place("pass", 10); /* more of them than a queue has places */
}

TEST(test_a_mark_keeps_its_place_through_edges)
{
    flush_keeps_place("sha256 --to=/dev/null : xxh64 --to=/dev/null", 1000);
    flush_keeps_place("buffer --size=10K", 700);
    flush_keeps_place("tee [ null ]", 1000);
    flush_keeps_place("tee [ head -n 3 : null ] [ gzip : null ]", 1000);
}

/* A line that grep has not read to its end is not before the mark. */
TEST(test_a_mark_in_a_line_goes_on_behind_the_lines_before_it)
{
    struct codec_bytes in = codec_text(LEN, 11);

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);
        uint64_t last = 0;
        size_t n = 0;

        test_context("seed %d", (int)seed);
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --bytes=999 : grep '' : marks @ : memsink @"),
                  0);
        for (size_t i = 999; i <= in.len; i += 999) {
            const uint8_t *end = memrchr(in.data, '\n', i);

            if (!end || (uint64_t)(end - in.data) + 1 == last)
                continue;
            last = (uint64_t)(end - in.data) + 1;
            ASSERT_LT(n, w.n_marks);
            ASSERT_EQ(w.marks[n++], last);
        }
        ASSERT_EQ(n, w.n_marks);
        memio_free(&w.io);
    }
    free(in.data);
}

/* Whoever of the lanes has given something since the last mark. */
TEST(test_marks_stay_between_the_lines_that_are_left)
{
    struct codec_bytes in = codec_text(LEN * 10, 12);

    in.data[in.len - 1] = '\n';
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);
        uint64_t out = 0, last = 0;
        size_t n = 0;

        test_context("seed %d", (int)seed);
        w.io.settings.room = 0;
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --lines=2 : grep 77 : marks @ : memsink @"),
                  0);
        for (size_t at = 0, line = 1; at < in.len; line++) {
            const uint8_t *from = in.data + at;
            size_t len = (size_t)((const uint8_t *)memchr(from, '\n', in.len - at) - from) + 1;

            at += len;
            out += memmem(from, len, "77", 2) ? len : 0;
            if (line % 2 > 0 || out == last)
                continue;
            last = out;
            ASSERT_LT(n, w.n_marks);
            ASSERT_EQ(w.marks[n++], out);
        }
        ASSERT_EQ(n, w.n_marks);
        ASSERT_GT(n, 20);
        memio_free(&w.io);
    }
    free(in.data);
}

TEST(test_every_branch_gets_the_mark_and_concat_passes_it)
{
    static const char *const texts[] = {
        "memsource @ : flush --bytes=1000 : tee [ marks @ : null ] : memsink @",
        "memsource @ : flush --bytes=1000 : tee [ null ] [ pass : marks @ : null ] : memsink @",
        "memsource @ : flush --bytes=1000 : route [ -e nowhere : null ] : marks @ : memsink @",
        "concat [ memsource @ : flush --bytes=1000 ] : marks @ : memsink @",
        "concat [ memsource @ : flush --bytes=1000 ] [ zero : head -c 0 ] : marks @ : memsink @",
    };
    struct codec_bytes in = codec_text(LEN, 3);

    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct flush_watch w = flush_seeded(&in, seed);

            test_context("%s, seed %d", texts[t], (int)seed);
            ASSERT_EQ(flush_run(&w, texts[t]), 0);
            ASSERT_EQ(w.n_marks, in.len / 1000);
            if (t != 2) /* whole lines go on in route */
                flush_check_marks(&w, 1000);
            memio_free(&w.io);
        }
    free(in.data);
}

/* The end of a part makes everything come out; a mark there begins no part. */
TEST(test_a_mark_between_two_parts_is_for_neither)
{
    struct codec_bytes in = codec_text(LEN, 3);
    size_t lines = whole_lines(&in), parts = (lines + 4) / 5;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);

        test_context("seed %d", (int)seed);
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --lines=5 : split -n 5 [ marks @ : null ]"),
                  0);
        ASSERT_EQ(w.marks_opened, parts);
        ASSERT_EQ(w.n_marks, 0);
        memio_free(&w.io);
        w = flush_seeded(&in, seed);
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --bytes=7 : split -n 5 [ marks @ : null ]"),
                  0);
        ASSERT_EQ(w.marks_opened, parts);
        memio_free(&w.io);
    }
    free(in.data);
}

/* The file keeps only its last mark, in its place; therefore the last of all marks is kept. */
TEST(test_a_spill_keeps_the_last_mark_in_its_place)
{
    struct codec_bytes in = codec_text((size_t)3 << 20, 3);
    size_t step = 9999, kept = 0;

    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);

        test_context("seed %d", (int)seed);
        w.io.settings.room = 0;
        w.io.settings.chunk = 1 << 14;
        ASSERT_EQ(
            flush_run(&w, "memsource @ : flush --bytes=9999 : buffer --spill= --size=2M : marks @ "
                          ": memsink @"),
            0);
        ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
        ASSERT_GT(w.n_marks, 0);
        for (size_t i = 0; i < w.n_marks; i++)
            ASSERT_EQ(w.marks[i] % step, 0);
        ASSERT_EQ(w.marks[w.n_marks - 1], in.len / step * step);
        kept += w.n_marks;
        memio_free(&w.io);
    }
    ASSERT_LT(kept, SEEDS / 4 * (in.len / step)); /* some were in the file */
    free(in.data);
}

/* --- where they are put ------------------------------------------------------------------------- */

/* The input of a step may be more than there is room for: pieces grow together behind an edge of
 * many small chunks. */
TEST(test_marks_are_put_behind_lines)
{
    struct codec_bytes in = codec_text(LEN, 5);

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);
        const uint8_t *p = in.data, *end = in.data + in.len;
        size_t lines = 0, n = 0;

        test_context("seed %d", (int)seed);
        if (w.io.settings.room > 0)
            w.io.settings.chunk = 500;
        ASSERT_EQ(flush_run(&w, "memsource @ : buffer --size=10K : flush --lines=7 : marks @ : "
                                "memsink @"),
                  0);
        ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
        while ((p = memchr(p, '\n', (size_t)(end - p)))) {
            p++;
            if (++lines % 7 > 0)
                continue;
            ASSERT_LT(n, w.n_marks);
            ASSERT_EQ(w.marks[n++], p - in.data);
        }
        ASSERT_EQ(n, w.n_marks);
        memio_free(&w.io);
    }
    free(in.data);
}

TEST(test_a_mark_is_put_when_the_time_of_the_first_byte_is_over)
{
    struct codec_bytes in = codec_text(3000, 5);
    uint64_t ms = 1000000, start;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_with_pauses(&in, 3, seed);

        test_context("seed %d", (int)seed);
        ASSERT_EQ(flush_run(&w, "burst @ : flush --time=10m --bytes=700 : marks @ : memsink @"), 0);
        /* Behind 700 bytes at once, and behind what is left after ten minutes. */
        ASSERT_EQ(w.n_marks, 6);
        start = w.marks_ns[0];
        for (size_t i = 0; i < 3; i++) {
            uint64_t began = start + i * FLUSH_PAUSE_MS * ms;

            ASSERT_EQ(w.marks[2 * i], 1000 * i + 700);
            ASSERT_EQ(w.marks[2 * i + 1], 1000 * (i + 1));
            ASSERT_LT(w.marks_ns[2 * i] - began, ms);
            ASSERT_GE(w.marks_ns[2 * i + 1] - began, 600000 * ms);
            ASSERT_LT(w.marks_ns[2 * i + 1] - began, 600002 * ms);
        }
        memio_free(&w.io);
    }
    free(in.data);
}

/* A byte that comes later does not put it off, and one before the last mark does not count. */
TEST(test_the_time_begins_with_the_first_byte_after_a_mark)
{
    struct codec_bytes in = codec_text(3000, 5);
    uint64_t minute = (uint64_t)60000000000;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_with_pauses(&in, 3, seed);

        test_context("seed %d", (int)seed);
        /* Bursts at 0, 60 and 120 minutes, the end at 180. */
        ASSERT_EQ(flush_run(&w, "burst @ : flush --time=90m --bytes=1700 : marks @ : memsink @"),
                  0);
        ASSERT_EQ(w.n_marks, 2);
        ASSERT_EQ(w.marks[0], 1700);
        ASSERT_EQ(w.marks[1], 3000);
        ASSERT_EQ((w.marks_ns[1] - w.marks_ns[0]) / minute, 90);
        memio_free(&w.io);
        w = flush_with_pauses(&in, 3, seed);
        ASSERT_EQ(flush_run(&w, "burst @ : flush --time=90m : marks @ : memsink @"), 0);
        ASSERT_EQ(w.n_marks, 1);
        ASSERT_EQ(w.marks[0], 2000);
        ASSERT_EQ((w.seen_ns[2] - w.marks_ns[0]) / minute, 90);
        memio_free(&w.io);
    }
    free(in.data);
}

TEST(test_without_options_a_mark_is_put_behind_what_has_come)
{
    struct codec_bytes in = codec_text(3000, 5);
    struct flush_watch w = flush_with_pauses(&in, 3, 0);

    w.io.settings.executor = LEAT_EXECUTOR_LOOP;
    w.io.settings.virtual_time = false;
    w.io.piece = 1000;
    ASSERT_EQ(flush_run(&w, "memsource @ : flush : marks @ : memsink @"), 0);
    ASSERT_EQ(w.n_marks, 2); /* the end makes everything come out */
    ASSERT_EQ(w.marks[0], 1000);
    ASSERT_EQ(w.marks[1], 2000);
    memio_free(&w.io);
    free(in.data);
}

TEST(test_no_mark_is_put_where_there_is_nothing_to_flush)
{
    struct codec_bytes in = codec_text(1000, 5);
    struct flush_watch w = flush_with_pauses(&in, 1, 0);

    ASSERT_EQ(flush_run(&w, "burst @ : flush --bytes=1000 --time=1s : marks @ : memsink @"), 0);
    flush_check_marks(&w, 1000);
    memio_free(&w.io);
    w = flush_with_pauses(&in, 1, 0);
    w.io.in_len = 0;
    ASSERT_EQ(flush_run(&w, "memsource @ : flush --time=1s : marks @ : memsink @"), 0);
    ASSERT_EQ(w.n_marks, 0);
    memio_free(&w.io);
    free(in.data);
}

TEST(test_no_mark_goes_on_behind_nothing)
{
    struct codec_bytes in = codec_text(LEN, 5);
    size_t lines = whole_lines(&in);

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);

        test_context("seed %d", (int)seed);
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --lines=1 : tail -n +9 : marks @ : memsink @"),
                  0);
        ASSERT_EQ(w.n_marks, lines - 8);
        memio_free(&w.io);
        w = flush_seeded(&in, seed);
        ASSERT_EQ(flush_run(&w, "memsource @ : flush --lines=1 : route [ -e nowhere : marks @ : "
                                "null ] : memsink @"),
                  0);
        ASSERT_EQ(w.n_marks, 0);
        memio_free(&w.io);
    }
    free(in.data);
}

/* limit ends the stream while the stage behind it has a mark to answer; that sees the mark first. */
TEST(test_a_mark_and_the_end_are_seen_one_after_the_other)
{
    struct codec_bytes in = codec_text(LEN, 5);
    size_t last = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct flush_watch w = flush_with_pauses(&in, 1, seed);

        test_context("seed %d", (int)seed);
        w.io.settings.threads = 2;
        ASSERT_EQ(flush_run(&w, "memsource @ : tee [ slow : null ] [ slow : null ] : flush "
                                "--bytes=5 : limit --time=5m : marks @ : memsink @"),
                  0);
        last += w.n_marks > 0 && w.marks[w.n_marks - 1] == w.io.out_len;
        memio_free(&w.io);
    }
    ASSERT_GT(last, 0);
    free(in.data);
}

/* However many slices a step gives, there is a place for the mark behind them. */
TEST(test_a_queue_that_is_full_of_slices_has_a_place_for_a_mark)
{
    struct codec_bytes in = codec_text((size_t)4 << 20, 3);

    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        struct flush_watch w = flush_seeded(&in, seed);

        test_context("seed %d", (int)seed);
        w.io.piece = w.io.settings.room = 0;
        w.io.settings.chunk = (size_t)1 << 20;
        ASSERT_EQ(flush_run(&w, "memsource @ : scatter : marks @ : memsink @"), 0);
        ASSERT_BYTES_EQ(w.io.out, w.io.out_len, in.data, in.len);
        ASSERT_GT(w.n_marks, 0);
        for (size_t i = 1; i < w.n_marks; i++)
            ASSERT_GT(w.marks[i], w.marks[i - 1]);
        memio_free(&w.io);
    }
    free(in.data);
}

/* With all threads at once, where a race would show. */
TEST(test_marks_keep_their_place_on_all_threads)
{
    static const char *const stages[] = {"sha1 --to=/dev/null",
                                         "buffer --size=1M : xxh64 --to=/dev/null", "grep ''"};

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        flush_keeps_place_on_threads(stages[i], i < 2);
}
