/* help.c - leat help, leat help STAGE and leat stages, all generated from the tables. */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

#define LABEL_WIDTH 26u /* of an option; a longer label gets a line of its own */

struct page {
    struct buf out;
    struct term term;
    size_t width;
};

static void page_init(struct page *p, const struct config *c)
{
    *p = (struct page){.width = 0};
    term_init(&p->term, 1, c->color);
    p->width = term_width(&p->term);
    if (p->width > TERM_WIDTH_TEXT)
        p->width = TERM_WIDTH_TEXT;
}

static int page_end(struct page *p)
{
    int status = out_write(&p->out);

    buf_free(&p->out);
    return status;
}

static void heading(struct page *p, const char *text)
{
    buf_add(&p->out, "%s", p->out.n > 0 ? "\n" : "");
    term_color(&p->out, p->term.color, TERM_BOLD);
    buf_add(&p->out, "%s", text);
    term_plain(&p->out, p->term.color);
    buf_add(&p->out, "\n");
}

static void prose(struct page *p, const char *text, size_t n, size_t indent)
{
    buf_fill(&p->out, ' ', indent);
    term_wrap(&p->out, text, n, indent, indent, p->width);
}

/* A label, followed by text in its own column. */
static void item(struct page *p, const char *label, const char *text, size_t column)
{
    size_t columns = term_columns(label, strlen(label));

    if (column > p->width / 2)
        column = 6;
    buf_add(&p->out, "  ");
    term_color(&p->out, p->term.color, TERM_BOLD);
    buf_add(&p->out, "%s", label);
    term_plain(&p->out, p->term.color);
    if (2 + columns + 2 > column) {
        buf_add(&p->out, "\n");
        buf_fill(&p->out, ' ', column);
    } else {
        buf_fill(&p->out, ' ', column - columns - 2);
    }
    term_wrap(&p->out, text, strlen(text), column, column, p->width);
}

static void lines(struct page *p, const char *text, size_t indent)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        buf_fill(&p->out, ' ', indent);
        buf_bytes(&p->out, text, n);
        buf_add(&p->out, "\n");
        text += n + (text[n] == '\n');
    }
}

/* --- leat help -------------------------------------------------------------------------------- */

static void global_label(struct buf *b, const struct global_option *o)
{
    if (o->short_name)
        buf_add(b, "-%c, ", o->short_name == LEAT_DIGITS ? 'N' : o->short_name);
    buf_add(b, "--%s", o->name);
    if (o->metavar)
        buf_add(b, o->value_optional ? "[=%s]" : "=%s", o->metavar);
}

static void add_table(struct page *p, const struct global_option *options, size_t n_options)
{
    for (size_t i = 0; i < n_options; i++) {
        const struct global_option *o = &options[i];
        struct buf label = {.n = 0}, text = {.n = 0};
        const char *at = o->choices, *one;
        size_t n;

        global_label(&label, o);
        buf_add(&text, "%s", o->help);
        for (bool first = true; at && (n = each_choice(&at, &one)) > 0; first = false)
            buf_add(&text, "%s%.*s", first ? " (" : *at ? ", " : " or ", (int)n, one);
        buf_add(&text, "%s", o->choices ? ")" : "");
        item(p, buf_text(&label), buf_text(&text), LABEL_WIDTH);
        buf_free(&label);
        buf_free(&text);
    }
}

static void add_globals(struct page *p)
{
    heading(p, "Options, before the first stage:");
    add_table(p, global_options, n_global_options);
}

static void add_subcommands(struct page *p)
{
    heading(p, "Instead of a pipeline:");
    for (size_t i = 0; i < n_subcommands; i++) {
        struct buf label = {.n = 0};

        buf_add(&label, "%s%s%s", subcommands[i].name, subcommands[i].operands[0] ? " " : "",
                subcommands[i].operands);
        item(p, buf_text(&label), subcommands[i].help, LABEL_WIDTH);
        buf_free(&label);
    }
}

static size_t name_column(const struct leat_registry *registry)
{
    size_t widest = 0;

    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        size_t n = strlen(leat_registry_at(registry, i)->name);

        if (n > widest)
            widest = n;
    }
    return widest + 4;
}

static void add_stages(struct page *p, const struct leat_registry *registry)
{
    size_t column = name_column(registry);

    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *t = leat_registry_at(registry, i);
        struct buf text = {.n = 0};

        buf_add(&text, "%s", t->summary ? t->summary : "");
        if (t->missing)
            buf_add(&text, " (not in this build: needs %s)", t->missing);
        if (leat_registry_plugin(registry, t)) {
            buf_add(&text, " (plugin ");
            buf_shown(&text, leat_registry_plugin(registry, t));
            buf_add(&text, ")");
        }
        item(p, t->name, buf_text(&text), column);
        buf_free(&text);
    }
}

static void add_usage(struct page *p)
{
    static const char about[] =
        "Runs a stream of any size through a pipeline of stages, in parallel and in bounded "
        "memory. Output files appear only if all stages succeeded.";

    heading(p, "Usage:");
    lines(p,
          "leat [options] STAGE [: STAGE]...\n"
          "leat [options] 'STAGE | STAGE ...'\n"
          "leat [options] -f FILE\n",
          2);
    buf_add(&p->out, "\n");
    prose(p, about, strlen(about), 0);
    heading(p, "Examples:");
    lines(p,
          "leat read big.log.gz : gunzip : grep -v DEBUG : zstd -10 : write out.zst\n"
          "leat 'read big.log.gz | gunzip | grep -v DEBUG | zstd -10 | write out.zst'\n"
          "leat explain read big.log.gz : gunzip : null\n",
          2);
}

int help_usage(const struct config *c)
{
    static const char see[] = "Sizes: K, M, G are powers of 1024; KB, MB, GB are powers of 1000. "
                              "See leat(1), leat-stages(7), leat-syntax(5).";
    int status;
    struct leat_registry *registry = registry_open(c, &status);
    struct page p;

    if (!registry)
        return status;
    page_init(&p, c);
    add_usage(&p);
    add_globals(&p);
    add_subcommands(&p);
    heading(&p, "Stages:");
    add_stages(&p, registry);
    leat_registry_free(registry);
    buf_add(&p.out, "\n");
    prose(&p, see, strlen(see), 0);
    return page_end(&p);
}

/* --- one stage -------------------------------------------------------------------------------- */

static void paragraphs(struct page *p, const char *text)
{
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);

        buf_add(&p->out, "\n");
        prose(p, text, n, 0);
        text += n;
        text += strspn(text, "\n");
    }
}

static void add_options(struct page *p, const char *title, const struct leat_option *o)
{
    if (!o || option_is_last(o))
        return;
    heading(p, title);
    for (; !option_is_last(o); o++) {
        struct buf label = {.n = 0}, text = {.n = 0};

        option_label(&label, o);
        buf_add(&text, "%s", o->help ? o->help : "");
        option_notes(&text, o);
        item(p, buf_text(&label), buf_text(&text), LABEL_WIDTH);
        buf_free(&label);
        buf_free(&text);
    }
}

int help_subcommand(const struct config *c, const struct subcommand *sub)
{
    struct buf synopsis = {.n = 0};
    struct page p;

    page_init(&p, c);
    buf_add(&synopsis, "leat %s%s%s", sub->name, sub->operands[0] ? " " : "", sub->operands);
    heading(&p, buf_text(&synopsis));
    buf_free(&synopsis);
    buf_fill(&p.out, ' ', 2);
    term_wrap(&p.out, sub->help, strlen(sub->help), 2, 2, p.width);
    paragraphs(&p, sub->manual);
    if (sub->options) {
        heading(&p, "Options:");
        add_table(&p, sub->options, *sub->n_options);
    }
    return page_end(&p);
}

static int help_stage(const struct config *c, const struct leat_registry *registry,
                      const char *name)
{
    const struct leat_stage_type *t = leat_registry_find(registry, name);
    struct buf synopsis = {.n = 0};
    struct page p;

    if (!t && find_subcommand(name))
        return help_subcommand(c, find_subcommand(name));
    if (!t)
        return message_fail(c, LEAT_EUSAGE, "there is no stage '%s'; `leat stages` lists them",
                            name);
    page_init(&p, c);
    stage_synopsis(&synopsis, t);
    heading(&p, buf_text(&synopsis));
    buf_free(&synopsis);
    if (t->summary) {
        buf_fill(&p.out, ' ', 2);
        buf_add(&p.out, "%s: ", stage_kind(t));
        term_wrap(&p.out, t->summary, strlen(t->summary), 4 + strlen(stage_kind(t)), 2, p.width);
    }
    if (t->aliases)
        buf_add(&p.out, "  also: %s\n", t->aliases);
    if (leat_registry_plugin(registry, t)) {
        buf_add(&p.out, "  of the plugin ");
        buf_shown(&p.out, leat_registry_plugin(registry, t));
        buf_add(&p.out, "\n");
    }
    if (t->missing)
        buf_add(&p.out, "  not in this build: install %s and build leat again\n", t->missing);
    paragraphs(&p, t->manual);
    add_options(&p, "Options:", t->options);
    add_options(&p, "Options of a branch:", t->branch_options);
    if (t->examples) {
        heading(&p, "Examples:");
        for (const char *line = t->examples; *line;) {
            size_t n = strcspn(line, "\n");

            buf_add(&p.out, "  leat %.*s\n", (int)n, line);
            line += n + (line[n] == '\n');
        }
    }
    return page_end(&p);
}

int help_main(const struct config *c, int argc, char **argv)
{
    struct leat_registry *registry;
    int status = 0;

    if (argc == 0)
        return help_usage(c);
    registry = registry_open(c, &status);
    if (!registry)
        return status;
    for (int i = 0; i < argc && status == 0; i++) {
        struct buf blank = {.n = 0};

        if (i > 0) {
            buf_add(&blank, "\n");
            status = out_write(&blank);
            buf_free(&blank);
        }
        if (status == 0)
            status = help_stage(c, registry, argv[i]);
    }
    leat_registry_free(registry);
    return status;
}

/* --- leat stages ------------------------------------------------------------------------------ */

static void json_option(struct buf *b, const struct leat_option *o)
{
    struct buf label = {.n = 0};

    option_label(&label, o);
    buf_add(b, "{\"name\":");
    if (o->name)
        buf_json(b, o->name);
    else
        buf_add(b, "null");
    buf_add(b, ",\"usage\":");
    buf_json(b, buf_text(&label));
    buf_add(b, ",\"help\":");
    buf_json(b, o->help ? o->help : "");
    buf_add(b, "}");
    buf_free(&label);
}

static void json_options(struct buf *b, const struct leat_option *options)
{
    for (const struct leat_option *o = options; o && !option_is_last(o); o++) {
        buf_add(b, "%s", o != options ? "," : "");
        json_option(b, o);
    }
}

static void json_stage(struct buf *b, const struct leat_registry *registry,
                       const struct leat_stage_type *t)
{
    const char *plugin = leat_registry_plugin(registry, t);
    struct buf synopsis = {.n = 0};

    stage_synopsis(&synopsis, t);
    buf_add(b, "{\"name\":");
    buf_json(b, t->name);
    buf_add(b, ",\"aliases\":[");
    for (const char *p = t->aliases ? t->aliases : ""; *p;) {
        size_t n = strcspn(p, " ");

        buf_add(b, "\"%.*s\"", (int)n, p);
        p += n;
        p += strspn(p, " ");
        buf_add(b, "%s", *p ? "," : "");
    }
    buf_add(b, "],\"kind\":");
    buf_json(b, stage_kind(t));
    buf_add(b, ",\"summary\":");
    buf_json(b, t->summary ? t->summary : "");
    buf_add(b, ",\"usage\":");
    buf_json(b, buf_text(&synopsis));
    buf_add(b, ",\"missing\":");
    if (t->missing)
        buf_json(b, t->missing);
    else
        buf_add(b, "null");
    buf_add(b, ",\"plugin\":");
    if (plugin)
        buf_json(b, plugin);
    else
        buf_add(b, "null");
    buf_add(b, ",\"options\":[");
    json_options(b, t->options);
    if (t->branch_options) {
        buf_add(b, "],\"branch_options\":[");
        json_options(b, t->branch_options);
    }
    buf_add(b, "]}");
    buf_free(&synopsis);
}

int stages_main(const struct config *c, int argc, char **argv)
{
    struct leat_registry *registry;
    struct page p;
    int status;

    if (argc > 0)
        return message_fail(c, LEAT_EUSAGE, "stages takes no operands: '%s'", argv[0]);
    registry = registry_open(c, &status);
    if (!registry)
        return status;
    page_init(&p, c);
    if (c->json) {
        for (size_t i = 0; i < leat_registry_count(registry); i++) {
            buf_add(&p.out, "%s", i > 0 ? ",\n" : "[\n");
            json_stage(&p.out, registry, leat_registry_at(registry, i));
        }
        buf_add(&p.out, "\n]\n");
    } else {
        if (!p.term.tty) /* for programs: one line per stage */
            p.width = SIZE_MAX;
        add_stages(&p, registry);
    }
    leat_registry_free(registry);
    return page_end(&p);
}
