/* test_pieces.c - a stage of bytes is shown a chunk at a time, however long a record is. */
#include <stdlib.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};
#define N_EXECUTORS 3

/* Fails where it is shown more than it can count. */
static int narrow_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    if (in->len > LEAT_CHUNK_MAX)
        return leat_fail(stage, LEAT_EINTERNAL, "an input of %zu bytes", in->len);
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type narrow_type = {
    .name = "narrow", .kind = LEAT_TRANSFORM, .step = narrow_step};

static void add_narrow(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &narrow_type), 0);
}

TEST(test_a_long_line_comes_in_pieces_to_a_stage_of_bytes)
{
    size_t n = 3 * LEAT_CHUNK_MAX + 7;
    uint8_t *in = calloc(1, n);

    ASSERT_NOT_NULL(in);
    in[n - 1] = '\n';
    for (size_t e = 0; e < N_EXECUTORS; e++) {
        struct memio io = {.in = in, .in_len = n, .registered = add_narrow};

        io.settings.executor = executors[e];
        ASSERT_EQ(memio_run(&io, "grep -v x : narrow"), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, in, n);
        memio_free(&io);
    }
    free(in);
}
