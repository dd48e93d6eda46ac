/* test_flow_diff.c - merge against sort -m and paste against paste, byte for byte.
 *
 * Options and branches are drawn from a seed; the branches are sorted by sort with the same
 * options. Each case also draws its chunk, room, threads and executor. LEAT_FLOW_CASES and
 * LEAT_FLOW_SEED ask for more or others.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define CASES 160u
#define BRANCHES_MAX 5u
#define COMMAND_MAX 4096u

static unsigned draw(uint64_t *random, unsigned n)
{
    return (unsigned)(test_random(random) >> 33) % n;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *given = getenv(name);

    return given ? (unsigned)strtoul(given, NULL, 10) : otherwise;
}

/* --- drawing -------------------------------------------------------------------------------- */

struct text {
    char data[COMMAND_MAX];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    t->n += (size_t)vsnprintf(t->data + t->n, sizeof t->data - t->n, format, args);
    va_end(args);
    ASSERT_LT(t->n, sizeof t->data);
}

/* One piece of a line: what fields, numbers and cases are made of. */
static void put_piece(uint64_t *random, FILE *file, char end)
{
    static const char *const pieces[] = {
        "a", "b", "A",  "B",  "ab",   " ",  "  ",  "\t", ":", ":",    "1",  "2",  "10", "-1",
        "-", "0", "00", ".5", "-0.5", "1.", "1.0", "",   "é", "\xff", "x1", "+1", "1,0"};
    unsigned i = draw(random, 29);

    if (i < 27)
        fputs(pieces[i], file);
    else
        fputc(i == 27 || !end ? '\n' : 0, file); /* with -z a newline is a byte as any other */
}

static void put_lines(uint64_t *random, FILE *file, unsigned lines, char end)
{
    for (unsigned i = 0; i < lines; i++) {
        unsigned pieces = draw(random, draw(random, 20) ? 7 : 60);

        for (unsigned k = 0; k < pieces; k++)
            put_piece(random, file, end);
        if (i + 1 < lines || draw(random, 3))
            fputc(end, file);
    }
}

static FILE *open_branch(unsigned i)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%u", test_tmp_dir(), i);
    file = fopen(path, "wb");
    ASSERT_NOT_NULL(file);
    return file;
}

static void draw_branches(uint64_t *random, unsigned n, char end)
{
    for (unsigned i = 0; i < n; i++) {
        FILE *file = open_branch(i);

        if (draw(random, 8))
            put_lines(random, file, draw(random, draw(random, 4) ? 20 : 300), end);
        ASSERT_EQ(fclose(file), 0);
    }
}

static void shell(const char *command)
{
    int status = system(command);

    if (status != 0)
        FAIL("status %d of: %s", status, command);
}

/* --- comparing ------------------------------------------------------------------------------ */

static void draw_settings(uint64_t *random, struct leat_settings *settings)
{
    static const size_t chunks[] = {1, 7, 100, 4096, 5000, 0};
    static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                        LEAT_EXECUTOR_SEEDED};

    settings->chunk = chunks[draw(random, 6)];
    settings->room = draw(random, 3) == 0 ? 1 + draw(random, 9) : 0;
    settings->threads = 1 + draw(random, 4);
    settings->executor = executors[draw(random, 3)];
    settings->seed = test_random(random);
}

/* Runs `stage OPTIONS [ read 0 ] [ read 1 ] …` and compares with `tool OPTIONS 0 1 …`. */
static void compare(uint64_t *random, const char *stage, const char *tool, const char *options,
                    unsigned n)
{
    struct text command = {.n = 0}, pipeline = {.n = 0};
    struct memio io = {.in_len = 0};
    char path[256];
    uint8_t *expected;
    size_t len;

    add(&command, "cd %s && LC_ALL=C %s %s", test_tmp_dir(), tool, options);
    add(&pipeline, "%s %s", stage, options);
    for (unsigned i = 0; i < n; i++) {
        add(&command, " %u", i);
        add(&pipeline, " [ read %s/%u ]", test_tmp_dir(), i);
    }
    add(&command, " >expected");
    shell(command.data);
    snprintf(path, sizeof path, "%s/expected", test_tmp_dir());
    expected = test_file_read(path, &len);
    ASSERT_NOT_NULL(expected);
    draw_settings(random, &io.settings);
    add(&pipeline, " | memsink --at=%lld", memio_at(&io));
    if (memio_run_text(&io, pipeline.data) != 0)
        FAIL("%s: %s", pipeline.data, io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
    memio_free(&io);
    free(expected);
}

/* --- merge ---------------------------------------------------------------------------------- */

static void draw_letters(uint64_t *random, struct text *t)
{
    for (const char *c = "bfnr"; *c; c++)
        if (draw(random, 6) == 0)
            add(t, "%c", *c);
}

static void draw_key(uint64_t *random, struct text *t)
{
    add(t, " -k %u", 1 + draw(random, 4));
    if (draw(random, 4) == 0)
        add(t, ".%u", 1 + draw(random, 4));
    draw_letters(random, t);
    if (draw(random, 3)) {
        add(t, ",%u", 1 + draw(random, 4));
        if (draw(random, 4) == 0)
            add(t, ".%u", draw(random, 4));
        draw_letters(random, t);
    }
}

static char draw_order(uint64_t *random, struct text *t)
{
    static const char *const separators[] = {" -t:", " -t ' '", " -t 1", " -t '\\0'"};
    char end = '\n';

    for (const char *c = "bfnrus"; *c; c++)
        if (draw(random, 5) == 0)
            add(t, " -%c", *c);
    if (draw(random, 6) == 0) {
        add(t, " -z");
        end = '\0';
    }
    if (draw(random, 3) == 0)
        add(t, "%s", separators[draw(random, 4)]);
    for (unsigned n = draw(random, 4); n > 0; n--)
        draw_key(random, t);
    return end;
}

TEST(test_merge_is_sort_m)
{
    unsigned seed = from_environment("LEAT_FLOW_SEED", 0);
    unsigned cases =
        from_environment("LEAT_FLOW_CASES", test_under_sanitizer() ? CASES / 4 : CASES);

    for (unsigned i = seed; i < seed + cases; i++) {
        uint64_t random = i * 2654435761u + 1;
        unsigned n = 1 + draw(&random, BRANCHES_MAX);
        struct text options = {.n = 0};
        char end = draw_order(&random, &options);

        test_context("LEAT_FLOW_SEED=%u, %u branches, %s", i, n, options.data);
        draw_branches(&random, n, end);
        for (unsigned k = 0; k < n; k++) {
            struct text command = {.n = 0};

            /* Its own -u would leave out what merge -u is to leave out. */
            add(&command, "cd %s && LC_ALL=C sort %s %u >sorted", test_tmp_dir(), options.data, k);
            if (draw(&random, 2))
                add(&command, " && LC_ALL=C sort -m %s sorted sorted >%u", options.data, k);
            else
                add(&command, " && mv sorted %u", k);
            shell(command.data);
        }
        compare(&random, "merge", "sort -m", options.data, n);
    }
}

/* --- unsorted ------------------------------------------------------------------------------- */

static void put_branch(unsigned i, const char *text)
{
    FILE *file = open_branch(i);

    fputs(text, file);
    ASSERT_EQ(fclose(file), 0);
}

static void merge_of_two(const char *options, int code, struct memio *io)
{
    struct text pipeline = {.n = 0};

    add(&pipeline, "merge %s [ read %s/0 ] [ read %s/1 ] | memsink --at=%lld", options,
        test_tmp_dir(), test_tmp_dir(), memio_at(io));
    ASSERT_EQ(memio_run_text(io, pipeline.data), code);
}

TEST(test_a_branch_out_of_order_is_an_error_that_names_the_line)
{
    static const size_t chunks[] = {0, 1, 3, 4096};

    put_branch(0, "a\nb\nc\n");
    put_branch(1, "a\nd\nc\001\nz\n");
    for (size_t i = 0; i < 4; i++) {
        struct memio io = {.settings = {.chunk = chunks[i]}};

        merge_of_two("", LEAT_ECORRUPT, &io);
        ASSERT_STR_HAS(io.error.text, "branch 2 ");
        ASSERT_STR_HAS(io.error.text, "line 3 ");
        ASSERT_STR_HAS(io.error.text, "'c\\x01'");
        ASSERT(io.error.has_offset);
        ASSERT_EQ(io.error.offset, 4);
        ASSERT_EQ(io.commits, 0);
        memio_free(&io);
    }
}

TEST(test_lines_with_equal_keys_may_come_in_any_order)
{
    struct memio io = {.in_len = 0};

    put_branch(0, "1 b\n1 a\n");
    put_branch(1, "1 c");
    merge_of_two("-n", 0, &io);
    ASSERT_BYTES_EQ(io.out, io.out_len, "1 b\n1 a\n1 c\n", 12);
    merge_of_two("-k2 -k1", LEAT_ECORRUPT, &io);
    merge_of_two("-n -u", 0, &io);
    ASSERT_BYTES_EQ(io.out, io.out_len, "1 b\n", 4);
    memio_free(&io);
}

TEST(test_wrong_keys_are_usage_errors)
{
    static const char *const wrong[] = {"-k 0",   "-k 1.0",  "-k x",  "-k 1x",  "-k 1,",
                                        "-k 1,0", "-k 1,2x", "-k ''", "-k 1.",  "-k 1,2.",
                                        "-t ab",  "-t ''",   "-k -1", "-k 1,,2"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct memio io = {.in_len = 0};

        test_context("%s", wrong[i]);
        merge_of_two(wrong[i], LEAT_EUSAGE, &io);
    }
}

TEST(test_a_failing_branch_fails_the_merge)
{
    struct memio io = {.in_len = 0};

    put_branch(0, "a\n");
    merge_of_two("", LEAT_ENOENT, &io);
    ASSERT_EQ(io.commits, 0);
}

/* --- paste ---------------------------------------------------------------------------------- */

TEST(test_paste_is_paste)
{
    static const char *const lists[] = {
        "",         " -d,",           " -d,:",      " -d ''", " -d '\\0'", " -d 'a\\0b'",
        " -d'\\n'", " -d '\\\\ \\t'", " -d '\\q-x'"};
    unsigned seed = from_environment("LEAT_FLOW_SEED", 0);
    unsigned cases =
        from_environment("LEAT_FLOW_CASES", test_under_sanitizer() ? CASES / 4 : CASES);

    for (unsigned i = seed; i < seed + cases; i++) {
        uint64_t random = i * 2654435761u + 2;
        unsigned n = 1 + draw(&random, BRANCHES_MAX);
        bool zero = draw(&random, 5) == 0;
        struct text options = {.n = 0};

        add(&options, "%s%s%s", zero ? " -z" : "", draw(&random, 3) ? "" : " -s",
            lists[draw(&random, 9)]);
        test_context("LEAT_FLOW_SEED=%u, %u branches, %s", i, n, options.data);
        draw_branches(&random, n, zero ? '\0' : '\n');
        compare(&random, "paste", "paste", options.data, n);
    }
}

TEST(test_wrong_delimiters_are_a_usage_error)
{
    struct memio io = {.in_len = 0};
    struct text pipeline = {.n = 0};

    put_branch(0, "a\n");
    add(&pipeline, "paste -d 'a\\' [ read %s/0 ] | memsink --at=%lld", test_tmp_dir(),
        memio_at(&io));
    ASSERT_EQ(memio_run_text(&io, pipeline.data), LEAT_EUSAGE);
}
