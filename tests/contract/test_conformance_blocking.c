/* test_conformance_blocking.c - every registered stage between a source and a sink that block: the same output.
 *
 * The library of the source pushes pieces of any size from its own thread, and that of the sink pulls in
 * another, while the stage runs under the loop, the pool or a seeded schedule.
 */
#include <stdlib.h>

#include "blocking_aid.h"
#include "subjects.h"

#define LEN 20000u
#define RUNS 12u

static void run_between(const struct subject *subject, struct bytes in,
                        const struct outcome *reference, unsigned e)
{
    struct outcome outcome;
    struct blocking b;

    blocking_init(&b, e, 0);
    test_context("%s, settings %u", subject->text, e);
    b.from.in = in.data;
    b.from.len = in.len;
    b.from.piece = 1 + e % 4 * 3000;
    b.from.least = e % 3;
    b.io.settings.virtual_time =
        false; /* it would pass while the libraries work, up to any time limit */
    blocking_run(&b, "pushes @from | %s | pulls @to", subject->text);
    outcome = (struct outcome){.error = b.io.error, .out = {b.to.out, b.to.out_len}};
    outcome_assert_same(&outcome, reference);
    blocking_done(&b);
}

static void test_between_libraries(void)
{
    const struct subject *subject = test_argument();
    struct memio io = {.settings = {.threads = 1, .executor = LEAT_EXECUTOR_LOOP}};
    unsigned runs = subject->no_seeds || test_under_sanitizer() ? N_EXECUTORS : RUNS;
    struct outcome reference;
    struct bytes in;

    if (subject->place != PLACE_MIDDLE || strchr(subject->text, '@'))
        SKIP(1, "it has ends or files of its own");
    in = subject_input(subject, LEN);
    subject_run(subject, &io, in, &reference);
    for (unsigned e = 0; e < runs; e++)
        run_between(subject, in, &reference, e);
    outcome_free(&reference);
    free(in.data);
}

__attribute__((constructor)) static void register_all(void)
{
    subjects_register(__FILE__, "between_libraries", test_between_libraries);
}
