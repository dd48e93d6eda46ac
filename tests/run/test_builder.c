/* test_builder.c - words of a program in a text, a chain of stages that is used again, FILEs that are given up, and
 * a consumer that needs nothing. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

/* --- words ------------------------------------------------------------------------------------ */

static const char *expected; /* the operand of acme.word */
static unsigned planned;

static int word_plan(struct leat_stage *stage)
{
    const struct leat_strings *words = leat_operands(stage);

    planned++;
    if (words->n != 1 || strcmp(words->v[0], expected) != 0)
        return leat_fail(stage, LEAT_EUSAGE, "another word");
    return 0;
}

static int word_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type word_type = {
    LEAT_STAGE_INIT,   .name = "acme.word", .kind = LEAT_TRANSFORM, .operands = "WORD",
    .operands_min = 1, .operands_max = 1,   .plan = word_plan,      .step = word_step};

/* The word comes out of a text as it is, and is one word. */
static void quotes(const struct leat_registry *registry, const char *word)
{
    struct leat_builder *b = leat_builder_new(registry);
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_stats stats = LEAT_INIT(leat_stats);
    struct leat_pipeline *p = NULL;
    char *quoted = leat_quote(word), text[1000];

    test_context("the word %s", word);
    ASSERT_NOT_NULL(quoted);
    expected = word;
    planned = 0;
    snprintf(text, sizeof text, "zero -n 1 : acme.word -- %s : null", quoted);
    if (leat_pipeline_from_text(registry, text, NULL, &p, &error) < 0)
        FAIL("%s: %s", text, error.text);
    ASSERT_EQ(leat_pipeline_stats(p, &stats), 0);
    ASSERT_EQ(stats.n_stages, 3);
    ASSERT_GT(planned, 0);
    leat_pipeline_unref(p);
    if (leat_builder_text(b, text, &error) < 0 || leat_builder_finish(b, NULL, &p, &error) < 0)
        FAIL("%s: %s", text, error.text);
    leat_pipeline_unref(p);
    leat_builder_free(b);
    free(quoted);
}

TEST(test_a_quoted_word_is_one_word)
{
    static const char *const words[] = {"plain",
                                        "",
                                        " ",
                                        ":",
                                        "|",
                                        "[",
                                        "]",
                                        "\\:",
                                        "#",
                                        "# x",
                                        "a b",
                                        "a : write b",
                                        "a | null",
                                        "' : exec 'touch pwned' : pass '",
                                        "\" : null",
                                        "$'\\n'",
                                        "$",
                                        "${x}",
                                        "$${x}",
                                        "\\",
                                        "\\'",
                                        "a\\",
                                        "'\"",
                                        "a\nb : null",
                                        "\n",
                                        "\t",
                                        "\r",
                                        "\x01",
                                        "\x1b[2J",
                                        "\x7f",
                                        "\xff\xfe",
                                        "\xc2",
                                        "\xe2\x80\xae",
                                        "-x",
                                        "--",
                                        "--help",
                                        "'${x}\"",
                                        "it's",
                                        "a]",
                                        "[ a",
                                        "~",
                                        "*",
                                        "a\xc2\x85z"};
    struct leat_registry *registry = leat_registry_new();

    ASSERT_EQ(leat_registry_add(registry, &word_type), 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        quotes(registry, words[i]);
    ASSERT_NULL(leat_quote(NULL));
    leat_registry_free(registry);
}

TEST(test_any_bytes_are_one_word)
{
    static const char bytes[] = "'\"\\$ {}:|[]#\n\t-a\x01\x7f\xc2\x85\xff";
    struct leat_registry *registry = leat_registry_new();
    uint64_t random = 1;
    char word[12];

    ASSERT_EQ(leat_registry_add(registry, &word_type), 0);
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = 0;

        while (n < sizeof word - 1) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            if ((random >> 33) % 8 == 0)
                break;
            word[n++] = bytes[(random >> 40) % (sizeof bytes - 1)];
        }
        word[n] = '\0';
        quotes(registry, word);
    }
    leat_registry_free(registry);
}

/* --- chains ----------------------------------------------------------------------------------- */

static unsigned dropped;

static void drop(void *user)
{
    (void)user;
    dropped++;
}

static const struct leat_stage_type own_type = {
    LEAT_STAGE_INIT, .name = "acme.own", .kind = LEAT_TRANSFORM, .step = word_step, .drop = drop};

TEST(test_a_chain_is_a_part_of_several_pipelines)
{
    struct leat_builder *chain = leat_builder_new(NULL), *b;
    struct leat_pipeline *p[2];
    char *text;

    dropped = 0;
    (void)leat_builder_text(chain, "gzip : tee [ sha256 : null ]", NULL);
    ASSERT_EQ(leat_builder_own_stage(chain, &own_type, &dropped, NULL), 0);
    (void)leat_builder_text(chain, "gunzip", NULL);
    for (int i = 0; i < 2; i++) {
        b = leat_builder_new(NULL);
        (void)leat_builder_text(b, "zero -n 1000 : tee", NULL);
        (void)leat_builder_branch_begin(b);
        ASSERT_EQ(leat_builder_append(b, chain), 0);
        (void)leat_builder_text(b, "null", NULL);
        (void)leat_builder_branch_end(b);
        ASSERT_EQ(leat_builder_append(b, chain), 0);
        ASSERT_EQ(leat_builder_append(b, chain), 0);
        (void)leat_builder_text(b, "null", NULL);
        ASSERT_EQ(leat_builder_finish(b, NULL, &p[i], NULL), 0);
        leat_builder_free(b);
    }
    leat_builder_free(chain);
    ASSERT_EQ(dropped, 0);
    text = leat_pipeline_text(p[0]);
    ASSERT_STREQ(
        text, "zero -n 1000 | tee [ gzip | tee [ sha256 | null ] | acme.own | gunzip | null ] | "
              "gzip | tee [ sha256 | null ] | acme.own | gunzip | gzip | tee [ sha256 | null ] | "
              "acme.own | gunzip | null");
    free(text);
    ASSERT_EQ(leat_pipeline_run(p[0]), 0);
    leat_pipeline_unref(p[0]);
    ASSERT_EQ(dropped, 0); /* the other pipeline holds it */
    leat_pipeline_unref(p[1]);
    ASSERT_EQ(dropped, 1);
}

TEST(test_an_error_names_the_stage_in_the_chain)
{
    struct leat_builder *chain = leat_builder_new(NULL), *b = leat_builder_new(NULL);
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p;

    (void)leat_builder_text(chain, "pass : gunzip", NULL);
    (void)leat_builder_text(b, "zero -n 1000", NULL);
    (void)leat_builder_append(b, chain);
    (void)leat_builder_text(b, "null", NULL);
    ASSERT_EQ(leat_builder_finish(b, NULL, &p, &error), 0);
    ASSERT_EQ(leat_pipeline_run(p), LEAT_ECORRUPT);
    ASSERT_STREQ(leat_pipeline_error(p)->stage_name, "gunzip");
    ASSERT_EQ(leat_pipeline_error(p)->stage, 3);
    leat_pipeline_unref(p);
    leat_builder_free(b);
    b = leat_builder_new(NULL);
    (void)leat_builder_text(chain, "head --no-such-option", NULL);
    (void)leat_builder_text(b, "zero", NULL);
    (void)leat_builder_append(b, chain);
    ASSERT_EQ(leat_builder_finish(b, NULL, &p, &error), LEAT_EUSAGE);
    ASSERT_STREQ(error.stage_name, "head");
    ASSERT_EQ(error.stage, 4);
    leat_builder_free(b);
    leat_builder_free(chain);
}

TEST(test_a_chain_that_cannot_be_a_part_is_refused)
{
    static const struct {
        const char *text;
        bool branch, push;
        const char *says;
    } cases[] = {{"tee", .branch = true, .says = "a branch of the chain is open"},
                 {"pass", .push = true, .says = "the chain has an end of the program"},
                 {"'", .says = "the quote"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_builder *chain = leat_builder_new(NULL), *b = leat_builder_new(NULL);
        struct leat_error error = LEAT_INIT(leat_error);
        struct leat_push_end *push;
        struct leat_pipeline *p;

        test_context("%s", cases[i].text);
        if (cases[i].push)
            ASSERT_EQ(leat_builder_push(chain, NULL, &push), 0);
        (void)leat_builder_text(chain, cases[i].text, NULL);
        if (cases[i].branch)
            ASSERT_EQ(leat_builder_branch_begin(chain), 0);
        ASSERT_EQ(leat_builder_append(b, chain), LEAT_EUSAGE);
        ASSERT_EQ(leat_builder_finish(b, NULL, &p, &error), LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, cases[i].says);
        leat_builder_free(chain);
        leat_builder_free(b);
    }
    {
        struct leat_builder *b = leat_builder_new(NULL);

        ASSERT_EQ(leat_builder_append(NULL, b), LEAT_EUSAGE);
        ASSERT_EQ(leat_builder_append(b, b), LEAT_EUSAGE);
        leat_builder_free(b);
        b = leat_builder_new(NULL);
        ASSERT_EQ(leat_builder_append(b, NULL), LEAT_EUSAGE);
        leat_builder_free(b);
    }
}

/* --- FILEs ------------------------------------------------------------------------------------ */

static size_t entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    ASSERT_NOT_NULL(dir);
    while (readdir(dir))
        n++;
    ASSERT_EQ(closedir(dir), 0);
    return n - 2; /* . and .. */
}

TEST(test_a_file_that_is_given_up_leaves_nothing)
{
    static const size_t sizes[] = {0, 10, 100000, 3000000};
    struct leat_context *context;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p = NULL;
    const char *dir = test_tmp_dir();
    char text[1000];
    FILE *f;

    ASSERT_EQ(leat_context_new(NULL, &context), 0);
    snprintf(text, sizeof text, "gzip -1 : write %s/out", dir);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        test_context("after %zu bytes", sizes[i]);
        f = leat_fopen(NULL, context, text, "w", &p, &error);
        ASSERT_NOT_NULL(f);
        for (size_t n = 0; n < sizes[i]; n++)
            ASSERT_NE(putc((int)(n * n >> 5 & 0xff), f), EOF);
        leat_pipeline_cancel(p, LEAT_ENETWORK, "the client left");
        ASSERT_EQ(fclose(f), EOF);
        ASSERT_EQ(leat_pipeline_error(p)->code, LEAT_ENETWORK);
        ASSERT_STREQ(leat_pipeline_error(p)->text, "the client left");
        leat_pipeline_unref(p);
        ASSERT_EQ(entries(dir), 0);
    }
    f = leat_fopen(NULL, context, text, "w", NULL, &error); /* one that is not */
    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fputs("x", f), 1);
    ASSERT_EQ(fclose(f), 0);
    ASSERT_EQ(entries(dir), 1);
    p = (struct leat_pipeline *)&error;
    ASSERT_NULL(leat_fopen(NULL, context, "no-such-stage", "w", &p, NULL));
    ASSERT_NULL(p);
    leat_context_unref(context);
}

/* --- a consumer that needs nothing ------------------------------------------------------------ */

TEST(test_a_stage_that_needs_nothing_does_not_wait_for_a_push)
{
    static const char *const texts[] = {"head -c 0 : null", "head -n 0 : gzip : null",
                                        "pass : head -c 0 : count : null"};
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_push_end *push;
    struct leat_pipeline *p;

    ASSERT_EQ(leat_context_new(NULL, &settings.context), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leat_builder *b = leat_builder_new(NULL);

        test_context("%s", texts[i]);
        (void)leat_builder_push(b, NULL, &push);
        (void)leat_builder_text(b, texts[i], NULL);
        ASSERT_EQ(leat_builder_finish(b, &settings, &p, NULL), 0);
        leat_builder_free(b);
        ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
        ASSERT_EQ(leat_pipeline_wait(p, 20000), 0);
        ASSERT_EQ(leat_end_push(push, "x", 1), LEAT_EPIPE);
        leat_pipeline_unref(p);
    }
    leat_context_unref(settings.context);
}

TEST(test_a_pull_that_is_closed_ends_a_run_whose_push_is_silent)
{
    static const char *const texts[] = {"pass", "gzip : gunzip", "tee [ count : null ] : xz"};
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    struct leat_pipeline *p;

    ASSERT_EQ(leat_context_new(NULL, &settings.context), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leat_builder *b = leat_builder_new(NULL);

        test_context("%s", texts[i]);
        (void)leat_builder_push(b, NULL, &push);
        (void)leat_builder_text(b, texts[i], NULL);
        (void)leat_builder_pull(b, NULL, &pull);
        ASSERT_EQ(leat_builder_finish(b, &settings, &p, NULL), 0);
        leat_builder_free(b);
        ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
        if (i == 0)
            ASSERT_EQ(leat_pipeline_wait(p, 100), LEAT_RUNNING); /* it is open, and waits */
        leat_end_close(pull);
        if (i == 2) /* the branch still wants the bytes */
            ASSERT_EQ(leat_end_finish(push), 0);
        ASSERT_EQ(leat_pipeline_wait(p, 20000), 0);
        leat_pipeline_unref(p);
    }
    leat_context_unref(settings.context);
}
