/* test_size.c - sizes and durations as people write them. */

#include "leat.h"
#include "test.h"

#define BAD UINT64_MAX
#define LARGE (UINT64_MAX - 1)

struct example {
    const char *text;
    uint64_t value; /* BAD: refused; LARGE: refused because it does not fit */
};

static const struct example sizes[] = {
    {"0", 0},
    {"1", 1},
    {"4096", 4096},
    {"512B", 512},
    {"64K", 65536},
    {"64k", 65536},
    {"64KiB", 65536},
    {"64kB", 64000},
    {"64KB", 64000},
    {"10MB", 10000000},
    {"10M", 10485760},
    {"2048m", 2147483648u},
    {"1.5G", 1610612736},
    {"1.5GB", 1500000000},
    {"0.5", 0},
    {"0.001K", 1},
    {"1.0000000000000000000000000001K", 1024},
    {"0.333333333333333333K", 341},
    {"3T", 3298534883328},
    {"1P", 1125899906842624},
    {"15E", 17293822569102704640u},
    {"15.999999999999999E", 18446744073709550463u},
    {"16E", LARGE},
    {"18EB", 18000000000000000000u},
    {"19EB", LARGE},
    {"18446744073709551613", 18446744073709551613u},
    {"18446744073709551616", LARGE},
    {"99999999999999999999999", LARGE},
    {"99999999999999999999999.5GB", LARGE},
    {"99999999999999999999999x", BAD},
    {"010", 10},
    {"", BAD},
    {"K", BAD},
    {"-1", BAD},
    {"+1", BAD},
    {" 1", BAD},
    {"1 K", BAD},
    {"1K ", BAD},
    {"1.", BAD},
    {".5K", BAD},
    {"1.K", BAD},
    {"1KK", BAD},
    {"1Ki", BAD},
    {"1Kb", BAD},
    {"1Z", BAD},
    {"0x10", BAD},
    {"1e3", BAD},
    {"1,5K", BAD},
};

static const struct example durations[] = {
    {"0", 0},
    {"10", 10000},
    {"1.5", 1500},
    {"500ms", 500},
    {"0.1ms", 1},
    {"0.0000000000000000001s", 1},
    {"0.0", 0},
    {"10s", 10000},
    {"5m", 300000},
    {"5min", 300000},
    {"1h", 3600000},
    {"1.5h", 5400000},
    {"2d", 172800000},
    {"106751d", 9223286400000u},
    {"106752d", LARGE},
    {"9223372036853.5ms", 9223372036854u},
    {"9223372036854.5ms", LARGE},
    {"18446744073709552", LARGE},
    {"18446744073709551616ms", LARGE},
    {"", BAD},
    {"s", BAD},
    {"-1s", BAD},
    {"1w", BAD},
    {"1M", BAD},
    {"1 s", BAD},
    {"1ms5", BAD},
    {"inf", BAD},
};

static void check(const struct example *e, size_t n, int (*parse)(const char *, uint64_t *))
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 77;
        int r = parse(e[i].text, &value);

        test_context("text: '%s'", e[i].text);
        ASSERT_EQ(r, e[i].value == BAD ? LEAT_EUSAGE : e[i].value == LARGE ? LEAT_ELIMIT : 0);
        if (r == 0)
            ASSERT_EQ(value, e[i].value);
        else
            ASSERT_EQ(value, 77); /* written only on success */
    }
}

TEST(test_sizes_are_exact_or_refused)
{
    check(sizes, sizeof sizes / sizeof *sizes, leat_parse_size);
}

TEST(test_durations_are_rounded_up_or_refused)
{
    check(durations, sizeof durations / sizeof *durations, leat_parse_duration);
}
