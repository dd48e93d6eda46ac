/* planner.h - what the files of the planner share. */
#ifndef LEAT_PLANNER_H
#define LEAT_PLANNER_H

#include "pipeline.h"

#define LEAT_CHUNK_BEST ((size_t)262144)
#define LEAT_CHUNK_LEAST ((size_t)4096)

/* leat_planner_sizes - planner_sizes.c: of chunks and edges, within the memory limit, and the pool
 * that has them reserved. Returns 0, LEAT_ELIMIT or LEAT_ENOMEM. */
int leat_planner_sizes(struct leat_pipeline *pipeline, struct leat_error *ret_error);

#endif
