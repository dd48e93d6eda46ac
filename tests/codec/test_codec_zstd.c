/* test_codec_zstd.c - zstd and unzstd: memory as it was said, frames of all kinds, limits, and the
 * same bytes whatever the pieces and workers. */
#include <stdlib.h>
#include <zstd.h>

#include "../../transforms/codec/zstd/zstd_frame.h"
#include "../../transforms/codec/zstd/zstd_memory.h"
#include "codec_aid.h"

#define MIB ((uint64_t)1 << 20)

/* --- memory ----------------------------------------------------------------------------------- */

static void set(ZSTD_CCtx *c, ZSTD_cParameter name, int value)
{
    size_t r = ZSTD_CCtx_setParameter(c, name, value);

    if (ZSTD_isError(r))
        FAIL("libzstd: %s", ZSTD_getErrorName(r));
}

/* The most that the library says it holds while it compresses so many bytes. */
static uint64_t held_by_library(int level, int long_log, unsigned workers, uint64_t job,
                                uint64_t bytes)
{
    struct codec_bytes piece = codec_text(1 << 18, 1);
    static char out[1 << 18];
    ZSTD_CCtx *c = ZSTD_createCCtx();
    uint64_t most = 0;
    size_t left;

    ASSERT_NOT_NULL(c);
    set(c, ZSTD_c_compressionLevel, level);
    set(c, ZSTD_c_enableLongDistanceMatching, long_log > 0);
    set(c, ZSTD_c_windowLog, long_log);
    if (workers) {
        set(c, ZSTD_c_nbWorkers, (int)workers);
        set(c, ZSTD_c_jobSize, (int)job);
    }
    do {
        ZSTD_inBuffer from = {piece.data, bytes < piece.len ? bytes : piece.len, 0};
        ZSTD_EndDirective how = bytes == 0 ? ZSTD_e_end : ZSTD_e_continue;

        do {
            ZSTD_outBuffer to = {out, sizeof(out), 0};

            left = ZSTD_compressStream2(c, &to, &from, how);
            ASSERT(!ZSTD_isError(left));
            if (ZSTD_sizeof_CCtx(c) > most)
                most = ZSTD_sizeof_CCtx(c);
        } while (from.pos < from.size);
        bytes -= from.size;
    } while (bytes > 0 || left > 0);
    ZSTD_freeCCtx(c);
    free(piece.data);
    return most;
}

static void check_need(int level, int long_log, unsigned workers, uint64_t job, uint64_t bytes)
{
    uint64_t need = leat_zstd_memory_need(level, long_log, workers, job);
    uint64_t held = held_by_library(level, long_log, workers, job, bytes);

    test_context("level %d, long %d, workers %u, job %llu: %llu counted, %llu held", level,
                 long_log, workers, (unsigned long long)job, (unsigned long long)need,
                 (unsigned long long)held);
    /* With workers, more output buffers may be kept than are counted, by timing; they are not full,
     * and what is not written to takes no memory. */
    ASSERT_LE(held, need + (workers ? (workers + 2) * (job + job / 8) : 0));
    ASSERT_LE(need, 2 * held + MIB);
}

TEST(test_memory_of_every_level_is_what_was_counted)
{
    for (int level = -7; level <= LEAT_ZSTD_LEVEL_MAX; level++) {
        if (level == 0 || (level > 19 && test_under_sanitizer()))
            continue; /* 0 is libzstd's name for its default */
        check_need(level, 0, 0, 0, 1000);
        check_need(level, 24, 0, 0, 1000);
    }
    check_need(3, 27, 0, 0, 1000);
}

TEST(test_memory_of_workers_is_what_was_counted)
{
    static const struct {
        int level;
        uint64_t job;
    } cases[] = {{-5, 2 * MIB}, {1, MIB}, {1, 2 * MIB}, {3, 2 * MIB}, {3, 8 * MIB}};

    if (ZSTD_cParam_getBounds(ZSTD_c_nbWorkers).upperBound == 0)
        SKIP(1, "this libzstd has no workers");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned workers = 1; workers <= 4; workers *= 2)
            check_need(cases[i].level, 0, workers, cases[i].job, 10 * cases[i].job);
}

TEST(test_the_plan_depends_on_level_and_limit_and_fits)
{
    static const uint64_t limits[] = {4 * MIB,   8 * MIB,   32 * MIB,  64 * MIB,
                                      128 * MIB, 256 * MIB, 1024 * MIB};

    for (int level = -3; level <= LEAT_ZSTD_LEVEL_MAX; level++) {
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            struct leat_zstd_plan plan = leat_zstd_memory_plan(level, 0, limits[i]);

            test_context("level %d, limit %llu", level, (unsigned long long)limits[i]);
            if (plan.workers)
                ASSERT_LE(leat_zstd_memory_need(level, 0, 2, plan.job),
                          leat_zstd_memory_part(limits[i]));
        }
    }
    /* The levels that people use have workers by default. */
    for (int level = 1; level <= 18; level++) {
        test_context("level %d", level);
        ASSERT(leat_zstd_memory_plan(level, 0, LEAT_MEMORY_DEFAULT).workers);
    }
    ASSERT(leat_zstd_memory_plan(3, 0, 64 * MIB).workers);
    ASSERT(leat_zstd_memory_plan(19, 0, 300 * MIB).workers);
}

TEST(test_a_level_that_does_not_fit_fails_with_both_figures)
{
    struct memio io = {.in = "x", .in_len = 1, .settings = {.memory = 32 * MIB}};

    ASSERT_EQ(memio_run(&io, "zstd -19"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "33554432");
    ASSERT_STR_HAS(io.error.text, "needs 93913088 bytes");
    memio_free(&io);
}

TEST(test_options_that_are_wrong_are_refused)
{
    struct memio io;

    ASSERT_EQ(codec_run(&io, "zstd -20", "x", 1, 0), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "--ultra");
    ASSERT_EQ(codec_run(&io, "zstd -23 --ultra", "x", 1, 0), LEAT_EUSAGE);
    ASSERT_EQ(codec_run(&io, "zstd --fast=0", "x", 1, 0), LEAT_EUSAGE);
    ASSERT_EQ(codec_run(&io, "zstd --long=9", "x", 1, 0), LEAT_EUSAGE);
    ASSERT_EQ(codec_run(&io, "zstd -0", "x", 1, 0), LEAT_EUSAGE);
}

/* --- the same bytes --------------------------------------------------------------------------- */

/* Input whose end falls on the end of a job, of a block, and one byte around them: where a
 * library looks at how the end is told. Under this limit jobs are of 1 MiB. */
TEST(test_the_end_of_the_input_may_come_with_its_last_byte_or_later)
{
    static const size_t sizes[] = {0,      1,       2,       131071,       131072,
                                   131073, 1 << 20, 2 << 20, (2 << 20) + 1};
    static const char *const stages[] = {"zstd -1", "zstd --fast=20"};
    struct codec_bytes text = codec_text((2 << 20) + 1, 9);

    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct memio first, io;

            for (size_t way = 0; way < 5; way++) {
                static const size_t pieces[] = {0, 65536, 131072, 131073, 100000};

                io = (struct memio){.in = text.data,
                                    .in_len = sizes[i],
                                    .piece = pieces[way],
                                    .settings = {.threads = 1 + (unsigned)way % 3,
                                                 .memory = 24 * MIB,
                                                 .chunk = pieces[(way + 2) % 5]}};
                test_context("%s of %zu bytes, way %zu", stages[k], sizes[i], way);
                ASSERT_EQ(memio_run(&io, stages[k]), 0);
                if (way == 0) {
                    first = io;
                    continue;
                }
                ASSERT_BYTES_EQ(io.out, io.out_len, first.out, first.out_len);
                memio_free(&io);
            }
            memio_free(&first);
        }
    }
    free(text.data);
}

/* --- frames ----------------------------------------------------------------------------------- */

struct frames {
    uint8_t data[4096];
    size_t n;
};

static void add(struct frames *f, const void *data, size_t n)
{
    ASSERT_LE(f->n + n, sizeof(f->data));
    memcpy(f->data + f->n, data, n);
    f->n += n;
}

static void add_frame(struct frames *f, const char *text, bool checksum)
{
    struct codec_bytes z = codec_zstd(text, strlen(text), 3, checksum);

    add(f, z.data, z.len);
    free(z.data);
}

static void add_skippable(struct frames *f, uint8_t nibble, uint8_t len)
{
    uint8_t head[8] = {(uint8_t)(0x50 | nibble), 0x2a, 0x4d, 0x18, len, 0, 0, 0};

    add(f, head, sizeof(head));
    memset(f->data + f->n, 0xee, len);
    f->n += len;
}

TEST(test_a_frame_header_is_read_as_the_library_reads_it)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 65535, 65791, 65792, 65793, 1000000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct codec_bytes text = codec_text(sizes[i], 1), z;
        struct leat_zstd_frame f;
        size_t need = 0, last;

        z = codec_zstd(text.data, text.len, 1, true);
        do {
            last = need;
            need = leat_zstd_frame_need(z.data, last);
        } while (need > last);
        leat_zstd_frame_parse(z.data, &f);
        test_context("content of %zu bytes", sizes[i]);
        ASSERT_EQ(f.kind, LEAT_ZSTD_FRAME);
        ASSERT_EQ(f.content, ZSTD_getFrameContentSize(z.data, z.len));
        ASSERT_EQ(f.content, sizes[i]);
        ASSERT_GE(f.window, f.content < 1024 ? f.content : 1024);
        free(z.data);
        free(text.data);
    }
}

TEST(test_frames_and_skippable_frames_follow_each_other_whatever_boundary_cuts_them)
{
    static const char *const stages[] = {"unzstd", "decode"};
    struct frames f = {.n = 0};
    struct memio io;

    add_skippable(&f, 0, 3);
    add_frame(&f, "hello ", true);
    add_frame(&f, "", false);
    add_skippable(&f, 15, 0);
    add_frame(&f, "world", false);
    add_skippable(&f, 7, 200);
    for (size_t i = 0; i < 2; i++) {
        for (size_t piece = 0; piece <= f.n; piece++) {
            test_context("%s, piece %zu", stages[i], piece);
            ASSERT_EQ(codec_run(&io, stages[i], f.data, f.n, piece), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, "hello world", 11);
            memio_free(&io);
        }
    }
}

TEST(test_garbage_after_a_frame_is_refused_where_it_is)
{
    struct frames f = {.n = 0};
    size_t end;
    struct memio io;

    add_frame(&f, "hello ", true);
    end = f.n;
    add(&f, "junk", 4);
    for (size_t piece = 0; piece <= f.n; piece++) {
        ASSERT_EQ(codec_run(&io, "unzstd", f.data, f.n, piece), LEAT_ECORRUPT);
        ASSERT_STR_HAS(io.error.text, "trailing garbage after the zstd frame");
        ASSERT_EQ(io.error.offset, end);
        ASSERT_BYTES_EQ(io.out, io.out_len, "hello ", 6);
        memio_free(&io);
        for (size_t more = 1; more < 4; more++) {
            ASSERT_NE(codec_run(&io, "unzstd", f.data, end + more, piece), 0);
            memio_free(&io);
        }
    }
    ASSERT_EQ(codec_run(&io, "unzstd", "plain text", 10, 0), LEAT_ECORRUPT);
    ASSERT_STR_HAS(io.error.text, "not in zstd format");
    ASSERT_EQ(codec_run(&io, "unzstd", "", 0, 0), LEAT_ETRUNCATED);
}

TEST(test_a_frame_that_needs_a_dictionary_says_so)
{
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x21, 0x2a, 0x00, 0x01, 0x00, 0x00};
    struct memio io;

    ASSERT_EQ(codec_run(&io, "unzstd", frame, sizeof(frame), 0), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "dictionary with ID 42");
}

/* A hostile header asks for any window; it must not get it. */
TEST(test_a_window_beyond_the_limit_is_refused_before_it_is_allocated)
{
    struct memio io;

    for (unsigned exponent = 0; exponent < 32; exponent++) {
        uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (uint8_t)(exponent << 3), 0x01, 0, 0};
        uint64_t window = 1ull << (10 + exponent);
        char figure[32];

        io = (struct memio){
            .in = frame, .in_len = sizeof(frame), .settings = {.threads = 1, .memory = 8 * MIB}};
        test_context("window of 2^%u", 10 + exponent);
        memio_run(&io, "unzstd");
        ASSERT_LE(io.stats.memory_peak, 8 * MIB);
        if (window <= 4 * MIB) {
            ASSERT_EQ(io.code, 0);
        } else {
            ASSERT_EQ(io.code, LEAT_ELIMIT);
            snprintf(figure, sizeof(figure), "%llu", (unsigned long long)window);
            ASSERT_STR_HAS(io.error.text, figure);
            ASSERT_STR_HAS(io.error.text, "8388608");
        }
        memio_free(&io);
    }
}

/* A frame in one segment states its length, up to 2^64 - 1, as its window. */
TEST(test_a_content_size_beyond_all_bounds_is_refused)
{
    uint8_t frame[16] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0};
    struct memio io;

    memset(frame + 5, 0xff, 8);
    ASSERT_EQ(codec_run(&io, "unzstd", frame, sizeof(frame), 0), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "18446744073709551615");
    memset(frame + 9, 0, 4);
    ASSERT_EQ(codec_run(&io, "unzstd", frame, sizeof(frame), 0), LEAT_ELIMIT);
}

/* Windows are counted once, for the largest, and not for each frame anew. */
TEST(test_many_frames_need_the_memory_of_one)
{
    struct codec_bytes text = codec_text(3 << 20, 1), z = codec_zstd(text.data, text.len, 3, true);
    uint8_t *data = malloc(20 * z.len);
    struct memio io = {.in = data,
                       .in_len = 20 * z.len,
                       .discard = true,
                       .settings = {.threads = 1, .memory = 8 * MIB}};

    ASSERT_NOT_NULL(data);
    for (size_t i = 0; i < 20; i++)
        memcpy(data + i * z.len, z.data, z.len);
    ASSERT_EQ(memio_run(&io, "unzstd"), 0);
    ASSERT_EQ(io.out_len, 20 * text.len);
    memio_free(&io);
    free(data);
    free(z.data);
    free(text.data);
}

/* How much other stages hold depends on the number of threads. */
TEST(test_the_bytes_do_not_depend_on_what_other_stages_hold)
{
    static const char *const stages[] = {"gzip : gunzip : zstd", "gzip : zlib : zstd -1",
                                         "zstd --seekable=256K : unzstd : zstd -2"};
    static const uint64_t limits[] = {16, 24, 32, 48, 64};
    static const unsigned threads[] = {2, 4, 16};
    struct codec_bytes text = codec_text(3 << 20, 1);
    unsigned done = 0;

    for (size_t i = 0; i < 3 * 5 * 3; i++) {
        struct memio one = {.in = text.data,
                            .in_len = text.len,
                            .settings = {.threads = 1, .memory = limits[i / 3 % 5] * MIB}};
        struct memio more = one;
        int r = memio_run(&one, stages[i / 15]);

        more.settings.threads = threads[i % 3];
        test_context("%s, limit %llu, threads %u", stages[i / 15],
                     (unsigned long long)one.settings.memory, more.settings.threads);
        if (memio_run(&more, stages[i / 15]) == 0 && r == 0) {
            ASSERT_BYTES_EQ(more.out, more.out_len, one.out, one.out_len);
            done++;
        }
        memio_free(&one);
        memio_free(&more);
    }
    ASSERT_GE(done, 30);
    free(text.data);
}
