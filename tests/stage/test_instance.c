/* test_instance.c - an instance of a stage: its plan is checked, and it is opened, prepared and closed once. */
#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define STATE_BYTES 1000u

/* The stages of this file: what they do, and what was called. */
static struct {
    int plan_whole;      /* MiB; 0: none */
    unsigned plan_flags; /* changed; 0: none */
    bool plan_lines;
    int open_code, step_code, prepare_code; /* returned without a text */
    bool says;                              /* and with a text */
    uint64_t charge;                        /* bytes, in open; never given back */
    int opens, prepares, commits, reverts, closes;
} job;

static int probe_plan(struct leat_stage *s)
{
    if (job.plan_whole)
        leat_plan_whole(s, (size_t)job.plan_whole << 20);
    if (job.plan_flags)
        leat_plan_flags(s, job.plan_flags);
    if (job.plan_lines)
        leat_plan_framing(s, LEAT_LINES);
    return 0;
}

static int answer(struct leat_stage *s, int code)
{
    return code < 0 && job.says ? leat_fail(s, code, "a text") : code;
}

static int probe_open(struct leat_stage *s)
{
    const uint8_t *state = leat_state(s);
    int r = leat_charge(s, job.charge);

    job.opens++;
    for (size_t i = 0; i < STATE_BYTES; i++)
        ASSERT_EQ(state[i], 0);
    memset(leat_state(s), 1, STATE_BYTES);
    return r < 0 ? r : answer(s, job.open_code);
}

static int probe_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)out;
    ASSERT_EQ(job.opens, job.closes + 1);
    in->pos = in->len;
    if (!in->end)
        return LEAT_MORE;
    return job.step_code < 0 ? leat_fail(s, job.step_code, "step") : LEAT_END;
}

static int probe_prepare(struct leat_stage *s)
{
    job.prepares++;
    return answer(s, job.prepare_code);
}

static int probe_commit(struct leat_stage *s)
{
    (void)s;
    ASSERT_EQ(job.prepares, 1);
    job.commits++;
    return 0;
}

static void probe_revert(struct leat_stage *s)
{
    (void)s;
    job.reverts++;
}

static void probe_close(struct leat_stage *s)
{
    ASSERT_EQ(((const uint8_t *)leat_state(s))[STATE_BYTES - 1], 1);
    job.closes++;
}

static int blocks_run(struct leat_stage *s, struct leat_blocking *b)
{
    const uint8_t *data;
    size_t n;

    (void)s;
    while (leat_pull(b, &data, &n) == 1)
        continue;
    return LEAT_END;
}

static const struct leat_stage_type probe_type = {.name = "probe",
                                                  .kind = LEAT_SINK,
                                                  .state_size = STATE_BYTES,
                                                  .plan = probe_plan,
                                                  .open = probe_open,
                                                  .step = probe_step,
                                                  .prepare = probe_prepare,
                                                  .commit = probe_commit,
                                                  .revert = probe_revert,
                                                  .close = probe_close};
static const struct leat_stage_type blocks_type = {.name = "blocks",
                                                   .kind = LEAT_SINK,
                                                   .nature = LEAT_BLOCKING,
                                                   .plan = probe_plan,
                                                   .run = blocks_run};
static const struct leat_stage_type *const types[] = {&probe_type, &blocks_type, NULL};

static struct leat_error error = LEAT_INIT(leat_error);

/* memio looks whether a byte is still charged. Returns the code. */
static int run(unsigned e, const char *format)
{
    struct memio io = memio_under(e);
    int code;

    io.in = "abc";
    io.in_len = 3;
    io.types = types;
    job.opens = job.prepares = job.commits = job.reverts = job.closes = 0;
    code = memio_run_named(&io, NULL, "%s", format);
    error = io.error;
    memio_free(&io);
    return code;
}

static void begin(void)
{
    memset(&job, 0, sizeof job);
}

TEST(test_a_stage_is_opened_prepared_committed_and_closed_once)
{
    begin();
    job.charge = 100000;
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        ASSERT_EQ(run(e, "memsource @io | probe"), 0);
        ASSERT(job.opens == 1 && job.prepares == 1 && job.commits == 1 && job.closes == 1);
        ASSERT_EQ(job.reverts, 0);
    }
}

TEST(test_an_error_without_a_text_has_that_of_its_code)
{
    begin();
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        bool in_open = e / N_EXECUTORS % 2 == 0;

        job.says = e / N_EXECUTORS / 2 != 0;
        job.open_code = in_open ? LEAT_ENOMEM : 0;
        job.prepare_code = in_open ? 0 : LEAT_ECHECKSUM;
        ASSERT_EQ(run(e, "memsource @io | probe"), in_open ? LEAT_ENOMEM : LEAT_ECHECKSUM);
        ASSERT_STREQ(error.text, job.says ? "a text" : leat_strerror(error.code));
        ASSERT_STREQ(error.stage_name, "probe");
        ASSERT(job.opens == 1 && job.closes == 1 && job.prepares == !in_open && job.commits == 0);
    }
}

TEST(test_a_stage_that_has_failed_is_not_prepared)
{
    begin();
    job.step_code = LEAT_ECORRUPT;
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        ASSERT_EQ(run(e, "memsource @io | probe"), LEAT_ECORRUPT);
        ASSERT(job.opens == 1 && job.closes == 1 && job.prepares == 0);
    }
    /* Nor is it where the others go on, and commit. */
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        ASSERT_EQ(run(e, "memsource @io | tee --on-error=detach [ probe ] | memsink @io"),
                  LEAT_EBATCH);
        ASSERT(job.opens == 1 && job.closes == 1 && job.prepares == 0 && job.commits == 0);
    }
}

static void refuses(const char *text, const char *why)
{
    ASSERT_EQ(run(0, text), LEAT_EINTERNAL);
    ASSERT_STR_HAS(error.text, why);
    ASSERT_EQ(job.opens, 0);
}

TEST(test_a_plan_that_the_engine_cannot_follow_is_refused)
{
    begin();
    job.plan_flags = LEAT_PARTS;
    refuses("memsource @io | probe", "its plan cannot change LEAT_PARTS");
    begin();
    job.plan_flags = LEAT_FLUSHES;
    refuses("memsource @io | blocks", "a blocking stage cannot flush");
    begin();
    job.plan_whole = 1 << 20;
    refuses("memsource @io | probe", "cannot be shown whole");
    begin();
    job.plan_whole = 1;
    job.plan_lines = true;
    refuses("memsource @io | probe", "pieces are of a fixed size or of whole lines");
    begin();
    job.plan_whole = 1; /* and each one alone is fine */
    ASSERT_EQ(run(0, "memsource @io | probe"), 0);
    begin();
    job.plan_lines = true;
    ASSERT_EQ(run(0, "memsource @io | probe"), 0);
}
