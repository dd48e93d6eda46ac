/* test_batch.c - pure parts of leat each: names in words, patterns, JSON of any bytes, the journal. */

#include <stdlib.h>

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/batch/glob.c"
#include "../../cmd/batch/inputs.c"
#define hash journal_hash
#include "../../cmd/batch/journal.c"
#include "../../cmd/batch/json.c"
#include "../../cmd/batch/suffix.c"
#include "../../cmd/batch/template.c"
#include "../../cmd/batch/url.c"
#include "../../cmd/run/buf.c"
/* NOLINTEND(bugprone-suspicious-include) */

static bool fills(const char *word, const char *path, size_t rel, const char *want)
{
    const struct place_values v = {.path = path, .rel = path + rel, .n = 7, .shard = 3};
    char *got = template_fill(word, &v);
    bool same = got && strcmp(got, want) == 0;

    if (!same)
        printf("# %s of %s: %s, expected %s\n", word, path, got ? got : "NULL", want);
    free(got);
    return same;
}

TEST(test_places_take_parts_of_a_name)
{
    ASSERT(fills("{}", "a/b.c.d", 0, "a/b.c.d"));
    ASSERT(fills("{.}", "a.x/b", 0, "a.x/b"));
    ASSERT(fills("{.}|{/}|{//}|{/.}", "a/b.c", 0, "a/b|b.c|a|b"));
    ASSERT(fills("{//}", "b", 0, "."));
    ASSERT(fills("{//}", "/b", 0, "/"));
    ASSERT(fills("{rel}:{rel.}", "top/x/b.gz", 4, "x/b.gz:x/b"));
    ASSERT(fills("{n:04}-{shard}-{n}", "b", 0, "0007-3-7"));
    ASSERT(fills("{stem2}.{ext}", "x/a.tar.gz", 0, "a.gz"));
    ASSERT(fills("{ext}{stem}", ".profile", 0, ".profile"));
    ASSERT(fills("{{path}}{1,2}{", "b", 0, "{path}{1,2}{"));
    ASSERT(fills("{path:03}", "b", 0, "{path:03}"));
}

TEST(test_what_looks_like_a_place_and_is_none_is_found)
{
    size_t n;

    ASSERT(template_bad("a{nam}b", &n) && n == 5);
    ASSERT(!template_bad("{n:04}{}{/.}a{2,3}{print $1}", &n));
    ASSERT(!template_bad("{{nam}}", &n));
    ASSERT(template_has("x{}") && !template_has("{{}}") && !template_has("{2}"));
}

TEST(test_places_take_the_suffix_of_a_codec)
{
    ASSERT(fills("{decoder} {plain}", "d.gz/a.tar.xz", 0, "unxz d.gz/a.tar"));
    ASSERT(fills("{decoder} {plain} {untar}", "a/b.tgz", 0, "gunzip a/b.tar a/b"));
    ASSERT(fills("{decoder} {plain} {untar}", "a/b.txt", 0, "pass a/b.txt a/b.txt"));
    ASSERT(fills("{rel.plain} {rel.untar}", "top/x/b.tar.zst", 4, "x/b.tar x/b"));
    ASSERT(fills("{decoder} {plain}", "d.gz/.gz", 0, "pass d.gz/.gz"));
}

TEST(test_text_that_is_quoted_has_no_places)
{
    static const char text[] = "{}{n:04}{{base}}{x}{ {/} }}{a:b}";
    struct buf b = {.n = 0};

    template_quote(&b, text);
    ASSERT(!b.failed && fills(buf_text(&b), "in", 0, text));
    buf_free(&b);
}

TEST(test_patterns_match_as_a_shell_does)
{
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"*.gz", "a.gz", true},
        {"*.gz", ".a.gz", false},
        {"*.gz", "d/a.gz", false},
        {"d/*", "d/a", true},
        {"**/*.gz", "a.gz", true},
        {"**/*.gz", "x/y/a.gz", true},
        {"**/*.gz", "x/.y/a.gz", false},
        {"x/**", "x/y/z", true},
        {"x/**", "x/.y", false},
        {"x/**/z", "x/z", true},
        {"x/**/z", "x/a/b/z", true},
        {"x/**/z", "y/z", false},
        {"[a-c]?", "bz", true},
        {"[!a-c]?", "bz", false},
        {"[]a]", "]", true},
        {"a\\*b", "a*b", true},
        {"a\\*b", "axb", false},
        {"[a", "[a", true},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxbxx", false},
        {"a/**/b/**/c", "a/x/b/y/z/c", true},
        {"a/**/b/**/c", "a/x/b/y/z/d", false},
        {"", "", true},
        {"a/", "a", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (glob_matches(cases[i].pattern, cases[i].text) != cases[i].match)
            FAIL("%s, %s", cases[i].pattern, cases[i].text);
}

TEST(test_a_pattern_with_many_stars_takes_no_time)
{
    char pattern[200], text[4000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < 99; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    memcpy(pattern + 198, "b", 2);
    ASSERT(!glob_matches(pattern, text));
}

TEST(test_names_of_any_bytes_come_back_from_json)
{
    char name[300];
    struct buf b = {.n = 0};
    struct json j = {.bad = false};

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 1; i < 256; i++)
            name[i - 1] = (char)(round ? 256 - i : i);
        name[255] = '\0';
        memcpy(name + 255, "\xc3\xa9\xf0\x9f\x98\x80", 7);
        b.n = 0;
        json_name(&b, name);
        json_begin(&j, b.data, b.n);
        ASSERT(strcmp(json_text(&j), name) == 0);
        ASSERT(!j.bad);
    }
    json_done(&j);
    buf_free(&b);
}

TEST(test_json_that_is_cut_anywhere_is_bad)
{
    static const char text[] = "{\"a\":\"x\\u00e9\",\"b\":[1,{\"c\":true}],\"d\":-5}";
    struct json j = {.bad = false};

    for (size_t n = 0; n < sizeof text; n++) {
        json_begin(&j, text, n < sizeof text - 1 ? n : sizeof text - 1);
        json_skip(&j);
        ASSERT(j.bad == (n < sizeof text - 1));
    }
    json_done(&j);
}

static int load(struct journal_state *state, const char *text, size_t *ret_whole)
{
    size_t line;

    return journal_load(state, text, strlen(text), "P", SAME_STAT, ret_whole, &line);
}

#define HEAD "{\"leat\":\"each\",\"version\":1,\"pipeline\":\"P\",\"same\":\"size+mtime\"}\n"
#define OTHER "{\"leat\":\"each\",\"version\":1,\"pipeline\":\"Q\",\"same\":\"size+mtime\"}\n"
#define DONE "{\"done\":\"a\",\"size\":1,\"mtime_ns\":2,\"out\":[]}\n"

TEST(test_lines_of_another_pipeline_do_not_count)
{
    const struct input a = {.path = "a", .size = 1, .mtime_ns = 2};
    struct journal_state state = {.n = 0};
    size_t whole;

    ASSERT_EQ(load(&state, OTHER DONE HEAD, &whole), 0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_DO);
    ASSERT_EQ(load(&state, HEAD DONE OTHER, &whole), 0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_SKIP);
    ASSERT_EQ(journal_decide(&state, &a, true), VERDICT_REMOVE);
    journal_state_done(&state);
}

TEST(test_a_journal_of_another_version_is_refused)
{
    struct journal_state state = {.n = 0};
    size_t whole;

    ASSERT_EQ(load(&state, HEAD DONE "{\"leat\":\"each\",\"version\":2}\n", &whole),
              LEAT_EUNSUPPORTED);
    ASSERT_EQ(whole, strlen(HEAD DONE));
    journal_state_done(&state);
}

TEST(test_a_problem_has_a_code_and_a_text)
{
    struct inputs inputs = {.n = 0};
    const char *text;
    struct input *input = inputs_add_problem(&inputs, "d", LEAT_ENETWORK, "404 Not Found");

    ASSERT_EQ(input_problem(input, &text), LEAT_ENETWORK);
    ASSERT_STREQ(text, "404 Not Found");
    ASSERT(!input->missing);
    input->extra = NULL;
    ASSERT_EQ(input_problem(input, &text), 0);
    inputs_done(&inputs);
}

static bool names(const char *url, const char *path, const char *file, const char *address)
{
    struct inputs inputs = {.n = 0};
    bool bad, same;
    struct input *input = inputs_add_url(&inputs, url, &bad);

    same = input && strcmp(input->path, path) == 0 && strcmp(input->extra->file, file) == 0 &&
           strcmp(input_address(input), address) == 0;
    if (!same)
        printf("# %s: %s, %s\n", url, input ? input->path : "bad", input ? input->extra->file : "");
    inputs_done(&inputs);
    return same;
}

TEST(test_a_password_is_not_in_the_name_of_a_url)
{
    ASSERT(names("http://h/a/b.gz?x#y", "http://h/a/b.gz?x#y", "a/b.gz", "http://h/a/b.gz?x#y"));
    ASSERT(names("http://h", "http://h", "", "http://h"));
    ASSERT(names("http://h//etc/x", "http://h//etc/x", "etc/x", "http://h//etc/x"));
    ASSERT(names("http://u:p@h/a", "http://u:***@h/a", "a", "http://u:p@h/a"));
    ASSERT(names("http://u:p@q:r@h/a", "http://u:***@h/a", "a", "http://u:p@q:r@h/a"));
    ASSERT(names("http://u@h/a:b@c", "http://u@h/a:b@c", "a:b@c", "http://u@h/a:b@c"));
    ASSERT(names("http://h/?u:p@x", "http://h/?u:p@x", "", "http://h/?u:p@x"));
    ASSERT(names("s3://b/k...", "s3://b/k...", "k...", "s3://b/k..."));
    ASSERT(names("http://h/a/...", "http://h/a/...", "a/...", "http://h/a/..."));
}

TEST(test_a_url_whose_path_leads_out_of_a_directory_is_refused)
{
    static const char *const urls[] = {
        "http:///a",    "http://h/..",  "http://h/../a", "http://h/a/..",  "http://h/a/../b",
        "http://h/./a", "http://h/a/.", "http://h/..?x", "http://h//../a", "http://h/a//../b"};

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct inputs inputs = {.n = 0};
        bool bad;

        test_context("%s", urls[i]);
        ASSERT(!inputs_add_url(&inputs, urls[i], &bad) && bad);
        inputs_done(&inputs);
    }
}

TEST(test_the_identity_of_a_url_is_its_etag_or_size_and_time)
{
    static const struct {
        const char *line;
        bool ok, same;
    } rows[] = {
        {"{\"size\":5,\"modified\":7,\"etag\":\"\\\"a\\\"\"}\n", true, true},
        {"{\"size\":6,\"modified\":8,\"etag\":\"\\\"a\\\"\"}\n", true, true},
        {"{\"size\":5,\"modified\":7,\"etag\":\"\\\"b\\\"\"}\n", true, false},
        {"{\"size\":5,\"modified\":7,\"etag\":\"W/\\\"b\\\"\"}\n", true, true},
        {"{\"size\":5,\"modified\":7}\n", true, true},
        {"{\"size\":5,\"modified\":8}\n", true, false},
        {"{\"size\":6,\"modified\":7}\n", true, false},
        {"{\"size\":5}\n", true, false},
        {"{\"size\":5,\"modified\":7}", false, false},
        {"", false, false},
        {"<html>\n", false, false},
    };
    struct inputs inputs = {.n = 0};
    bool bad;
    struct input *input = inputs_add_url(&inputs, "http://h/a", &bad);

    input->size = 5;
    input->mtime_ns = 7000000000;
    ASSERT(input_set_etag(&inputs, input, "\"a\""));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_facts facts;

        test_context("%s", rows[i].line);
        ASSERT_EQ(url_facts_read(rows[i].line, &facts), rows[i].ok);
        if (rows[i].ok)
            ASSERT_EQ(url_is_same(input, &facts), rows[i].same);
    }
    inputs_done(&inputs);
}

TEST(test_a_torn_line_is_left_out)
{
    struct journal_state state = {.n = 0};
    size_t whole;

    ASSERT_EQ(load(&state, HEAD DONE "{\"done\":\"b\",\"si", &whole), 0);
    ASSERT_EQ(whole, strlen(HEAD DONE));
    ASSERT(journal_find(&state, "a") && !journal_find(&state, "b"));
    ASSERT_EQ(load(&state, HEAD "{\"done\":\"b\",\"si\n" DONE, &whole), LEAT_ECORRUPT);
    journal_state_done(&state);
}

TEST(test_the_verdict_follows_identity_and_outputs)
{
    struct input a = {.path = "a", .size = 1, .mtime_ns = 3};
    struct journal_state state = {.n = 0};
    size_t whole;

    ASSERT_EQ(load(&state, HEAD DONE, &whole), 0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_DO);
    a.mtime_ns = 2;
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_SKIP);
    a.missing = true;
    ASSERT_EQ(journal_decide(&state, &a, true), VERDICT_SKIP);
    ASSERT_EQ(
        load(
            &state,
            HEAD
            "{\"done\":\"a\",\"size\":1,\"mtime_ns\":2,\"out\":[{\"path\":\"/nowhere/x\",\"size\":1}]}\n",
            &whole),
        0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_MISSING);
    a.missing = false;
    ASSERT_EQ(load(&state, HEAD "{\"begin\":\"a\",\"out\":[\"x\"]}\n", &whole), 0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_AGAIN);
    ASSERT_EQ(load(&state, HEAD "{\"failed\":\"a\",\"exit\":3,\"text\":\"t\"}\n", &whole), 0);
    ASSERT_EQ(journal_decide(&state, &a, false), VERDICT_DO);
    journal_state_done(&state);
}

TEST(test_ten_thousand_records_are_found)
{
    struct journal_state state = {.n = 0};
    struct buf text = {.n = 0};
    char name[32];
    size_t whole;

    buf_add(&text, "%s", HEAD);
    for (unsigned i = 0; i < 10000; i++) {
        const struct input input = {.path = name, .size = i, .mtime_ns = -(int64_t)i};

        (void)snprintf(name, sizeof name, "f%u", i);
        journal_done(&text, &input, NULL, 0, "", false);
    }
    ASSERT_EQ(load(&state, buf_text(&text), &whole), 0);
    ASSERT_EQ(state.n, 10000);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof name, "f%u", i);
        ASSERT(journal_find(&state, name) && journal_find(&state, name)->mtime_ns == -(int64_t)i);
    }
    journal_state_done(&state);
    buf_free(&text);
}
