/* edge_aid.c - an edge, its pool, and both of its sides as if this thread ran their actors. */
#include "edge_aid.h"

#include "test.h"

#define RUNNING 2 /* enum actor_state of executor.c */
#define NOTIFIED 3

void edge_ends_init(struct edge_ends *s, uint64_t high, size_t chunk, size_t chunks)
{
    *s = (struct edge_ends){.executor = {.owner = NULL}};
    ASSERT_EQ(leat_pool_init(&s->pool, chunks * chunk, chunk), 0);
    ASSERT_EQ(leat_edge_init(&s->edge, &s->executor, high), 0);
    s->reader.thread = s->writer.thread = pthread_self();
    atomic_store(&s->reader.state, RUNNING);
    atomic_store(&s->writer.state, RUNNING);
    s->edge.reader = &s->reader;
    s->edge.writer = &s->writer;
}

void edge_ends_done(struct edge_ends *s)
{
    leat_edge_done(&s->edge);
    ASSERT_EQ(leat_pool_done(&s->pool), 0);
}

bool edge_woken(struct leat_actor *actor)
{
    return atomic_exchange(&actor->state, RUNNING) == NOTIFIED;
}
