/* tee.c - sends the stream to several pipelines at once, without a copy. */

#include "stage.h"

extern const struct leat_stage_type leat_stage_tee;

#define BRANCHES_MAX 64u
#define SPILL_SIZE ((uint64_t)1 << 30) /* default of --spill-size, for each branch */

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
        return leat_fail(s, LEAT_EUSAGE, "--spill and --spill-size need --slow=spill");
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
     .help = "what a slow branch does: block delays the others too, drop loses data, spill keeps "
             "data in a file"},
    {.name = "spill",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct tee_params, spill),
     .metavar = "DIR",
     .help = "the directory for the temporary files of --slow=spill (TMPDIR or /var/tmp if not "
             "given)"},
    {.name = "spill-size",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct tee_params, spill_size),
     .metavar = "SIZE",
     .min = LEAT_SPILL_MIN,
     .max = INT64_MAX,
     .help = "the size limit for the file of one branch (2M or more; 1G if not given)"},
    {.name = "on-error",
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct tee_params, on_error),
     .metavar = "POLICY",
     .choices = "fail|detach",
     .initial = ON_ERROR_FAIL,
     .help = "whether a failed branch stops everything (fail) or only itself (detach)"},
    {0},
};

const struct leat_stage_type leat_stage_tee = {
    .name = "tee",
    .summary = "send the stream to branches as well",
    .manual =
        "Each bracket is a pipeline that receives the whole stream; the stream itself passes on "
        "after the last bracket. The data is not copied: all branches read the same chunks. A "
        "branch that does not end with a writable ends with standard output. A branch that ends "
        "early, for example with head, leaves the others running; when no reader is left, the "
        "source is stopped.\n\n"
        "All outputs of all branches are committed together or not at all. With "
        "--on-error=detach, a failed branch does not stop the others: their outputs are "
        "committed, and its own are not, also if a server refuses the end of a request. The exit "
        "status is then 8, and the message tells the branch's error. A branch that cannot start, for example because its output exists, "
        "makes the whole pipeline fail.\n\n"
        "With --slow=drop a branch that is too slow loses whole pieces of the stream. The stream "
        "itself loses nothing. The loss of each branch is reported at the end, and in "
        "--stats.\n\n"
        "With --slow=spill the data that a slow branch has not read yet goes to a temporary "
        "file. The file has no name, and it is gone when the pipeline ends. When the file is "
        "full, the branch delays all others, as without the option.",
    .examples = "read words.txt : tee [ sha256 : write words.sha ] [ count -l ] : null",
    .kind = LEAT_TRANSFORM,
    .branches_min = 1,
    .branches_max = BRANCHES_MAX,
    .params_size = sizeof(struct tee_params),
    .options = tee_options,
    .plan = tee_plan,
    .step = tee_step,
};
