/* edge_aid.h - an edge, its pool, and both of its sides as if this thread ran their actors. */
#ifndef LEAT_EDGE_AID_H
#define LEAT_EDGE_AID_H

#include "edge/edge.h"

struct edge_ends {
    struct leat_executor executor;
    struct leat_actor reader, writer; /* a wake of either is noted and queues nothing */
    struct leat_pool pool;
    struct leat_edge edge;
};

/* edge_ends_init - an edge with the high-water mark `high`, and a pool of so many chunks. */
void edge_ends_init(struct edge_ends *ends, uint64_t high, size_t chunk, size_t chunks);
/* edge_ends_done - release all, and check that each chunk is back. */
void edge_ends_done(struct edge_ends *ends);
/* edge_woken - was the actor woken since the last call? */
bool edge_woken(struct leat_actor *actor);

#endif
