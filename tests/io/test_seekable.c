/* test_seekable.c - the seek table of a file: which frames hold a range, and the range is cut out of them.
 *
 * The frames are of no codec: each has its decoded size in its first four bytes. */
#include "io/seekable.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "memio_runs.h"
#include "test.h"

#define FRAMES_MAX 5000u
#define FOOTER 9u
#define HEAD 8u

struct frame {
    uint32_t made, decoded;
};

/* --- a file ----------------------------------------------------------------------------------- */

static uint64_t holds_of_head(const uint8_t *head, size_t n)
{
    return n < 4 ? UINT64_MAX
                 : head[0] | (uint64_t)head[1] << 8 | (uint64_t)head[2] << 16 |
                       (uint64_t)head[3] << 24;
}

static const struct leat_stage_type decoder = {.name = "frames", .frame_holds = holds_of_head};
static struct leat_stage_info info;
static struct leat_stage stage;

static struct {
    uint8_t *data;
    size_t len;
    int fd;
    bool shorter; /* it has lost its last byte since its size was asked for */
} file;

static void put32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* `lies`: the sizes that the table has instead of the true ones; NULL: it is right. */
static void make(const struct frame *frames, uint32_t n, const struct frame *lies, bool checked)
{
    size_t entry = checked ? 12 : 8, table = n * entry + FOOTER, at = 0;

    info = (struct leat_stage_info){.name = "read", .number = 1, .range.decoder = &decoder};
    stage = (struct leat_stage){.info = &info};
    for (uint32_t i = 0; i < n; i++)
        at += frames[i].made;
    file.len = at + HEAD + table;
    file.data = calloc(1, file.len);
    ASSERT_NOT_NULL(file.data);
    at = 0;
    for (uint32_t i = 0; i < n; at += frames[i++].made)
        if (frames[i].made >= 4)
            put32(file.data + at, frames[i].decoded);
    put32(file.data + at, 0x184d2a5e);
    put32(file.data + at + 4, (uint32_t)table);
    at += HEAD;
    for (uint32_t i = 0; i < n; i++, at += entry) {
        put32(file.data + at, lies ? lies[i].made : frames[i].made);
        put32(file.data + at + 4, lies ? lies[i].decoded : frames[i].decoded);
    }
    put32(file.data + at, n);
    file.data[at + 4] = checked ? 0x80 : 0;
    put32(file.data + at + 5, 0x8f92eab1);
    ASSERT_EQ(at + FOOTER, file.len);
}

static int find(struct leat_range *range)
{
    size_t n = file.len - file.shorter;
    int fd = open(test_path("f"), O_RDWR | O_CREAT | O_TRUNC, 0600), r;

    ASSERT_GE(fd, 0);
    ASSERT_EQ(pwrite(fd, file.data, n, 0), n);
    stage.failure = (struct leat_error)LEAT_INIT(leat_error);
    r = leat_range_find(&stage, range, fd, file.len, "f");
    ASSERT_EQ(close(fd), 0);
    ASSERT_EQ(stage.failure.code, r);
    return r;
}

static void done(void)
{
    free(file.data);
    file.data = NULL;
    file.shorter = false;
}

/* --- the text of a range ---------------------------------------------------------------------- */

TEST(test_a_range_is_an_offset_and_a_length)
{
    static const struct {
        const char *text;
        int code;
        uint64_t offset, length;
    } rows[] = {
        {"0:1", 0, 0, 1},
        {"5:", 0, 5, UINT64_MAX},
        {"1K:2M", 0, 1024, 2 << 20},
        {"00000000000000000000000000000:1", 0, 0, 1},
        {"", LEAT_EUSAGE, 0, 0},
        {"5", LEAT_EUSAGE, 0, 0},
        {":5", LEAT_EUSAGE, 0, 0},
        {"5:0", LEAT_EUSAGE, 0, 0},
        {"5:x", LEAT_EUSAGE, 0, 0},
        {"x:5", LEAT_EUSAGE, 0, 0},
        {"-1:5", LEAT_EUSAGE, 0, 0},
        {"5:1:2", LEAT_EUSAGE, 0, 0},
        {"00000000000000000000000000000000:1", LEAT_EUSAGE, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct leat_range range;

        test_context("'%s'", rows[i].text);
        ASSERT_EQ(leat_range_parse(rows[i].text, &range), rows[i].code);
        if (rows[i].code < 0)
            continue;
        ASSERT_EQ(range.offset, rows[i].offset);
        ASSERT_EQ(range.length, rows[i].length);
        ASSERT_EQ(range.bytes, 0);
    }
}

/* --- the frames of a range -------------------------------------------------------------------- */

/* The right result, by a look at each byte of the content. */
static struct leat_range expected_of(const struct frame *frames, uint32_t n, uint64_t offset,
                                     uint64_t length)
{
    struct leat_range range = {.offset = offset, .length = length};
    uint64_t at = 0, decoded_at = 0, total = 0;
    bool begun = false;

    for (uint32_t i = 0; i < n; i++)
        total += frames[i].decoded;
    range.left = length == UINT64_MAX ? total - offset : length;
    for (uint32_t i = 0; i < n; i++) {
        bool is_in = false;

        for (uint64_t k = decoded_at; k < decoded_at + frames[i].decoded; k++)
            is_in = is_in || (k >= offset && k - offset < range.left);
        if (is_in && !begun) {
            range.from = at;
            range.skip = offset - decoded_at;
            begun = true;
        }
        at += frames[i].made;
        decoded_at += frames[i].decoded;
        if (is_in) {
            range.bytes = at - range.from;
            range.after = decoded_at - offset - range.left;
        }
    }
    return range;
}

TEST(test_the_frames_that_hold_a_range_are_found)
{
    static const struct frame frames[] = {{9, 10}, {7, 10}, {8, 10}, {5, 0}, {9, 10}, {4, 3}};
    const uint32_t n = sizeof frames / sizeof frames[0];

    for (int checked = 0; checked <= 1; checked++) {
        make(frames, n, NULL, checked != 0);
        for (uint64_t offset = 0; offset < 43; offset++)
            for (uint64_t length = 1; length <= 44 - offset; length++) {
                struct leat_range expected, range = {.offset = offset, .length = length};

                if (length == 44 - offset) /* one more than there is: to the end */
                    range.length = UINT64_MAX;
                test_context("%d:%d, checked %d", (int)offset, (int)range.length, checked);
                expected = expected_of(frames, n, offset, range.length);
                ASSERT_EQ(find(&range), 0);
                ASSERT_EQ(range.from, expected.from);
                ASSERT_EQ(range.bytes, expected.bytes);
                ASSERT_EQ(range.skip, expected.skip);
                ASSERT_EQ(range.left, expected.left);
                ASSERT_EQ(range.after, expected.after);
            }
        done();
    }
}

TEST(test_a_table_that_is_read_in_several_parts_is_the_same)
{
    struct frame *frames = calloc(FRAMES_MAX, sizeof *frames);

    ASSERT_NOT_NULL(frames);
    for (uint32_t i = 0; i < FRAMES_MAX; i++)
        frames[i] = (struct frame){.made = 5, .decoded = 2};
    for (int checked = 0; checked <= 1; checked++) {
        struct leat_range range = {.offset = 2 * 4000 + 1, .length = 4};

        make(frames, FRAMES_MAX, NULL, checked != 0);
        ASSERT_EQ(find(&range), 0);
        ASSERT_EQ(range.from, 4000 * 5);
        ASSERT_EQ(range.bytes, 15);
        ASSERT_EQ(range.skip, 1);
        ASSERT_EQ(range.left, 4);
        ASSERT_EQ(range.after, 1);
        done();
    }
    free(frames);
}

TEST(test_a_range_beyond_the_content_is_an_error_of_use)
{
    static const struct frame frames[] = {{9, 10}, {7, 10}};
    static const struct leat_range ranges[] = {{.offset = 20, .length = UINT64_MAX},
                                               {.offset = 20, .length = 1},
                                               {.offset = 19, .length = 2},
                                               {.offset = 0, .length = 21},
                                               {.offset = 5, .length = UINT64_MAX - 1},
                                               {.offset = UINT64_MAX - 1, .length = 5}};

    make(frames, 2, NULL, false);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct leat_range range = ranges[i];

        test_context("range %zu", i);
        ASSERT_EQ(find(&range), LEAT_EUSAGE);
        ASSERT_STR_HAS(stage.failure.text, "beyond the content of 20 bytes");
    }
    done();
    make(frames, 0, NULL, false); /* there is no content */
    ASSERT_EQ(find(&(struct leat_range){.length = UINT64_MAX}), LEAT_EUSAGE);
    done();
}

/* --- tables that are none, or wrong ----------------------------------------------------------- */

static void refuses(int code, const char *text)
{
    struct leat_range range = {.offset = 15, .length = 1};

    ASSERT_EQ(find(&range), code);
    ASSERT_STR_HAS(stage.failure.text, text);
    done();
}

TEST(test_a_file_without_a_table_is_not_seekable)
{
    static const struct frame frames[] = {{9, 10}, {7, 10}};

    make(frames, 2, NULL, false);
    file.data[file.len - 1] ^= 1; /* the magic number */
    refuses(LEAT_EUSAGE, "not seekable");
    make(frames, 2, NULL, false);
    file.data[file.len - 5] = 4; /* a flag that is reserved */
    refuses(LEAT_EUSAGE, "not seekable");
    make(frames, 0, NULL, false);
    file.len--;
    refuses(LEAT_EUSAGE, "not seekable");
}

TEST(test_a_table_that_does_not_agree_with_the_file_is_damage)
{
    static const struct frame frames[] = {{9, 10}, {7, 10}, {8, 10}},
                              more[] = {{9, 10}, {8, 10}, {8, 10}},
                              less[] = {{9, 10}, {6, 10}, {8, 10}},
                              most[] = {{UINT32_MAX, 10}, {UINT32_MAX, 10}, {8, 10}};

    make(frames, 3, more, false);
    refuses(LEAT_ECORRUPT, "does not agree");
    make(frames, 3, less, true);
    refuses(LEAT_ECORRUPT, "does not agree");
    make(frames, 3, most, true);
    refuses(LEAT_ECORRUPT, "does not agree");
    make(frames, 3, NULL, false);
    put32(file.data + file.len - FOOTER, 7); /* more frames than the file has room for */
    refuses(LEAT_ECORRUPT, "does not agree");
    make(frames, 3, NULL, false);
    file.data[24] ^= 1; /* the frame of the table */
    refuses(LEAT_ECORRUPT, "does not agree");
    make(frames, 3, NULL, false);
    file.data[28] ^= 1; /* and its length */
    refuses(LEAT_ECORRUPT, "does not agree");
}

/* A wrong size of a frame before the range would shift the range. */
TEST(test_a_frame_before_the_range_has_the_size_that_the_table_says)
{
    static const struct frame frames[] = {{9, 10}, {7, 5}, {8, 10}, {8, 10}},
                              shifted[] = {{9, 10}, {7, 4}, {8, 10}, {8, 10}},
                              tiny[] = {{9, 10}, {3, 5}, {8, 10}};
    struct leat_range range = {.offset = 15, .length = 1};

    make(frames, 4, shifted, false);
    refuses(LEAT_ECORRUPT, "a frame holds 5 bytes, but the seek table says 4");
    ASSERT_EQ(stage.failure.offset, 9);
    make(tiny, 3, NULL, false); /* a head that tells nothing */
    ASSERT_EQ(find(&range), 0);
    ASSERT_EQ(range.from, 12);
    done();
}

TEST(test_a_file_that_cannot_be_read_to_its_end_is_an_error)
{
    static const struct frame frames[] = {{9, 10}, {7, 10}};
    struct leat_range range = {.offset = 15, .length = 1};

    make(frames, 2, NULL, false);
    file.shorter = true;
    refuses(LEAT_EIO, "became shorter");
    make(frames, 2, NULL, false);
    ASSERT_EQ(leat_range_find(&stage, &range, -1, file.len, "f"), LEAT_EIO);
    ASSERT_STR_HAS(stage.failure.text, "f: Bad file descriptor");
    done();
}

/* --- the range is cut out --------------------------------------------------------------------- */

static struct leat_range wanted;
static struct leat_stage source; /* the state of which the cut has */

static int cuts_open(struct leat_stage *s)
{
    static struct leat_range range;

    range = wanted;
    source.state = &range;
    s->shared = &source;
    return 0;
}

static int cuts_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    return leat_range_cut.step(s, in, out);
}

static const struct leat_stage_type cuts = {
    .name = "cuts", .kind = LEAT_TRANSFORM, .open = cuts_open, .step = cuts_step};

static int cut(unsigned e, const char *in, uint64_t skip, uint64_t left, uint64_t after)
{
    static const struct leat_stage_type *const types[] = {&cuts, NULL};
    struct memio io = memio_under(e);
    int code;

    wanted = (struct leat_range){.skip = skip, .left = left, .after = after};
    io.in = in;
    io.in_len = strlen(in);
    io.types = types;
    code = memio_run(&io, "cuts");
    if (code == 0)
        ASSERT_BYTES_EQ(io.out, io.out_len, in + skip, left);
    else
        ASSERT_EQ(code, LEAT_ECORRUPT);
    memio_free(&io);
    return code;
}

TEST(test_the_range_is_cut_out_of_pieces_of_any_size)
{
    for (unsigned e = 0; e < 20 * N_EXECUTORS; e++) {
        ASSERT_EQ(cut(e, "abcdefghij", 3, 4, 3), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 0, 10, 0), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 9, 1, 0), 0);
        ASSERT_EQ(cut(e, "abcdefghij", 0, 1, 9), 0);
    }
}

TEST(test_frames_that_hold_more_or_less_than_the_table_says_are_damage)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        ASSERT_EQ(cut(e, "abcdefghij", 3, 4, 2), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "abcdefghij", 3, 4, 4), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "abcdefghij", 3, 8, 0), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "abcdefghij", 11, 1, 0), LEAT_ECORRUPT);
        ASSERT_EQ(cut(e, "", 0, 1, 0), LEAT_ECORRUPT);
    }
}
