/* segment_impl.h - shared by the files of a segment: segment.c builds and ends a segment, step.c
 * runs one step, schedule.c chooses the next one. Inlets and outlets use it; these three files know
 * no inlet and no outlet. */
#ifndef LEAT_SEGMENT_SEGMENT_IMPL_H
#define LEAT_SEGMENT_SEGMENT_IMPL_H

#include "segment.h"

/* leat_slot_out_done - unreference the chunks that a stage was filling. */
void leat_slot_out_done(struct leat_slot *s);
/* leat_slot_done - the stage has ended: clear its waits. */
void leat_slot_done(struct leat_segment *seg, struct leat_slot *s, bool failed);
/* leat_slot_stop - the stage's output is not needed: it is done, or stopping if its type has
 * `stop`. */
void leat_slot_stop(struct leat_segment *seg, struct leat_slot *s, enum leat_stop why);
/* leat_segment_abort - stop all stages: SIGINT, a time limit, a stall. */
void leat_segment_abort(struct leat_segment *seg);
/* leat_segment_flow_into - the state of stage i's input. */
static inline enum leat_flow leat_segment_flow_into(const struct leat_segment *seg, size_t i)
{
    const struct leat_slot *before;

    leat_assert(i == 0 || i < seg->n);
    if (i == 0)
        return seg->in.ops ? seg->in.flow : LEAT_FLOW_OPEN;
    before = &seg->slots[i - 1];
    if (!before->done)
        return LEAT_FLOW_OPEN;
    return before->failed ? LEAT_FLOW_FAILED : LEAT_FLOW_ENDED;
}
/* leat_segment_finish - all stages are done and all output is handed over: tell both neighbours. */
void leat_segment_finish(struct leat_segment *seg);

/* leat_segment_seat - replace the i-th stage by a new instance. */
void leat_segment_seat(struct leat_segment *seg, size_t i, struct leat_stage *stage);
/* leat_segment_reset - restore the state before the first run. The segment has ended and does not
 * run. */
void leat_segment_reset(struct leat_segment *seg);

/* leat_segment_drop_output - nothing more is handed over: drop the output in the ports. */
void leat_segment_drop_output(struct leat_segment *seg);
/* leat_segment_out_gone - downstream needs no more, or has failed: stop the stages of the segment.
 * */
enum leat_step_result leat_segment_out_gone(struct leat_segment *seg, bool failed);
/* leat_segment_took - schedule.c: handle the result of an inlet: 0, LEAT_EMPTY, LEAT_FULL (no chunk now),
 * LEAT_END, LEAT_ECANCELLED (upstream failed), or an error, which becomes one of the first stage.
 * */
enum leat_step_result leat_segment_took(struct leat_segment *seg, int answer);
/* leat_segment_fail_record - stage i's framer refused a record. */
void leat_segment_fail_record(struct leat_segment *seg, size_t i, int code);
/* leat_segment_cancel_input - no more input is needed. */
void leat_segment_cancel_input(struct leat_segment *seg, enum leat_reason reason);

/* leat_segment_output_taken - step.c: has the next stage consumed the output of stage i? Only then
 * may stage i run. */
bool leat_segment_output_taken(const struct leat_segment *seg, size_t i);
bool leat_slot_runnable(const struct leat_segment *seg, size_t i);
enum leat_step_result leat_slot_step(struct leat_segment *seg, size_t i);
/* leat_slot_flush_source - if leat_pipeline_flush was called: put a flush marker after the output of the source. */
void leat_slot_flush_source(struct leat_segment *seg);
/* leat_slot_finish_source - if leat_pipeline_finish was called: end the source. */
void leat_slot_finish_source(struct leat_segment *seg);
/* leat_slot_at_mark - is the next item of the input a flush marker that the engine passes on? */
bool leat_slot_at_mark(const struct leat_segment *seg, const struct leat_slot *s);
void leat_slot_pass_mark(struct leat_segment *seg, struct leat_slot *s);
/* leat_slot_alarm - before the steps of a run: call the stage's alarm if its time has come. */
void leat_slot_alarm(struct leat_segment *seg, size_t i);
/* leat_slot_set_alarm - after the steps of a run: set the alarm that open, a step or an alarm asked
 * for, if any. Returns false if that failed the stage. */
bool leat_slot_set_alarm(struct leat_segment *seg, size_t i);
/* leat_slot_leave - end the stage, if the program that has its other side says so. */
void leat_slot_leave(struct leat_segment *seg, size_t i);
/* leat_slot_watched, leat_slot_set_watch - the same for the stage's watch. */
void leat_slot_watched(struct leat_segment *seg, size_t i);
bool leat_slot_set_watch(struct leat_segment *seg, size_t i);

#endif
