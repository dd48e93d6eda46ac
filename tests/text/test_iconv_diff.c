/* test_iconv_diff.c - iconv against GNU's, on generated cases. */
#include <stdlib.h>

#include "../../transforms/text/recode.h"
#include "gnu.h"
#include "test.h"

static const char *const by_hand[] = {"UTF-8",    "UTF-16",   "UTF-16LE", "UTF-16BE",   "UTF-32",
                                      "UTF-32LE", "UTF-32BE", "utf8",     "ISO-8859-1", "latin1"};
static const char *const by_library[] = {"ISO-8859-15", "CP1252",      "KOI8-R", "SHIFT_JIS",
                                         "EUC-JP",      "ISO-2022-JP", "UTF-7",  "ASCII",
                                         "GB18030",     "UCS-2LE",     "BIG5",   "CP437"};
/* Characters of many lengths; those above 0xff are not in ISO-8859-1. */
static const uint32_t codes[] = {'a',    'b',    'Z',     '0',     ' ',     '\n',   '\r',   0,
                                 0x7f,   0x80,   0xe9,    0xff,    0xa0,    0x100,  0x3b1,  0x434,
                                 0x7ff,  0x800,  0x20ac,  0x3042,  0x4e2d,  0xd7ff, 0xe000, 0xfeff,
                                 0xfffd, 0xffff, 0x10000, 0x1f600, 0x10ffff};
/* Bytes that are wrong in some encoding; not those of codes above 10FFFF, which GNU takes. */
static const char *const wrong[] = {"\xff",     "\xfe",     "\x80",         "\xc0\x80",
                                    "\xc3",     "\xe2\x82", "\xed\xa0\x80", "\xe0\x80\x80",
                                    "\xf0\x9f", "\xd8",     "\xdc\x01\xd8", "\x1b$"};

static enum leat_charset charset_of(const char *name)
{
    if (strcmp(name, "UTF-16BE") == 0)
        return LEAT_UTF16BE;
    if (strcmp(name, "UTF-32BE") == 0)
        return LEAT_UTF32BE;
    if (strstr(name, "16"))
        return LEAT_UTF16LE;
    if (strstr(name, "32"))
        return LEAT_UTF32LE;
    return strcasestr(name, "utf") ? LEAT_UTF8 : LEAT_LATIN1;
}

static void draw_input(uint64_t *random, struct gnu_pair *pair, const char *from)
{
    enum leat_charset charset = charset_of(from);
    bool ascii = gnu_draw(random, 4) == 0, narrow = gnu_draw(random, 2) || charset == LEAT_LATIN1;
    bool errors = gnu_draw(random, 3) == 0;

    for (unsigned n = gnu_draw(random, gnu_draw(random, 3) ? 300 : 20); n > 0; n--) {
        uint32_t code = codes[gnu_draw(random, ascii    ? 9
                                               : narrow ? 13
                                                        : sizeof codes / sizeof *codes)];
        uint8_t bytes[LEAT_CHARACTER_MAX];

        for (unsigned k = gnu_draw(random, 20) ? 1 : 70; k > 0; k--)
            gnu_add(&pair->in, bytes, leat_recode_put(charset, code, bytes));
        if (errors && gnu_draw(random, 60) == 0) {
            const char *bad = GNU_PICK(random, wrong);

            gnu_add(&pair->in, bad, strlen(bad));
        }
    }
    if (pair->in.len > 0 && gnu_draw(random, 10) == 0)
        pair->in.len -= 1;
}

/* With -c GNU converts all it can, and fails. */
static const char leave_out[] =
    "{ e=$(iconv \"$@\" 2>&1 >&3); } 3>&1; case $e in *incomplete*) exit 1;; esac";

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    const char *from = GNU_PICK(random, by_hand), *to = GNU_PICK(random, by_hand);
    bool skip = gnu_draw(random, 3) == 0;

    if (gnu_draw(random, 5) == 0)
        to = GNU_PICK(random, by_library);
    gnu_stage(pair, "iconv");
    if (skip) {
        gnu_tool(pair, "sh");
        gnu_tool(pair, "-c");
        gnu_tool(pair, "%s", leave_out);
        gnu_tool(pair, "sh");
        gnu_both(pair, "-c");
    } else {
        gnu_tool(pair, "iconv");
    }
    gnu_both(pair, "-f");
    gnu_both(pair, "%s", from);
    gnu_both(pair, "-t");
    gnu_both(pair, "%s%s", to, gnu_draw(random, 8) || skip ? "" : "//TRANSLIT");
    draw_input(random, pair, from);
}

TEST(test_iconv_agrees_with_gnu)
{
    gnu_need("iconv", "GLIBC", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}

/* Text in the other encodings is made by GNU's. */
static void draw_from_library(uint64_t *random, struct gnu_pair *pair)
{
    struct gnu_bytes made;
    const char *from = GNU_PICK(random, by_library);
    char *argv[] = {strdup("iconv"), strdup("-c"), strdup("-f"), strdup("UTF-8"),
                    strdup("-t"),    strdup(from), NULL};

    draw_input(random, pair, "UTF-8");
    gnu_run(argv, NULL, pair->in, &made);
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
    pair->in.len = 0;
    gnu_add(&pair->in, made.data, made.len);
    free(made.data);
    gnu_stage(pair, "iconv");
    gnu_tool(pair, "iconv");
    gnu_both(pair, "-f");
    gnu_both(pair, "%s", from);
    gnu_both(pair, "-t");
    gnu_both(pair, "%s", gnu_draw(random, 2) ? "UTF-8" : GNU_PICK(random, by_hand));
}

TEST(test_iconv_agrees_with_gnu_on_other_encodings)
{
    gnu_need("iconv", "GLIBC", GNU_PAIRS / 8);
    gnu_pairs(GNU_PAIRS / 8, draw_from_library);
}
