/* tee.c - the stream to several pipelines at once, without a copy. */

#include "stage.h"

extern const struct leat_stage_type leat_stage_tee;

#define BRANCHES_MAX 64u
#define SPILL_SIZE ((uint64_t)1 << 30) /* of each branch, if it is not given */

enum slow {
    SLOW_BLOCK,
    SLOW_DROP,
    SLOW_SPILL,
};

enum on_error {
    ON_ERROR_FAIL,
    ON_ERROR_DETACH,
};

struct tee_params {
    int slow, on_error;
    const char *spill;
    uint64_t spill_size;
};

static int tee_plan(struct leat_stage *s)
{
    const struct tee_params *p = leat_params(s);
    unsigned flags = LEAT_PASS_THROUGH;
    struct leat_buffer buffer = {
        .spills = true,
        .dir = p->spill,
        .spill_size = p->spill_size > 0 ? p->spill_size : SPILL_SIZE,
    };

    if (p->slow != SLOW_SPILL && (p->spill || p->spill_size > 0))
        return leat_fail(s, LEAT_EUSAGE, "--spill and --spill-size go with --slow=spill");
    if (p->slow == SLOW_SPILL)
        leat_plan_buffer(s, &buffer);
    if (p->slow == SLOW_DROP)
        flags |= LEAT_DROPS;
    if (p->on_error == ON_ERROR_DETACH)
        flags |= LEAT_DETACHES;
    leat_plan_flags(s, flags);
    return 0;
}

static int tee_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    while (in->pos < in->len)
        if (leat_pass_all(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_option tee_options[] = {
    {.name = "slow",
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct tee_params, slow),
     .metavar = "POLICY",
     .choices = "block|drop|spill",
     .initial = SLOW_BLOCK,
     .help = "a branch that is too slow holds back all, loses data, or is fed from a file"},
    {.name = "spill",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct tee_params, spill),
     .metavar = "DIR",
     .help = "where the temporary files of --slow=spill are; TMPDIR or /var/tmp if not given"},
    {.name = "spill-size",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct tee_params, spill_size),
     .metavar = "SIZE",
     .min = LEAT_SPILL_MIN,
     .max = INT64_MAX,
     .help = "the most that the file of one branch holds, 2M or more; 1G if not given"},
    {.name = "on-error",
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct tee_params, on_error),
     .metavar = "POLICY",
     .choices = "fail|detach",
     .initial = ON_ERROR_FAIL,
     .help = "a branch that fails stops all, or only itself"},
    {0},
};

const struct leat_stage_type leat_stage_tee = {
    .name = "tee",
    .summary = "give the stream to branches too",
    .manual =
        "Each bracket is a pipeline that gets the whole stream; the stream itself goes on after the "
        "last bracket. Nothing is copied: all read the same chunks. A branch that does not end with "
        "a writable ends with standard output. A branch that ends early, such as one with head, "
        "leaves the others running; when nobody reads any more the source is stopped.\n\n"
        "All outputs of all branches are committed together or not at all. With --on-error=detach a "
        "branch that fails leaves the others running and their outputs are committed, but none of "
        "its own; the exit status is 8 then, and the message names the branch's error. What cannot "
        "even begin, such as an output that exists, fails all.\n\n"
        "With --slow=drop a branch that does not keep up loses whole pieces of the stream, never "
        "the stream itself; how much each lost is told at the end, and in --stats. With --slow=spill "
        "what it is behind goes to a temporary file, which has no name and is gone with the "
        "pipeline. When the file is full the branch holds back all, as without it.",
    .examples = "read words.txt : tee [ sha256 : write words.sha ] [ count -l ] : null",
    .kind = LEAT_TRANSFORM,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .params_size = sizeof(struct tee_params),
    .options = tee_options,
    .plan = tee_plan,
    .step = tee_step,
};
