/* report_graph.c - the drawing of the graph: from top to bottom, each branch in its own column. The
 * width of a line shows the amount of data.
 */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define BOX_WIDTH 176u
#define BOX_HEIGHT 64u
#define GAP_X 34u
#define GAP_Y 60u
#define BEND_FROM (GAP_Y / 3u)     /* lines bend high in the gap, above the amounts */
#define BEND_TO (GAP_Y * 9u / 10u) /* that are printed over the boxes */
#define FLOW_MAX 16.0
#define FLOW_MIN 1.5
#define NAME_MAX_COLUMNS 17u

/* The position of a stage. */
struct place {
    unsigned column, row;
    bool placed;
};

/* Links lead from lower stage numbers to higher ones, so one pass in their order is enough. */
static unsigned set_places(const struct report *r, struct place *places)
{
    unsigned columns = 0;

    for (size_t i = 0; i < r->stats.n_stages; i++) {
        struct place *p = &places[i];

        for (size_t k = 0; k < r->stats.n_links; k++) {
            const struct leat_link_stats *link = &r->links[k];
            const struct place *from = &places[link->from];

            if (link->to != i || link->from >= i)
                continue;
            if (!p->placed && link->port == 0) {
                p->column = from->column;
                p->placed = true;
            }
            p->row = from->row + 1 > p->row ? from->row + 1 : p->row;
        }
        if (!p->placed)
            p->column = columns;
        p->placed = true;
        columns = p->column >= columns ? p->column + 1 : columns;
    }
    return columns;
}

static unsigned left(const struct place *p)
{
    return GAP_X / 2 + p->column * (BOX_WIDTH + GAP_X);
}

static unsigned top(const struct place *p)
{
    return 8 + p->row * (BOX_HEIGHT + GAP_Y);
}

static double flow_width(const struct leat_link_stats *link, uint64_t most)
{
    double width = most > 0 ? FLOW_MAX * (double)link->bytes / (double)most : 0;

    return width < FLOW_MIN ? FLOW_MIN : width;
}

/* The amount is above the target box; for one of several inputs, below the source box. */
static void add_amount(struct buf *b, const struct leat_link_stats *link,
                       const struct place *places, uint64_t most)
{
    const struct place *at = link->input > 0 ? &places[link->from] : &places[link->to];
    unsigned y = link->input > 0 ? top(at) + BOX_HEIGHT + 18 : top(at) - 8;

    if (!link->outside)
        buf_add(b, "<text class=\"amount\" x=\"%u\" y=\"%u\">%s</text>\n",
                left(at) + BOX_WIDTH / 2 + (unsigned)(flow_width(link, most) / 2) + 7, y,
                human_bytes(link->bytes).text);
}

/* The line goes down the column of the source box, to the gap above the target box. */
static void add_flow(struct buf *b, const struct leat_link_stats *link, const struct place *places,
                     uint64_t most)
{
    const struct place *from = &places[link->from], *to = &places[link->to];
    unsigned x1 = left(from) + BOX_WIDTH / 2, y1 = top(from) + BOX_HEIGHT;
    unsigned x2 = left(to) + BOX_WIDTH / 2, y2 = top(to), gap = y2 - GAP_Y;

    buf_add(b, "<path class=\"%s\" stroke-width=\"%.1f\" d=\"M%u %uV%uC%u %u %u %u %u %u\"/>\n",
            link->outside ? "flow outside" : "flow", flow_width(link, most), x1, y1, gap, x1,
            gap + BEND_FROM, x2, y2 - BEND_TO, x2, y2);
}

static void add_name(struct buf *b, const struct leat_stage_stats *s)
{
    struct buf cut = {.n = 0};
    size_t columns = term_columns(s->name, strlen(s->name));

    term_cell(&cut, s->name, columns < NAME_MAX_COLUMNS ? columns : NAME_MAX_COLUMNS, true);
    if (s->number > 0)
        buf_add(b, "<tspan class=\"number\">#%d</tspan> ", s->number);
    buf_html(b, columns < 2 ? s->name : buf_text(&cut));
    buf_free(&cut);
}

static void add_box(struct buf *b, const struct report *r, size_t i, const struct place *p)
{
    const struct leat_stage_stats *s = &r->stages[i];
    bool marked = r->bottleneck.found && r->bottleneck.index == i;
    bool bad = r->error && r->error->stage > 0 && r->error->stage == s->number;
    unsigned busy = stats_percent(&r->stats, s, s->busy_ns);
    unsigned in = stats_percent(&r->stats, s, s->wait_in_ns), x = left(p), y = top(p);
    double bar = BOX_WIDTH - 20;

    buf_add(b, "<a href=\"#stage-%zu\"><g><title>", i);
    buf_html(b, s->text);
    buf_add(b,
            "</title>\n<rect class=\"box%s%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
            "rx=\"9\"/>\n",
            marked ? " marked" : "", bad ? " bad" : "", x, y, BOX_WIDTH, BOX_HEIGHT);
    buf_add(b, "<text class=\"name\" x=\"%u\" y=\"%u\">", x + 10, y + 22);
    add_name(b, s);
    buf_add(b, "</text>\n<text class=\"note\" x=\"%u\" y=\"%u\">%u %% busy%s</text>\n", x + 10,
            y + 40, busy,
            bad      ? " · failed"
            : marked ? " · bottleneck"
                     : "");
    buf_add(b, "<rect class=\"out\" x=\"%u\" y=\"%u\" width=\"%.0f\" height=\"7\"/>", x + 10,
            y + 48, bar);
    buf_add(b, "<rect class=\"in\" x=\"%u\" y=\"%u\" width=\"%.1f\" height=\"7\"/>", x + 10, y + 48,
            bar * (busy + in > 100 ? 100 : busy + in) / 100);
    buf_add(b, "<rect class=\"busy\" x=\"%u\" y=\"%u\" width=\"%.1f\" height=\"7\"/></g></a>\n",
            x + 10, y + 48, bar * busy / 100);
}

static unsigned add_drawing(struct buf *b, const struct report *r, struct place *places)
{
    unsigned columns = set_places(r, places), rows = 0, width, height;
    uint64_t most = 0;

    for (size_t i = 0; i < r->stats.n_stages; i++)
        rows = places[i].row + 1 > rows ? places[i].row + 1 : rows;
    for (size_t i = 0; i < r->stats.n_links; i++)
        most = r->links[i].bytes > most ? r->links[i].bytes : most;
    width = columns * (BOX_WIDTH + GAP_X) + GAP_X;
    height = rows * (BOX_HEIGHT + GAP_Y) - GAP_Y + 18;
    buf_add(
        b,
        "<svg class=\"graph\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" role=\"img\" "
        "aria-label=\"The pipeline as a graph of %zu stages; the tables below have the same figures.\">\n",
        width, height, width, height, r->stats.n_stages);
    for (size_t i = 0; i < r->stats.n_links; i++)
        add_flow(b, &r->links[i], places, most);
    for (size_t i = 0; i < r->stats.n_links; i++)
        add_amount(b, &r->links[i], places, most);
    for (size_t i = 0; i < r->stats.n_stages; i++)
        add_box(b, r, i, &places[i]);
    buf_add(b, "</svg>\n");
    return columns;
}

void report_graph(struct buf *b, const struct report *r, unsigned *ret_columns)
{
    struct place *places = calloc(r->stats.n_stages + 1, sizeof *places);

    if (!places) {
        b->failed = true;
        return;
    }
    *ret_columns = add_drawing(b, r, places);
    free(places);
}
