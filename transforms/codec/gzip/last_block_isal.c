/* last_block_isal.c - decodes up to a place near the last block, with ISA-L. */

#include "last_block.h"

#if HAVE_ISAL

#include <isa-l.h>
#include <string.h>

#include "../shared/bytes.h"

/* The stream is fed in steps of these sizes. The step in which the final bit occurs is taken back,
 * and repeated in smaller steps. */
static const size_t steps[] = {(size_t)1 << 16, (size_t)1 << 12, (size_t)1 << 7, 1};
#define N_STEPS (sizeof steps / sizeof steps[0])

struct leat_approach {
    struct inflate_state state, before;
    size_t most;
    uint8_t out[]; /* `most` bytes */
};

int leat_approach_open(struct leat_stage *stage, size_t most, struct leat_approach **ret)
{
    *ret = NULL;
    if (most <= steps[0])
        return 0;
    *ret = leat_alloc(stage, sizeof **ret + most);
    if (!*ret)
        return LEAT_ENOMEM;
    (*ret)->most = most;
    return 0;
}

void leat_approach_close(struct leat_stage *stage, struct leat_approach *a)
{
    leat_free(stage, a);
}

/* Feeds one more step, and takes it back if the final bit occurs in it. Returns how many bytes are
 * fed. */
static size_t feed(struct leat_approach *a, const uint8_t *made, size_t n, size_t at, size_t step,
                   bool *ret_final)
{
    if (step > n - at)
        step = n - at;
    if (step > 1)
        a->before = a->state;
    a->state.next_in = leat_unconst(made + at);
    a->state.avail_in = (uint32_t)step;
    if (step == 0 || isal_inflate(&a->state) < 0 || a->state.avail_in > 0)
        return 0;
    *ret_final = a->state.bfinal != 0;
    if (!*ret_final || step == 1)
        return at + step;
    a->state = a->before;
    return at;
}

bool leat_approach_run(struct leat_approach *a, const uint8_t *made, size_t n, const uint8_t *data,
                       size_t len, size_t *ret_byte, size_t *ret_done)
{
    size_t at = 0;

    if (len > a->most || n < steps[0]) /* for less data zlib is as fast */
        return false;
    isal_inflate_init(&a->state);
    a->state.next_out = a->out;
    a->state.avail_out = (uint32_t)len;
    for (size_t i = 0; i < N_STEPS; i++) {
        bool final = false;

        while (!final) {
            size_t fed = feed(a, made, n, at, steps[i], &final);

            if (fed == 0 && !final)
                return false;
            at = fed;
        }
    }
    *ret_byte = at;
    *ret_done = a->state.total_out;
    return at > 0 && *ret_done <= len && memcmp(a->out, data, *ret_done) == 0;
}

#else

int leat_approach_open(struct leat_stage *stage, size_t most, struct leat_approach **ret)
{
    (void)stage;
    (void)most;
    *ret = NULL;
    return 0;
}

void leat_approach_close(struct leat_stage *stage, struct leat_approach *approach)
{
    (void)stage;
    (void)approach;
}

bool leat_approach_run(struct leat_approach *approach, const uint8_t *made, size_t n,
                       const uint8_t *data, size_t len, size_t *ret_byte, size_t *ret_done)
{
    (void)approach;
    (void)made;
    (void)n;
    (void)data;
    (void)len;
    (void)ret_byte;
    (void)ret_done;
    return false;
}

#endif
