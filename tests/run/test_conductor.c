/* test_conductor.c - the two phases of all outputs together, and the way back. */
#include <string.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define N_SINKS 3u
#define LOG_MAX 64u

/* Each sink notes p(repare), c(ommit) and r(evert) with its letter: "pa". The conductor is one actor, so
 * nothing else uses the log then. */
static struct {
    char text[LOG_MAX];
    size_t n;
} notes;

struct noting {
    char letter;
    bool fails_prepare, fails_commit;
    unsigned waits; /* that its commit has asked for */
};

static void note(const struct noting *sink, char what)
{
    ASSERT_LT(notes.n + 2, LOG_MAX);
    notes.text[notes.n++] = what;
    notes.text[notes.n++] = sink->letter;
    notes.text[notes.n] = '\0';
}

static int noting_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int noting_prepare(struct leat_stage *s)
{
    const struct noting *sink = memio_given(s);

    note(sink, 'p');
    return sink->fails_prepare ? leat_fail(s, LEAT_EIO, "planned failure") : 0;
}

static int noting_commit(struct leat_stage *s)
{
    const struct noting *sink = memio_given(s);

    note(sink, 'c');
    return sink->fails_commit ? leat_fail(s, LEAT_EIO, "planned failure") : 0;
}

static void noting_revert(struct leat_stage *s)
{
    note(memio_given(s), 'r');
}

static const struct leat_stage_type noting_type = {.name = "noting",
                                                   .kind = LEAT_SINK,
                                                   .params_size = sizeof(struct memio_params),
                                                   .options = memio_option,
                                                   .step = noting_step,
                                                   .prepare = noting_prepare,
                                                   .commit = noting_commit,
                                                   .revert = noting_revert};
/* Its commit cannot be reverted. */
static const struct leat_stage_type final_type = {.name = "final",
                                                  .kind = LEAT_SINK,
                                                  .params_size = sizeof(struct memio_params),
                                                  .options = memio_option,
                                                  .step = noting_step,
                                                  .prepare = noting_prepare,
                                                  .commit = noting_commit};
static const struct leat_stage_type *const types[] = {&noting_type, &final_type, NULL};
#define THREE "memsource @io | tee [ noting @a ] [ pass | noting @b ] | noting @c"

/* One run under the e-th of many settings; the log has what happened. */
static int run(struct noting *sinks, unsigned e, const char *text)
{
    const struct memio_name names[] = {{"a", &sinks[0]}, {"b", &sinks[1]}, {"c", &sinks[2]}, {0}};
    struct memio io = memio_under(e);

    for (unsigned i = 0; i < N_SINKS; i++)
        sinks[i].letter = (char)('a' + i);
    notes.n = 0;
    io.types = types;
    io.in = "abc";
    io.in_len = 3;
    memio_run_named(&io, names, "%s", text);
    if (io.code)
        ASSERT_STREQ(io.error.text, "planned failure");
    return io.code;
}

/* How often the log has this of any sink. */
static size_t count(char what)
{
    size_t n = 0;

    for (size_t i = 0; i < notes.n; i += 2)
        n += notes.text[i] == what;
    return n;
}

TEST(test_all_outputs_are_prepared_before_one_is_committed)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct noting sinks[N_SINKS] = {{.letter = 0}};

        ASSERT_EQ(run(sinks, e, THREE), 0);
        ASSERT_EQ(notes.n, 4 * N_SINKS);
        for (size_t i = 0; i < notes.n; i += 2)
            ASSERT_EQ(notes.text[i], i < 2 * N_SINKS ? 'p' : 'c');
    }
}

TEST(test_a_failed_prepare_commits_nothing)
{
    for (unsigned e = 0; e < N_SINKS * N_EXECUTORS; e++) {
        struct noting sinks[N_SINKS] = {{.letter = 0}};

        sinks[e / N_EXECUTORS].fails_prepare = true;
        ASSERT_EQ(run(sinks, e, THREE), LEAT_EIO);
        ASSERT_EQ(count('c'), 0);
        ASSERT_EQ(count('r'), 0);
    }
}

/* The outputs that were committed, and no others, are reverted, the last one first. */
TEST(test_a_failed_commit_reverts_the_committed_outputs_in_the_opposite_order)
{
    size_t most = 0;

    for (unsigned e = 0; e < N_SINKS * N_EXECUTORS; e++) {
        struct noting sinks[N_SINKS] = {{.letter = 0}};
        size_t tried, good;

        sinks[e / N_EXECUTORS].fails_commit = true;
        ASSERT_EQ(run(sinks, e, THREE), LEAT_EIO);
        tried = count('c');
        good = tried - 1;
        ASSERT_EQ(notes.n, 2 * (N_SINKS + tried + good));
        for (size_t i = 0; i < good; i++) {
            const char *commit = notes.text + 2 * (N_SINKS + i),
                       *revert = notes.text + notes.n - 2 - 2 * i;

            test_context("executor %u: %s", e % N_EXECUTORS, notes.text);
            ASSERT_EQ(revert[0], 'r');
            ASSERT_EQ(revert[1], commit[1]);
        }
        most = most < good ? good : most;
    }
    ASSERT_EQ(most, N_SINKS - 1);
}

/* They are tried when all others have succeeded, in any place of the graph. */
TEST(test_a_sink_without_revert_commits_last)
{
    static const char *const texts[] = {
        "memsource @io | tee [ final @a ] [ pass | noting @b ] | noting @c",
        "memsource @io | tee [ noting @c ] [ pass | noting @b ] | final @a",
    };

    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct noting sinks[N_SINKS] = {{.fails_commit = e / N_EXECUTORS % 2 == 1}};
        int r = run(sinks, e, texts[e / N_EXECUTORS / 2]);

        test_context("executor %u: %s", e % N_EXECUTORS, notes.text);
        ASSERT_EQ(r, sinks[0].fails_commit ? LEAT_EIO : 0);
        ASSERT_EQ(memcmp(notes.text + 4 * N_SINKS - 2, "ca", 2), 0);
        ASSERT_EQ(count('r'), r < 0 ? N_SINKS - 1 : 0);
    }
}

TEST(test_a_commit_that_cannot_be_reverted_is_told)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct noting sinks[N_SINKS] = {
            {.letter = 'a'}, {.fails_commit = true}, {.fails_commit = true}};
        const struct memio_name names[] = {{"a", &sinks[0]}, {"b", &sinks[1]}, {0}};
        struct memio io = memio_under(e);

        sinks[1].letter = 'b';
        notes.n = 0;
        io.types = types;
        io.in = "abc";
        io.in_len = 3;
        memio_run_named(&io, names, "memsource @io | tee [ final @a ] | final @b");
        test_context("executor %u: %s", e % N_EXECUTORS, notes.text);
        ASSERT_EQ(io.code, LEAT_EIO);
        ASSERT_EQ(io.warnings, memcmp(notes.text + 4, "ca", 2) == 0 ? 1 : 0);
    }
}

/* A detached branch fails alone, also in its commit, and what it has committed is taken back. */
TEST(test_a_refused_commit_in_a_detached_branch_reverts_that_branch)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        for (unsigned is_final = 0; is_final < 2; is_final++) {
            struct noting sinks[N_SINKS] = {
                {.letter = 'a'}, {.fails_commit = true}, {.letter = 'c'}};
            const struct memio_name names[] = {
                {"a", &sinks[0]}, {"b", &sinks[1]}, {"c", &sinks[2]}, {0}};
            struct memio io = memio_under(e);

            sinks[1].letter = 'b';
            notes.n = 0;
            io.types = types;
            io.in = "abc";
            io.in_len = 3;
            memio_run_named(
                &io, names,
                "memsource @io | tee --on-error=detach [ tee [ noting @a ] | %s @b ] | noting @c",
                is_final ? "final" : "noting");
            test_context("executor %u, final %u: %s", e % N_EXECUTORS, is_final, notes.text);
            ASSERT_EQ(io.code, LEAT_EBATCH);
            ASSERT_EQ(count('c'), is_final || strstr(notes.text, "ca") ? 3u : 2u);
            ASSERT_EQ(strstr(notes.text, "ra") != NULL, strstr(notes.text, "ca") != NULL);
            ASSERT_EQ(strstr(notes.text, "cc") != NULL, true);
            ASSERT_EQ(strstr(notes.text, "rc") || strstr(notes.text, "rb"), false);
        }
    }
}

#define WAITS 3u

static int waiting_commit(struct leat_stage *s)
{
    struct noting *sink = memio_given(s);

    if (sink->waits++ < WAITS) {
        leat_wait_ms(s, 1);
        return LEAT_WAIT;
    }
    return noting_commit(s);
}

TEST(test_a_commit_that_waits_is_called_again)
{
    static const struct leat_stage_type waiting = {.name = "waiting",
                                                   .kind = LEAT_SINK,
                                                   .params_size = sizeof(struct memio_params),
                                                   .options = memio_option,
                                                   .step = noting_step,
                                                   .prepare = noting_prepare,
                                                   .commit = waiting_commit};
    static const struct leat_stage_type *const list[] = {&noting_type, &waiting, NULL};

    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        bool fails = e / N_EXECUTORS;
        struct noting sinks[2] = {{.letter = 'a'}, {.letter = 'b', .fails_commit = fails}};
        const struct memio_name names[] = {{"a", &sinks[0]}, {"b", &sinks[1]}, {0}};
        struct memio io = memio_under(e);

        notes.n = 0;
        io.types = list;
        io.in = "abc";
        io.in_len = 3;
        memio_run_named(&io, names, "memsource @io | tee [ noting @a ] | waiting @b");
        test_context("executor %u: %s", e % N_EXECUTORS, notes.text);
        ASSERT_EQ(io.code, fails ? LEAT_EIO : 0);
        ASSERT_EQ(sinks[1].waits, WAITS + 1);
        ASSERT_STREQ(notes.text + 4, fails ? "cacbra" : "cacb");
    }
}
