/* join.h - leat each --join: the records of a plan are verified, and its outputs reduced to one file. */
#ifndef CMD_BATCH_JOIN_H
#define CMD_BATCH_JOIN_H

#include "batch.h"
#include "joined.h"

/* join_main - --join=PLAN. Returns an exit status. */
int join_main(const struct config *config, struct each_options *options);
/* join_submit - run all shards of the plan that was written to options->plan by an engine, and then join them. Returns an exit
 * status: 0 if all are done, else the highest of the shards. */
int join_submit(const struct config *config, const struct each_options *options,
                const struct plan *plan);

/* reduce_check - is the value of --reduce, HOW:FILE, right? reduce - make FILE from the outputs, in the order of the inputs.
 * Both return 0, or an exit status after a message. */
int reduce_check(const struct config *config, const char *value);
int reduce(const struct config *config, const struct joined *joined, const char *value);

#endif
