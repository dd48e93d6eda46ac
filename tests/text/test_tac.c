/* test_tac.c - tac of streams that are larger than its window and its memory; timestamp in simulated time. */
#include <stdlib.h>
#include <time.h>

#include "memio.h"
#include "test.h"

#define BIG ((size_t)3 << 20)

/* Records of random lengths, up to 2^most bytes, made of `letters`; ends with a separator or not. */
static size_t draw_records(uint64_t *random, uint8_t *to, const char *separator, unsigned most,
                           const char *letters)
{
    size_t n = 0, len = strlen(separator), kinds = strlen(letters);

    while (n < BIG) {
        size_t record = test_random(random) % ((size_t)1 << (test_random(random) % most));

        for (; record > 0 && n < BIG; record--)
            to[n++] = (uint8_t)letters[test_random(random) % kinds];
        if (n + len > BIG)
            break;
        memcpy(to + n, separator, len);
        n += len;
    }
    return n;
}

/* What tac gives: separators are found from the end. */
static void reverse(const uint8_t *in, size_t n, const char *separator, bool before, uint8_t *out)
{
    size_t len = strlen(separator), rest = n, at = 0;

    for (size_t i = n; i >= len; i--) {
        size_t from = before ? i - len : i;

        if (memcmp(in + i - len, separator, len) != 0)
            continue;
        memcpy(out + at, in + from, rest - from);
        at += rest - from;
        rest = from;
        i = i - len + 1;
    }
    memcpy(out + at, in, rest);
}

static void check(uint64_t *random, const char *separator, unsigned most, const char *letters,
                  uint64_t memory, uint8_t *in, uint8_t *expected)
{
    bool before = test_random(random) % 2;
    size_t n = draw_records(random, in, separator, most, letters);
    struct memio io = {.in = in, .in_len = n, .piece = MEMIO_RANDOM, .seed = *random};
    char stage[64] = "tac";

    if (strcmp(separator, "\n") != 0)
        snprintf(stage, sizeof stage, "tac -s %s", separator);
    if (before)
        strcat(stage, " -b");
    test_context("%s, records up to 2^%u, memory %ju", stage, most, (uintmax_t)memory);
    io.settings.memory = memory;
    reverse(in, n, separator, before, expected);
    if (memio_run(&io, stage) < 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, expected, n);
    memio_free(&io);
}

TEST(test_tac_of_a_large_stream_in_memory_and_in_a_file)
{
    uint8_t *in = malloc(BIG), *expected = malloc(BIG);
    static const unsigned longest[] = {5, 9, 14, 20, 22};
    static const uint64_t memory[] = {0, (uint64_t)3 << 20};
    uint64_t random = 5;

    ASSERT(in && expected);
    for (unsigned i = 0; i < 10; i++) {
        check(&random, "\n", longest[i % 5], "abcdef", memory[i % 2], in, expected);
        check(&random, "xyx", longest[i % 5], "xya", memory[i % 2], in, expected);
    }
    free(in);
    free(expected);
}

TEST(test_tac_passes_a_line_that_is_larger_than_the_memory)
{
    const size_t n = 9000000;
    uint8_t *in = malloc(n);
    struct memio io = {.in = in, .in_len = n, .settings.memory = (uint64_t)3 << 20};

    ASSERT_NOT_NULL(in);
    memset(in, 'x', n);
    in[1] = '\n';
    ASSERT_EQ(memio_run(&io, "tac : tail -c 10"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "xxxxxxxxx\n", 10 - 2 + 2);
    memio_free(&io);
    free(in);
}

TEST(test_tac_refuses_what_it_cannot_do)
{
    struct memio io = {.in = "a", .in_len = 1};

    ASSERT_EQ(memio_run(&io, "tac -z -s x"), LEAT_EUSAGE);
    memio_free(&io);
    ASSERT_EQ(memio_run(&io, "tac -r"), LEAT_EUSAGE);
    memio_free(&io);
    ASSERT_EQ(memio_run(&io, "tac --spill=''"), LEAT_EUSAGE);
    memio_free(&io);
}

/* --- timestamp -------------------------------------------------------------------------------- */

/* Lines of ten bytes that come at two bytes per simulated second. */
static void expect_times(const char *stage, const char *out)
{
    struct memio io = {.in = "123456789\n123456789\n123456789", .in_len = 29};
    char text[128];

    snprintf(text, sizeof text, "limit --rate=2/s --burst=1 : %s", stage);
    io.settings.executor = LEAT_EXECUTOR_SEEDED;
    io.settings.virtual_time = true;
    io.settings.seed = 1;
    test_context("%s", text);
    if (memio_run(&io, text) < 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, out, strlen(out));
    memio_free(&io);
}

TEST(test_timestamp_counts_from_the_start_or_from_the_last_line)
{
    expect_times("timestamp -s", "00:00:00 123456789\n00:00:05 123456789\n00:00:10 123456789");
    expect_times("timestamp -i", "00:00:00 123456789\n00:00:05 123456789\n00:00:05 123456789");
    expect_times("ts -s '%.S %%.S'",
                 "00.000000 %.S 123456789\n05.000000 %.S 123456789\n10.000000 %.S 123456789");
}

TEST(test_timestamp_shows_the_time_of_the_day)
{
    struct memio io = {.in = "a\n\nb", .in_len = 4};
    long long first, second;
    time_t now = time(NULL);
    struct tm tm;
    char day[32];

    ASSERT_EQ(memio_run(&io, "timestamp %s"), 0);
    ASSERT_EQ(sscanf((const char *)io.out, "%lld a\n%lld \n", &first, &second), 2);
    ASSERT(first >= now && first < now + 600);
    ASSERT_EQ(first, second);
    memio_free(&io);
    ASSERT_EQ(memio_run(&io, "timestamp --utc '%Y %.T'"), 0);
    ASSERT_NOT_NULL(gmtime_r(&now, &tm));
    strftime(day, sizeof day, "%Y ", &tm);
    ASSERT_EQ(strncmp((const char *)io.out, day, 5), 0);
    ASSERT_EQ(io.out[13], '.');
    memio_free(&io);
    ASSERT_EQ(memio_run(&io, "timestamp -z ''"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, " a\n\nb", 5);
    memio_free(&io);
    ASSERT_EQ(memio_run(&io, "timestamp -i -s"), LEAT_EUSAGE);
    memio_free(&io);
}
