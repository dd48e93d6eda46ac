/* parts.h - one branch that runs anew for each part of a stream, for stages with LEAT_PARTS.
 *
 * The segments and edges of the branch are built once. Between two parts, when all of them have
 * ended, the thread of the segment that cuts the stream owns them: it replaces the instances of the
 * stages by new ones and starts the segments again, so memory, graph and counters are those of one
 * branch for any number of parts. A sink that has ended well waits for the end of the pipeline to
 * be prepared (synced and closed), or less long if there are many, and then for its commit.
 */
#ifndef LEAT_PARTS_PARTS_H
#define LEAT_PARTS_PARTS_H

#include "segment/segment.h"

struct leat_parts {
    struct leat_segment *owner; /* the segment that cuts the stream */
    size_t first, n;            /* segments of the branch, in the pipeline's list */
    size_t first_edge, n_edges; /* edges of the branch; the first leads into it */
    atomic_uint live;           /* segments of the branch that have not ended */
    atomic_bool failed;         /* the end of a part failed */
    uint64_t number;            /* of the next part */
    bool named;                 /* the stage names each part */
    bool commits;               /* each part on its own */
    uint64_t position; /* of the source, if all before it and nothing after it was passed; or 0 */
    uint64_t ended_at; /* the same at the end of the part that is not committed */
    bool told_full;    /* there is a warning that the checkpoint waited for space */
    bool uncommitted;  /* a part has begun, and was not committed */
    char *name;        /* of the next part, or of this one; owned */
    bool begin_due;    /* the part `name` begins before the output that is queued now */
    const struct leat_stage_info *out; /* the stage at the end of the branch */
    uint64_t out_before;               /* bytes that it had consumed when this part began */
    bool active;                       /* a part has begun, and its end is not signalled yet */
    bool end_due;                      /* the part ends after the output that is queued now */
    bool gone;                         /* the branch needs no more of this part */
};

/* Pending commits: the sinks of parts that have ended. The last ones are not prepared yet, so that
 * no part waits for the disk. Each of those holds a descriptor, so when there are more than this,
 * the older half is prepared; by then most of its data is on the disk. */
#define LEAT_UNPREPARED_MAX 64u
struct leat_pending_commits {
    struct leat_stage **v;
    size_t n, room;
    size_t prepared; /* the first ones, which are prepared or being prepared */
};

struct leat_parts *leat_parts_new(struct leat_segment *owner,
                                  const struct leat_part_options *options);
void leat_parts_free(struct leat_parts *parts);
/* leat_parts_size - bytes at the end of the branch for the current part; 0: no part runs. */
uint64_t leat_parts_size(const struct leat_segment *segment);
/* leat_parts_ended - a segment of the branch has ended, and its thread does not touch it any more.
 * Thread: the one that ran it. */
void leat_parts_ended(struct leat_parts *parts);
/* leat_parts_stage_failed - a stage of the branch has failed; the part fails too, unless the stage
 * is in a detached branch inside it. Thread: any. */
void leat_parts_stage_failed(struct leat_parts *parts, const struct leat_stage *stage);
/* leat_parts_info - the stage that cuts the stream; errors of the branch as a whole are reported as
 * its errors. */
static inline const struct leat_stage_info *leat_parts_info(const struct leat_parts *parts)
{
    return parts->owner->slots[parts->owner->n - 1].info;
}
#endif
