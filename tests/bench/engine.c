/* engine.c - what a pass-through stage and an edge cost, without any byte being touched.
 *
 * The source commits room that it does not write, the stages pass it by reference, the sink drops
 * it: what remains is the engine. Runs with k and with 0 stages between alternate; the difference
 * of the medians through k and the number of chunks is the cost of one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"

#define CHUNK ((size_t)256 << 10)
#define CHUNKS 40000u
#define STAGES 8u
#define RUNS 9u

struct source {
    uint64_t given;
};

static int source_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct source *source = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to);

    (void)in;
    leat_commit(out, room);
    source->given += room;
    return source->given >= CHUNK * (uint64_t)CHUNKS ? LEAT_END : LEAT_MORE;
}

static int pass_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int drop_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type types[] = {
    {.name = "from",
     .summary = "room",
     .kind = LEAT_SOURCE,
     .step = source_step,
     .state_size = sizeof(struct source)},
    {.name = "light", .summary = "pass", .kind = LEAT_TRANSFORM, .step = pass_step},
    {.name = "heavy",
     .summary = "pass",
     .kind = LEAT_TRANSFORM,
     .nature = LEAT_HEAVY,
     .step = pass_step},
    {.name = "drop", .summary = "drop", .kind = LEAT_SINK, .step = drop_step},
};

static double run(const struct leat_registry *registry, const char *middle, unsigned n,
                  unsigned threads)
{
    struct leat_settings settings = {
        .size = sizeof settings, .threads = threads, .chunk = CHUNK, .fixed_default_io = true};
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_stats stats = LEAT_INIT(leat_stats);
    char text[512] = "from";
    unsigned i;

    for (i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " : %s", middle);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), " : drop");
    if (leat_pipeline_from_text(registry, text, &settings, &pipeline, &error) < 0) {
        fprintf(stderr, "engine: %s: %s\n", text, error.text);
        exit(2);
    }
    if (leat_pipeline_run(pipeline) < 0) {
        fprintf(stderr, "engine: %s: %s\n", text, leat_pipeline_error(pipeline)->text);
        exit(2);
    }
    leat_pipeline_stats(pipeline, &stats);
    leat_pipeline_unref(pipeline);
    return (double)stats.elapsed_ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Nanoseconds that one more stage costs a chunk. */
static double cost(const struct leat_registry *registry, const char *middle, unsigned threads)
{
    double differences[RUNS];
    unsigned i;

    for (i = 0; i < RUNS; i++) {
        double with = run(registry, middle, STAGES, threads);

        differences[i] = (with - run(registry, middle, 0, threads)) / STAGES / CHUNKS;
    }
    qsort(differences, RUNS, sizeof(*differences), by_value);
    return differences[RUNS / 2];
}

static int row(const char *name, double ns, double target_ns)
{
    printf("| %s | %.0f ns | <= %.0f ns | %s |\n", name, ns, target_ns,
           ns <= target_ns ? "yes" : "NO");
    return ns <= target_ns ? 0 : 1;
}

int main(void)
{
    struct leat_registry *registry = leat_registry_new();
    int failed = 0;
    size_t i;

    if (!registry)
        return 2;
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (leat_registry_add_plain(registry, &types[i]) < 0)
            return 2;
    printf("| engine, per 256 KiB chunk | cost | target | met |\n|---|---|---|---|\n");
    failed |= row("a pass-through stage in a segment", cost(registry, "light", 2), 1000);
    failed |= row("the same, --threads=1", cost(registry, "light", 1), 1000);
    failed |= row("an edge, 2 threads", cost(registry, "heavy", 2), 3000);
    failed |= row("an edge, --threads=1", cost(registry, "heavy", 1), 3000);
    leat_registry_free(registry);
    return failed;
}
