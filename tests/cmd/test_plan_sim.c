/* test_plan_sim.c - a cluster in one process: nodes that fail, second attempts, refusals of a store and stragglers run the
 * shards of a real plan, and the real records and join tell what was done.
 *
 * LEAT_SIM=full has 1,000 nodes, 10,000 shards and a million files; LEAT_SIM_SEEDS=N runs N seeds. Time is that of events; outputs
 * are counters; plans and records are files.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/batch/document.c"
#include "../../cmd/batch/inputs.c"
#define hash journal_hash
#include "../../cmd/batch/joined.c"
#include "../../cmd/batch/journal.c"
#include "../../cmd/batch/json.c"
#include "../../cmd/batch/plan.c"
#include "../../cmd/batch/record.c"
#include "../../cmd/batch/url.c"
#include "../../cmd/run/buf.c"
#include "../../cmd/run/fd.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define ATTEMPTS_MAX 64u /* of a shard; more would not end */

/* The next event of a node: an end of an attempt, good or not, or its return after a failure. */
struct event {
    double at;
    uint32_t node;
    enum { EVENT_END, EVENT_DIES, EVENT_BACK } kind;
};

struct attempt {
    uint32_t shard, number;
    double begun;
    size_t done; /* inputs of the shard that are done when it dies */
    bool runs;
};

struct shard_state {
    uint32_t attempts, running;
    bool recorded, waits;
    double begun; /* of the first attempt that runs */
};

struct sim {
    uint64_t seed;
    uint32_t nodes, shards;
    size_t files;
    char plan_path[4096], records[4096];
    struct plan plan;
    struct inputs inputs; /* as planned */
    struct joined joined; /* for the lists of shards, and the join in the end */
    struct event *heap;   /* by time */
    size_t n_events;
    struct attempt *at_nodes; /* what each node runs */
    struct shard_state *states;
    uint32_t *queue; /* shards that wait, a ring of `shards` */
    size_t first, waiting;
    uint8_t *made; /* of each input: its output is there, and a journal of its shard says so */
    size_t recorded, deaths, doubles, losers, refusals, stragglers;
    double now;
};

static double fraction(struct sim *s)
{
    return (double)(test_random(&s->seed) >> 11) / 9007199254740992.0;
}

static bool one_in(struct sim *s, unsigned n)
{
    return test_random(&s->seed) % n == 0;
}

/* --- events ----------------------------------------------------------------------------------- */

static void push(struct sim *s, struct event e)
{
    size_t i = s->n_events++;

    ASSERT_LE(s->n_events, s->nodes);
    for (; i > 0 && e.at < s->heap[(i - 1) / 2].at; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static struct event pop(struct sim *s)
{
    struct event top = s->heap[0], last = s->heap[--s->n_events];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < s->n_events && s->heap[child + 1].at < s->heap[child].at)
            child++;
        if (child >= s->n_events || s->heap[child].at >= last.at)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

static void enqueue(struct sim *s, uint32_t shard)
{
    ASSERT_LT(s->waiting, s->shards);
    s->queue[(s->first + s->waiting++) % s->shards] = shard;
    s->states[shard].waits = true;
}

/* --- attempts --------------------------------------------------------------------------------- */

/* Seconds for one file: 100 MB/s, less on a slow node, and pauses after refusals (503) of the store. */
static double service(struct sim *s, const struct input *input, double slow)
{
    double t = 0.005 + (double)input->size / 1e8 * slow;

    for (double pause = 0.1; one_in(s, 500); pause *= 2) {
        t += pause;
        s->refusals++;
    }
    return t;
}

/* Begin an attempt of the shard on a node. It does what is in no journal of the shard now. */
static void begin(struct sim *s, uint32_t node, uint32_t shard)
{
    struct shard_state *state = &s->states[shard];
    struct attempt *a = &s->at_nodes[node];
    size_t from = s->joined.begins[shard], to = s->joined.begins[shard + 1];
    double slow = 0.8 + 0.4 * fraction(s), t = s->now, dies = s->now + 1e9;
    bool straggles = one_in(s, 100);

    ASSERT_LT(state->attempts, ATTEMPTS_MAX);
    s->stragglers += straggles;
    slow *= straggles ? 8 : 1;
    if (one_in(s, 20)) /* the node dies within about the time of one attempt */
        dies = s->now + fraction(s) * 1.2 * (double)(s->plan.bytes / s->shards) / 1e8;
    *a = (struct attempt){
        .shard = shard, .number = state->attempts++, .begun = s->now, .runs = true};
    state->begun = state->running++ ? state->begun : s->now;
    for (size_t i = from; i < to && t < dies; i++) {
        if (!s->made[s->joined.of_shards[i]])
            t += service(s, &s->inputs.v[s->joined.of_shards[i]], slow);
        a->done += t < dies;
    }
    if (t < dies)
        push(s, (struct event){.at = t, .node = node, .kind = EVENT_END});
    else
        push(s, (struct event){.at = dies, .node = node, .kind = EVENT_DIES});
}

/* A second attempt of the shard that has run longest. Its scheduler believes that the first one's node is lost, or slow. */
static bool begin_double(struct sim *s, uint32_t node)
{
    uint32_t oldest = UINT32_MAX;

    for (uint32_t i = 0; i < 64; i++) {
        const struct attempt *a = &s->at_nodes[test_random(&s->seed) % s->nodes];

        if (a->runs && s->states[a->shard].running == 1 && !s->states[a->shard].recorded &&
            (oldest == UINT32_MAX || a->begun < s->states[oldest].begun))
            oldest = a->shard;
    }
    if (oldest == UINT32_MAX)
        return false;
    s->doubles++;
    begin(s, node, oldest);
    return true;
}

static void feed(struct sim *s, uint32_t node)
{
    while (s->waiting > 0) {
        uint32_t shard = s->queue[s->first];

        if (one_in(s, 50) && begin_double(s, node))
            return;
        s->first = (s->first + 1) % s->shards;
        s->waiting--;
        s->states[shard].waits = false;
        if (s->states[shard].recorded)
            continue;
        begin(s, node, shard);
        return;
    }
    if (s->recorded < s->shards)
        (void)begin_double(s, node); /* speculation at the end */
}

/* The outputs of the inputs that the attempt has done, each with its line in the journal. */
static void commit(struct sim *s, const struct attempt *a)
{
    for (size_t i = 0; i < a->done; i++) {
        uint32_t input = s->joined.of_shards[s->joined.begins[a->shard] + i];

        s->made[input] = 1;
    }
}

/* Size of an output: every attempt makes the same. */
static uint64_t size_of_output(uint32_t input)
{
    return input * UINT64_C(7) + 1;
}

static void put_record(struct sim *s, const struct attempt *a)
{
    char name[ATTEMPT_MAX], path[64];
    struct draft draft;
    int error;

    (void)snprintf(name, sizeof name, "node-%u-%u", (unsigned)a->shard, (unsigned)a->number);
    record_begin(&draft, s->records, &s->plan, a->shard, name);
    for (size_t i = s->joined.begins[a->shard]; i < s->joined.begins[a->shard + 1]; i++) {
        uint32_t input = s->joined.of_shards[i];
        struct recorded_output out = {.path = path, .size = size_of_output(input)};

        ASSERT(s->made[input]); /* a record comes after all outputs */
        (void)snprintf(path, sizeof path, "%u", (unsigned)input);
        record_add(&draft, i == s->joined.begins[a->shard], &s->inputs.v[input], &out);
    }
    error = record_end(&draft, s->records, a->shard);
    ASSERT(error == 0 || error == EEXIST);
    ASSERT_EQ(error == EEXIST, s->states[a->shard].recorded);
    s->losers += error == EEXIST;
    s->recorded += error == 0;
    s->states[a->shard].recorded = true;
}

static void end_attempt(struct sim *s, const struct event *e)
{
    struct attempt *a = &s->at_nodes[e->node];
    struct shard_state *state = &s->states[a->shard];

    commit(s, a);
    a->runs = false;
    state->running--;
    if (e->kind == EVENT_END) {
        put_record(s, a);
        feed(s, e->node);
        return;
    }
    s->deaths++;
    if (!state->recorded && !state->waits && state->running == 0)
        enqueue(s, a->shard);
    push(s, (struct event){
                .at = s->now + 30 + 300 * fraction(s), .node = e->node, .kind = EVENT_BACK});
}

/* --- the whole -------------------------------------------------------------------------------- */

static void make_files(struct sim *s)
{
    char name[64];

    for (size_t i = 0; i < s->files; i++) {
        struct input *input;

        (void)snprintf(name, sizeof name, "logs/%03zu/%09zu.gz", i % 997, i);
        input = inputs_add(&s->inputs, name, 5, NULL);
        ASSERT(input);
        input->missing = false;
        input->size = (uint64_t)(1e6 / (0.01 + fraction(s))); /* a long tail, up to 100 MB */
        input->mtime_ns = (int64_t)i;
    }
    ASSERT_NULL(inputs_sort(&s->inputs));
}

static void plan_all(struct sim *s)
{
    size_t line;
    int error;

    s->plan = (struct plan){.shards = s->shards, .pipeline = strdup("read {} | write {.}")};
    (void)snprintf(s->plan.id, sizeof s->plan.id, "%016llx", (unsigned long long)s->seed);
    (void)snprintf(s->plan_path, sizeof s->plan_path, "%s", test_path("RUN.json"));
    (void)snprintf(s->records, sizeof s->records, "%s", test_path("RUN.json.d"));
    ASSERT_EQ(mkdir(s->records, 0777), 0);
    ASSERT_EQ(plan_deal(&s->inputs, s->shards), 0);
    ASSERT_EQ(plan_write(&s->plan, &s->inputs, s->plan_path, "planner", false), 0);
    plan_done(&s->plan);
    ASSERT_EQ(plan_read(&s->plan, &s->joined.inputs, s->plan_path, PLAN_ALL, &line, &error), 0);
    ASSERT_EQ(s->joined.inputs.n, s->files);
    ASSERT_EQ(group(&s->joined, &s->plan), 0);
}

static void check_balance(const struct sim *s)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < s->shards; i++) {
        uint64_t bytes = 0;

        for (size_t k = s->joined.begins[i]; k < s->joined.begins[i + 1]; k++)
            bytes += s->inputs.v[s->joined.of_shards[k]].size;
        most = bytes > most ? bytes : most;
    }
    ASSERT_LE(most * s->shards * 10, s->plan.bytes * 11);
}

/* An output is there if an attempt has made it. */
static bool was_made(void *user, const struct recorded_output *out)
{
    const struct sim *s = user;
    unsigned long input = strtoul(out->path, NULL, 10);

    return input < s->files && s->made[input] && out->size == size_of_output((uint32_t)input);
}

/* Every input is done by exactly one record, whatever the number of attempts that made its output. */
static void check_join(struct sim *s)
{
    struct joined view = {.n_missing = 0};
    struct plan again;
    size_t line;
    int error;

    ASSERT_EQ(plan_read(&again, &view.inputs, s->plan_path, PLAN_ALL, &line, &error), 0);
    ASSERT_EQ(joined_read(&view, &again, s->records, was_made, s), 0);
    ASSERT_EQ(view.n_missing, 0);
    ASSERT_EQ(view.n_outputs, s->files);
    for (size_t i = 0; i < s->files; i++)
        ASSERT(view.outputs[i] && !view.outputs[i]->next &&
               strtoul(view.outputs[i]->path, NULL, 10) == i);
    joined_done(&view);
    plan_done(&again);
    ASSERT_EQ(test_count_in(s->records), s->shards + 2); /* losers leave nothing */
}

static void run_cluster(struct sim *s)
{
    for (uint32_t i = 0; i < s->shards; i++)
        enqueue(s, i);
    for (uint32_t i = 0; i < s->nodes; i++)
        feed(s, i);
    while (s->n_events > 0) {
        struct event e = pop(s);

        ASSERT(e.at >= s->now);
        s->now = e.at;
        if (e.kind == EVENT_BACK)
            feed(s, e.node);
        else
            end_attempt(s, &e);
    }
    ASSERT_EQ(s->recorded, s->shards);
}

static void simulate(uint64_t seed, uint32_t nodes, uint32_t shards, size_t files)
{
    struct sim s = {.seed = seed, .nodes = nodes, .shards = shards, .files = files};
    struct timespec from, to;
    struct rusage use;

    test_context("seed %llu, %u nodes, %u shards, %zu files", (unsigned long long)seed, nodes,
                 shards, files);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    make_files(&s);
    plan_all(&s);
    check_balance(&s);
    s.heap = calloc(nodes, sizeof *s.heap);
    s.at_nodes = calloc(nodes, sizeof *s.at_nodes);
    s.states = calloc(shards, sizeof *s.states);
    s.queue = calloc(shards, sizeof *s.queue);
    s.made = calloc(files, 1);
    ASSERT(s.heap && s.at_nodes && s.states && s.queue && s.made);
    run_cluster(&s);
    check_join(&s);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    ASSERT_EQ(getrusage(RUSAGE_SELF, &use), 0);
    test_note(
        "seed %llu: %zu deaths, %zu second attempts, %zu of them too late, %zu refusals, %zu stragglers; "
        "%.0f s simulated in %.1f s, %ld s of processor time until now, %ld MiB",
        (unsigned long long)seed, s.deaths, s.doubles, s.losers, s.refusals, s.stragglers, s.now,
        (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
        (long)(use.ru_utime.tv_sec + use.ru_stime.tv_sec), use.ru_maxrss >> 10);
    free(s.heap);
    free(s.at_nodes);
    free(s.states);
    free(s.queue);
    free(s.made);
    joined_done(&s.joined);
    inputs_done(&s.inputs);
    plan_done(&s.plan);
}

/* Remove what a seed has left, for the next one. */
static void clear(uint32_t shards)
{
    char directory[4096];

    (void)snprintf(directory, sizeof directory, "%s", test_path("RUN.json.d"));
    for (uint32_t i = 0; i < shards; i++) {
        char *path = record_path(directory, i, ".json");

        ASSERT(path && unlink(path) == 0);
        free(path);
    }
    ASSERT_EQ(rmdir(directory), 0);
    ASSERT_EQ(unlink(test_path("RUN.json")), 0);
}

static uint64_t number_in(const char *variable, uint64_t otherwise)
{
    const char *value = getenv(variable);

    return value ? strtoull(value, NULL, 10) : otherwise;
}

TEST(test_each_input_is_done_exactly_once_whatever_fails)
{
    const char *size = getenv("LEAT_SIM");
    bool full = size && strcmp(size, "full") == 0;
    uint64_t first = number_in("LEAT_SIM_SEED", 1), n = number_in("LEAT_SIM_SEEDS", full ? 1 : 5);

    for (uint64_t seed = first; seed < first + n; seed++) {
        if (full)
            simulate(seed, 1000, 10000, 1000000);
        else
            simulate(seed, 10 + (uint32_t)seed, 40 * (uint32_t)seed, 4000 * (size_t)seed);
        clear(full ? 10000 : 40 * (uint32_t)seed);
    }
}
