/* joined.h - the records of all shards against their plan: which inputs are done, by which outputs, exactly once. It prints
 * nothing, knows no loop, and looks at outputs through a function, so that a simulator can have a million of them.
 */
#ifndef CMD_BATCH_JOINED_H
#define CMD_BATCH_JOINED_H

#include "plan.h"
#include "record.h"

/* All zero: none. */
struct joined {
    struct inputs inputs;             /* of the plan */
    struct recorded_output **outputs; /* of each input; NULL: none, or its shard is missing */
    uint32_t *of_shards;              /* numbers of inputs, those of each shard together */
    size_t *begins;    /* where those of a shard begin there; plan.shards + 1 of them */
    uint32_t *missing; /* shards, ascending, n_missing of them */
    size_t n_missing, n_outputs;
    uint64_t bytes; /* of outputs */
    struct arena arena;
    /* These are set by a failure: */
    uint32_t shard;
    int error; /* errno */
};

/* joined_read - join the records in the directory with the plan, whose inputs are in joined->inputs. `look` tells if an output is
 * there as it is recorded. A shard is missing if it has no record, a record that is cut, or if an output is not there.
 *
 * Returns 0; LEAT_EEXIST: the record of joined->shard is of another plan; LEAT_ECHECKSUM: it does not have the inputs
 * of its shard, each once; LEAT_EIO; LEAT_ENOMEM. Call joined_done in any case. */
int joined_read(struct joined *joined, const struct plan *plan, const char *directory,
                bool (*look)(void *user, const struct recorded_output *out), void *user);
void joined_done(struct joined *joined);

#endif
