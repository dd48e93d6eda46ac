/* writer.h - the writer of a step: struct leat_out, which a stage fills through stage.h. */
#ifndef LEAT_MEMORY_WRITER_H
#define LEAT_MEMORY_WRITER_H

#include "slice_queue.h"
#include "stage.h"

/* A range smaller than this is copied, so that it does not keep a whole chunk alive. */
#define LEAT_PASS_MIN ((size_t)4096)

/* A buffer for leat_reserve_least, when a chunk is too small. The stage owns it. The engine copies
 * [from, at) to chunks, in order before any other output. */
struct leat_out_large {
    uint8_t *data; /* `size` bytes, or NULL */
    size_t size;
    size_t from, at;
    bool offered; /* the last reserve offered it */
};

/* A writer has three states: it has a queue; it has none and offers no room (a sink, a stopped
 * stage); it discards: it has no queue, always offers room, and drops the bytes. No two writers
 * share a queue. */
struct leat_out {
    struct leat_slice_queue *to;
    bool discards; /* `to` is NULL */
    struct leat_pool *pool;
    struct leat_chunk *fill; /* the chunk being filled, or NULL */
    size_t from, at;         /* [from, at) of it is committed but not in the queue yet */
    size_t offered;          /* bytes offered by the last reserve */
    size_t room_max;         /* settings.room; 0: no limit */
    size_t step_bytes;       /* output of this step */
    uint64_t total;          /* output since the start */
    uint64_t marked;         /* part of `total` before the last flush marker */
    bool full;               /* the step ran out of room: it may have more output */
    bool starved;            /* the pool is at its limit */
    bool nomem;
    uint8_t *hold; /* buffer of a nested writer: [from, at) of hold_size bytes is used; or NULL */
    size_t hold_size;
    struct leat_out *ports; /* of a junction, or NULL */
    size_t n_ports;
    struct leat_out_large large;
    /* Give `large` room for n bytes, or record a failure of the stage and return false. A nested
     * writer never grows. */
    bool (*grow)(struct leat_out *out, size_t n);
    struct leat_stage *stage; /* for `grow` */
};

void leat_out_init(struct leat_out *out, struct leat_slice_queue *to, struct leat_pool *pool,
                   size_t room_max);
void leat_out_done(struct leat_out *out);
/* leat_out_discard, _close - between two steps: from now on discard all bytes, or offer no room. */
void leat_out_discard(struct leat_out *out);
void leat_out_close(struct leat_out *out);
/* leat_out_begin, _end - around each step; _end puts the committed bytes into the queue. */
void leat_out_begin(struct leat_out *out);
void leat_out_end(struct leat_out *out);
/* leat_out_append - outside of a step: n bytes more, if they fit in the chunk that is being filled, as leat_write would
 * copy them. The last offer of room is void then. Returns whether they did. */
bool leat_out_append(struct leat_out *out, const void *data, size_t n);
/* leat_out_commit_lent - in a step: commit n bytes at `from`, which a leat_reserve of an earlier step
 * offered, and which follow the bytes committed since. No other reserve came between. */
void leat_out_commit_lent(struct leat_out *out, const uint8_t *from, size_t n);
/* leat_out_refer - in a step: output the first n bytes of a chunk by reference, as leat_pass does. Returns how many were
 * output; 0: there is no room. */
size_t leat_out_refer(struct leat_out *out, struct leat_chunk *chunk, size_t n);
/* leat_out_adopt - at the begin of a step: output goes to this chunk from now on, from its begin. The writer takes a
 * reference. */
void leat_out_adopt(struct leat_out *out, struct leat_chunk *chunk);
/* leat_out_holds - after a step: are there bytes in `large` that have no room in the queue yet? The
 * next leat_out_end goes on with them; until it has finished, the stage must not step. */
static inline bool leat_out_holds(const struct leat_out *out)
{
    return out->large.from < out->large.at;
}
/* leat_out_mark - between two steps: append a flush marker after the output, if there is any since
 * the last marker. The queue must have room. */
void leat_out_mark(struct leat_out *out);
/* leat_out_mark_at - the same for a position of the source above 0: also if there is no output. */
void leat_out_mark_at(struct leat_out *out, uint64_t position);

#endif
