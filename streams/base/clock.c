/* clock.c - the machine's clock, and a virtual one. */

#include "clock.h"

#include <stdlib.h>

#include "leat.h"

#define VIRTUAL_START ((uint64_t)1000000000)

int leat_clock_init(struct leat_clock *c, bool is_virtual, unsigned n_threads)
{
    *c = (struct leat_clock){.is_virtual = is_virtual};
    if (!is_virtual)
        return 0;
    c->now_ns = c->latest_ns = VIRTUAL_START;
    c->free_ns = calloc(n_threads, sizeof *c->free_ns);
    c->n_threads = n_threads;
    return c->free_ns ? 0 : LEAT_ENOMEM;
}

void leat_clock_done(struct leat_clock *c)
{
    free(c->free_ns);
    c->free_ns = NULL;
}

void leat_clock_set(struct leat_clock *c, uint64_t now_ns)
{
    c->now_ns = now_ns;
    if (now_ns > c->latest_ns)
        c->latest_ns = now_ns;
}

unsigned leat_clock_begin(struct leat_clock *c, uint64_t ready_ns)
{
    unsigned first = 0;

    for (unsigned i = 1; i < c->n_threads; i++)
        if (c->free_ns[i] < c->free_ns[first])
            first = i;
    leat_clock_set(c, ready_ns > c->free_ns[first] ? ready_ns : c->free_ns[first]);
    return first;
}

void leat_clock_end(struct leat_clock *c, unsigned thread)
{
    c->free_ns[thread] = c->now_ns;
}

void leat_clock_spend(struct leat_clock *c, uint64_t ns)
{
    if (c->is_virtual)
        leat_clock_set(c, c->now_ns + ns);
}
