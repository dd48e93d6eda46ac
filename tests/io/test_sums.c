/* test_sums.c - the list of digests: one line for each output that is there, in the plan's order. */
#include "io/digest_list.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "run/pipeline.h"
#include "test.h"

#define OUTPUTS 3u

/* A pipeline that is not started, and sinks and digests beside it. */
struct list {
    struct leat_registry *registry;
    struct leat_pipeline *pipeline;
    char path[512], no_file[512];
    struct leat_stage_info digests[OUTPUTS], sinks[OUTPUTS];
    struct leat_node node;
    const char *names[2];
};

static void list_init(struct list *l)
{
    struct leat_settings settings = {
        .size = sizeof settings, .threads = 1, .fixed_default_io = true};
    char text[1100];

    *l = (struct list){.registry = leat_registry_new()};
    ASSERT_NOT_NULL(l->registry);
    snprintf(l->path, sizeof l->path, "%s/list", test_tmp_dir());
    snprintf(l->no_file, sizeof l->no_file, "%s/out", test_tmp_dir());
    snprintf(text, sizeof text, "read /dev/null | write %s", l->no_file);
    settings.sums = l->path;
    ASSERT_EQ(leat_pipeline_from_text(l->registry, text, &settings, &l->pipeline, NULL), 0);
    l->names[0] = l->no_file;
    l->node.operands = (struct leat_strings){.n = 1, .v = l->names};
    for (unsigned i = 0; i < OUTPUTS; i++) {
        l->sinks[i].sums.digest = &l->digests[i];
        l->sinks[i].node = &l->node;
    }
    ASSERT_EQ(leat_digest_list_open(l->pipeline->outputs.digests), 0);
}

static void list_done(struct list *l)
{
    leat_digest_list_close(l->pipeline->outputs.digests);
    leat_pipeline_unref(l->pipeline);
    leat_registry_free(l->registry);
}

static void add(struct list *l, unsigned output, unsigned part)
{
    struct leat_stage digest = {.pipeline = l->pipeline, .info = &l->digests[output], .part = part};
    char line[64];
    int n = snprintf(line, sizeof line, "output %u part %u\n", output, part);

    ASSERT_EQ(leat_digest_list_add(&digest, line, (size_t)n), 0);
}

static void keep(struct list *l, unsigned output, unsigned part)
{
    struct leat_stage sink = {.pipeline = l->pipeline, .info = &l->sinks[output], .part = part};

    leat_digest_list_keep(l->pipeline->outputs.digests, &sink);
}

static void expect(struct list *l, const char *text)
{
    uint8_t *bytes;
    size_t n;

    ASSERT_EQ(leat_digest_list_prepare(l->pipeline->outputs.digests), 0);
    ASSERT_EQ(leat_digest_list_commit(l->pipeline->outputs.digests), 0);
    bytes = test_file_read(l->path, &n);
    ASSERT_NOT_NULL(bytes);
    ASSERT_BYTES_EQ(bytes, n, text, strlen(text));
    free(bytes);
}

/* Whatever order their digests end in. */
TEST(test_lines_stand_in_the_order_of_the_stages_and_parts)
{
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};

    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        struct list l;

        test_context("order %zu", k);
        list_init(&l);
        for (unsigned i = 0; i < 4; i++) {
            unsigned which = orders[k][i];

            add(&l, which == 0 ? 0 : which == 3 ? 2 : 1, which == 2 ? 7 : 0);
        }
        for (unsigned i = 4; i-- > 0;) {
            unsigned which = orders[k][i];

            keep(&l, which == 0 ? 0 : which == 3 ? 2 : 1, which == 2 ? 7 : 0);
        }
        expect(&l, "output 0 part 0\noutput 1 part 0\noutput 1 part 7\noutput 2 part 0\n");
        list_done(&l);
        ASSERT_EQ(remove(l.path), 0);
    }
}

TEST(test_an_output_that_did_not_end_well_has_no_line)
{
    for (unsigned kept = 0; kept < 8; kept++) {
        char text[128] = "";
        struct list l;
        size_t n = 0;

        test_context("kept %#x", kept);
        list_init(&l);
        for (unsigned i = 0; i < OUTPUTS; i++)
            add(&l, i, 0);
        for (unsigned i = 0; i < OUTPUTS; i++) {
            if (!(kept >> i & 1))
                continue;
            keep(&l, i, 0);
            n += (size_t)snprintf(text + n, sizeof text - n, "output %u part 0\n", i);
        }
        keep(&l, 0, 5); /* of a part that no digest came to */
        expect(&l, text);
        list_done(&l);
        ASSERT_EQ(remove(l.path), 0);
    }
}

TEST(test_what_is_no_file_has_no_line)
{
    struct list l;

    list_init(&l);
    add(&l, 0, 0);
    add(&l, 1, 0);
    l.names[0] = "/dev/null";
    keep(&l, 0, 0);
    l.names[0] = l.no_file;
    keep(&l, 1, 0);
    expect(&l, "output 1 part 0\n");
    list_done(&l);
}

TEST(test_a_list_that_is_not_committed_or_is_taken_back_is_not_there)
{
    for (int committed = 0; committed < 2; committed++) {
        struct stat st;
        struct list l;

        list_init(&l);
        add(&l, 0, 0);
        keep(&l, 0, 0);
        ASSERT_EQ(leat_digest_list_prepare(l.pipeline->outputs.digests), 0);
        if (committed) {
            ASSERT_EQ(leat_digest_list_commit(l.pipeline->outputs.digests), 0);
            ASSERT_EQ(stat(l.path, &st), 0);
            leat_digest_list_revert(l.pipeline->outputs.digests);
        }
        list_done(&l);
        ASSERT_NE(stat(l.path, &st), 0);
    }
}

TEST(test_a_pipeline_without_a_list_needs_none)
{
    struct leat_outfile *file;
    struct leat_stage sink = {.info = NULL};
    struct leat_stage_info info = {.sums.digest = &info};

    sink.info = &info;
    ASSERT_EQ(leat_digest_list_open(NULL), 0);
    leat_digest_list_keep(NULL, &sink);
    ASSERT_EQ(leat_digest_list_prepare(NULL), 0);
    ASSERT_EQ(leat_digest_list_commit(NULL), 0);
    ASSERT_NULL(leat_digest_list_late(NULL, &file));
    leat_digest_list_revert(NULL);
    leat_digest_list_close(NULL);
    leat_digest_list_free(NULL);
}
