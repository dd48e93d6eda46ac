/* test_select.c - which entries are taken, and under which names. */
#include "../../transforms/archive/select.h"

#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define TEXTS_MAX 4u

/* The action of the stage in open, and its result. */
static struct {
    struct leat_select_options options;
    const char *name;
    bool only_name; /* leat_select_name instead of leat_select_entry */
    int code;
    char result[LEAT_RENAME_MAX];
    bool ends; /* and leat_select_end after it */
    char error[512];
} probe;

static int probe_plan(struct leat_stage *s)
{
    return leat_select_check(s, &probe.options);
}

static int probe_open(struct leat_stage *s)
{
    struct leat_select select = {.strip = 0};
    int r = leat_select_open(s, &probe.options, &select);

    if (r == 0)
        r = probe.only_name ? leat_select_name(s, &select, probe.name, probe.result)
                            : leat_select_entry(s, &select, probe.name, probe.result);
    if (r >= 0 && probe.ends)
        r = leat_select_end(s, &select);
    probe.code = r;
    leat_select_close(s, &select);
    return r < 0 ? r : 0;
}

static const struct leat_stage_type probe_type = {.name = "probe",
                                                  .kind = LEAT_TRANSFORM,
                                                  .plan = probe_plan,
                                                  .open = probe_open,
                                                  .step = memio_pass};

/* Returns the result of leat_select_entry; its text is in probe.result, and an error in *io. */
static int select_name(struct memio *io, const char *name)
{
    static const struct leat_stage_type *const types[] = {&probe_type, NULL};

    *io = (struct memio){.types = types};
    probe.name = name;
    probe.code = 0;
    probe.result[0] = '\0';
    if (memio_run(io, "probe") < 0 && probe.code >= 0)
        probe.code = io->code; /* of plan */
    snprintf(probe.error, sizeof probe.error, "%s", io->error.text);
    memio_free(io);
    return probe.code;
}

/* One list of texts: they stay until the next call. */
static struct leat_strings texts(const char *a, const char *b)
{
    static const char *v[TEXTS_MAX];
    size_t n = 0;

    if (a)
        v[n++] = a;
    if (b)
        v[n++] = b;
    return (struct leat_strings){.v = v, .n = n};
}

static void begin(void)
{
    memset(&probe, 0, sizeof probe);
}

TEST(test_components_are_stripped_from_the_front)
{
    static const struct {
        const char *name;
        int64_t n;
        const char *expected; /* NULL: not taken */
    } rows[] = {
        {"a/b/c", 0, "a/b/c"}, {"a/b/c", 1, "b/c"}, {"a/b/c", 2, "c"},    {"a/b/c", 3, NULL},
        {"a/b/", 1, "b/"},     {"a/", 1, NULL},     {"a", 1, NULL},       {"./a/b", 1, "b"},
        {"a//b", 1, "b"},      {"/a/b", 1, "b"},    {"../a/b", 1, "a/b"}, {".", 1, NULL},
        {"", 1, NULL},         {"././a/b", 1, "b"}, {"a/./b", 1, "./b"},  {"a/b", 4096, NULL},
        {".a/b", 1, "b"},      {"///", 1, NULL},
    };
    struct memio io;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        probe.options.strip = rows[i].n;
        test_context("'%s' without %d", rows[i].name, (int)rows[i].n);
        ASSERT_EQ(select_name(&io, rows[i].name), rows[i].expected ? 1 : 0);
        if (rows[i].expected)
            ASSERT_STREQ(probe.result, rows[i].expected);
    }
}

TEST(test_a_name_is_rewritten)
{
    static const struct {
        const char *rule, *second, *name, *expected;
    } rows[] = {
        {"a=b", NULL, "aaa", "baa"}, /* the first match */
        {"^/+=", NULL, "//etc/x", "etc/x"},
        {"^(.*)/([^/]*)$=\\2-\\1", NULL, "a/b/c", "c-a/b"},
        {"b+=<&>", NULL, "abbc", "a<bb>c"},
        {"b=\\&", NULL, "abc", "a&c"},
        {"b=\\\\", NULL, "abc", "a\\c"},
        {"x\\=y=z", NULL, "x=y", "z"},
        {"b=x=y", NULL, "b", "x=y"},               /* the text may have any `=` */
        {"(a)|(b)=[\\1\\2\\9]", NULL, "b", "[b]"}, /* a group without a match is empty */
        {"$=.new", NULL, "a", "a.new"},
        {"a=b", "b=c", "a", "c"}, /* one rule after another */
        {"x=y", NULL, "a", "a"},
        {"\xff=e", NULL, "caf\xff", "cafe"}, /* bytes that are no text */
    };
    struct memio io;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        probe.options.rename = texts(rows[i].rule, rows[i].second);
        test_context("'%s' by '%s'", rows[i].name, rows[i].rule);
        ASSERT_EQ(select_name(&io, rows[i].name), 1);
        ASSERT_STREQ(probe.result, rows[i].expected);
    }
    begin();
    probe.options.rename = texts(".*=", NULL);
    ASSERT_EQ(select_name(&io, "all"), 0); /* nothing is left */
}

TEST(test_a_rule_that_is_none_is_an_error_of_use)
{
    static const char *const rules[] = {"", "=", "=x", "nothing", "a(=b", "[=b", "a\\=b"};
    struct memio io;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        begin();
        probe.options.rename = texts(rules[i], NULL);
        test_context("'%s'", rules[i]);
        ASSERT_EQ(select_name(&io, "a"), LEAT_EUSAGE);
    }
}

TEST(test_names_have_a_longest_length)
{
    char *name = malloc(LEAT_RENAME_MAX + 1);
    struct memio io;

    ASSERT_NOT_NULL(name);
    memset(name, 'n', LEAT_RENAME_MAX);
    name[LEAT_RENAME_MAX] = '\0';
    begin();
    ASSERT_EQ(select_name(&io, name), LEAT_ELIMIT);
    name[LEAT_RENAME_MAX - 1] = '\0';
    begin();
    ASSERT_EQ(select_name(&io, name), 1);
    ASSERT_EQ(strlen(probe.result), LEAT_RENAME_MAX - 1);
    begin();
    probe.options.rename = texts("^n=", NULL);
    ASSERT_EQ(select_name(&io, name), 1);
    ASSERT_EQ(strlen(probe.result), LEAT_RENAME_MAX - 2);
    begin();
    probe.options.rename = texts("^n=xx", NULL);
    ASSERT_EQ(select_name(&io, name), LEAT_ELIMIT);
    begin();
    probe.options.rename = texts("$=&&&x", NULL);
    ASSERT_EQ(select_name(&io, name), LEAT_ELIMIT);
    free(name);
}

TEST(test_patterns_choose_by_the_name_in_the_archive)
{
    struct memio io;

    begin();
    probe.options.include = texts("*.c", "*.h");
    probe.options.strip = 1;
    ASSERT_EQ(select_name(&io, "a/b.c"), 1);
    ASSERT_STREQ(probe.result, "b.c");
    ASSERT_EQ(select_name(&io, "a/b.o"), 0);
    probe.only_name = true; /* the target of a link need not match */
    ASSERT_EQ(select_name(&io, "a/b.o"), 1);
    begin();
    probe.options.exclude = texts("a", NULL);
    ASSERT_EQ(select_name(&io, "a/b.c"), 0);
    ASSERT_EQ(select_name(&io, "b/c"), 1);
}

TEST(test_a_pattern_that_matches_nothing_is_an_error)
{
    struct memio io;

    begin();
    probe.ends = true;
    probe.options.include = texts("*.c", "*.h");
    ASSERT_LT(select_name(&io, "a/b.c"), 0);
    ASSERT_STR_HAS(probe.error, "*.h");
    probe.options.include = texts("*.c", "b.*");
    ASSERT_EQ(select_name(&io, "a/b.c"), 0);
}
