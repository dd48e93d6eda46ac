/* check_run.h - for leat/check.h, which includes it: one run of a stage between a source and a sink. */
#ifndef LEAT_CHECK_RUN_H
#define LEAT_CHECK_RUN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
#include <malloc.h>
#define LEAT_CHECK_HEAP() ((size_t)mallinfo2().uordblks)
#else
#define LEAT_CHECK_HEAP() ((size_t)0)
#endif

#include "stage.h"

#ifdef MAP_ANONYMOUS
#define LEAT_CHECK_ANONYMOUS MAP_ANONYMOUS
#else /* -std=c11 hides it */
#define LEAT_CHECK_ANONYMOUS 0x20
#endif

#define LEAT_CHECK_OUTPUTS 9u /* the stream, and at most 8 branches */
#define LEAT_CHECK_PLANTED LEAT_ENETWORK

struct leat_check_bytes {
    uint8_t *data;
    size_t len, room;
};

/* One run: how, and the outcome. */
struct leat_check_run {
    const struct leat_check *check;
    const struct leat_stage_type *type; /* the stage, or the one around it that guards its input */
    const struct leat_stage_type *original;
    const uint8_t *input;
    size_t len, piece, gulp; /* piece, gulp: 0: all; SIZE_MAX: any size, drawn from the seed */
    uint64_t source_fails, source_ends, sink_fails, sink_ends, cancels; /* at this step; 0: never */
    uint64_t random;
    unsigned flush_every; /* pieces; 0: no flush markers */
    bool twice;           /* two instances at once */
    struct leat_settings settings;
    struct leat_pipeline *pipeline;

    int code;
    struct leat_error error;
    struct leat_check_bytes out[LEAT_CHECK_OUTPUTS];
    char fault[300]; /* seen by the guard */
};

/* One end of a run. */
struct leat_check_end {
    struct leat_check_run *run;
    size_t given, index; /* bytes of the input; which output */
    uint64_t steps;
};

/* Shared with the child process. */
struct leat_check_report {
    char doing[300]; /* the run, for the text of a crash */
    char text[LEAT_CHECK_TEXT];
    int result;
};

static struct leat_check_run *leat_check_now;
static struct leat_check_report *leat_check_told;

/* A stage by place is checked in the middle, if it can stand there. */
static enum leat_kind leat_check_kind(const struct leat_check_run *run)
{
    const struct leat_stage_type *type = run->original;

    if (type->kind != LEAT_BY_PLACE)
        return type->kind;
    return type->middle_in ? LEAT_TRANSFORM : type->last ? LEAT_SINK : LEAT_SOURCE;
}

static uint64_t leat_check_draw(struct leat_check_run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

static size_t leat_check_size(struct leat_check_run *run, size_t wanted, size_t most)
{
    if (wanted == SIZE_MAX && most > 0)
        wanted =
            1 + (size_t)(leat_check_draw(run) % (most < 9 || leat_check_draw(run) % 2 ? most : 9));
    return wanted == 0 || wanted > most ? most : wanted;
}

LEAT_PRINTF(1, 2) static int leat_check_fails(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(leat_check_told->text, LEAT_CHECK_TEXT, format, args);
    va_end(args);
    return -1;
}

/* --- the two ends --------------------------------------------------------------------------------- */

static int leat_check_give(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct leat_check_end *end = (struct leat_check_end *)leat_user(stage);
    struct leat_check_run *run = end->run;
    uint8_t *to;
    size_t room, n;

    (void)in;
    end->steps++;
    if (end->steps == run->cancels)
        leat_pipeline_cancel(run->pipeline, LEAT_ECANCELLED, NULL);
    if (end->steps == run->source_fails)
        return leat_fail(stage, LEAT_CHECK_PLANTED, "planted");
    if (end->steps == run->source_ends || end->given == run->len)
        return LEAT_END;
    room = leat_reserve(out, &to);
    n = leat_check_size(run, run->piece,
                        room < run->len - end->given ? room : run->len - end->given);
    if (n > 0)
        memcpy(to, run->input + end->given, n);
    leat_commit(out, n);
    end->given += n;
    if (end->given == run->len)
        return LEAT_END;
    return run->flush_every && end->steps % run->flush_every == 0 ? LEAT_FLUSHED : LEAT_MORE;
}

static int leat_check_take(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct leat_check_end *end = (struct leat_check_end *)leat_user(stage);
    struct leat_check_run *run = end->run;
    struct leat_check_bytes *b = &run->out[end->index];
    size_t n = leat_check_size(run, run->gulp, in->len - in->pos);

    (void)out;
    end->steps++;
    if (end->steps == run->sink_fails)
        return leat_fail(stage, LEAT_CHECK_PLANTED, "planted");
    if (end->steps == run->sink_ends)
        return LEAT_END;
    if (b->room - b->len < n) {
        uint8_t *more = (uint8_t *)realloc(b->data, 2 * (b->len + n) + 4096);

        if (!more)
            return leat_fail(stage, LEAT_ENOMEM, "out of memory");
        b->data = more;
        b->room = 2 * (b->len + n) + 4096;
    }
    if (n > 0)
        memcpy(b->data + b->len, in->data + in->pos, n);
    b->len += n;
    in->pos += n;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

/* --- the guard around a step ------------------------------------------------------------------------ */

/* After the state of the stage. */
struct leat_check_guard {
    uint8_t *pages; /* size bytes, and one page that cannot be read */
    size_t size;
    uint64_t params; /* a hash of them; 0: none was taken yet */
};

static struct leat_check_guard *leat_check_guard_of(struct leat_stage *stage)
{
    return (struct leat_check_guard *)((char *)leat_state(stage) +
                                       (leat_check_now->original->state_size + 15) / 16 * 16);
}

static uint64_t leat_check_hash(const void *data, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)data;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash ? hash : 1;
}

static int leat_check_blame(struct leat_stage *stage, const char *text)
{
    snprintf(leat_check_now->fault, sizeof leat_check_now->fault, "%s", text);
    return leat_fail(stage, LEAT_EINTERNAL, "%s", text);
}

/* A copy of the input that ends where nothing can be read. NULL: no memory. */
static uint8_t *leat_check_fence(struct leat_check_guard *g, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n / page + 1) * page;

    if (g->size < size) {
        void *pages = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | LEAT_CHECK_ANONYMOUS, -1, 0);

        if (pages == MAP_FAILED || mprotect((uint8_t *)pages + size, page, PROT_NONE) < 0)
            return NULL;
        if (g->pages)
            munmap(g->pages, g->size + page);
        g->pages = (uint8_t *)pages;
        g->size = size;
    }
    return g->pages + g->size - n;
}

static int leat_check_guarded(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct leat_stage_type *type = leat_check_now->original;
    struct leat_check_guard *g = leat_check_guard_of(stage);
    struct leat_in fenced = *in;
    uint64_t params = leat_check_hash(leat_params(stage), type->params_size);
    uint8_t *copy;
    int r;

    if (in->ports) /* several inputs */
        return type->step(stage, in, out);
    copy = leat_check_fence(g, in->len);
    if (!copy)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory");
    if (in->len > 0)
        memcpy(copy, in->data, in->len);
    fenced.data = copy;
    fenced.engine = NULL; /* so that leat_pass copies */
    r = type->step(stage, &fenced, out);
    if (fenced.pos > in->len || fenced.pos < in->pos)
        return leat_check_blame(stage, "its step moves in->pos back, or beyond in->len");
    if (fenced.len != in->len || fenced.data != copy)
        return leat_check_blame(stage,
                                "its step changes in->data or in->len; only in->pos is its own");
    if (in->len > 0 && memcmp(copy, in->data, in->len) != 0)
        return leat_check_blame(stage, "its step writes to its input");
    if (params != leat_check_hash(leat_params(stage), type->params_size))
        return leat_check_blame(stage, "its step writes to its params, which all lanes share");
    in->pos = fenced.pos;
    memset(copy, 0xd5, in->len);
    return r;
}

static void leat_check_close(struct leat_stage *stage)
{
    struct leat_check_guard *g = leat_check_guard_of(stage);

    if (leat_check_now->original->close)
        leat_check_now->original->close(stage);
    if (g->pages)
        munmap(g->pages, g->size + (size_t)sysconf(_SC_PAGESIZE));
    g->pages = NULL;
}

/* A type with all members of this header, and no drop. */
static struct leat_stage_type leat_check_type(const struct leat_stage_type *type, bool guarded)
{
    struct leat_stage_type copy = leat_stage_type_init();
    size_t n = type->size < sizeof copy ? type->size : sizeof copy;

    memcpy(&copy, type, n);
    copy.size = sizeof copy;
    copy.drop = NULL;
    if (guarded && copy.step) {
        copy.step = leat_check_guarded;
        copy.close = leat_check_close;
        copy.state_size = (copy.state_size + 15) / 16 * 16 + sizeof(struct leat_check_guard);
    }
    return copy;
}

/* --- one run ------------------------------------------------------------------------------------------ */

static const struct leat_stage_type *leat_check_ends(bool sink)
{
    static struct leat_stage_type types[2];

    types[sink] = leat_stage_type_init();
    types[sink].name = sink ? "check.sink" : "check.source";
    types[sink].kind = sink ? LEAT_SINK : LEAT_SOURCE;
    types[sink].step = sink ? leat_check_take : leat_check_give;
    return &types[sink];
}

/* The pipeline around the stage. */
struct leat_check_shape {
    struct leat_builder *builder;
    struct leat_check_run *run;
    struct leat_check_end ends[2 * LEAT_CHECK_OUTPUTS + 4];
    size_t n_ends, n_sinks;
};

static int leat_check_add_end(struct leat_check_shape *s, bool sink)
{
    struct leat_check_end *end = &s->ends[s->n_ends++];

    memset(end, 0, sizeof *end);
    end->run = s->run;
    end->index = sink ? s->n_sinks++ : 0;
    return leat_builder_own_stage(s->builder, leat_check_ends(sink), end, NULL);
}

static unsigned leat_check_branches(const struct leat_check_run *run)
{
    unsigned n = run->check->branches;

    return n < run->original->branches_min ? run->original->branches_min : n < 8 ? n : 8;
}

/* The stage and its branches. */
static int leat_check_add_stage(struct leat_check_shape *s)
{
    bool in = leat_check_kind(s->run) == LEAT_FAN_IN;
    int r =
        leat_builder_own_stage(s->builder, s->run->type, s->run->check->user, s->run->check->args);

    for (unsigned i = 0; i < leat_check_branches(s->run) && r == 0; i++) {
        r = leat_builder_branch_begin(s->builder);
        if (r == 0)
            r = leat_check_add_end(s, !in);
        if (r == 0)
            r = leat_builder_branch_end(s->builder);
    }
    return r;
}

/* Two instances at once: of a source one after the other, else side by side on the same input. */
static int leat_check_add_first(struct leat_check_shape *s, bool reads, bool writes)
{
    struct leat_builder *b = s->builder;
    int r = leat_builder_stage(b, reads ? "tee" : "concat", NULL);

    for (int i = 0; i < (reads ? 1 : 2) && r == 0; i++) {
        r = leat_builder_branch_begin(b);
        if (r == 0)
            r = leat_check_add_stage(s);
        if (r == 0 && reads && writes)
            r = leat_check_add_end(s, true);
        if (r == 0)
            r = leat_builder_branch_end(b);
    }
    return r;
}

static int leat_check_build(struct leat_check_shape *s)
{
    enum leat_kind kind = leat_check_kind(s->run);
    bool reads = kind == LEAT_TRANSFORM || kind == LEAT_SINK;
    bool writes = kind != LEAT_SINK;
    int r = reads ? leat_check_add_end(s, false) : 0;

    if (r == 0 && s->run->twice)
        r = leat_check_add_first(s, reads, writes);
    if (r == 0 && (!s->run->twice || reads))
        r = leat_check_add_stage(s);
    return r == 0 && writes ? leat_check_add_end(s, true) : r;
}

/* Run it; the outcome is in `run`. */
static void leat_check_go(struct leat_check_run *run)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_check_shape shape;
    const struct leat_error *error;

    memset(&shape, 0, sizeof shape);
    shape.run = run;
    shape.builder = registry ? leat_builder_new(registry) : NULL;
    for (size_t i = 0; i < LEAT_CHECK_OUTPUTS; i++)
        run->out[i].len = 0;
    memset(&run->error, 0, sizeof run->error);
    run->fault[0] = '\0';
    run->settings.size = sizeof run->settings;
    run->error.size = sizeof run->error;
    run->settings.fixed_default_io = true;
    run->random = (run->settings.seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    leat_check_now = run;
    if (run->check->before)
        run->check->before(run->check->user);
    run->code = shape.builder ? leat_check_build(&shape) : LEAT_ENOMEM;
    if (run->code < 0)
        snprintf(run->error.text, sizeof run->error.text, "%s",
                 leat_builder_refusal(shape.builder));
    else
        run->code = leat_builder_finish(shape.builder, &run->settings, &run->pipeline, &run->error);
    leat_builder_free(shape.builder);
    if (run->code == 0) {
        alarm(run->check->seconds ? run->check->seconds : 60);
        run->code = leat_pipeline_run(run->pipeline);
        error = leat_pipeline_error(run->pipeline);
        if (error)
            run->error = *error;
    }
    leat_pipeline_unref(run->pipeline);
    run->pipeline = NULL;
    leat_registry_free(registry);
}

static void leat_check_run_done(struct leat_check_run *run)
{
    for (size_t i = 0; i < LEAT_CHECK_OUTPUTS; i++)
        free(run->out[i].data);
    memset(run->out, 0, sizeof run->out);
}

#endif
