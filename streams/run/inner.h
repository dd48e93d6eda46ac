/* inner.h - the branch of a stage with LEAT_INNER: a pipeline of its own, which the stage runs as often as it needs. */
#ifndef LEAT_RUN_INNER_H
#define LEAT_RUN_INNER_H

#include "pipeline.h"

struct leat_inner {
    struct leat_pipeline
        *model; /* is built like each run, and never runs: it has the errors and the needs */
    char *text; /* of the branch */
    struct leat_context *context; /* made when it first runs; or NULL */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned news; /* under the lock: calls of `ready` */
};

/* leat_inner_make - for struct leat_inner_ops: build the model of the stage's branch. Returns 0, or an error, which is in
 * *ret_error. */
int leat_inner_make(struct leat_pipeline *pipeline, struct leat_stage_info *info,
                    struct leat_error *ret_error);
/* leat_inner_free - the same; NULL is fine. */
void leat_inner_free(struct leat_inner *inner);

#endif
