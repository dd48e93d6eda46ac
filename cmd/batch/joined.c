/* joined.c - the records of all shards against their plan.
 *
 * A record has the inputs of its shard in the order of the plan. Each line is compared with the input that must stand there, so
 * an input that is missing, foreign or there twice is found, and each gets its outputs at most once.
 */

#include "joined.h"

#include <stdlib.h>
#include <string.h>

struct joining {
    struct joined *joined;
    bool (*look)(void *user, const struct recorded_output *out);
    void *user;
    size_t at, end; /* in of_shards */
    bool gone;      /* an output is */
};

/* Put the numbers of the inputs of a shard together. */
static int group(struct joined *j, const struct plan *plan)
{
    size_t *next;

    j->begins = calloc((size_t)plan->shards + 2, sizeof *j->begins);
    j->of_shards = calloc(j->inputs.n + 1, sizeof *j->of_shards);
    j->outputs = calloc(j->inputs.n + 1, sizeof(struct recorded_output *));
    j->missing = calloc(plan->shards, sizeof *j->missing);
    if (!j->begins || !j->of_shards || !j->outputs || !j->missing)
        return LEAT_ENOMEM;
    next = j->begins + 1; /* next[i] moves from the begin of shard i to that of i + 1 */
    for (size_t i = 0; i < j->inputs.n; i++)
        next[j->inputs.v[i].shard + 1]++;
    for (uint32_t i = 0; i < plan->shards; i++)
        next[i + 1] += next[i];
    for (size_t i = 0; i < j->inputs.n; i++)
        j->of_shards[next[j->inputs.v[i].shard]++] = (uint32_t)i;
    return 0;
}

static int take_line(void *user, struct record_line *line)
{
    struct joining *s = user;
    struct joined *j = s->joined;
    uint32_t i = s->at < s->end ? j->of_shards[s->at] : UINT32_MAX;

    if (i == UINT32_MAX || strcmp(line->path, j->inputs.v[i].path) != 0 ||
        line->offset != j->inputs.v[i].offset || j->outputs[i]) {
        record_outputs_free(line->outputs);
        return LEAT_ECHECKSUM;
    }
    j->outputs[i] = line->outputs;
    for (const struct recorded_output *out = line->outputs; out && !s->gone; out = out->next)
        s->gone = !s->look(s->user, out);
    s->at++;
    return 0;
}

static void forget(struct joined *j, size_t from, size_t to)
{
    for (; from < to; from++) {
        record_outputs_free(j->outputs[j->of_shards[from]]);
        j->outputs[j->of_shards[from]] = NULL;
    }
}

static int join_shard(struct joining *s, const struct plan *plan, const char *directory)
{
    struct joined *j = s->joined;
    size_t begin = j->begins[j->shard];
    int r;

    s->at = begin;
    s->end = j->begins[j->shard + 1];
    s->gone = false;
    r = record_read(directory, plan, j->shard, &j->arena, take_line, s, &j->error);
    if (r == 0 && s->at < s->end)
        r = LEAT_ECHECKSUM;
    if (r == 0 && !s->gone)
        return 0;
    forget(j, begin, s->at);
    if (r != 0 && r != LEAT_ENOENT && r != LEAT_ECORRUPT)
        return r;
    j->missing[j->n_missing++] = j->shard;
    return 0;
}

int joined_read(struct joined *j, const struct plan *plan, const char *directory,
                bool (*look)(void *user, const struct recorded_output *out), void *user)
{
    struct joining s = {.joined = j, .look = look, .user = user};
    int r = group(j, plan);

    for (j->shard = 0; r == 0 && j->shard < plan->shards; j->shard++) {
        r = join_shard(&s, plan, directory);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; r == 0 && i < j->inputs.n; i++) {
        for (const struct recorded_output *out = j->outputs[i]; out; out = out->next) {
            j->n_outputs++;
            j->bytes += out->size;
        }
    }
    return r;
}

void joined_done(struct joined *j)
{
    for (size_t i = 0; j->outputs && i < j->inputs.n; i++)
        record_outputs_free(j->outputs[i]);
    free(j->outputs);
    free(j->of_shards);
    free(j->begins);
    free(j->missing);
    arena_done(&j->arena);
    inputs_done(&j->inputs);
    *j = (struct joined){.n_missing = 0};
}
