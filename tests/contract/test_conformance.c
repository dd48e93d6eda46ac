/* test_conformance.c - every registered stage: the same output under every chunking and schedule.
 *
 * The reference is one run on the loop with whole input; then pieces, chunks and room from one
 * byte, 1 to 8 threads, and 1,000 seeded schedules (LEAT_SEEDS; 300 where there is one stage in one lane)
 * must give the same bytes, the same side files, or the same error.
 */
#include <stdlib.h>

#include "stage.h"
#include "subjects.h"

#define SMALL 2500u
#define MEDIUM 300000u
#define SEEDS 1000u
#define SEEDS_ALONE 300u
#define SEEDS_PROCESSES 8u
/* Two threads take turns for each piece of an archive, which has ten KiB at least: all but the last of
 * the edge inputs have so many bytes a turn. */
#define LEAST_BLOCKING 61u

static struct outcome reference_of(const struct subject *subject, struct bytes in)
{
    struct memio io = {.settings = {.threads = 1, .executor = LEAT_EXECUTOR_LOOP}};
    struct outcome reference;

    test_context("%s, reference", subject->text);
    subject_run(subject, &io, in, &reference);
    return reference;
}

static void run_and_compare(const struct subject *subject, struct memio *io, struct bytes in,
                            const struct outcome *reference)
{
    struct outcome outcome;

    test_context("%s, %zu bytes, piece %zd, gulp %zd, chunk %zu, room %zu, executor %d, "
                 "threads %u, seed %ju",
                 subject->text, in.len, io->piece, io->gulp, io->settings.chunk, io->settings.room,
                 (int)io->settings.executor, io->settings.threads, (uintmax_t)io->settings.seed);
    subject_run(subject, io, in, &outcome);
    outcome_assert_same(&outcome, reference);
    outcome_free(&outcome);
}

/* The fewest bytes in a chunk and in a room. */
static size_t least_of(const struct subject *subject)
{
    struct leat_registry *registry = leat_registry_new();
    const struct leat_stage_type *type;
    bool blocks;

    ASSERT_NOT_NULL(registry);
    type = leat_registry_find(registry, subject->stage);
    ASSERT_NOT_NULL(type);
    blocks = type->run != NULL;
    leat_registry_free(registry);
    return blocks ? LEAST_BLOCKING : 1;
}

static void each_chunking(const struct subject *subject, struct bytes in,
                          const struct outcome *reference, const size_t *sizes, size_t n_sizes,
                          size_t least_room)
{
    size_t i, j, room;

    for (i = 0; i < n_sizes; i++)
        for (j = 0; j < n_sizes; j++)
            for (room = 0; room < 2; room++) {
                struct memio io = {.piece = sizes[i], .seed = i + 1};

                if ((i + j + room) % 2) /* each size, with half of the others */
                    continue;
                io.gulp = room ? MEMIO_RANDOM : 0;
                io.settings.chunk = sizes[j] == MEMIO_RANDOM ? 300 : sizes[j];
                io.settings.room = room ? least_room : 0;
                io.settings.threads = (unsigned)(1 + (i + j / 2) % 2);
                run_and_compare(subject, &io, in, reference);
            }
}

static void test_any_chunking(void)
{
    static const size_t medium[] = {4095, 65536, MEMIO_RANDOM};
    const struct subject *subject = test_argument();
    const size_t least = least_of(subject);
    const size_t small[] = {least, least + 6, 4095, 65536, MEMIO_RANDOM};
    struct bytes in = subject_input(subject, SMALL);
    struct outcome reference = reference_of(subject, in);

    if (!subject->any_outcome)
        ASSERT_EQ(reference.error.code, subject->expect);
    each_chunking(subject, in, &reference, small, 5, least);
    outcome_free(&reference);
    free(in.data);

    in = subject_input(subject, MEDIUM);
    reference = reference_of(subject, in);
    each_chunking(subject, in, &reference, medium, test_under_sanitizer() ? 1 : 3, 1021);
    outcome_free(&reference);
    free(in.data);
}

static void test_any_number_of_threads(void)
{
    const struct subject *subject = test_argument();
    struct bytes in = subject_input(subject, MEDIUM);
    struct outcome reference = reference_of(subject, in);
    unsigned threads;
    size_t chunk;

    for (threads = 1; threads <= 8; threads += test_under_sanitizer() && threads > 2 ? 5 : 1)
        for (chunk = 1000; chunk <= 64000; chunk *= 64) {
            struct memio io = {
                .settings = {.threads = threads, .chunk = chunk, .executor = LEAT_EXECUTOR_POOL}};

            if (threads > 3 && threads % 2 == (chunk == 1000)) /* one size for each of the many */
                continue;
            run_and_compare(subject, &io, in, &reference);
        }
    outcome_free(&reference);
    free(in.data);
}

/* One stage between two ends, without lanes: there is little to schedule. */
static bool is_alone(const struct subject *subject)
{
    struct leat_registry *registry = leat_registry_new();
    const struct leat_stage_type *type;
    bool alone;

    ASSERT_NOT_NULL(registry);
    type = leat_registry_find(registry, subject->stage);
    ASSERT_NOT_NULL(type);
    alone = !type->lanes && !strpbrk(subject->text, "[|:");
    leat_registry_free(registry);
    return alone;
}

static unsigned seeds_of(const struct subject *subject)
{
    const char *given = getenv("LEAT_SEEDS");

    if (subject->no_seeds && !subject->any_outcome)
        return SEEDS_PROCESSES;
    if (given)
        return (unsigned)strtoul(given, NULL, 10);
    return test_under_sanitizer() ? SEEDS / 40 : is_alone(subject) ? SEEDS_ALONE : SEEDS;
}

static void test_any_schedule(void)
{
    const struct subject *subject = test_argument();
    struct bytes in = subject_input(subject, SMALL);
    struct outcome reference = reference_of(subject, in);
    unsigned seed, seeds = seeds_of(subject);

    for (seed = 0; seed < seeds; seed++) {
        struct memio io = {
            .piece = MEMIO_RANDOM,
            .gulp = seed % 3 ? MEMIO_RANDOM : 0,
            .seed = seed,
            .settings = {.executor = LEAT_EXECUTOR_SEEDED, .seed = seed, .threads = 1 + seed % 8}};

        run_and_compare(subject, &io, in, &reference);
    }
    outcome_free(&reference);
    free(in.data);
}

/* Inputs at the edges of what a stage may think of, as they are, not prepared. */
static void test_edge_inputs(void)
{
    static const struct {
        const char *data;
        size_t len;
    } edges[] = {{"", 0}, {"\n", 1}, {"a", 1}, {"a\n", 2}, {"\n\n", 2}, {"\0", 1}, {"a\nb", 3}};
    const struct subject *subject = test_argument();
    const size_t n_edges = sizeof(edges) / sizeof(edges[0]), few = least_of(subject);
    size_t i;

    for (i = 0; i < n_edges; i++) {
        size_t least = i + 1 < n_edges ? few : 1;
        struct bytes in = {malloc(4), edges[i].len};
        struct outcome reference;
        struct memio one = {.piece = 1, .settings = {.chunk = least, .room = least}};
        struct memio pool = {.settings = {.threads = 3, .executor = LEAT_EXECUTOR_POOL}};

        ASSERT_NOT_NULL(in.data);
        memcpy(in.data, edges[i].data, in.len);
        reference = reference_of(subject, in);
        run_and_compare(subject, &one, in, &reference);
        run_and_compare(subject, &pool, in, &reference);
        outcome_free(&reference);
        free(in.data);
    }
}

__attribute__((constructor)) static void register_all(void)
{
    subjects_register(__FILE__, "any_number_of_threads", test_any_number_of_threads);
    if (!test_under_tsan()) { /* what it looks for is between threads */
        subjects_register(__FILE__, "any_chunking", test_any_chunking);
        subjects_register(__FILE__, "any_schedule", test_any_schedule);
    }
    subjects_register(__FILE__, "edge_inputs", test_edge_inputs);
}
