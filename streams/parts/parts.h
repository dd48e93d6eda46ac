/* parts.h - one branch, run anew for each part of a stream: what `split` is made of.
 *
 * The segments and edges of the branch are built once. Between two parts, when all of them have
 * ended, the thread of the segment that cuts the stream owns them: it puts new instances of the
 * stages in their places and lets them run again. So memory, the graph and the counters are those
 * of one branch, however many parts there are. Sinks that have ended well wait for the end of the
 * pipeline: to be prepared (synced and closed) while they are few, and then for their commit.
 */
#ifndef LEAT_PARTS_H
#define LEAT_PARTS_H

#include "segment/segment.h"

struct leat_parts {
    struct leat_segment *owner;        /* that cuts the stream */
    size_t first, n;                   /* the branch's segments, in the pipeline's list */
    size_t first_edge, n_edges;        /* and its edges; the first leads into it */
    atomic_uint live;                  /* segments of the branch that have not ended */
    atomic_bool failed;                /* the end of a part did */
    uint64_t number;                   /* of the next part */
    const struct leat_stage_info *out; /* the stage at the branch's end */
    uint64_t out_before;               /* bytes that it had taken when this part began */
    bool active;                       /* a part has begun, and its end was not told */
    bool end_due;                      /* it ends after what the stage has given */
    bool gone;                         /* the branch wants no more of this one */
};

/* The sinks of parts that have ended. The last ones are not prepared, so that no part waits for the
 * disk; but at most so many, as each holds a descriptor: when there are more, the older half is. By
 * then the disk has had them for a while. */
#define LEAT_UNPREPARED_MAX 64u
struct leat_pending_commits {
    struct leat_stage **v;
    size_t n, room;
    size_t prepared; /* the first ones: they are, or somebody does it now */
};

struct leat_parts *leat_parts_new(struct leat_segment *owner, uint64_t from);
/* leat_parts_size - what has come out of the branch for the part that runs; 0: none does. */
uint64_t leat_parts_size(const struct leat_segment *segment);
/* leat_parts_ended - one of the branch's segments has ended, and is no longer touched by its own
 * thread. Thread: that one. */
void leat_parts_ended(struct leat_parts *parts);
/* leat_parts_stage_failed - a stage of the branch has: so has the part, unless that stage is in a
 * detached branch within. Thread: any. */
void leat_parts_stage_failed(struct leat_parts *parts, const struct leat_stage *stage);
/* leat_parts_info - the stage that cuts the stream: what ends the branch as a whole is its failure. */
static inline const struct leat_stage_info *leat_parts_info(const struct leat_parts *parts)
{
    return parts->owner->slots[parts->owner->n - 1].info;
}
/* leat_part_name - the template with {n} or {n:04} filled in; free() it. NULL: out of memory. */
char *leat_part_name(const char *template, uint64_t n);
/* leat_part_is_template - is there a {n} in it? */
bool leat_part_is_template(const char *template);

#endif
