/* test_sort.c - sort: what is not GNU's, what went wrong in other programs, and lines that do not fit in memory. */
#include <stdlib.h>

#include "memio_runs.h"
#include "test.h"

static struct memio io;

/* Run it on n bytes, with at most so many bytes of memory (0: the usual limit). Returns the code. */
static int run(const char *text, const void *in, size_t n, uint64_t memory)
{
    memio_free(&io);
    io = (struct memio){.in = in, .in_len = n};
    io.settings.threads = 2;
    io.settings.memory = memory;
    test_context("%s", text);
    return memio_run(&io, text);
}

static void assert_sorts(const char *text, const char *in, const char *expected)
{
    ASSERT_EQ(run(text, in, strlen(in), 0), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, strlen(expected));
}

static void assert_refused(const char *text, const char *why)
{
    ASSERT_EQ(run(text, "", 0, 0), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, why);
}

/* --- reports of other programs ---------------------------------------------------------------- */

TEST(test_unique_compares_bytes_that_a_locale_ignores) /* uutils 12421, 13202 */
{
    assert_sorts("sort -u", "a.b\nab\n", "a.b\nab\n");
}

TEST(test_equal_numbers_in_reverse_are_ordered_by_the_whole_line_in_reverse) /* uutils 13319 */
{
    assert_sorts("sort -rn", "1 a\n1 c\n2 b\n1 b\n", "2 b\n1 c\n1 b\n1 a\n");
}

TEST(test_a_reversed_key_leaves_equal_lines_in_order) /* busybox 40 */
{
    assert_sorts("sort -k2rn -s", "a 1\nb 2\nc 1\nd 2\n", "b 2\nd 2\na 1\nc 1\n");
}

TEST(test_human_numbers_compare_the_suffix_first) /* uutils 1985, coreutils 23 */
{
    assert_sorts("sort -h", "100M\n7800900K\n", "7800900K\n100M\n");
    assert_sorts("sort -h -u", "1024K\n1M\n1.0M\n1M\n", "1024K\n1M\n");
}

TEST(test_a_header_stays) /* util-linux 1067 */
{
    assert_sorts("sort --header", "name\nb\na\nc\n", "name\na\nb\nc\n");
    assert_sorts("sort --header=2 -r", "x\na\n1\n2\n", "x\na\n2\n1\n");
    assert_sorts("sort --header=2", "x", "x\n");
    assert_sorts("sort --header=2", "x\ny", "x\ny\n");
    assert_sorts("sort --header=2", "", "");
    assert_sorts("sort --header=0", "b\na", "a\nb\n");
    assert_sorts("sort --header -c", "z\na\nb\n", "");
    assert_sorts("sort --header --top=1", "z\nc\nb\n", "z\nb\n");
}

/* --- options that GNU sort lacks -------------------------------------------------------------- */

TEST(test_top_outputs_the_first_of_the_sorted_lines)
{
    assert_sorts("sort --top=2", "d\nb\na\nc\na\n", "a\na\n");
    assert_sorts("sort -u --top=2", "d\nb\na\nc\na\n", "a\nb\n");
    assert_sorts("sort -rn --top=2", "3\n10\n9\n", "10\n9\n");
    assert_sorts("sort --top=9", "b\na\n", "a\nb\n");
    assert_refused("sort --top=0", "--top");
}

TEST(test_a_seed_repeats_the_random_order_and_equal_lines_stand_together)
{
    char in[2000], first[2000];
    size_t n = 0, changes = 0;

    for (unsigned i = 0; i < 400; i++)
        n += (size_t)sprintf(in + n, "k%u\n", i % 20);
    ASSERT_EQ(run("sort -R --seed=7", in, n, 0), 0);
    ASSERT_EQ(io.out_len, n);
    memcpy(first, io.out, n);
    for (const char *line = first, *next; line < first + n; line = next) {
        next = strchr(line, '\n') + 1;
        changes += next == first + n || strncmp(line, next, (size_t)(next - line)) != 0;
    }
    ASSERT_EQ(changes, 20);
    ASSERT_EQ(run("sort -R --seed=7", in, n, 0), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, first, n);
    ASSERT_EQ(run("sort -R --seed=8", in, n, 0), 0);
    ASSERT_NE(memcmp(io.out, first, n), 0);
    ASSERT_EQ(run("sort -R -u", in, n, 0), 0);
    ASSERT_EQ(io.out_len, 10 * 3 + 10 * 4);
}

TEST(test_what_is_no_number_comes_before_nan_and_nan_before_numbers)
{
    assert_sorts("sort -g -s", "1\n-inf\nnan\nx\ninf\n1e-4000\n-1\n",
                 "x\nnan\n-inf\n-1\n1e-4000\n1\ninf\n");
}

/* --- refusals --------------------------------------------------------------------------------- */

TEST(test_what_is_something_else_here_is_refused_with_the_way)
{
    assert_refused("sort -o x", "write FILE");
    assert_refused("sort -S 1G", "leat --memory=SIZE");
    assert_refused("sort -T /tmp", "--spill=DIR");
    assert_refused("sort --parallel=2", "leat --threads=N");
    assert_refused("sort -m", "merge [ … ] [ … ]");
    assert_refused("sort --random-source=x", "--seed=N");
    assert_refused("sort --compress-program=gzip", "compressed, by zstd");
    assert_refused("sort --files0-from=x", "begin with: read FILE");
    assert_refused("sort --batch-size=3", "memory limit");
    assert_refused("sort --debug", "no such output");
    assert_refused("sort file", "takes no operands");
    assert_refused("sort +1 -2", "");
}

TEST(test_bad_keys_are_refused)
{
    assert_refused("sort -k 0", "a field is a number from 1 on");
    assert_refused("sort -k x", "a field is a number from 1 on");
    assert_refused("sort -k 1.0", "a position in a field is a number from 1 on");
    assert_refused("sort -k 1,0", "the field after the comma");
    assert_refused("sort -k 1,2.", "a position in a field is a number");
    assert_refused("sort -k 1q", "only letters");
    assert_refused("sort -k 1,2,3", "only letters");
    assert_refused("sort -k 1nh", "-k '1nh': only one of");
    assert_refused("sort -n -M", "the options: only one of");
    assert_refused("sort -t ab", "one byte");
    assert_refused("sort -t ''", "one byte");
    assert_refused("sort -c -C", "only one of -c and -C");
    assert_refused("sort -c --top=3", "--top has no meaning");
    assert_refused("sort --spill=''", "--spill needs");
}

TEST(test_a_check_names_the_line_and_its_place)
{
    ASSERT_EQ(run("sort -c", "a\nc\nb\n", 6, 0), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "line 3 is not in order: b");
    ASSERT_EQ(io.error.offset, 4);
    ASSERT_EQ(run("sort -C", "a\nc\nb\n", 6, 0), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "line 3 is not in order; ");
    ASSERT_EQ(run("sort -c -u", "a\na\n", 4, 0), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "line 2 is equal to the one before it: a");
}

/* --- lines that do not fit in memory ---------------------------------------------------------- */

/* Lines with keys that are often equal, in an order drawn from the seed. */
static char *lines(size_t least, uint64_t seed, size_t *ret_len)
{
    char *text = malloc(least + 200);
    size_t n = 0;

    ASSERT_NOT_NULL(text);
    while (n < least) {
        unsigned draw = (unsigned)(test_random(&seed) >> 40);

        n += (size_t)sprintf(text + n, "%u k%u line-%u%s\n", draw % 100, draw % 7, draw % 100000,
                             draw % 50 ? "" : "-aaaaaaaaa");
    }
    *ret_len = n;
    return text;
}

static char *shuffled(const char *text, size_t n)
{
    /* Halves of the text change places; lines stay whole. */
    const char *middle = (const char *)memchr(text + n / 3, '\n', n - n / 3) + 1;
    char *to = malloc(n);

    ASSERT_NOT_NULL(to);
    memcpy(to, middle, (size_t)(text + n - middle));
    memcpy(to + (text + n - middle), text, (size_t)(middle - text));
    return to;
}

#define LARGE ((size_t)4 << 20)
#define SMALL_MEMORY ((uint64_t)5 << 20)

TEST(
    test_the_output_does_not_depend_on_memory_or_on_the_order_of_the_input) /* uutils 13096, 11980 */
{
    static const char *const texts[] = {
        "sort",       "sort -r", "sort -k 2,2",   "sort -k 1,1n -k 2,2r",
        "sort -n -u", "sort -u", "sort --top=99", "sort -k 3 --top=5000"};
    size_t n, len;
    char *in = lines(LARGE, 1, &n), *other = shuffled(in, n);
    uint8_t *expected;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ASSERT_EQ(run(texts[i], in, n, 0), 0);
        expected = io.out;
        len = io.out_len;
        io.out = NULL;
        ASSERT_EQ(run(texts[i], in, n, SMALL_MEMORY), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        if (!strstr(texts[i], "-n -u")) {
            ASSERT_EQ(run(texts[i], other, n, SMALL_MEMORY), 0);
            ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        }
        ASSERT_EQ(run(texts[i], expected, len, SMALL_MEMORY), 0); /* what is sorted stays */
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        free(expected);
    }
    memio_free(&io);
    free(other);
    free(in);
}

TEST(test_equal_keys_stay_in_order_when_lines_were_spilled)
{
    size_t n;
    char *in = lines(LARGE, 2, &n);
    uint8_t *expected;

    for (unsigned reverse = 0; reverse < 2; reverse++) {
        const char *text = reverse ? "sort -s -r -k 2,2" : "sort -s -k 2,2";

        ASSERT_EQ(run(text, in, n, 0), 0);
        expected = io.out;
        io.out = NULL;
        ASSERT_EQ(run(text, in, n, SMALL_MEMORY), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
        free(expected);
    }
    memio_free(&io);
    free(in);
}

TEST(test_a_spill_needs_its_directory_and_names_it)
{
    size_t n;
    char *in = lines(LARGE, 3, &n);

    ASSERT_EQ(run("sort --spill=/nonexistent/dir", in, n, 0), 0); /* all fit in memory */
    ASSERT_EQ(run("sort --spill=/nonexistent/dir", in, n, SMALL_MEMORY), LEAT_ENOENT);
    ASSERT_STR_HAS(io.error.text, "cannot make a temporary file in /nonexistent/dir");
    memio_free(&io);
    free(in);
}

/* The buffers of runs with large records do not fit in memory all at once. */
TEST(test_many_runs_are_merged_in_several_passes)
{
    const size_t least = (size_t)16 << 20, line = 90000;
    uint64_t random = 4;
    char *in = malloc(least + 2 * line);
    uint8_t *expected;
    size_t n = 0;

    ASSERT_NOT_NULL(in);
    while (n < least) {
        size_t len = 100 + test_random(&random) % line;

        n += (size_t)sprintf(in + n, "%u %u", (unsigned)(test_random(&random) >> 61),
                             (unsigned)(test_random(&random) >> 40));
        memset(in + n, 'x', len);
        n += len;
        in[n++] = '\n';
    }
    for (unsigned i = 0; i < 2; i++) {
        const char *text = i ? "sort -s -k 1,1" : "sort -r";

        ASSERT_EQ(run(text, in, n, 0), 0);
        expected = io.out;
        io.out = NULL;
        ASSERT_EQ(run(text, in, n, (uint64_t)7 << 19), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
        free(expected);
    }
    memio_free(&io);
    free(in);
}

TEST(test_long_lines_are_sorted_or_are_the_error_of_the_limit)
{
    const size_t n = (size_t)12 << 20;
    char *in = malloc(n);

    ASSERT_NOT_NULL(in);
    memset(in, 'x', n);
    in[n / 2] = '\n';
    in[n - 1] = 'a';
    in[n / 4] = '\n';
    in[0] = 'y';
    ASSERT_EQ(run("sort", in, n, 0), 0);
    ASSERT_EQ(io.out_len, n + 1);
    ASSERT_EQ(io.out[n], '\n');
    ASSERT_EQ(io.out[n / 4 + n / 2 - 2], 'a');
    ASSERT_EQ(run("sort -f -k 1,1", in, n, 0), 0);
    ASSERT_EQ(io.out_len, n + 1);
    ASSERT_EQ(io.out[n / 4 + n / 2 - 2], 'a');
    ASSERT_EQ(run("sort", in, n, (uint64_t)8 << 20), LEAT_ELIMIT);
    memio_free(&io);
    free(in);
}

TEST(test_records_may_hold_any_byte)
{
    static const char in[] = "b\0a\n\xff\n\0\n\r\na\r\n\n\0\0",
                      out[] = "\n\0\n\0\0\n\r\na\r\nb\0a\n\xff\n";

    ASSERT_EQ(run("sort", in, sizeof in - 1, 0), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, out, sizeof out - 1);
    memio_free(&io);
}
