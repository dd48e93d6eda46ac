/* graph.c - the graph of a pipeline: a drawing with line characters, and the source for
 * Graphviz. */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

struct graph {
    const struct job *job;
    struct leat_stage_stats *stages; /* n_stages elements */
    struct leat_link_stats *links;   /* n_links elements */
    size_t n_stages, n_links;
    bool utf8;
};

static int graph_read(struct graph *g, const struct job *job, bool utf8)
{
    struct leat_stats stats;

    stats = stats_now(job->pipeline);
    *g = (struct graph){
        .job = job, .n_stages = stats.n_stages, .n_links = stats.n_links, .utf8 = utf8};
    g->stages = calloc(g->n_stages + 1, sizeof *g->stages);
    g->links = calloc(g->n_links + 1, sizeof *g->links);
    if (!g->stages || !g->links)
        return -1;
    for (size_t i = 0; i < g->n_stages; i++)
        g->stages[i] = stage_now(job->pipeline, i);
    for (size_t i = 0; i < g->n_links; i++)
        g->links[i] = link_now(job->pipeline, i);
    return 0;
}

static void graph_free(struct graph *g)
{
    free(g->stages);
    free(g->links);
}

/* --- the drawing ------------------------------------------------------------------------------ */

/* The link that carries the main stream (port 0) from a stage. NULL: the stream ends there. */
static const struct leat_link_stats *onward(const struct graph *g, size_t stage)
{
    for (size_t i = 0; i < g->n_links; i++)
        if (g->links[i].from == stage && g->links[i].port == 0)
            return &g->links[i];
    return NULL;
}

/* The first stage of the chain that leads to a stage: a source, a join, or the start of a
 * branch. */
static size_t head_of(const struct graph *g, size_t stage)
{
    for (size_t i = 0; i < g->n_links; i++) {
        const struct leat_link_stats *link = &g->links[i];

        if (link->to == stage && link->port == 0 && link->input == 0)
            return head_of(g, link->from);
    }
    return stage;
}

static void add_line(struct buf *b, const struct buf *prefix, const char *mark, const char *text)
{
    buf_add(b, "  %s%s", buf_text(prefix), mark);
    buf_add(b, "%s\n", text);
}

static void draw_chain(struct buf *b, const struct graph *g, size_t stage, struct buf *prefix);

/* A branch or input, indented by one level. The recursion is as deep as the nested brackets, which
 * the syntax limits. */
static void draw_inner(struct buf *b, const struct graph *g, size_t stage, struct buf *prefix)
{
    size_t n = prefix->n;

    buf_add(prefix, "%s", g->utf8 ? "│  " : "|  ");
    draw_chain(b, g, stage, prefix);
    prefix->n = n;
    if (prefix->data)
        prefix->data[n] = '\0';
}

static void draw_inputs(struct buf *b, const struct graph *g, size_t stage, struct buf *prefix)
{
    for (unsigned input = 1; input <= g->n_links; input++)
        for (size_t i = 0; i < g->n_links; i++) {
            char label[32];

            if (g->links[i].to != stage || g->links[i].input != input)
                continue;
            snprintf(label, sizeof label, "input %u", input);
            add_line(b, prefix,
                     !g->utf8     ? input == 1 ? ",- " : "|- "
                     : input == 1 ? "┌─ "
                                  : "├─ ",
                     label);
            draw_inner(b, g, head_of(g, g->links[i].from), prefix);
        }
}

static void draw_branches(struct buf *b, const struct graph *g, size_t stage, struct buf *prefix)
{
    for (unsigned port = 1; port <= g->n_links; port++)
        for (size_t i = 0; i < g->n_links; i++) {
            char label[32];

            if (g->links[i].from != stage || g->links[i].port != port)
                continue;
            snprintf(label, sizeof label, "branch %u", port);
            add_line(b, prefix, g->utf8 ? "├─ " : "|- ", label);
            draw_inner(b, g, g->links[i].to, prefix);
        }
}

/* The chain from a stage to its end, or to the join that reads it as an input. */
static void draw_chain(struct buf *b, const struct graph *g, size_t stage, struct buf *prefix)
{
    const struct leat_link_stats *next;
    bool again = false; /* `stage` is the second half of the stage that was drawn before */

    for (;;) {
        const struct leat_stage_stats *s = &g->stages[stage];
        bool implied = s->number == 0 && !strchr(s->text, ' ');
        bool source = implied && strcmp(s->name, "read") == 0;
        bool sink = implied && strcmp(s->name, "write") == 0;

        draw_inputs(b, g, stage, prefix);
        if (!again && (source || sink))
            add_line(b, prefix, "", source ? "standard input" : "standard output");
        else if (!again)
            add_line(b, prefix, "", s->text);
        draw_branches(b, g, stage, prefix);
        next = onward(g, stage);
        if (!next || next->input > 0)
            return;
        again = next->outside;
        stage = next->to;
    }
}

/* The first stage of the chain that feeds no other chain; the drawing starts there. */
static size_t root_of(const struct graph *g)
{
    size_t at = 0;

    for (size_t steps = 0; steps <= g->n_stages; steps++) {
        const struct leat_link_stats *next = onward(g, at);

        if (!next)
            break;
        at = next->to;
    }
    return head_of(g, at);
}

int graph_draw(struct buf *b, const struct job *job, bool utf8)
{
    struct buf prefix = {.n = 0};
    struct graph g;
    bool branched = false;
    int r = graph_read(&g, job, utf8);

    for (size_t i = 0; r == 0 && i < g.n_links; i++)
        branched = branched || g.links[i].port > 0 || g.links[i].input > 0;
    if (r == 0 && branched) {
        buf_add(b, "graph:\n");
        draw_chain(b, &g, root_of(&g), &prefix);
    }
    b->failed = b->failed || prefix.failed;
    buf_free(&prefix);
    graph_free(&g);
    return r;
}

/* --- Graphviz --------------------------------------------------------------------------------- */

/* Text inside a quoted string of the dot language. */
static void add_dot_text(struct buf *b, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            buf_add(b, "\\%c", c);
        else
            buf_fill(b, c < 0x20 || c == 0x7f ? ' ' : (char)c, 1);
    }
}

static void add_dot_segment(struct buf *b, const struct graph *g, int segment)
{
    bool any = false;

    for (size_t i = 0; i < g->n_stages; i++) {
        const struct leat_stage_stats *s = &g->stages[i];

        if (s->segment != segment)
            continue;
        if (!any)
            buf_add(b, "  subgraph cluster_%d {\n    label=\"segment %d\";\n", segment, segment);
        any = true;
        buf_add(b, "    s%zu [label=\"", i);
        add_dot_text(b, s->text);
        if (s->workers > 1)
            buf_add(b, "\\n%u lanes", s->workers);
        buf_add(b, "\"];\n");
    }
    if (any)
        buf_add(b, "  }\n");
}

static void add_dot_link(struct buf *b, const struct leat_link_stats *l)
{
    buf_add(b, "  s%zu -> s%zu [label=\"", l->from, l->to);
    if (l->port > 0)
        buf_add(b, "branch %u\\n", l->port);
    if (l->input > 0)
        buf_add(b, "input %u\\n", l->input);
    if (l->capacity > 0)
        buf_add(b, "%s", human_bytes(l->capacity).text);
    buf_add(b, "\"%s];\n", l->outside ? ", style=dashed" : "");
}

int graph_dot(struct buf *b, const struct job *job)
{
    struct graph g;
    int last = 0, r = graph_read(&g, job, true);

    if (r == 0) {
        for (size_t i = 0; i < g.n_stages; i++)
            last = g.stages[i].segment > last ? g.stages[i].segment : last;
        buf_add(b, "digraph leat {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
                   "  graph [style=dotted];\n");
        for (int segment = 1; segment <= last; segment++)
            add_dot_segment(b, &g, segment);
        for (size_t i = 0; i < g.n_links; i++)
            add_dot_link(b, &g.links[i]);
        buf_add(b, "}\n");
    }
    graph_free(&g);
    return r;
}
