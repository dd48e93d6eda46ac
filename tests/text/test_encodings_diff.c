/* test_encodings_diff.c - base64, hex and url against base64 of GNU, xxd, perl and urllib, on generated
 * cases. */
#include <stdlib.h>

#include "gnu.h"
#include "memio.h"
#include "test.h"

static void draw_bytes(uint64_t *random, struct gnu_pair *pair)
{
    static const unsigned most[] = {4, 100, 300, 4000};
    unsigned n = gnu_draw(random, most[gnu_draw(random, 4)]);

    for (unsigned i = 0; i < n; i++) {
        uint8_t c = (uint8_t)gnu_draw(random, 256);

        gnu_add(&pair->in, &c, 1);
    }
}

/* A line of `columns` characters, all of `alphabet` but some. */
static void draw_encoded(uint64_t *random, struct gnu_pair *pair, const char *alphabet,
                         const char *others)
{
    unsigned n = gnu_draw(random, gnu_draw(random, 4) ? 60 : 1500), columns = gnu_draw(random, 120),
             rate = gnu_draw(random, 3) ? 0 : 1 + gnu_draw(random, 300);

    for (unsigned i = 1; i <= n; i++) {
        bool other = rate > 0 && gnu_draw(random, rate) == 0;
        const char *from = other ? others : alphabet;

        gnu_add(&pair->in, &from[gnu_draw(random, (unsigned)strlen(from))], 1);
        if (columns > 0 && i % columns == 0)
            gnu_add(&pair->in, "\n", 1);
    }
}

/* --- base64 ----------------------------------------------------------------------------------- */

static void draw_base64(uint64_t *random, struct gnu_pair *pair)
{
    static const char *const widths[] = {"0",  "1",  "2",  "3",  "4", "5",
                                         "57", "64", "75", "76", "77"};

    gnu_tool(pair, "base64");
    gnu_stage(pair, "base64");
    if (gnu_draw(random, 2)) {
        gnu_both(pair, "-w");
        if (gnu_draw(random, 4))
            gnu_both(pair, "%s", GNU_PICK(random, widths));
        else
            gnu_both(pair, "%u", gnu_draw(random, 2000));
    }
    draw_bytes(random, pair);
}

TEST(test_base64_agrees_with_gnu)
{
    gnu_need("base64", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_base64);
}

static void draw_unbase64(uint64_t *random, struct gnu_pair *pair)
{
    gnu_tool(pair, "base64");
    gnu_tool(pair, "-d");
    gnu_stage(pair, "unbase64");
    if (gnu_draw(random, 3) == 0)
        gnu_both(pair, "-i");
    draw_encoded(random, pair, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                 gnu_draw(random, 2) ? "=" : "==\n\n-_.\r \x80");
    if (gnu_draw(random, 2))
        gnu_add(&pair->in, "==", 1 + gnu_draw(random, 2));
    if (gnu_draw(random, 2))
        gnu_add(&pair->in, "QUJDRA==", gnu_draw(random, 9));
}

TEST(test_unbase64_agrees_with_gnu)
{
    gnu_need("base64", "GNU coreutils", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_unbase64);
}

/* What is output before the error, too. */
TEST(test_unbase64_outputs_what_gnu_does_before_a_fault)
{
    uint64_t random = 3;

    gnu_need("base64", "GNU coreutils", 1);
    for (unsigned i = 0; i < 300; i++) {
        struct gnu_pair pair = {.n_tool = 0};
        struct gnu_bytes expected = {.data = NULL};
        struct memio io = {.piece = MEMIO_RANDOM, .seed = i};
        int status;

        draw_unbase64(&random, &pair);
        status = gnu_run(pair.tool, NULL, pair.in, &expected);
        io.in = pair.in.data;
        io.in_len = pair.in.len;
        test_context("case %u: %.2000s", i, pair.in.data ? (char *)pair.in.data : "");
        memio_run(&io, pair.n_tool > 2 ? "unbase64 -i" : "unbase64");
        ASSERT_EQ(io.code != 0, status != 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected.data, expected.len);
        memio_free(&io);
        free(expected.data);
        free(pair.in.data);
        for (size_t k = 0; k < pair.n_tool; k++)
            free(pair.tool[k]);
        for (size_t k = 0; k < pair.n_stage; k++)
            free(pair.stage[k]);
    }
}

/* --- hex -------------------------------------------------------------------------------------- */

/* Its version goes to standard error, and with a status that depends on it. */
static void need_xxd(void)
{
    char *argv[] = {(char[]){"xxd"}, (char[]){"-p"}, NULL};
    struct gnu_bytes in = {.data = (uint8_t[]){'a'}, .len = 1}, out = {.data = NULL};
    bool is_there = gnu_run(argv, NULL, in, &out) == 0 && out.len == 3;

    free(out.data);
    if (!is_there)
        SKIP(GNU_PAIRS, "xxd is not installed");
}

static void draw_hex(uint64_t *random, struct gnu_pair *pair)
{
    gnu_tool(pair, "xxd");
    gnu_tool(pair, "-p");
    gnu_stage(pair, "hex");
    if (gnu_draw(random, 2)) {
        gnu_both(pair, "-c");
        gnu_both(pair, "%u", gnu_draw(random, gnu_draw(random, 2) ? 40 : 256));
    }
    draw_bytes(random, pair);
}

TEST(test_hex_agrees_with_xxd)
{
    need_xxd();
    gnu_pairs(GNU_PAIRS, draw_hex);
}

/* xxd -r takes dumps with faults, which unhex refuses; lines of an odd number of digits are such ones. */
static void draw_unhex(uint64_t *random, struct gnu_pair *pair)
{
    unsigned bytes = gnu_draw(random, gnu_draw(random, 4) ? 60 : 1500),
             columns = 1 + gnu_draw(random, 60);
    bool upper = gnu_draw(random, 2), spaced = gnu_draw(random, 4) == 0;

    gnu_tool(pair, "xxd");
    gnu_tool(pair, "-r");
    gnu_tool(pair, "-p");
    gnu_stage(pair, "unhex");
    for (unsigned i = 1; i <= bytes; i++) {
        char text[8];

        snprintf(text, sizeof text, upper ? "%02X" : "%02x", gnu_draw(random, 256));
        gnu_add(&pair->in, text, 2);
        if (i % columns == 0 || i == bytes)
            gnu_add(&pair->in, "\n", 1);
        else if (spaced && gnu_draw(random, 8) == 0)
            gnu_add(&pair->in, " ", 1);
    }
}

TEST(test_unhex_agrees_with_xxd)
{
    need_xxd();
    gnu_pairs(GNU_PAIRS, draw_unhex);
}

/* --- url -------------------------------------------------------------------------------------- */

static void draw_url(uint64_t *random, struct gnu_pair *pair)
{
    bool all = gnu_draw(random, 4) == 0, zero = !all && gnu_draw(random, 4) == 0,
         form = gnu_draw(random, 4) == 0;

    gnu_tool(pair, "perl");
    gnu_tool(pair, "-0777pe");
    gnu_tool(pair, "s/([^A-Za-z0-9._~%s%s-])/sprintf(\"%%%%%%02X\",ord $1)/ge%s",
             all    ? ""
             : zero ? "\\0"
                    : "\\n",
             form ? " " : "", form ? ";y/ /+/" : "");
    gnu_stage(pair, "url");
    if (all)
        gnu_stage(pair, "--all");
    if (zero)
        gnu_stage(pair, "-z");
    if (form)
        gnu_stage(pair, "--form");
    if (gnu_draw(random, 3))
        gnu_draw_lines(random, pair, NULL);
    else
        draw_bytes(random, pair);
}

TEST(test_url_agrees_with_perl)
{
    gnu_need("perl", "perl 5", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_url);
}

static void draw_unurl(uint64_t *random, struct gnu_pair *pair)
{
    const char *decode = "s/%([0-9A-Fa-f]{2})/chr hex $1/ge";

    gnu_tool(pair, "perl");
    gnu_tool(pair, "-0777pe");
    gnu_stage(pair, "unurl");
    gnu_stage(pair, "--keep-bad");
    if (gnu_draw(random, 2)) {
        gnu_tool(pair, "y/+/ /;%s", decode);
        gnu_stage(pair, "--form");
    } else {
        gnu_tool(pair, "%s", decode);
    }
    draw_encoded(random, pair, gnu_draw(random, 2) ? "%%0A4f+" : "abcdefghijklmnopqrstuvwxyz/?+012",
                 "%\n\r \x80G");
}

TEST(test_unurl_agrees_with_perl)
{
    gnu_need("perl", "perl 5", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw_unurl);
}

/* One process for 2,000 lines, as Python starts slowly. A line of urllib is escaped again for the way back. */
TEST(test_url_agrees_with_urllib)
{
    char *argv[] = {(char[]){"python3"}, (char[]){"-c"}, NULL, NULL};
    static const struct {
        const char *stage, *function;
    } ways[] = {
        {"url", "quote_from_bytes(line, safe='')"},
        {"url --form", "quote_plus(line, safe='')"},
        {"unurl --keep-bad : url", "quote_from_bytes(u.unquote_to_bytes(line), safe='')"},
        {"unurl --keep-bad --form : url",
         "quote_from_bytes(u.unquote_to_bytes(line.replace(b'+', b' ')), safe='')"},
    };
    uint64_t random = 7;

    gnu_need("python3", "Python 3", 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct gnu_pair pair = {.n_tool = 0};
        struct gnu_bytes expected = {.data = NULL};
        struct memio io = {.piece = MEMIO_RANDOM, .seed = i, .settings.threads = 2};
        char program[400];

        for (unsigned k = 0; k < 500; k++)
            draw_encoded(&random, &pair, "abc%%4+1eEfF", "%\r \x80G~&=");
        snprintf(program, sizeof program,
                 "import sys, urllib.parse as u\n"
                 "lines = sys.stdin.buffer.read().split(b'\\n')\n"
                 "sys.stdout.write('\\n'.join(u.%s.replace('%%0A', '\\n') for line in lines))",
                 ways[i].function);
        argv[2] = program;
        ASSERT_EQ(gnu_run(argv, NULL, pair.in, &expected), 0);
        io.in = pair.in.data;
        io.in_len = pair.in.len;
        test_context("%s", ways[i].stage);
        ASSERT_EQ(memio_run(&io, ways[i].stage), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected.data, expected.len);
        memio_free(&io);
        free(expected.data);
        free(pair.in.data);
    }
}
