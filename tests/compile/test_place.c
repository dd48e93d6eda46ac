/* test_place.c - stages in segments, and the graph of their connections, for texts and threads. */
#include "memio.h"
#include "run/pipeline.h"
#include "test.h"

#define TEXT_MAX 1024u

#define TYPE(type_name, ...)                                                                       \
    {                                                                                              \
        .name = type_name, .kind = LEAT_TRANSFORM, .step = memio_pass, __VA_ARGS__                 \
    }
static const struct leat_lanes blocks = {.block = 4096};
static const struct leat_stage_type types[] = {
    TYPE("light", .nature = LEAT_LIGHT), TYPE("heavy", .nature = LEAT_HEAVY),
    TYPE("lanes", .nature = LEAT_PARALLEL, .lanes = &blocks),
    TYPE("by-lines", .nature = LEAT_LIGHT, .framing = LEAT_LINES)};

/* "1-2": both stages are in one segment; "1=2": an edge connects them. A number after a dot is that of a
 * branch: of the port of the first stage, or of the input of the second one. */
static void links_of(const struct leat_pipeline *p, char *text)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);
    size_t n = 0;

    leat_pipeline_stats(p, &stats);
    text[0] = '\0';
    for (size_t i = 0; i < stats.n_links; i++) {
        struct leat_link_stats link = LEAT_INIT(leat_link_stats);
        char port[16] = "", input[16] = "";

        leat_pipeline_link_stats(p, i, &link);
        ASSERT_LT(link.from, stats.n_stages);
        ASSERT_LT(link.to, stats.n_stages);
        if (link.port)
            snprintf(port, sizeof port, ".%u", link.port);
        if (link.input)
            snprintf(input, sizeof input, ".%u", link.input);
        n += (size_t)snprintf(text + n, TEXT_MAX - n, "%s%zu%s%c%zu%s", n ? " " : "", link.from + 1,
                              port, link.capacity ? '=' : '-', link.to + 1, input);
        ASSERT_LT(n, TEXT_MAX);
    }
}

/* Each edge has one reader and one writer, which are among the segments; each segment has a stage. */
static void check_graph(const struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++)
        ASSERT_GT(p->graph.segments[i]->n, 0);
    for (size_t i = 0; i < p->graph.n_edges; i++) {
        unsigned readers = 0, writers = 0;

        for (size_t k = 0; k < p->graph.n_segments; k++) {
            const struct leat_segment *seg = p->graph.segments[k];

            readers += p->graph.edges[i]->reader == &seg->actor;
            writers += p->graph.edges[i]->writer == &seg->actor;
        }
        ASSERT_EQ(readers, 1);
        ASSERT_EQ(writers, 1);
    }
}

static const struct {
    const char *text, *one, *four; /* links with one thread and with four; NULL: the same */
} rows[] = {
    {"null", "1-2", NULL},
    {"light : by-lines : null", "1-2 2-3 3-4", NULL},
    {"heavy : light : null", "1-2 2-3 3-4", NULL},
    {"light : heavy : light : null", "1-2 2-3 3-4 4-5", NULL},
    {"heavy : heavy : null", "1-2 2-3 3-4", "1-2 2=3 3-4"},
    {"lanes : light : null", "1=2 2=3 3-4", NULL},
    {"lanes : lanes : null", "1=2 2=3 3=4", NULL},
    {"heavy : lanes : heavy : null", "1-2 2=3 3=4 4-5", NULL},
    {"light : buffer -s 1M : light : null", "1-2 2-3 3=4 4-5", NULL},
    {"tee [ light : null ] [ heavy : null ] : null", "1-2 2=7 2.1=3 2.2=5 3-4 5-6", NULL},
    {"tee [ tee [ null ] : lanes : null ] : null", "1-2 2=7 2.1=3 3.1=4 3=5 5=6", NULL},
    {"concat [ read /dev/null ] [ read /dev/null : heavy ] : null", "1=4.1 2-3 3=4.2 4-5", NULL},
    {"concat [ read /dev/null ] [ read /dev/null ] : tee [ null ] : null",
     "1=3.1 2=3.2 3-4 4=6 4.1=5", NULL},
    {"merge [ read /dev/null ] [ read /dev/null ] : light : null", "1=3.1 2=3.2 3-4 4-5", NULL},
    {"split -n 1 [ heavy : null ]", "1-2 2=3 3-4", NULL},
};

TEST(test_stages_share_a_segment_unless_two_are_heavy_or_one_has_lanes_a_buffer_or_branches)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        ASSERT_EQ(leat_registry_add_plain(registry, &types[i]), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned threads = 1; threads <= 4; threads += 3) {
            const struct leat_settings settings = {.size = sizeof settings, .threads = threads};
            struct leat_pipeline *p = NULL;
            struct leat_error error = LEAT_INIT(leat_error);
            char links[TEXT_MAX], text[TEXT_MAX];

            test_context("%s, %u threads", rows[i].text, threads);
            snprintf(text, sizeof text, "%s%s",
                     strstr(rows[i].text, "[ read") ? "" : "read /dev/null : ", rows[i].text);
            if (leat_pipeline_from_text(registry, text, &settings, &p, &error) < 0)
                FAIL("%s", error.text);
            links_of(p, links);
            ASSERT_STREQ(links, threads == 1 || !rows[i].four ? rows[i].one : rows[i].four);
            check_graph(p);
            leat_pipeline_unref(p);
        }
    leat_registry_free(registry);
}
