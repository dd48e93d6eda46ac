/* test_replace_diff.c - replace against Perl, on generated cases. */
#include "gnu.h"
#include "test.h"

/* Words: the pattern, the text as Perl writes it, how many matches, the end of a record, options of the pattern. */
static const char script[] =
    "my ($re, $text, $most, $end, $flags, $utf8) = @ARGV;"
    "my $layer = $utf8 ? ':utf8' : ':raw'; binmode STDIN, $layer; binmode STDOUT, $layer;"
    "if ($utf8) { utf8::decode($re); utf8::decode($text) }"
    "my $n; my $change = eval \"sub { \\$_[0] =~ s\\x01$re\\x01 ++\\$n <= $most ? qq\\x02$text\\x02 : \\$& \\x01ge$flags }\""
    " or exit 2; $/ = $end ? \"\\0\" : \"\\n\";"
    "while (<STDIN>) { my $had = chomp; $n = 0; $change->($_); print $_, $had ? $/ : '' }";

static const char *const pieces[] = {
    "a",        "b",       "ab",   "0",          "\\d+",        "[ab]", "[^a]",  "a*",
    "b+?",      "(a)",     "(b*)", "(?:a|b)",    "(a|ab)",      "\\w+", "\\W",   "\\s",
    ".",        ".*",      ".?",   "(\\S+)",     "\\b",         "^",    "(?=a)", "(?<=a)b",
    "x|",       "(a)|(b)", "a{2}", "[a-c]{1,2}", "(?<n>[0-9])", "\\.",  "foo",   " ",
    "(?:foo)?", "(?:ab)+", "A",    "(b)?",       "_",           "-",    "a|foo", "[[:alpha:]]+",
    "(?i:a)",   "\\S*",    "e",    "k",          "s",
};
static const char *const wide[] = {"\xc3\xa9",    "[\xc3\xa9-\xc3\xbf]", "\\x{e9}", "\xce\xb1+",
                                   "[^\xc3\xa9]", "(\xc3\xa9)",          "\\pL+",   "\\d",
                                   "[[:alnum:]]", "\xe2\x82\xac?",       "\\w",     "\\p{Greek}"};
static const char *const words[] = {"a", "b", "ab",  "A",   "0",  "12", "foo", "_", "-",
                                    " ", ".", "aa",  "B",   "x",  "\t", "e",   "k", "s",
                                    "K", "S", "aab", "a.b", "\r", "bb", "FOO", NULL};
static const char *const wide_words[] = {"a",
                                         "b ",
                                         "\xc3\xa9",
                                         "\xc3\x89",
                                         "\xce\xb1\xce\x91",
                                         "\xe2\x82\xac",
                                         "\xd9\xa3",
                                         "\xf0\x9d\x94\xb8",
                                         "12",
                                         " ",
                                         "foo",
                                         "\xc5\xbf",
                                         "\xe2\x84\xaa",
                                         "k",
                                         "s",
                                         "\xc3\xb1"};

/* Parts of the text: as replace has them, and as Perl does. NULL: a group's number follows. */
static const char *const texts[][2] = {
    {"x", "x"},         {"<", "<"},       {">", ">"},     {"$&", "$&"},   {"${0}", "$&"},
    {"$$", "\\$"},      {"\\U", "\\U"},   {"\\L", "\\L"}, {"\\E", "\\E"}, {"aB", "aB"},
    {"\\n", "\\n"},     {"\\\\", "\\\\"}, {"\\t", "\\t"}, {"", ""},       {"${0}-", "$&-"},
    {"\\x41", "\\x41"}, {"\\u", "\\u"},   {"\\l", "\\l"},
};

static void draw_pattern(uint64_t *random, bool unicode, bool null_data, char *to, size_t size)
{
    size_t len = 0;

    for (unsigned n = 1 + gnu_draw(random, 4); n > 0; n--) {
        const char *piece =
            unicode && gnu_draw(random, 2) ? GNU_PICK(random, wide) : GNU_PICK(random, pieces);

        if (strcmp(piece, "(?<n>[0-9])") == 0 && strstr(to, "<n>"))
            continue;
        len += (size_t)snprintf(to + len, size - len, "%s", piece);
    }
    if (!null_data && gnu_draw(random, 8) == 0)
        snprintf(to + len, size - len, "$");
}

static unsigned groups_of(const char *pattern)
{
    unsigned n = 0;

    for (const char *p = pattern; (p = strchr(p, '(')); p++)
        n += p[1] != '?' || (p[2] == '<' && p[3] == 'n');
    return n;
}

static void draw_text(uint64_t *random, const char *pattern, char *ours, char *perls, size_t size)
{
    unsigned groups = groups_of(pattern);
    size_t n = 0, m = 0;

    ours[0] = perls[0] = '\0';
    for (unsigned parts = gnu_draw(random, 5); parts > 0; parts--) {
        unsigned k = gnu_draw(random, sizeof texts / sizeof *texts);

        if (gnu_draw(random, 2) && groups > 0) {
            k = 1 + gnu_draw(random, groups);
            n += (size_t)snprintf(ours + n, size - n, "${%u}", k);
            m += (size_t)snprintf(perls + m, size - m, "${%u}", k);
        } else if (gnu_draw(random, 4) == 0 && strstr(pattern, "<n>")) {
            n += (size_t)snprintf(ours + n, size - n, "${n}");
            m += (size_t)snprintf(perls + m, size - m, "$+{n}");
        } else if (strpbrk(texts[k][0], "ul") && texts[k][0][0] == '\\') {
            /* Perl gives \u to the next part, even if that is empty, and then does what \U before it says. */
            if (strstr(ours, "\\U") || strstr(ours, "\\L"))
                continue;
            n += (size_t)snprintf(ours + n, size - n, "%sfoo", texts[k][0]);
            m += (size_t)snprintf(perls + m, size - m, "%sfoo", texts[k][1]);
        } else {
            n += (size_t)snprintf(ours + n, size - n, "%s", texts[k][0]);
            m += (size_t)snprintf(perls + m, size - m, "%s", texts[k][1]);
        }
    }
}

static void draw_options(uint64_t *random, struct gnu_pair *pair, const char *pattern, char *re,
                         size_t size, const char **ret_flags, unsigned *ret_most)
{
    unsigned shape = gnu_draw(random, 8);

    *ret_flags = gnu_draw(random, 4) ? "" : "i";
    *ret_most = 1;
    if (**ret_flags)
        gnu_stage(pair, "-i");
    if (shape == 0)
        gnu_stage(pair, "-w");
    else if (shape == 1)
        gnu_stage(pair, "-x");
    snprintf(re, size,
             shape == 0   ? "(?<!\\w)(?:%s)(?!\\w)"
             : shape == 1 ? "^(?:%s)\\z"
                          : "%s",
             pattern);
    if (gnu_draw(random, 2)) {
        gnu_stage(pair, "-g");
        *ret_most = 1u << 30;
    } else if (gnu_draw(random, 4) == 0) {
        *ret_most = 1 + gnu_draw(random, 4);
        gnu_stage(pair, "--first=%u", *ret_most);
    }
}

static void draw(uint64_t *random, struct gnu_pair *pair)
{
    bool unicode = gnu_draw(random, 3) == 0, null_data = gnu_draw(random, 6) == 0;
    char pattern[256] = "", re[320], ours[256], perls[256];
    const char *flags;
    unsigned most;

    pair->any_failure = true; /* of Perl: it refuses \\L\\L, for example */
    draw_pattern(random, unicode, null_data, pattern, sizeof pattern);
    draw_text(random, pattern, ours, perls, sizeof ours);
    gnu_stage(pair, "replace");
    draw_options(random, pair, pattern, re, sizeof re, &flags, &most);
    if (!unicode)
        gnu_stage(pair, "--bytes");
    if (null_data)
        gnu_stage(pair, "-z");
    gnu_stage(pair, "--");
    gnu_stage(pair, "%s", pattern);
    gnu_stage(pair, "%s", ours);
    gnu_tool(pair, "perl");
    gnu_tool(pair, "-e");
    gnu_tool(pair, "%s", script);
    gnu_tool(pair, "--");
    gnu_tool(pair, "%s", re);
    gnu_tool(pair, "%s", perls);
    gnu_tool(pair, "%u", most);
    gnu_tool(pair, "%s", null_data ? "1" : "");
    gnu_tool(pair, "%s", flags);
    gnu_tool(pair, "%s", unicode ? "1" : "");
    if (!unicode) {
        gnu_draw_lines(random, pair, gnu_draw(random, 2) ? words : NULL);
        return;
    }
    for (unsigned lines = gnu_draw(random, 30); lines > 0; lines--) {
        for (unsigned n = gnu_draw(random, 12); n > 0; n--) {
            const char *word =
                gnu_draw(random, 3) ? GNU_PICK(random, wide_words) : GNU_PICK(random, words);

            gnu_add(&pair->in, word, word ? strlen(word) : 0);
        }
        gnu_add(&pair->in, null_data ? "" : "\n", lines > 1 || gnu_draw(random, 3));
    }
}

TEST(test_replace_agrees_with_perl)
{
    gnu_need("perl", "perl 5", GNU_PAIRS);
    gnu_pairs(GNU_PAIRS, draw);
}
