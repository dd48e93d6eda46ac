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
    struct memio io = library_under(e);
    struct library from, to;
    struct outcome outcome;
    char text[4096];

    test_context("%s, settings %u", subject->text, e);
    library_init(&from);
    library_init(&to);
    from.in = in.data;
    from.len = in.len;
    from.piece = 1 + e % 4 * 3000;
    from.least = e % 3;
    io.settings.virtual_time =
        false; /* it would pass while the libraries work, up to any time limit */
    snprintf(text, sizeof text, "pushes --at=%lld | %s | pulls --at=%lld", library_at(&from),
             subject->text, library_at(&to));
    memio_run_text(&io, text);
    outcome = (struct outcome){.error = io.error, .out = {to.out, to.out_len}};
    outcome_assert_same(&outcome, reference);
    library_done(&from);
    library_done(&to);
    memio_free(&io);
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
