/* check.h - the conformance suite for a stage of your own: include it in one file of your tests.
 *
 *     static const struct leat_check check = {
 *         .input = "a\nb\n", .input_len = 4, .expected = "A\nB\n", .expected_len = 4,
 *     };
 *     char why[LEAT_CHECK_TEXT];
 *
 *     if (leat_check_stage(&acme_upper, &check, why, sizeof why) < 0)
 *         fprintf(stderr, "%s\n", why);
 *
 * It needs libleat alone. It runs the stage some hundred times between a source and a sink of its own: with
 * pieces, chunks and room of any size from one byte, under schedules drawn from seeds, with any number of
 * lanes, twice at once, with flush markers, with neighbours that end early or fail, cancelled, with little
 * memory, and with inputs cut short. All runs must have the same output, or fail in the same way. The input
 * of a step ends at a page that cannot be read, and is overwritten after the step.
 *
 * The runs are in a child process, so that a crash is a result. Run it in a build with -fsanitize=address
 * too, which sees more, and with -fsanitize=thread for a stage with threads.
 */
#ifndef LEAT_CHECK_H
#define LEAT_CHECK_H

#include "stage.h"

/* The stage and its data. All zero is fine, but for the input of a stage that reads one. */
struct leat_check {
    const char *const *args; /* options and operands; NULL ends them */
    void *user;              /* for leat_user; drop is not called */
    const void *input;       /* of a transform, sink or fan-in (each branch gets it) */
    size_t input_len;
    const void *expected; /* the output; NULL: any, but always the same */
    size_t expected_len;
    int code;                           /* the outcome: 0 or LEAT_E* */
    const struct leat_stage_type *undo; /* NULL, or a stage that makes the input of the output */
    const char *const *undo_args;
    /* For a sink: what it has got since `before`; NULL: only outcomes are compared. */
    const uint8_t *(*result)(void *user, size_t *ret_len);
    void (*before)(void *user); /* called before each run; may be NULL */
    unsigned branches;          /* of a junction; 0: as few as it can have */
    unsigned seeds;             /* schedules; 0: 200 */
    unsigned seconds;           /* at most for one run; 0: 60 */
    bool in_process; /* without a child process, for a debugger: a crash ends the program */
};

#define LEAT_CHECK_TEXT 1200u /* bytes of the text of leat_check_stage, at most */

#include "check_run.h"

/* --- texts and comparisons ------------------------------------------------------------------------------ */

static void leat_check_doing(const struct leat_check_run *run, const char *what)
{
    const struct leat_settings *s = &run->settings;

    snprintf(
        leat_check_told->doing, sizeof leat_check_told->doing,
        "%s (input %zu bytes, piece %zd, gulp %zd, chunk %zu, room %zu, threads %u, executor %d, "
        "seed %llu)",
        what, run->len, (ssize_t)run->piece, (ssize_t)run->gulp, s->chunk, s->room, s->threads,
        (int)s->executor, (unsigned long long)s->seed);
}

static const char *leat_check_code(int code)
{
    return code == 0 ? "success" : leat_error_name(code);
}

/* The output of a run; that of a sink is what its `result` returns. */
static struct leat_check_bytes leat_check_output(const struct leat_check_run *run, size_t i)
{
    struct leat_check_bytes b = run->out[i];

    if (i == 0 && leat_check_kind(run) == LEAT_SINK && run->check->result)
        b.data = (uint8_t *)(uintptr_t)run->check->result(run->check->user, &b.len);
    return b;
}

static int leat_check_bytes_same(const char *what, const uint8_t *data, size_t len,
                                 const uint8_t *wanted, size_t wanted_len, const char *remedy)
{
    size_t at = 0;

    while (at < len && at < wanted_len && data[at] == wanted[at])
        at++;
    if (at == len && at == wanted_len)
        return 0;
    return leat_check_fails(
        "%s: %zu bytes, expected %zu, and they differ from byte %zu on%s\nrun: %s", what, len,
        wanted_len, at, remedy, leat_check_told->doing);
}

/* The run had an expected outcome. */
static int leat_check_outcome(const struct leat_check_run *run, int code, const char *remedy)
{
    if (run->fault[0])
        return leat_check_fails("%s\nrun: %s", run->fault, leat_check_told->doing);
    if (run->code == code)
        return 0;
    return leat_check_fails("the outcome is %s (%s: %s), expected %s%s\nrun: %s",
                            leat_check_code(run->code), run->error.stage_name, run->error.text,
                            leat_check_code(code), remedy, leat_check_told->doing);
}

/* Same code, and the same bytes after a success. */
static int leat_check_same(const struct leat_check_run *run, const struct leat_check_run *reference,
                           const char *remedy)
{
    int r = leat_check_outcome(run, reference->code, remedy);

    for (size_t i = 0; i < LEAT_CHECK_OUTPUTS && r == 0 && run->code == 0; i++) {
        struct leat_check_bytes got = leat_check_output(run, i);

        r = leat_check_bytes_same(i ? "the output of a branch differs" : "the output differs",
                                  got.data, got.len, reference->out[i].data, reference->out[i].len,
                                  remedy);
    }
    return r;
}

static struct leat_check_run leat_check_start(const struct leat_check_run *like, const char *what)
{
    struct leat_check_run run = *like;

    memset(run.out, 0, sizeof run.out);
    memset(&run.settings, 0, sizeof run.settings);
    run.settings.threads = 1;
    run.settings.executor = LEAT_EXECUTOR_LOOP;
    run.piece = run.gulp = 0;
    leat_check_doing(&run, what);
    return run;
}

/* Sizes and a schedule by number. */
static void leat_check_seed(struct leat_check_run *run, unsigned seed, const char *what)
{
    static const size_t chunks[] = {0, 1, 2, 3, 7, 64, 1000, 4096, 65536};
    static const size_t rooms[] = {0, 0, 1, 2, 3, 5, 17, 300};

    run->settings.executor = LEAT_EXECUTOR_SEEDED;
    run->settings.seed = seed;
    run->settings.threads = 1 + seed % 8;
    run->settings.chunk = chunks[seed / 3 % 9];
    run->settings.room = rooms[seed / 5 % 8];
    run->piece = seed % 4 == 0 ? 0 : seed % 4 == 1 ? 1 : SIZE_MAX;
    run->gulp = seed % 3 == 0 ? 0 : SIZE_MAX;
    leat_check_doing(run, what);
}

/* --- the parts of the suite ----------------------------------------------------------------------------- */

/* `reference` keeps its output, also that of a sink. */
static int leat_check_reference(struct leat_check_run *reference)
{
    const struct leat_check *c = reference->check;
    struct leat_check_bytes got;
    int r;

    leat_check_go(reference);
    r = leat_check_outcome(reference, c->code, "");
    got = leat_check_output(reference, 0);
    if (r == 0 && leat_check_kind(reference) == LEAT_SINK && c->result && got.len > 0) {
        reference->out[0].data = (uint8_t *)malloc(got.len);
        if (!reference->out[0].data)
            return leat_check_fails("out of memory");
        memcpy(reference->out[0].data, got.data, got.len);
        reference->out[0].len = got.len;
    }
    if (r == 0 && c->expected && reference->code == 0)
        r = leat_check_bytes_same("the output is not the expected one", got.data, got.len,
                                  (const uint8_t *)c->expected, c->expected_len, "");
    if (r == 0 && reference->original->flags & LEAT_PASS_THROUGH && reference->code == 0)
        r = leat_check_bytes_same(
            "it has the flag LEAT_PASS_THROUGH, but its output is not its input", got.data, got.len,
            reference->input, reference->len, "");
    return r;
}

static int leat_check_again(const struct leat_check_run *reference)
{
    int r = 0;

    for (int i = 0; i < 3 && r == 0; i++) {
        struct leat_check_run run = leat_check_start(reference, "the same run again");

        leat_check_go(&run);
        r = leat_check_same(
            &run, reference,
            ": is something kept outside of leat_state, or is it not the same each time?");
        leat_check_run_done(&run);
    }
    return r;
}

static int leat_check_sizes(const struct leat_check_run *reference)
{
    static const size_t sizes[] = {1, 2, 7, 4095, 0}, rooms[] = {0, 1, 3};
    int r = 0;

    for (unsigned i = 0; i < 5 * 5 * 3 && r == 0; i++) {
        struct leat_check_run run = leat_check_start(reference, "sizes");

        run.piece = sizes[i % 5];
        run.settings.chunk = sizes[i / 5 % 5];
        run.settings.room = rooms[i / 25];
        leat_check_doing(&run, "pieces of every size");
        leat_check_go(&run);
        r = leat_check_same(&run, reference,
                            ": does it lose its place where its input or its room ends?");
        leat_check_run_done(&run);
    }
    return r;
}

static int leat_check_schedules(const struct leat_check_run *reference)
{
    unsigned seeds = reference->check->seeds ? reference->check->seeds : 200;
    int r = 0;

    for (unsigned seed = 0; seed < seeds && r == 0; seed++) {
        struct leat_check_run run = leat_check_start(reference, "schedules");

        leat_check_seed(&run, seed, "a schedule drawn from a seed");
        leat_check_go(&run);
        r = leat_check_same(
            &run, reference,
            reference->original->lanes
                ? ": do its blocks depend on one another, or on the number of lanes?"
                : "");
        leat_check_run_done(&run);
    }
    return r;
}

static int leat_check_pools(const struct leat_check_run *reference)
{
    int r = 0;

    for (unsigned threads = 2; threads <= 8 && r == 0; threads += 3) {
        struct leat_check_run run = leat_check_start(reference, "threads");

        run.settings.executor = LEAT_EXECUTOR_POOL;
        run.settings.threads = threads;
        run.settings.chunk = 100;
        run.piece = 64;
        run.type = reference->original; /* the guard is for one thread */
        leat_check_doing(&run, "several threads");
        leat_check_go(&run);
        r = leat_check_same(&run, reference, ": do its lanes share something?");
        leat_check_run_done(&run);
    }
    return r;
}

/* Each output of both instances is that of the reference. */
static int leat_check_twice(const struct leat_check_run *reference)
{
    static const char remedy[] = ": do its instances share something outside of leat_state?";
    enum leat_kind kind = leat_check_kind(reference);
    int r = 0;

    if (kind == LEAT_FAN_IN || leat_check_branches(reference) > 0 || reference->code < 0 ||
        (kind == LEAT_SINK && reference->check->result) || reference->original->flags & LEAT_PARTS)
        return 0;
    for (unsigned seed = 0; seed < 24 && r == 0; seed++) {
        struct leat_check_run run = leat_check_start(reference, "twice");
        const struct leat_check_bytes *one = &reference->out[0];

        run.twice = true;
        run.settings.memory = (uint64_t)1 << 30; /* for both, and their lanes */
        leat_check_seed(&run, seed, "two instances at once");
        leat_check_go(&run);
        r = leat_check_outcome(&run, 0, remedy);
        for (size_t i = 0; i < 2 && r == 0 && kind != LEAT_SINK; i++) {
            const struct leat_check_bytes *got = &run.out[kind == LEAT_SOURCE ? 0 : i];
            size_t at = kind == LEAT_SOURCE && i == 1 ? one->len : 0;

            if (kind == LEAT_SOURCE && got->len != 2 * one->len)
                r = leat_check_fails(
                    "the output differs: %zu bytes of two instances, expected %zu%s\nrun: %s",
                    got->len, 2 * one->len, remedy, leat_check_told->doing);
            else
                r = leat_check_bytes_same("the output differs", got->data + at,
                                          kind == LEAT_SOURCE ? one->len : got->len, one->data,
                                          one->len, remedy);
        }
        leat_check_run_done(&run);
    }
    return r;
}

/* Undo what a run has put out. */
static int leat_check_back(const struct leat_check_run *run)
{
    const struct leat_check *c = run->check;
    struct leat_check undo;
    struct leat_stage_type type;
    struct leat_check_run back;
    int r;

    if (!c->undo || run->code < 0)
        return 0;
    memset(&undo, 0, sizeof undo);
    undo.args = c->undo_args;
    type = leat_check_type(c->undo, false);
    back = leat_check_start(run, "undone");
    back.check = &undo;
    back.type = back.original = &type;
    back.flush_every = 0;
    back.input = run->out[0].data;
    back.len = run->out[0].len;
    leat_check_go(&back);
    r = leat_check_outcome(&back, 0, ": its output cannot be undone");
    if (r == 0)
        r = leat_check_bytes_same("its output, undone, is not its input", back.out[0].data,
                                  back.out[0].len, run->input, run->len, "");
    leat_check_run_done(&back);
    return r;
}

static int leat_check_flushes(const struct leat_check_run *reference)
{
    bool flushes = (reference->original->flags & LEAT_FLUSHES) != 0;
    int r = 0;

    if (leat_check_kind(reference) == LEAT_SOURCE)
        return 0;
    for (unsigned seed = 0; seed < 24 && r == 0; seed++) {
        struct leat_check_run run = leat_check_start(reference, "flush markers");

        run.flush_every = 1 + seed % 5;
        leat_check_seed(&run, seed, "flush markers");
        leat_check_go(&run);
        if (flushes) /* its output may differ: it has written out what it had buffered */
            r = leat_check_outcome(&run, reference->code,
                                   ": is a flush marker in its input in order?");
        else
            r = leat_check_same(&run, reference, ": without LEAT_FLUSHES a marker changes nothing");
        if (r == 0 && flushes)
            r = leat_check_back(&run);
        leat_check_run_done(&run);
    }
    return r;
}

/* The reader has had enough: no failure, and the output until then is that of the reference. */
static int leat_check_early(const struct leat_check_run *reference)
{
    int r = 0;

    if (leat_check_kind(reference) == LEAT_SINK || reference->code < 0)
        return 0;
    for (unsigned seed = 0; seed < 40 && r == 0; seed++) {
        struct leat_check_run run = leat_check_start(reference, "early");

        leat_check_seed(&run, seed, "the stage after it ends early");
        run.sink_ends = 1 + seed / 2;
        leat_check_go(&run);
        r = leat_check_outcome(&run, 0, ": a reader that has enough is no failure");
        if (r == 0 && run.out[0].len > reference->out[0].len)
            r = leat_check_fails("the output is too long\nrun: %s", leat_check_told->doing);
        if (r == 0)
            r = leat_check_bytes_same("the output until then differs", run.out[0].data,
                                      run.out[0].len, reference->out[0].data, run.out[0].len, "");
        leat_check_run_done(&run);
    }
    return r;
}

/* A neighbour fails, or the run is cancelled: that is the outcome, unless the run ended before. */
static int leat_check_failures(const struct leat_check_run *reference)
{
    int r = 0;

    for (unsigned seed = 0; seed < 90 && r == 0; seed++) {
        struct leat_check_run run = leat_check_start(reference, "failures");
        int planted = seed % 3 == 2 ? LEAT_ECANCELLED : LEAT_CHECK_PLANTED;

        leat_check_seed(&run, seed,
                        seed % 3 == 0   ? "the stage before it fails"
                        : seed % 3 == 1 ? "the stage after it fails"
                                        : "the run is cancelled");
        run.source_fails = seed % 3 == 0 ? 1 + seed / 6 : 0;
        run.sink_fails = seed % 3 == 1 ? 1 + seed / 6 : 0;
        run.cancels = seed % 3 == 2 ? 1 + seed / 6 : 0;
        leat_check_go(&run);
        if (run.code != reference->code)
            r = leat_check_outcome(&run, planted, ": it hides the failure");
        else if (run.fault[0])
            r = leat_check_outcome(&run, planted, "");
        leat_check_run_done(&run);
    }
    return r;
}

/* Whatever a part of the input leads to, it always does. */
static int leat_check_inputs(const struct leat_check_run *reference)
{
    static const char *const edges[] = {"", "\n", "a", "a\n", "\n\n", "a\nb", "\xff\xfe"};
    size_t step = reference->len / 48 + 1, n = 0, n_edges = sizeof edges / sizeof *edges;
    int r = 0;

    if (leat_check_kind(reference) == LEAT_SOURCE)
        return 0;
    for (size_t k = 0; n < reference->len && r == 0; k++) {
        struct leat_check_run a = leat_check_start(reference, "short"), b;

        if (k < n_edges) {
            a.input = (const uint8_t *)edges[k];
            a.len = strlen(edges[k]);
        } else {
            a.len = n;
            n += step;
        }
        leat_check_doing(&a, k < n_edges ? "a short input" : "the input cut short");
        leat_check_go(&a);
        b = leat_check_start(&a, "short");
        leat_check_seed(&b, (unsigned)(2 * k + 1),
                        k < n_edges ? "a short input" : "the input cut short");
        r = leat_check_outcome(&a, a.code, "");
        leat_check_go(&b);
        if (r == 0 && leat_check_kind(&a) != LEAT_SINK)
            r = leat_check_same(&b, &a, ", as in pieces of another size");
        else if (r == 0)
            r = leat_check_outcome(&b, a.code, ", as in pieces of another size");
        leat_check_run_done(&a);
        leat_check_run_done(&b);
    }
    return r;
}

static int leat_check_memory(const struct leat_check_run *reference)
{
    int r = 0;

    for (unsigned mib = 1; mib <= 64 && r == 0; mib *= 2) {
        struct leat_check_run run = leat_check_start(reference, "memory");

        run.settings.memory = (uint64_t)mib << 20;
        run.settings.threads = 4;
        run.settings.executor = LEAT_EXECUTOR_SEEDED;
        run.settings.seed = mib;
        leat_check_doing(&run, "little memory");
        leat_check_go(&run);
        if (run.code == 0 && run.check->undo) /* an encoder may choose by the memory */
            r = leat_check_back(&run);
        else if (run.code != LEAT_ELIMIT && run.code != LEAT_ENOMEM)
            r = leat_check_same(&run, reference,
                                ": with little memory it works, or fails with LEAT_ELIMIT");
        leat_check_run_done(&run);
    }
    return r;
}

static unsigned leat_check_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++) {
        int copy = dup(fd);

        n += copy >= 0;
        if (copy >= 0)
            close(copy);
    }
    return n;
}

/* The same run again and again, to its end and with a failure in it. */
static int leat_check_leaks(const struct leat_check_run *reference)
{
    const size_t runs = 32;
    unsigned descriptors = 0;
    size_t heap = 0, now;

    for (unsigned fails = 0; fails < 2; fails++) {
        for (size_t i = 0; i < 2 * runs; i++) {
            struct leat_check_run run = leat_check_start(reference, "leaks");

            if (i == runs) {
                heap = LEAT_CHECK_HEAP();
                descriptors = leat_check_descriptors();
            }
            run.sink_fails = fails ? 2 : 0;
            run.source_fails = fails && leat_check_kind(reference) == LEAT_SINK ? 2 : 0;
            run.piece = 64;
            leat_check_doing(&run, fails ? "the same run with a failure, again and again"
                                         : "the same run again and again");
            leat_check_go(&run);
            leat_check_run_done(&run);
        }
        now = LEAT_CHECK_HEAP();
        if (now > heap && now - heap >= runs * 16)
            return leat_check_fails(
                "each run leaks about %zu bytes: free in close what open and step "
                "have allocated\nrun: %s",
                (now - heap) / runs, leat_check_told->doing);
        if (leat_check_descriptors() > descriptors)
            return leat_check_fails("runs leak descriptors: close them in close\nrun: %s",
                                    leat_check_told->doing);
    }
    return 0;
}

static int leat_check_all(const struct leat_stage_type *type, const struct leat_check *check)
{
    struct leat_stage_type plain = leat_check_type(type, false),
                           guarded = leat_check_type(type, true);
    int (*const parts[])(const struct leat_check_run *) = {
        leat_check_again,    leat_check_sizes,  leat_check_schedules, leat_check_pools,
        leat_check_twice,    leat_check_back,   leat_check_flushes,   leat_check_early,
        leat_check_failures, leat_check_inputs, leat_check_memory,    leat_check_leaks};
    struct leat_check_run like, reference;
    int r;

    memset(&like, 0, sizeof like);
    like.check = check;
    like.original = &plain;
    like.type = &guarded;
    like.input = (const uint8_t *)check->input;
    like.len = check->input_len;
    reference = leat_check_start(&like, "the first run, with the whole input at once");
    r = leat_check_reference(&reference);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && r == 0; i++)
        r = parts[i](&reference);
    leat_check_run_done(&reference);
    return r;
}

/* --- the child process ------------------------------------------------------------------------------------ */

/* How the child ended without a result. `said` is the last that it wrote to standard error. */
static int leat_check_crashed(int status, const char *said, char *text, size_t size)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const char *how =
        strstr(said, "Sanitizer: ") || strstr(said, "runtime error: ") ? "a sanitizer stops it"
        : sig == 11 || sig == 7 ? "it crashes: does it read after in->len, use a pointer to its "
                                  "input after the step, or write outside of its memory?"
        : sig == 6              ? "it breaks a rule of the engine, or aborts"
        : sig == 14             ? "it does not end: a step, or open or close, never returns"
        : sig                   ? "it is killed"
                                : "it ends the process";

    snprintf(text, size, "%s (%s %d)\n%s%srun: %s", how, sig ? "signal" : "status",
             sig ? sig : WEXITSTATUS(status), said,
             *said && said[strlen(said) - 1] != '\n' ? "\n" : "", leat_check_told->doing);
    return -1;
}

/* Keep the end of what the child writes to standard error. */
static void leat_check_listen(int fd, char *said, size_t size)
{
    char piece[256];
    size_t n = 0;
    ssize_t got;

    while ((got = read(fd, piece, sizeof piece)) > 0) {
        if (n + (size_t)got >= size) {
            memmove(said, said + size / 2, n - size / 2);
            n -= size / 2;
        }
        memcpy(said + n, piece, (size_t)got);
        n += (size_t)got;
        said[n] = '\0';
    }
    said[n] = '\0';
}

static int leat_check_here(const struct leat_stage_type *type, const struct leat_check *check,
                           char *text, size_t size)
{
    static struct leat_check_report report;
    int r;

    memset(&report, 0, sizeof report);
    leat_check_told = &report;
    r = leat_check_all(type, check);
    alarm(0);
    snprintf(text, size, "%s", report.text);
    return r;
}

/* leat_check_stage - run the suite on a stage.
 *
 *   type      as for leat_builder_own_stage; drop is not called
 *   ret_text  `size` bytes, LEAT_CHECK_TEXT are enough: what is wrong, and the run that shows it; "" if all
 *             is well
 *
 * Returns 0, or -1. Takes a second or so. Thread: not while the program has other threads. */
__attribute__((unused)) static int leat_check_stage(const struct leat_stage_type *type,
                                                    const struct leat_check *check, char *ret_text,
                                                    size_t size)
{
    char said[1024] = "";
    int fds[2], status = 0, r = -1;
    pid_t child;

    if (check->in_process)
        return leat_check_here(type, check, ret_text, size);
    ret_text[0] = '\0';
    leat_check_told =
        (struct leat_check_report *)mmap(NULL, sizeof *leat_check_told, PROT_READ | PROT_WRITE,
                                         MAP_SHARED | LEAT_CHECK_ANONYMOUS, -1, 0);
    if (leat_check_told == MAP_FAILED || pipe(fds) < 0) {
        snprintf(ret_text, size, "no memory or descriptors for the check");
        return -1;
    }
    fflush(NULL);
    child = fork();
    if (child == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        leat_check_told->result = 1 + (leat_check_all(type, check) < 0);
        _exit(0);
    }
    close(fds[1]);
    if (child > 0)
        leat_check_listen(fds[0], said, sizeof said);
    close(fds[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        snprintf(ret_text, size, "no process for the check");
    else if (status != 0 || leat_check_told->result == 0)
        r = leat_check_crashed(status, said, ret_text, size);
    else if (leat_check_told->result == 2)
        snprintf(ret_text, size, "%s", leat_check_told->text);
    else
        r = 0;
    munmap(leat_check_told, sizeof *leat_check_told);
    return r;
}

#endif
