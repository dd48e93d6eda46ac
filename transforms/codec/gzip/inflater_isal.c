/* inflater_isal.c - deflate decoding by ISA-L: the fast path.
 *
 * It decodes only deflate (ISAL_DEFLATE): ISA-L's own gzip header code fails when the input is cut
 * in a header with FHCRC. It does not report truncation; block_state tells whether the data has
 * ended. It holds up to eight bytes of input in read_in. The unused ones are returned at the end,
 * only whole bytes, because the rest of the last byte belongs to the data.
 */

#include "inflater.h"

#if HAVE_ISAL

#include <isa-l.h>

#include "../shared/bytes.h"

static int isal_open(struct leat_stage *stage, void **ret_lib)
{
    struct inflate_state *state = leat_alloc(stage, sizeof *state);

    if (!state)
        return LEAT_ENOMEM;
    isal_inflate_init(state);
    *ret_lib = state;
    return 0;
}

static void isal_reset(void *lib)
{
    isal_inflate_init(lib);
}

static const char *problem_of(int code)
{
    switch (code) {
    case ISAL_INVALID_BLOCK:
        return "invalid block header";
    case ISAL_INVALID_SYMBOL:
        return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
        return "invalid distance too far back";
    default:
        return "wrong block";
    }
}

static void give_back(struct inflate_state *state, struct leat_inflater_io *io)
{
    unsigned bits = state->read_in_length > 0 ? (unsigned)state->read_in_length : 0;
    uint64_t rest = bits % 8 ? state->read_in >> bits % 8 : state->read_in;

    for (io->n_back = 0; io->n_back < bits / 8; rest >>= 8)
        io->back[io->n_back++] = (uint8_t)rest;
}

static int isal_run(void *lib, struct leat_inflater_io *io)
{
    struct inflate_state *state = lib;
    int r;

    state->next_in = leat_unconst(io->in);
    state->avail_in = (uint32_t)io->in_len;
    state->next_out = io->to;
    state->avail_out = (uint32_t)io->room;
    r = isal_inflate(state);
    io->made = io->room - state->avail_out;
    io->used = io->in_len - state->avail_in;
    if (r < 0) {
        if (state->avail_in > io->in_len) /* it looked for bits after the end, and counts them */
            io->used = io->in_len;
        io->problem = problem_of(r);
        return LEAT_ECORRUPT;
    }
    if (state->block_state != ISAL_BLOCK_FINISH)
        return LEAT_MORE;
    give_back(state, io);
    return LEAT_END;
}

static void isal_close(struct leat_stage *stage, void *lib)
{
    leat_free(stage, lib);
}

const struct leat_inflater_ops leat_inflater_isal = {
    .open = isal_open,
    .reset = isal_reset,
    .run = isal_run,
    .close = isal_close,
};

#else

const struct leat_inflater_ops leat_inflater_isal = {.open = NULL};

#endif
