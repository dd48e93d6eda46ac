/* submit.c - --engine: shards of a plan, and the options of the run, for an engine. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

/* --- options of the shards ----------------------------------------------------------------------- */

struct words {
    char **v; /* owned, as its words */
    size_t n;
    bool failed;
};

static void add_word(struct words *to, const char *format, ...) LEAT_PRINTF(2, 3);
static void add_word(struct words *to, const char *format, ...)
{
    char **more = realloc(to->v, (to->n + 1) * sizeof *more), *word;
    va_list args;
    int n;

    to->v = more ? more : to->v;
    va_start(args, format);
    n = more ? vasprintf(&word, format, args) : -1;
    va_end(args);
    if (n < 0)
        to->failed = true;
    else
        more[to->n++] = word;
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->v[i]);
    free(words->v);
}

static void add_own(struct words *to, const struct config *c)
{
    static const char *const passed[] = {"jobs",     "order",      "on-error", "retries",
                                         "retry-on", "keep-times", "keep-mode"};

    for (size_t i = 0; i < c->n_own; i++) {
        const char *name = each_options[c->own[i].option].name;

        for (size_t k = 0; k < sizeof passed / sizeof *passed; k++) {
            if (strcmp(name, passed[k]) != 0)
                continue;
            if (c->own[i].value)
                add_word(to, "--%s=%s", name, c->own[i].value);
            else
                add_word(to, "--%s", name);
        }
    }
}

/* The plan has the pipeline; how it runs is in the options. */
static void add_words(struct words *to, const struct config *c)
{
    const struct leat_settings *s = &c->settings;

    if (s->threads > 0)
        add_word(to, "--threads=%u", s->threads);
    if (s->memory > 0)
        add_word(to, "--memory=%" PRIu64, s->memory);
    if (s->record_max > 0)
        add_word(to, "--record-max=%" PRIu64, s->record_max);
    if (s->chunk > 0)
        add_word(to, "--chunk=%zu", s->chunk);
    if (s->timeout_ms > 0)
        add_word(to, "--timeout=%" PRIu64 ".%03us", s->timeout_ms / 1000,
                 (unsigned)(s->timeout_ms % 1000));
    if (c->sandbox != SANDBOX_DEFAULT)
        add_word(to, "--sandbox=%s",
                 c->sandbox == SANDBOX_OFF       ? "off"
                 : c->sandbox == SANDBOX_REQUIRE ? "require"
                                                 : "auto");
    for (size_t i = 0; i < c->n_plugins; i++)
        add_word(to, "--plugin=%s", c->plugins[i]);
    if (c->quiet)
        add_word(to, "--quiet");
    if (c->json)
        add_word(to, "--json");
    add_own(to, c);
}

/* --- the shards ------------------------------------------------------------------------------- */

/* 0 to n - 1. NULL: out of memory. */
static uint32_t *count_up(size_t n)
{
    uint32_t *numbers = malloc(n * sizeof *numbers);

    for (size_t i = 0; numbers && i < n; i++)
        numbers[i] = (uint32_t)i;
    return numbers;
}

int submit_shards(const struct config *c, const struct each_options *o, const char *path,
                  const struct plan *plan, const uint32_t *shards, size_t n, bool *ret_submitted)
{
    uint32_t *all = shards ? NULL : count_up(plan->shards);
    struct engine_job job = {.config = c,
                             .options = &o->engine,
                             .plan = path,
                             .id = plan->id,
                             .shards = shards ? shards : all,
                             .n = shards ? n : plan->shards};
    struct words words = {.n = 0};
    int status;

    *ret_submitted = false;
    job.all = job.n == plan->shards;
    add_words(&words, c);
    job.words = words.v;
    job.n_words = words.n;
    if (words.failed || !job.shards)
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    else
        status = o->dry_run ? engine_print(&job) : engine_run(&job, ret_submitted);
    words_free(&words);
    free(all);
    return status;
}
