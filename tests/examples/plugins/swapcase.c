/* swapcase.c - an example of a plugin: a transform of lines, `example.swapcase`.
 *
 * cc -shared -fPIC $(pkg-config --cflags leat) -o swapcase.so swapcase.c
 * leat --plugin=./swapcase.so read names : example.swapcase --first : write out
 */
#include <ctype.h>
#include <leat/stage.h>

struct swapcase_params {
    int first; /* only the first letter of each line */
};

struct swapcase {
    bool inside; /* the last byte was no newline */
};

static int swapcase_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct swapcase_params *params = leat_params(stage);
    struct swapcase *s = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;

    while (in->pos < in->len && n < room) {
        int c = in->data[in->pos++];

        if (!params->first || !s->inside)
            c = islower(c) ? toupper(c) : tolower(c);
        s->inside = c != '\n';
        to[n++] = (uint8_t)c;
    }
    leat_commit(out, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int swapcase_plan(struct leat_stage *stage)
{
    return leat_plan_access(stage, NULL, LEAT_ACCESS_NOTHING); /* so that leat may confine itself */
}

static const struct leat_option swapcase_options[] = {
    {.name = "first",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct swapcase_params, first),
     .help = "only the first letter of each line"},
    {0},
};

static const struct leat_lanes swapcase_lanes = {.block = 0}; /* the engine cuts at ends of lines */

/* A block begins with a line. */
static const struct leat_stage_type swapcase = {
    LEAT_STAGE_INIT,
    .name = "example.swapcase",
    .summary = "exchange upper and lower case",
    .examples = "read big.log : example.swapcase --first : null",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .lanes = &swapcase_lanes,
    .params_size = sizeof(struct swapcase_params),
    .state_size = sizeof(struct swapcase),
    .options = swapcase_options,
    .plan = swapcase_plan,
    .step = swapcase_step,
};

static const struct leat_stage_type *const types[] = {&swapcase, NULL};
LEAT_PLUGIN(types);
