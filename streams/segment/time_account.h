/* time_account.h - where the time of a segment's stages goes: busy, or waiting, and for what.
 *
 * A segment has one mark in time; all before it is charged. Charging gives each of its stages the
 * time since the mark, under one head: the stage that stepped was busy, those before it waited for
 * room and those behind it for input. So for each stage the heads add up to the time of the run, and
 * a look from another thread adds what is not charged yet by what the segment is doing now.
 */
#ifndef LEAT_ACCOUNT_H
#define LEAT_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_pipeline;
struct leat_segment;
struct leat_stage_info;
struct leat_stage_stats;

/* Of one stage in one segment. Written by the thread that runs the segment, read by any. */
struct leat_counters {
    _Atomic uint64_t bytes_in, bytes_out, steps, cpu_ns;
    _Atomic uint64_t busy_ns, wait_in_ns, wait_out_ns;
    _Atomic uint64_t wait_self_ns, wait_turn_ns, ended_ns; /* of the waiting */
    atomic_bool waiting, ended;                            /* now */
    uint64_t busy_at_run; /* busy_ns when the run began, for cpu_ns */
};

enum leat_doing {
    LEAT_DOING_WAIT_IN,
    LEAT_DOING_WAIT_OUT,
    LEAT_DOING_STEP, /* account.at is the stage */
    LEAT_DOING_ENDED,
};

struct leat_account {
    atomic_uint changes;      /* odd: being changed */
    _Atomic uint64_t mark_ns; /* 0: the run has not begun */
    atomic_int doing;
    _Atomic size_t at;
    uint64_t cpu_ns; /* of the thread, when the run began */
    uint64_t run_ns; /* when it began */
};

/* leat_count - add to a counter that only this thread writes. */
static inline void leat_count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t was = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, was + n, memory_order_release);
}

/* leat_account_start - the run begins; nothing is charged before. */
void leat_account_start(struct leat_segment *segment, uint64_t now_ns);
/* leat_account_doing - what it does from now on, without a look at the clock. */
void leat_account_doing(struct leat_segment *segment, enum leat_doing doing, size_t at);
/* leat_account_charge - all until now, by what it was doing. Returns now. */
uint64_t leat_account_charge(struct leat_segment *segment);
/* leat_account_run, _park - a thread begins to run the segment; it leaves it. */
void leat_account_run(struct leat_segment *segment);
void leat_account_park(struct leat_segment *segment, enum leat_doing doing);
/* leat_account_step - what one step of stage i came to. */
void leat_account_step(struct leat_segment *segment, size_t i, uint64_t consumed,
                       uint64_t produced);
/* leat_account_add - add stage i's counters to *stats, as they are at now_ns. Thread: any. */
void leat_account_add(const struct leat_segment *segment, size_t i, uint64_t now_ns,
                      struct leat_stage_stats *stats);
/* leat_account_bytes_in - what a stage has taken in all its lanes. Thread: any. */
uint64_t leat_account_bytes_in(const struct leat_pipeline *pipeline,
                               const struct leat_stage_info *info);

#endif
