/* segment_impl.h - what the files of a segment share: segment.c builds and ends it, step.c is one
 * step, schedule.c the order of steps; inlets and outlets use it, and none of these knows them. */
#ifndef LEAT_SEGMENT_IMPL_H
#define LEAT_SEGMENT_IMPL_H

#include "segment.h"

/* leat_slot_out_done - give back the chunks that a stage was filling. */
void leat_slot_out_done(struct leat_slot *s);
/* leat_slot_done - the stage is through; what it waits for, it no longer waits for. */
void leat_slot_done(struct leat_segment *seg, struct leat_slot *s, bool failed);
/* leat_slot_stop - its output is not wanted: done, or stopping if its type has stop. */
void leat_slot_stop(struct leat_segment *seg, struct leat_slot *s, enum leat_stop why);
/* leat_segment_abort - everything is being given up: SIGINT, a time limit, a stall. */
void leat_segment_abort(struct leat_segment *seg);
/* leat_segment_abandon - if the pipeline or the detached branch has failed: stop its sources, the stages
 * with a child process, and those that wait and do not have the failed stage upstream: all of them could
 * keep it waiting. The other stages still hand on what was produced before. */
void leat_segment_abandon(struct leat_segment *seg);
/* leat_segment_is_abandoned - is there a stage that leat_segment_abandon would stop? */
bool leat_segment_is_abandoned(const struct leat_segment *seg);
/* leat_segment_flow_into - the flow that stage i's input has come to. */
enum leat_flow leat_segment_flow_into(const struct leat_segment *seg, size_t i);
/* leat_segment_finish - all stages are done and all output is gone: tell both sides. */
void leat_segment_finish(struct leat_segment *seg);

/* leat_segment_seat - a new instance in the place of the i-th stage. */
void leat_segment_seat(struct leat_segment *seg, size_t i, struct leat_stage *stage);
/* leat_segment_reset - as it was before it ran. It has ended, and does not run. */
void leat_segment_reset(struct leat_segment *seg);

/* leat_segment_drop_output - nothing more is handed over: drop what the ports hold. */
void leat_segment_drop_output(struct leat_segment *seg);
/* leat_segment_out_gone - downstream wants no more, or has failed: nothing before it is needed. */
enum leat_turn leat_segment_out_gone(struct leat_segment *seg, bool failed);
/* leat_segment_took - what an inlet's answer means for the segment: 0, LEAT_EMPTY, LEAT_FULL (no chunk
 * now), LEAT_END, LEAT_ECANCELLED (upstream failed), or an error that the first stage has. */
enum leat_turn leat_segment_took(struct leat_segment *seg, int answer);
/* leat_segment_fail_record - stage i's framer refused a record. */
void leat_segment_fail_record(struct leat_segment *seg, size_t i, int code);
/* leat_segment_cancel_input - no input is wanted any more. */
void leat_segment_cancel_input(struct leat_segment *seg, enum leat_reason reason);

/* step.c - a stage may run when the one after it has used up what it got. */
bool leat_segment_output_taken(const struct leat_segment *seg, size_t i);
bool leat_slot_runnable(const struct leat_segment *seg, size_t i);
enum leat_turn leat_slot_step(struct leat_segment *seg, size_t i);
/* leat_slot_at_mark - is the next of its input a flush mark that the engine hands on? */
bool leat_slot_at_mark(const struct leat_segment *seg, const struct leat_slot *s);
void leat_slot_pass_mark(struct leat_segment *seg, struct leat_slot *s);
/* leat_slot_alarm - before the steps of a run: call the stage's alarm if its time has come. */
void leat_slot_alarm(struct leat_segment *seg, size_t i);
/* leat_slot_set_alarm - after them: set the alarm that the stage has asked for in open, a step or an
 * alarm, if it has. Returns false when that failed the stage. */
bool leat_slot_set_alarm(struct leat_segment *seg, size_t i);
/* leat_slot_watched, leat_slot_set_watch - the same for what the stage watches. */
void leat_slot_watched(struct leat_segment *seg, size_t i);
bool leat_slot_set_watch(struct leat_segment *seg, size_t i);

#endif
