/* test_outputs.c - what a program learns of the files of a pipeline: its needs before, the digests of its outputs after. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

static struct leat_pipeline *build(const char *text, bool digests)
{
    struct leat_settings settings = {.size = sizeof settings, .threads = 1, .digests = digests};
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(leat_pipeline_from_text(NULL, text, &settings, &p, &error), 0);
    return p;
}

TEST(test_the_files_of_a_pipeline_are_its_needs)
{
    struct leat_pipeline *p = build("read a | tee [ write b ] | write c", false);
    unsigned read = 0, made = 0;
    enum leat_access kind;
    const char *path;

    for (size_t i = 0; leat_pipeline_access(p, i, &kind, &path) > 0; i++) {
        read += kind == LEAT_ACCESS_READ && strcmp(path, "a") == 0;
        made += kind == LEAT_ACCESS_OUTPUT && (strcmp(path, "b") == 0 || strcmp(path, "c") == 0);
    }
    ASSERT_EQ(read, 1);
    ASSERT_EQ(made, 2);
    ASSERT_EQ(leat_pipeline_access(p, 0, NULL, &path), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_access(NULL, 0, &kind, &path), LEAT_EUSAGE);
    leat_pipeline_unref(p);
}

TEST(test_digests_are_kept_without_a_file)
{
    char dir[] = "/tmp/test_outputs.XXXXXX", text[200], want[200];
    struct leat_pipeline *p;

    ASSERT_NOT_NULL(mkdtemp(dir));
    (void)snprintf(text, sizeof text, "zero --size=3 | write %s/out", dir);
    p = build(text, true);
    ASSERT_STREQ(leat_pipeline_digests(p), "");
    ASSERT_EQ(leat_pipeline_run(p), 0);
    (void)snprintf(want, sizeof want,
                   "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c  %s/out\n",
                   dir);
    ASSERT_STREQ(leat_pipeline_digests(p), want);
    leat_pipeline_unref(p);
    p = build(text, true); /* it exists: the run fails */
    ASSERT_EQ(leat_pipeline_run(p), LEAT_EEXIST);
    ASSERT_STREQ(leat_pipeline_digests(p), "");
    leat_pipeline_unref(p);
    (void)snprintf(text, sizeof text, "%s/out", dir);
    ASSERT_EQ(unlink(text), 0);
    ASSERT_EQ(rmdir(dir), 0);
}
