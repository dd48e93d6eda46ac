/* test_split.c - the stream in parts: where they end, what a branch makes of each, all or none. */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../transforms/flow/records.h"
#include "parts_aid.h"
#include "stage.h"
#include "test.h"

#define DATA_MAX 20000u
#define BOM "\xef\xbb\xbf"

/* --- records --------------------------------------------------------------------------------- */

/* Where the records of `text` end, in pieces of so many bytes, as a string of 0 and 1. */
static void ends_of(const char *text, size_t piece, char *to)
{
    struct leat_records r = {.end = '\n', .csv = true, .separator = ',', .quote = '"'};
    size_t len = strlen(text), at = 0;

    memset(to, '0', len);
    to[len] = '\0';
    while (at < len) {
        size_t n = piece < len - at ? piece : len - at;
        bool end;

        at += leat_records_next(&r, (const uint8_t *)text + at, n, &end);
        if (end)
            to[at - 1] = '1';
    }
}

/* The same by a plain state machine. */
static void ends_by_bytes(const char *text, char *to)
{
    bool start = true, quoted = false;

    if (strncmp(text, BOM, strlen(BOM)) == 0) {
        memset(to, '0', strlen(BOM));
        to += strlen(BOM);
        text += strlen(BOM);
    }
    for (; *text; text++, to++) {
        bool end = *text == '\n' && !quoted;

        if (quoted && *text == '"' && text[1] == '"') {
            *to++ = '0';
            text++;
        } else if (quoted && *text == '"') {
            quoted = false;
        } else if (!quoted && start && *text == '"') {
            quoted = true;
        }
        start = !quoted && (end || *text == ',');
        *to = end ? '1' : '0';
    }
    *to = '\0';
}

TEST(test_a_line_end_in_quotes_does_not_end_a_record)
{
    static const char alphabet[] = "\",\na\"";
    uint64_t random = 11;

    for (unsigned round = 0; round < 20000; round++) {
        char text[24] = "", ends[24], expected[24];
        size_t n = test_random(&random) % 20;

        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[test_random(&random) % 5];
        text[n] = '\0';
        ends_by_bytes(text, expected);
        for (size_t piece = 1; piece < 6; piece++) {
            test_context("piece %zu of %s", piece, text);
            ends_of(text, piece, ends);
            ASSERT_STREQ(ends, expected);
        }
    }
}

/* The mark and its beginnings, in the right order and in others. */
TEST(test_a_byte_order_mark_before_a_quoted_field_does_not_hide_the_quote)
{
    static const char alphabet[] = "\xef\xbb\xbf\"\n,";
    uint64_t random = 13;

    for (unsigned round = 0; round < 20000; round++) {
        char text[24] = BOM, ends[24], expected[24];
        size_t from = round % 4, n = from + test_random(&random) % 12;

        for (size_t i = from; i < n; i++)
            text[i] = alphabet[test_random(&random) % 6];
        text[n] = '\0';
        ends_by_bytes(text, expected);
        for (size_t piece = 1; piece < 6; piece++) {
            test_context("piece %zu of %s", piece, text);
            ends_of(text, piece, ends);
            ASSERT_STREQ(ends, expected);
        }
    }
}

/* --- parts ----------------------------------------------------------------------------------- */

/* Files in the test's directory that are not hidden; hidden ones are temporaries left behind. */
static unsigned count_files(void)
{
    DIR *dir = opendir(test_tmp_dir());
    struct dirent *entry;
    unsigned n = 0;

    ASSERT_NOT_NULL(dir);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_name[0] == '.')
            FAIL("left behind: %s", entry->d_name);
        n++;
    }
    closedir(dir);
    return n;
}

static int run_split(struct memio *io, const char *format)
{
    return parts_run(io, "split", format);
}

/* The parts are these, and there are no others. */
static void gives(const char *format, const char *in, const char *const *parts, unsigned n)
{
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct memio io = {.in = in, .in_len = strlen(in)};

        test_context("%s, seed %ju", format, (uintmax_t)seed);
        parts_configure(&io, seed);
        if (run_split(&io, format) < 0)
            FAIL("%s", io.error.text);
        ASSERT_EQ(count_files(), n);
        for (unsigned i = 0; i < n; i++) {
            char path[512];
            size_t len = 0;
            uint8_t *data;

            snprintf(path, sizeof path, "%s/p%u", test_tmp_dir(), i);
            data = test_file_read(path, &len);
            ASSERT_NOT_NULL(data);
            ASSERT_BYTES_EQ(data, len, parts[i], strlen(parts[i]));
            free(data);
        }
        parts_clean();
        memio_free(&io);
    }
}

#define GIVES(format, in, ...)                                                                     \
    do {                                                                                           \
        static const char *const parts[] = {__VA_ARGS__};                                          \
                                                                                                   \
        gives(format, in, parts, sizeof parts / sizeof *parts);                                    \
    } while (0)

TEST(test_parts_have_so_many_lines_or_bytes)
{
    GIVES("split --no-sync -n 2 @/p{n}", "1\n2\n3\n4\n5\n", "1\n2\n", "3\n4\n", "5\n");
    GIVES("split --no-sync -l 2 @/p{n}", "1\n2\n3\n4", "1\n2\n", "3\n4");
    GIVES("split --no-sync --sparse --drop-cache -n 2 @/p{n}", "1\n2\n3\n4", "1\n2\n", "3\n4");
    GIVES("split --drop-cache -n 2 @/p{n} [ gzip : gunzip ]", "1\n2\n3\n4", "1\n2\n", "3\n4");
    GIVES("split --no-sync --lines=9 @/p{n}", "1\n2\n3\n4", "1\n2\n3\n4");
    GIVES("split --no-sync -n 1 @/p{n}", "\n\nx", "\n", "\n", "x");
    GIVES("split --no-sync -b 3 @/p{n}", "1234567", "123", "456", "7");
    GIVES("split --no-sync --bytes=7 @/p{n}", "1234567", "1234567");
    GIVES("split --no-sync -C 5 @/p{n}", "1\n2\n3\n4444444\n5\n66\n", "1\n2\n", "3\n", "4444444\n",
          "5\n66\n");
    GIVES("split --no-sync -z -n 1 @/p{n}", "a\nb", "a\nb");
    gives("split --no-sync -n 2 @/p{n}", "", NULL, 0);
    gives("split --no-sync -b 2 --from=3 @/q{n}", "", NULL, 0);
}

TEST(test_csv_records_are_not_cut)
{
    GIVES("split --no-sync --records=2 @/p{n}", "a,\"b\nc\"\nd,e\n\"f\"\"\n\",g\n",
          "a,\"b\nc\"\nd,e\n", "\"f\"\"\n\",g\n");
    GIVES("split --no-sync --records=1 @/p{n}", "a\"b\nc\n", "a\"b\n", "c\n");
    GIVES("split --no-sync --records=1 @/p{n}", BOM "\"a\nb\"\n1\n", BOM "\"a\nb\"\n", "1\n");
    GIVES("split --no-sync --records=1 @/p{n}", "a\n" BOM "\"b\nc\n", "a\n", BOM "\"b\n", "c\n");
    GIVES("split --no-sync --records=1 -t ';' @/p{n}", "a,\"b\n\";\n\"\nc", "a,\"b\n", "\";\n\"\n",
          "c");
}

TEST(test_each_part_begins_with_the_header)
{
    GIVES("split --no-sync --header -n 2 @/p{n}", "h\n1\n2\n3\n", "h\n1\n2\n", "h\n3\n");
    GIVES("split --no-sync --header -n 2 @/p{n}", "h\n1\n2\n", "h\n1\n2\n");
    GIVES("split --no-sync --header -n 2 @/p{n}", "h\n", "h\n");
    GIVES("split --no-sync --header -n 2 @/p{n}", "h", "h");
    GIVES("split --no-sync --header --records=1 @/p{n}", "\"h\nh\"\n1\n\"2\n\"\n", "\"h\nh\"\n1\n",
          "\"h\nh\"\n\"2\n\"\n");
    GIVES("split --no-sync --header --records=1 @/p{n}", BOM "\"h\nh\"\n1\n2\n",
          BOM "\"h\nh\"\n1\n", BOM "\"h\nh\"\n2\n");
    GIVES("split --no-sync --header -C 6 @/p{n}", "hh\n1\n2\n33333333\n4\n", "hh\n1\n", "hh\n2\n",
          "hh\n33333333\n", "hh\n4\n");
    GIVES("split --no-sync --header -C 6 @/p{n}", "hh\n1\n2\n3\n4\n", "hh\n1\n", "hh\n2\n",
          "hh\n3\n", "hh\n4\n");
    GIVES("split --no-sync --header -C 7 @/p{n}", "hh\n1\n2\n3\n4\n", "hh\n1\n2\n", "hh\n3\n4\n");
}

TEST(test_a_branch_runs_for_each_part)
{
    GIVES("split --no-sync -n 2 @/p{n} [ count -l ]", "1\n2\n3\n", "2\n", "1\n");
    GIVES("split --no-sync -n 2 @/p{n} [ grep -v 3 ]", "1\n2\n3\n4\n5\n", "1\n2\n", "4\n", "5\n");
    GIVES("split --no-sync -n 2 @/p{n} [ gzip : pass : gunzip : zstd : unzstd ]", "1\n2\n3\n",
          "1\n2\n", "3\n");
    GIVES("split -n 2 [ tail -n 1 : write --no-sync @/p{n} ]", "1\n2\n3\n", "2\n", "3\n");
    GIVES("split --no-sync -n 2 @/p{n} [ head -n 1 ]", "1\n2\n3\n4\n5\n", "1\n", "3\n", "5\n");
    GIVES("split --no-sync -n 3 @/p{n} [ head -n 0 ]", "1\n2\n3\n4\n", "", "");
    GIVES("split --no-sync -b 2 @/p{n} [ tee [ head -c 1 : null ] : buffer -P 50% : tail -c 1 ]",
          "12345", "2", "4", "5");
    GIVES("split -n 2 [ route [ -e 2 : write --no-sync @/p{n} ] : null ]", "1\n2\n3\n4\n", "2\n",
          "");
    GIVES(
        "split --no-sync -n 2 @/p{n} [ tee --slow=spill [ null ] : tee --on-error=detach [ null ] ]",
        "1\n2\n3\n", "1\n2\n", "3\n");
}

TEST(test_a_branch_may_run_a_command_for_each_part)
{
    struct memio io = {.in = "1\n2\n3\n", .in_len = 6};
    size_t len = 0;
    char path[512];
    uint8_t *data;

    ASSERT_EQ(run_split(&io, "split -n 2 @/p{n} [ exec sed s/^/x/ ]"), 0);
    ASSERT_EQ(count_files(), 2);
    snprintf(path, sizeof path, "%s/p1", test_tmp_dir());
    data = test_file_read(path, &len);
    ASSERT_BYTES_EQ(data, len, "x3\n", 3);
    free(data);
    ASSERT_EQ(run_split(&io, "split -n 2 @/q{n} [ exec sh -c 'read a; test $a = 1' ]"),
              LEAT_ECHILD);
    ASSERT_EQ(count_files(), 2);
    memio_free(&io);
}

/* --- all or nothing -------------------------------------------------------------------------- */

static const char *lines(void)
{
    static char text[DATA_MAX];
    size_t n = 0;

    for (unsigned i = 1000; n + 16 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u line\n", i);
    return text;
}

/* The pipeline, its code, and how many files there are if it is 0. */
static const struct {
    const char *text;
    int code;
    unsigned files;
} outcomes[] = {
    {"split --no-sync -n 100 @/p{n}", 0, 20},
    {"split --no-sync -n 100 @/p{n} [ gzip ]", 0, 20},
    {"split --no-sync -n 300 @/p{n} [ tee [ count -l : write --no-sync @/c{n} ] : zstd ]", 0, 14},
    {"tee [ split --no-sync -n 300 @/p{n} ] : split --no-sync -n 400 @/q{n} [ gzip ]", 0, 12},
    {"split --no-sync -n 100 @/p{n} [ require --max-lines=99 ]", LEAT_ELIMIT, 0},
    {"split --no-sync -n 100 @/p{n} [ require --min-lines=100 ]", LEAT_ETRUNCATED, 0},
    {"split --no-sync -n 100 @/p{n} [ require --match '1.00' ]", LEAT_ECORRUPT, 0},
    {"split --no-sync -n 100 @/p{n} [ gunzip ]", LEAT_ECORRUPT, 0},
    {"split --no-sync -n 100 @/p{n} [ grep -v 2500 : require --min-lines=100 : gzip ]",
     LEAT_ETRUNCATED, 0},
    {"split --no-sync -n 100 @/p{n} [ tee [ require --match '1.00' : null ] : gzip ]",
     LEAT_ECORRUPT, 0},
    {"split --no-sync -n 100 @/p{n} [ gzip : gunzip : tee [ require --match '1.00' : null ] ]",
     LEAT_ECORRUPT, 0},
    {"split --no-sync -n 100 @/nowhere/p{n}", LEAT_ENOENT, 0},
    {"crc32 --expect=00000000 : split --no-sync -n 100 @/p{n} [ gzip ]", LEAT_ECHECKSUM, 0},
    {"tee [ require --min-bytes=1G : null ] : split --no-sync -n 100 @/p{n} [ gzip ]",
     LEAT_ETRUNCATED, 0},
    {"tee [ split --no-sync -n 100 @/p{n} ] : require --min-bytes=1G : null", LEAT_ETRUNCATED, 0},
    {"tee [ split --no-sync -n 100 @/p{n} ] : split --no-sync -n 100 @/p{n}", LEAT_EUSAGE, 0},
    {"split --no-sync -n 100 @/p{n} [ tee --on-error=detach [ gunzip : null ] ]", LEAT_EBATCH, 20},
    {"split --no-sync -n 100 @/p{n} [ grep -v x : head -n 3 ]", 0, 20},
    {"split --no-sync -n 100 @/p{n} [ tee [ grep -v x : head -n 3 : null ] : gzip : head -c 1 ]", 0,
     20},
};

TEST(test_all_parts_are_there_or_none)
{
    unsigned seeds = test_under_sanitizer() ? 8 : 40;

    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        for (uint64_t seed = 0; seed < seeds; seed++) {
            struct memio io = {.in = lines(), .in_len = strlen(lines())};

            test_context("%s, seed %ju", outcomes[i].text, (uintmax_t)seed);
            parts_configure(&io, seed);
            if (run_split(&io, outcomes[i].text) != outcomes[i].code)
                FAIL("code %d: %s", io.code, io.error.text);
            ASSERT_EQ(count_files(), outcomes[i].files);
            parts_clean();
            memio_free(&io);
        }
}

/* No call of the source that fails or cancels leaves a part. */
TEST(test_a_cancel_or_a_failing_source_leaves_no_part)
{
    for (uint64_t seed = 0; seed < (test_under_sanitizer() ? 10u : 60u); seed++)
        for (unsigned cancels = 0; cancels < 2; cancels++) {
            struct memio io = {.in = lines(), .in_len = strlen(lines())};

            test_context("seed %ju, cancels %u", (uintmax_t)seed, cancels);
            parts_configure(&io, seed);
            io.piece = 600;
            if (cancels)
                io.source.cancel_at = 1 + seed % 30;
            else
                io.source.fail_at = 1 + seed % 30;
            ASSERT_EQ(
                run_split(
                    &io,
                    "split --no-sync -n 50 @/p{n} [ tee [ count -l : write --no-sync @/c{n} ] : gzip ]"),
                cancels ? LEAT_ECANCELLED : LEAT_EIO);
            ASSERT_EQ(count_files(), 0);
            memio_free(&io);
        }
}

TEST(test_a_file_that_is_there_is_not_replaced)
{
    struct memio io = {.in = lines(), .in_len = strlen(lines())};
    char path[512];
    size_t len;
    uint8_t *data;
    FILE *file;

    snprintf(path, sizeof path, "%s/p3", test_tmp_dir());
    file = fopen(path, "w");
    ASSERT_NOT_NULL(file);
    ASSERT_EQ(fclose(file), 0);
    ASSERT_EQ(run_split(&io, "split -n 100 @/p{n}"), LEAT_EEXIST);
    ASSERT_STR_HAS(io.error.text, "/p3: exists");
    ASSERT_EQ(count_files(), 1);
    ASSERT_EQ(run_split(&io, "split --force --no-sync -n 100 @/p{n}"), 0);
    ASSERT_EQ(count_files(), 20);
    data = test_file_read(path, &len);
    ASSERT_GT(len, 0);
    free(data);
    memio_free(&io);
}

TEST(test_many_parts_hold_no_descriptors_and_little_memory)
{
    struct memio io = {.in = lines(), .in_len = strlen(lines())};
    char path[512];

    io.settings.memory = (uint64_t)32 << 20;
    io.settings.executor = LEAT_EXECUTOR_LOOP;
    ASSERT_EQ(run_split(&io, "split --no-sync -n 1 @/p{n:06}"), 0);
    ASSERT_EQ(count_files(), 1999);
    ASSERT_LE(io.stats.memory_peak, io.settings.memory);
    snprintf(path, sizeof path, "%s/p001998", test_tmp_dir());
    ASSERT_EQ(access(path, R_OK), 0);
    parts_clean();
    io.settings.memory = (uint64_t)4 << 20;
    ASSERT_EQ(run_split(&io, "split --no-sync -n 1 @/p{n:06}"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "raise --memory");
    ASSERT_EQ(count_files(), 0);
    memio_free(&io);
}

TEST(test_a_quoted_field_that_does_not_end_is_an_error)
{
    struct memio io = {.in = "a\n\"b\nc\n", .in_len = 7};

    ASSERT_EQ(run_split(&io, "split --records=1 @/p{n}"), LEAT_ETRUNCATED);
    ASSERT_STR_HAS(io.error.text, "inside a quoted field");
    ASSERT_EQ(count_files(), 0);
    memio_free(&io);
    io.in = BOM "\"b\nc\n";
    io.in_len = 8;
    ASSERT_EQ(run_split(&io, "split --records=1 @/p{n}"), LEAT_ETRUNCATED);
    ASSERT_EQ(count_files(), 0);
    memio_free(&io);
}

TEST(test_wrong_uses_of_split_are_usage_errors)
{
    static const char *const texts[][2] = {
        {"split @/p{n}", "needs one of"},
        {"split -n 1 -b 1 @/p{n}", "needs one of"},
        {"split -n 1", "needs a name"},
        {"split -n 1 @/p", "{n}"},
        {"split -n 1 [ gzip ]", "needs a name"},
        {"split -n 1 @/p{n} [ null ]", "ends with a writable"},
        {"split -n 1 [ write @/p ]", "{n}"},
        {"split -n 1 --direct [ write @/p{n} ]", "writes no file"},
        {"split -n 1 @/p{n} [ tee [ write @/q ] ]", "{n}"},
        {"split -n 1 @/p{n} [ sha256 --to=@/q ]", "tee ["},
        {"split -n 1 @/p{n} [ tee [ split -n 1 @/q{n} ] ]", "runs for each part"},
        {"split --header -b 1 @/p{n}", "--header"},
        {"split -t x -n 1 @/p{n}", "--separator"},
        {"split --csv -t '\"' -n 1 @/p{n}", "--separator"},
        {"split -n 1 --from=18446744073709551615 @/p{n}",
         "option --from: '18446744073709551615' is "
         "not a number from 0 to 9223372036854775807"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct memio io = {.in = "", .in_len = 0};

        test_context("%s", texts[i][0]);
        ASSERT_EQ(run_split(&io, texts[i][0]), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, texts[i][1]);
        memio_free(&io);
    }
}
