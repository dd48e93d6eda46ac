/* null.c - the writable that discards its input, and the readable that outputs zero bytes. */

#include <string.h>

#include "../stage.h"

extern const struct leat_stage_type leat_stage_null;
extern const struct leat_stage_type leat_stage_zero;

static int null_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

const struct leat_stage_type leat_stage_null = {
    .name = "null",
    .summary = "discard all input",
    .manual = "For measuring, and for pipelines whose only results are the side outputs of their "
              "stages, such as --to of a hash.",
    .examples = "read big.log : sha256 --to=- : null",
    .kind = LEAT_SINK,
    .step = null_step,
};

struct zero_params {
    uint64_t size;
};

struct zero_state {
    uint64_t done;
};

static int zero_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct zero_params *p = leat_params(s);
    struct zero_state *st = leat_state(s);
    uint8_t *to;
    size_t room;

    (void)in;
    if (st->done == p->size)
        return LEAT_END;
    room = leat_reserve(out, &to);
    if (room > p->size - st->done)
        room = (size_t)(p->size - st->done);
    if (room > 0)
        memset(to, 0, room);
    leat_commit(out, room);
    st->done += room;
    leat_position(s, st->done, p->size == INT64_MAX ? 0 : p->size);
    return LEAT_MORE;
}

static const struct leat_option zero_options[] = {
    {.name = "size",
     .short_name = 'n',
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct zero_params, size),
     .metavar = "SIZE",
     .initial = INT64_MAX,
     .help = "output so many bytes, instead of without end"},
    {0},
};

const struct leat_stage_type leat_stage_zero = {
    .name = "zero",
    .summary = "output zero bytes, without end or a given number",
    .examples = "zero -n 1M : gzip : count -c",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct zero_params),
    .state_size = sizeof(struct zero_state),
    .options = zero_options,
    .step = zero_step,
};
