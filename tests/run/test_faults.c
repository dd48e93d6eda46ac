/* test_faults.c - every registered stage: fail, cancel or end at the k-th callback, for every k.
 *
 * After each: the root cause is the planned one, nothing was committed, no file is left, no
 * memory is charged, no thread runs (subject_run and memio check the last four).
 */
#include <stdlib.h>

#include "subjects.h"

#define SIZE 1500u
#define PIECE 97u
#define K_MAX 100000u
#define MANY_CALLS 40u

enum fault { SOURCE_FAILS, SOURCE_CANCELS, SINK_FAILS, SINK_CANCELS, SINK_ENDS, SINK_PREPARE, END };

static const char *const fault_names[] = {"source fails", "source cancels", "sink fails",
                                          "sink cancels", "sink ends",      "prepare fails"};

static void plan_fault(struct memio *io, enum fault fault, uint64_t k)
{
    io->source = io->sink = (struct memio_fault){0};
    io->source.wait_every = 5;
    switch (fault) {
    case SOURCE_FAILS:
        io->source.fail_at = k;
        break;
    case SOURCE_CANCELS:
        io->source.cancel_at = k;
        break;
    case SINK_FAILS:
        io->sink.fail_at = k;
        break;
    case SINK_CANCELS:
        io->sink.cancel_at = k;
        break;
    case SINK_ENDS:
        io->sink.end_at = k;
        break;
    default:
        io->sink.fail_prepare = LEAT_EIO;
        break;
    }
}

static bool at_source(enum fault fault)
{
    return fault == SOURCE_FAILS || fault == SOURCE_CANCELS;
}

/* The code must be the planned one, or that of the run without a fault if that came first. */
static void check_code(const struct subject *subject, enum fault fault,
                       const struct outcome *outcome, int reference)
{
    int code = outcome->error.code, planned = LEAT_EIO;

    if (fault == SOURCE_CANCELS || fault == SINK_CANCELS)
        planned = LEAT_ECANCELLED;
    if (fault == SINK_ENDS)
        planned = 0;
    if (code != planned && code != reference)
        FAIL("%s ended with %d (%s: %s)", subject->text, code, outcome->error.stage_name,
             outcome->error.text);
    if (code == LEAT_EIO && reference != LEAT_EIO)
        ASSERT_STREQ(outcome->error.stage_name, at_source(fault) ? "memsource" : "memsink");
}

static void configure(struct memio *io, unsigned executor, uint64_t k)
{
    io->piece = PIECE;
    io->settings.chunk = 200;
    io->settings.threads = executor == 1 ? 2 : 3;
    io->settings.seed = k;
    if (executor == 0)
        io->settings.executor = LEAT_EXECUTOR_LOOP;
    else
        io->settings.executor = executor == 1 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
}

/* Under a sanitizer each of the three executors has every third of the later calls, and of very late ones every
 * ninth; without, all and every third. */
static uint64_t step_over(unsigned executor, uint64_t k)
{
    unsigned stride = test_under_sanitizer() ? 3 : 1;

    if (k < 6)
        return 0;
    if (test_under_tsan())
        return 4;
    if (k >= MANY_CALLS)
        stride *= 3;
    return k % stride == executor ? stride - 1 : 0;
}

/* All k for one fault under one executor, until the k-th call no longer happens. */
static void sweep(const struct subject *subject, struct bytes in, int reference, enum fault fault,
                  unsigned executor)
{
    uint64_t k, calls;

    for (k = 1; k < K_MAX; k++) {
        struct memio io = {0};
        struct outcome outcome;

        configure(&io, executor, k);
        plan_fault(&io, fault, k);
        test_context("%s, %s at call %ju, executor %u", subject->text, fault_names[fault],
                     (uintmax_t)k, executor);
        subject_run(subject, &io, in, &outcome);
        check_code(subject, fault, &outcome, reference);
        outcome_free(&outcome);
        calls = at_source(fault) ? io.source_calls : io.sink_calls;
        if (calls < k || fault == SINK_PREPARE)
            return;
        k += step_over(executor, k);
    }
    FAIL("no end of calls");
}

static void test_any_fault(void)
{
    const struct subject *subject = test_argument();
    struct bytes in = subject_input(subject, SIZE);
    struct memio io = {.settings = {.threads = 1}};
    struct outcome reference;
    enum fault fault;
    unsigned executor;

    subject_run(subject, &io, in, &reference);
    for (fault = SOURCE_FAILS; fault < END; fault++) {
        if (subject->place == PLACE_FIRST && at_source(fault))
            continue;
        if (subject->place == PLACE_LAST && !at_source(fault))
            continue;
        for (executor = 0; executor < 3; executor++)
            if (executor == 1 || !test_under_tsan())
                sweep(subject, in, reference.error.code, fault, executor);
    }
    outcome_free(&reference);
    free(in.data);
}

__attribute__((constructor)) static void register_all(void)
{
    subjects_register(__FILE__, "any_fault", test_any_fault);
}
