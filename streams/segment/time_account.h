/* time_account.h - the time account of a segment's stages: busy, or waiting, with the reason.
 *
 * A segment has one time mark; the time before it is charged. To charge means to add the time since
 * the mark to one counter of each stage: the stage that stepped was busy, the stages before it
 * waited for room, the stages after it for input. The counters of a stage add up to the time of
 * the run. A reader on another thread adds the uncharged time itself, by what the segment is doing
 * now.
 */
#ifndef LEAT_SEGMENT_TIME_ACCOUNT_H
#define LEAT_SEGMENT_TIME_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_pipeline;
struct leat_segment;
struct leat_stage_info;
struct leat_stage_stats;

/* Counters of one stage in one segment. Written by the thread that runs the segment, read by any.
 * */
struct leat_counters {
    _Atomic uint64_t bytes_in, bytes_out, steps, cpu_ns;
    _Atomic uint64_t busy_ns, wait_in_ns, wait_out_ns;
    _Atomic uint64_t wait_self_ns, wait_turn_ns, ended_ns; /* parts of the waiting time */
    atomic_bool waiting, ended;                            /* now */
    uint64_t busy_at_run; /* busy_ns when the run began, for cpu_ns */
};

enum leat_doing {
    LEAT_DOING_WAIT_IN,
    LEAT_DOING_WAIT_OUT,
    LEAT_DOING_STEP, /* of the stage account.at */
    LEAT_DOING_ENDED,
};

struct leat_account {
    atomic_uint changes;      /* odd while the account changes */
    _Atomic uint64_t mark_ns; /* 0: the run has not begun */
    atomic_int doing;
    _Atomic size_t at;
    uint64_t cpu_ns; /* processor time of the thread when the run began */
    uint64_t run_ns; /* time when the run began */
};

/* leat_count - add to a counter that only this thread writes. */
static inline void leat_count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t was = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, was + n, memory_order_release);
}

/* leat_account_start - the run of the pipeline begins; no time before it is charged. */
void leat_account_start(struct leat_segment *segment, uint64_t now_ns);
/* leat_account_doing - set what the segment does from now on; does not read the clock. */
void leat_account_doing(struct leat_segment *segment, enum leat_doing doing, size_t at);
/* leat_account_charge - charge the time since the mark, by what the segment was doing. Returns the
 * time now. */
uint64_t leat_account_charge(struct leat_segment *segment);
/* leat_account_run, _park - a thread begins to run the segment, and stops running it. */
void leat_account_run(struct leat_segment *segment);
void leat_account_park(struct leat_segment *segment, enum leat_doing doing);
/* leat_account_step - count one step of stage i. */
void leat_account_step(struct leat_segment *segment, size_t i, uint64_t consumed,
                       uint64_t produced);
/* leat_account_add - add the counters of stage i at the time now_ns to *stats. Thread: any. */
void leat_account_add(const struct leat_segment *segment, size_t i, uint64_t now_ns,
                      struct leat_stage_stats *stats);
/* leat_account_bytes_in - bytes that a stage has consumed, in all its lanes. Thread: any. */
uint64_t leat_account_bytes_in(const struct leat_pipeline *pipeline,
                               const struct leat_stage_info *info);

#endif
