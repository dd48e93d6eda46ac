/* test_notes.c - what a cutter notes of a block reaches the lane of that block and of no other, also
 * when the block is made again for want of memory. */
#include <stdlib.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

#define BLOCK ((size_t)4000)
#define HISTORY ((size_t)30000)
#define BLOCKS 60u
#define NOTE_OF(block) ((uint64_t)1000000 + 7 * (block))

struct noter {
    size_t cut; /* the cutter's: bytes of this block so far */
    uint64_t block;
};

/* The note is taken back when the block that it was for has begun, so it is made for each of them. */
static int noter_cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
                     size_t *ret_take)
{
    struct noter *n = leat_state(stage);
    size_t left = BLOCK - n->cut;

    (void)data;
    (void)end;
    *ret_take = len < left ? len : left;
    n->cut += *ret_take;
    if (n->cut < BLOCK)
        return 0;
    n->cut = 0;
    n->block++;
    if (n->block % 3) /* every third block has none */
        leat_note(stage, NOTE_OF(n->block));
    return 1;
}

static int noter_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    uint64_t note = in->block % 3 ? NOTE_OF(in->block) : 0;
    size_t history = in->block * BLOCK < HISTORY ? (size_t)in->block * BLOCK : HISTORY;

    if (in->note != note)
        return leat_fail(stage, LEAT_ECORRUPT, "block %u has the note %u, expected %u",
                         (unsigned)in->block, (unsigned)in->note, (unsigned)note);
    if (in->history_len != history)
        return leat_fail(stage, LEAT_ECORRUPT, "block %u has %u bytes of history",
                         (unsigned)in->block, (unsigned)in->history_len);
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes noter_split = {.block = BLOCK, .history = HISTORY, .cut = noter_cut};
static const struct leat_stage_type noter_type = {
    .name = "noter",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &noter_split,
    .state_size = sizeof(struct noter),
    .step = noter_step,
};

/* Takes all the memory that may be charged, so that the history of one block is there at a time. */
static int hog_open(struct leat_stage *stage)
{
    return leat_charge(stage, leat_memory_left(stage));
}

static int hog_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type hog_type = {
    .name = "hog",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_OPENS_LAST,
    .open = hog_open,
    .step = hog_step,
};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &noter_type), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, &hog_type), 0);
}

TEST(test_a_note_goes_with_its_block_also_if_the_block_is_made_again)
{
    uint8_t *in = memio_bytes(BLOCKS * BLOCK + 17);
    static const char *const texts[] = {"noter", "noter : hog"};

    for (unsigned hog = 0; hog < 2; hog++)
        for (unsigned executor = LEAT_EXECUTOR_POOL; executor <= LEAT_EXECUTOR_SEEDED; executor++)
            for (unsigned threads = 1; threads <= 4; threads++)
                for (uint64_t seed = 0; seed < 8; seed++) {
                    struct memio io = {.in = in, .in_len = BLOCKS * BLOCK + 17};

                    test_context("%s, executor %u, threads %u, seed %u", texts[hog], executor,
                                 threads, (unsigned)seed);
                    io.registered = add_types;
                    io.settings.executor = (enum leat_executor_kind)executor;
                    io.settings.threads = threads;
                    io.settings.seed = seed;
                    io.settings.memory = (uint64_t)8 << 20;
                    io.settings.chunk = 1024;
                    if (memio_run(&io, texts[hog]) != 0)
                        FAIL("%s", io.error.text);
                    ASSERT_BYTES_EQ(io.out, io.out_len, in, BLOCKS * BLOCK + 17);
                    memio_free(&io);
                }
    free(in);
}
