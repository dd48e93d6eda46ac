/* edge.h - one bounded queue between two segments: backpressure, drain, and how either side ends.
 *
 * One segment writes, one reads. The bound counts the memory that queued slices keep alive, not
 * their lengths. Both ends are level-triggered: who asks late still learns.
 *
 * An edge may have a spill: when memory is at its mark, what follows goes to a file until the reader
 * has taken all of it. And it may have a gate: the reader gets nothing until so much is there, and
 * again after it has run empty. Of the flush marks in a spill only the last one is kept.
 */
#ifndef LEAT_EDGE_H
#define LEAT_EDGE_H

#include "memory/chunk.h"
#include "sched/executor.h"
#include "spill.h"

#define LEAT_EDGE_ITEMS 256u        /* at least */
#define LEAT_EDGE_ITEM_BYTES 32768u /* a large edge has an item for so many bytes */

/* One block of a parallel stage, on its way from the cutter through a lane to the joiner. */
struct leat_block {
    uint64_t index;
    uint64_t note;             /* of the cutter, for the lane */
    uint64_t offset;           /* of its first byte in the stage's input */
    uint64_t bytes;            /* of input, counted by the lane that owns it */
    struct leat_slice history; /* chunk NULL: none */
    bool flush;                /* a mark ended it; known to the lane with its end */
    max_align_t result[];
};

/* A slice, or a flush mark (chunk NULL), and how a block lies to it. */
struct leat_item {
    struct leat_slice slice;
    struct leat_block *begin; /* the slice is the first of this block */
    struct leat_block *end;   /* the block ends after the slice */
    bool flush;               /* it is a mark; with `end`: a mark ended the block */
    uint64_t used; /* from a lane: how much of the input it has taken to give this, bytes */
};

enum leat_edge_state {
    LEAT_EDGE_OPEN,
    LEAT_EDGE_EOF,    /* all was written */
    LEAT_EDGE_FAILED, /* the writer failed: what is queued is good, there is no end */
};

enum leat_reason {
    LEAT_REASON_NONE,
    LEAT_REASON_DONE,   /* downstream has all it wants: benign */
    LEAT_REASON_FAILED, /* downstream failed */
};

#define LEAT_NO_LINK SIZE_MAX

struct leat_edge_entry {
    struct leat_item item;
    uint64_t charge;
};

struct leat_edge {
    pthread_mutex_t lock;
    /* All below under the lock. */
    struct leat_edge_entry *ring;
    unsigned items, head, n; /* places in the ring; those in use */
    uint64_t queued;         /* bytes in the ring */
    uint64_t charge;         /* bytes that the queued and the slice in flight keep alive */
    uint64_t inflight;       /* the part of charge that the reader holds */
    uint64_t high, low;      /* water marks, bytes */
    enum leat_edge_state state;
    enum leat_reason reason;
    bool want_drain; /* a write was refused; the writer is woken once */
    bool flowing;    /* the gate is open */
    bool reader_waits;
    bool carries_ends; /* from a lane: the mark of a block's end owns the block */
    /* Fixed while it runs. */
    struct leat_executor *executor;
    struct leat_actor *reader, *writer;
    size_t link;              /* for events: of which connection; or LEAT_NO_LINK */
    unsigned lane;            /* and in which lane */
    uint64_t fixed;           /* bytes that its stage asked for; 0: the compiler's choice */
    uint64_t gate;            /* bytes that open the gate; 0: there is none */
    struct leat_spill *spill; /* or NULL */
    struct leat_pool *pool;   /* for what comes back from the spill */
    /* A lane's, set before it finishes as FAILED: what the joiner reports in its turn. */
    const struct leat_error *error;
    /* For sight. */
    _Atomic uint64_t filled, spilled;
    _Atomic uint64_t refusals;
    _Atomic uint64_t bytes;   /* that were written, or lost */
    _Atomic uint64_t *unread; /* where what the reader never took is counted; NULL: nowhere */
};

int leat_edge_init(struct leat_edge *edge, struct leat_executor *executor, uint64_t high);
/* leat_edge_size - its marks, and room for as many items. Before it is used. Returns 0 or
 * LEAT_ENOMEM. */
int leat_edge_size(struct leat_edge *edge, uint64_t high, uint64_t low);
/* leat_edge_reset - as it was before it was used. It is empty, and neither side runs. */
void leat_edge_reset(struct leat_edge *edge);
/* leat_edge_done - drops what is queued. Neither side runs. */
void leat_edge_done(struct leat_edge *edge);

/* leat_edge_write - offer one item; taken only on success.
 * Returns 0; LEAT_FULL: refused, the writer is woken once when the queue has drained to the low
 * mark; LEAT_ECANCELLED: the reader is gone, leat_edge_reason says why; LEAT_EIO: the spill failed,
 * and spill->error says how. With a spill a slice has at most LEAT_CHUNK_MAX bytes.
 * Thread: the one that runs the writer's segment. */
int leat_edge_write(struct leat_edge *edge, const struct leat_item *item);
/* leat_edge_wants - is the queue at its low mark, or the reader gone? If not, the writer is woken once
 * when it is. Thread: the one that runs the writer's segment. */
bool leat_edge_wants(struct leat_edge *edge);
/* leat_edge_lost - the writer had n more bytes for a reader that is gone: they count as written, and
 * as not read. Thread: the one that runs the writer's segment. */
void leat_edge_lost(struct leat_edge *edge, uint64_t n);
/* leat_edge_finish - no more will be written. */
void leat_edge_finish(struct leat_edge *edge, enum leat_edge_state state);
/* leat_edge_read - take one item; the one taken before is no longer in flight.
 * Returns 0; LEAT_EMPTY: the reader will be woken; LEAT_END: EOF; LEAT_ECANCELLED: it failed. From a
 * spill also LEAT_FULL: no memory now, wait for it; LEAT_ENOMEM; LEAT_EIO, as above.
 * Thread: the one that runs the reader's segment. */
int leat_edge_read(struct leat_edge *edge, struct leat_item *ret_item);
/* leat_edge_cancel - the reader wants no more; queued slices are dropped. The first reason
 * stays, but a failure replaces a benign one. */
void leat_edge_cancel(struct leat_edge *edge, enum leat_reason reason);
enum leat_reason leat_edge_reason(struct leat_edge *edge);

void leat_block_free(struct leat_block *block); /* NULL is fine */

#endif
