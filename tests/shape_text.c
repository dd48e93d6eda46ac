/* shape_text.c - a shape as the text of a pipeline, for a run or to be pasted. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "memio.h"
#include "shape.h"
#include "test.h"

struct text {
    const struct shape *shape;
    const struct memio *sources, *sinks;
    const char *dir; /* not NULL: to be pasted */
    char *data;
    size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    int n;

    if (text->size - text->len < 4096) {
        text->size = 2 * text->size + 8192;
        text->data = realloc(text->data, text->size);
        ASSERT_NOT_NULL(text->data);
    }
    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format, args);
    va_end(args);
    ASSERT(n >= 0 && (size_t)n < text->size - text->len);
    text->len += (size_t)n;
}

static void put_chain(struct text *text, const struct shape_chain *chain, bool is_route);

static void put_stage(struct text *text, const struct shape_stage *stage)
{
/* The formats are those of the table, with one number or none. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    put(text, stage->op->text, stage->n);
#pragma GCC diagnostic pop
    for (size_t i = 0; i < stage->n_branches; i++) {
        put(text, " [ ");
        put_chain(text, stage->branches[i], stage->op->kind == SHAPE_ROUTE);
        put(text, " ]");
    }
}

static void put_source(struct text *text, int source)
{
    if (text->dir)
        put(text, "read %s/in-%zu", text->dir, text->shape->sources[source].input);
    else
        put(text, "memsource --at=%lld", memio_at(&text->sources[source]));
}

static void put_sink(struct text *text, int sink)
{
    const struct shape_sink *s;

    if (sink == SHAPE_NULL) {
        put(text, "null");
        return;
    }
    s = &text->shape->sinks[sink];
    if (text->dir)
        put(text, "write --force %s/out-%d%s", text->dir, sink, s->in_part ? "-{n}" : "");
    else
        put(text, "memsink --at=%lld", memio_at(&text->sinks[sink]));
}

static void put_chain(struct text *text, const struct shape_chain *chain, bool is_route)
{
    const char *joiner = "";

    if (is_route && *chain->prefix)
        put(text, "%s-e ^%s : ", chain->invert ? "-v " : "", chain->prefix);
    if (chain->source >= 0) {
        put_source(text, chain->source);
        joiner = " : ";
    }
    for (size_t i = 0; i < chain->n; i++) {
        put(text, "%s", joiner);
        put_stage(text, &chain->stages[i]);
        joiner = " : ";
    }
    if (chain->sink != SHAPE_NO_END) {
        put(text, "%s", joiner);
        put_sink(text, chain->sink);
    } else if (chain->n == 0 && chain->source < 0) {
        put(text, "pass");
    }
}

/* The faults of a test sink have no words in the pipeline language: they are added as remarks. */
static void put_remarks(struct text *text)
{
    for (int i = 0; i < text->shape->n_sinks; i++) {
        const struct shape_sink *s = &text->shape->sinks[i];

        if (s->end_at)
            put(text, "\n#   out-%d ends at its call %ju", i, (uintmax_t)s->end_at);
        if (s->fail_at)
            put(text, "\n#   out-%d fails at its call %ju", i, (uintmax_t)s->fail_at);
        if (s->after >= 0)
            put(text, "\n#   out-%d takes nothing before out-%d has ended", i, s->after);
    }
}

char *shape_text(const struct shape *shape, const struct memio *sources, const struct memio *sinks,
                 const char *dir)
{
    struct text text = {.shape = shape, .sources = sources, .sinks = sinks, .dir = dir};

    put_chain(&text, shape->chain, false);
    if (dir)
        put_remarks(&text);
    return text.data;
}
