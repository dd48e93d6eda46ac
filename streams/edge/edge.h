/* edge.h - one bounded queue between two segments: backpressure, drain, and how either side ends.
 *
 * One segment writes, one reads. The bound counts the memory that queued slices keep alive, not
 * their lengths. Both ends are level-triggered: a late call still sees EOF or the cancellation.
 *
 * An edge may have a spill: above the high-water mark, further data goes to a file until the reader
 * has read all of the file. It may have a gate: the reader gets nothing until the queue holds
 * `gate` bytes, and again after it has run empty. A spill keeps only the last of its flush markers.
 */
#ifndef LEAT_EDGE_EDGE_H
#define LEAT_EDGE_EDGE_H

#include "memory/chunk.h"
#include "sched/executor.h"
#include "spill.h"

#define LEAT_EDGE_ITEMS 256u        /* at least */
#define LEAT_EDGE_ITEM_BYTES 32768u /* a large edge has one item per so many bytes */

/* One block of a parallel stage, on its way from the cutter through a lane to the joiner. */
struct leat_block {
    uint64_t index;
    uint64_t note;             /* leat_note of the cutter, for the lane */
    uint64_t offset;           /* of its first byte in the stage's input */
    uint64_t bytes;            /* of input, counted by the lane that owns the block */
    struct leat_slice history; /* chunk NULL: none */
    bool flush;                /* a flush marker ended it; set when the lane reads its end */
    uint64_t position;         /* for which that stands; 0: none */
    max_align_t result[];
};

/* A slice, or a flush marker (chunk NULL), with the begin and end of a block. */
struct leat_item {
    struct leat_slice slice;
    struct leat_block *begin; /* the slice is the first of this block */
    struct leat_block *end;   /* the block ends after the slice */
    bool flush;               /* the item is a flush marker; with `end`: it ended the block */
    uint64_t used;            /* from a lane: bytes of input consumed for this output */
};

enum leat_edge_state {
    LEAT_EDGE_OPEN,
    LEAT_EDGE_EOF,    /* all data is written */
    LEAT_EDGE_FAILED, /* the writer failed: the queued data is good, no EOF follows */
};

enum leat_reason {
    LEAT_REASON_NONE,
    LEAT_REASON_DONE,   /* downstream needs no more: no failure */
    LEAT_REASON_FAILED, /* downstream failed */
};

#define LEAT_NO_LINK SIZE_MAX

struct leat_edge_entry {
    struct leat_item item;
    uint64_t charge;
};

struct leat_edge {
    pthread_mutex_t lock;
    /* Under the lock: */
    struct leat_edge_entry *ring;
    unsigned items, head, n; /* size of the ring, its first entry, entries in use */
    uint64_t queued;         /* bytes in the ring */
    uint64_t charge;         /* bytes that the queued slices and the one in flight keep alive */
    uint64_t inflight;       /* the part of charge that the reader holds */
    uint64_t high, low;      /* water marks, bytes */
    uint64_t drain_at;       /* with want_drain: charge at which the writer is woken */
    enum leat_edge_state state;
    enum leat_reason reason;
    bool want_drain; /* a write was refused; the writer is woken once */
    bool flowing;    /* the gate is open */
    bool reader_waits;
    bool carries_ends; /* from a lane: the item with a block's end owns the block */
    /* Fixed during the run: */
    struct leat_executor *executor;
    struct leat_actor *reader, *writer;
    bool passes; /* the writer has no other reader, so it may pass to this one */
    const struct leat_watcher *watcher; /* for events; NULL: none */
    size_t link;                        /* for events: number of the connection, or LEAT_NO_LINK */
    unsigned lane;                      /* for events: the lane */
    uint64_t fixed;           /* bytes that its stage asked for; 0: the compiler's choice */
    uint64_t gate;            /* bytes that open the gate; 0: no gate */
    struct leat_spill *spill; /* or NULL */
    struct leat_pool *pool;   /* for data read back from the spill */
    /* From a lane, set before it finishes as FAILED: the joiner reports it in its turn. */
    const struct leat_error *error;
    /* For stats: */
    _Atomic uint64_t filled, spilled;
    _Atomic uint64_t refusals;
    _Atomic uint64_t bytes;   /* written, or lost */
    _Atomic uint64_t *unread; /* counter of bytes that the reader never read, or NULL */
};

int leat_edge_init(struct leat_edge *edge, struct leat_executor *executor, uint64_t high);
/* leat_edge_size - set the water marks and allocate the ring, before the edge is used. Returns 0 or
 * LEAT_ENOMEM. */
int leat_edge_size(struct leat_edge *edge, uint64_t high, uint64_t low);
/* leat_edge_reset - restore the state before the first use. The edge is empty; neither side runs.
 * */
void leat_edge_reset(struct leat_edge *edge);
/* leat_edge_done - drop the queued items. Neither side runs. */
void leat_edge_done(struct leat_edge *edge);

/* leat_edge_write - offer one item; taken only on success.
 * Returns 0; LEAT_FULL: refused, the writer is woken once when the queue has drained to the
 * low-water mark, or to half of the high one if that is more; LEAT_ECANCELLED: the reader is gone,
 * leat_edge_reason says why; LEAT_EIO: the spill failed, spill->error is the errno. With a spill, a
 * slice has at most LEAT_CHUNK_MAX bytes.
 * Thread: the one that runs the writer's segment. */
int leat_edge_write(struct leat_edge *edge, const struct leat_item *item);
/* leat_edge_wants - is the queue at its low-water mark, or the reader gone? If not, the writer is
 * woken once when it is. Thread: the one that runs the writer's segment. */
bool leat_edge_wants(struct leat_edge *edge);
/* leat_edge_lost - the writer had n more bytes for a reader that is gone: count them as written and
 * unread. Thread: the one that runs the writer's segment. */
void leat_edge_lost(struct leat_edge *edge, uint64_t n);
/* leat_edge_finish - no more will be written. */
void leat_edge_finish(struct leat_edge *edge, enum leat_edge_state state);
/* leat_edge_read - take one item; the previous one is then no longer in flight.
 * Returns 0; LEAT_EMPTY: the reader will be woken; LEAT_END: EOF; LEAT_ECANCELLED: the writer
 * failed. With a spill also LEAT_FULL: no memory now, wait for it; LEAT_ENOMEM; LEAT_EIO, as above.
 * Thread: the one that runs the reader's segment. */
int leat_edge_read(struct leat_edge *edge, struct leat_item *ret_item);
/* leat_edge_cancel - the reader needs no more; queued slices are dropped. The first reason stays,
 * but a failure replaces LEAT_REASON_DONE. */
void leat_edge_cancel(struct leat_edge *edge, enum leat_reason reason);
enum leat_reason leat_edge_reason(struct leat_edge *edge);

void leat_block_free(struct leat_block *block); /* NULL is fine */

#endif
