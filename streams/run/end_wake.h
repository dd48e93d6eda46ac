/* end_wake.h - when the stage of an end is woken, and on which thread it then runs. For ends.c and end_calls.c. */
#ifndef LEAT_RUN_END_WAKE_H
#define LEAT_RUN_END_WAKE_H

#include "ends.h"

/* leat_end_wake_init - the members that other threads call. */
void leat_end_wake_init(struct leat_end *end);
/* leat_end_is_plain - may a thread of the program run this segment? When the pipeline is built. */
bool leat_end_is_plain(const struct leat_segment *segment);

/* All below under the lock of the end, but leat_end_run. */

static inline size_t leat_end_free_room(const struct leat_end *end)
{
    return end->high > end->held ? (size_t)(end->high - end->held) : 0;
}
/* leat_end_tell - the program can go on. One call of `ready` for each refusal. */
void leat_end_tell(struct leat_end *end);
/* leat_end_wake - the stage can go on. */
void leat_end_wake(struct leat_end *end);
/* leat_end_claim - the same, on a thread of the program. Returns true: it must call leat_end_run when it has left the
 * lock. */
bool leat_end_claim(struct leat_end *end);
void leat_end_run(struct leat_end *end, bool claimed);
/* leat_end_pushed - push: bytes were pushed, or `refused`: no more can be now. Returns as leat_end_claim. */
bool leat_end_pushed(struct leat_end *end, bool refused);
/* leat_end_keeps - push: is it a burst in which n bytes more are not a lot yet? They then fit in the queue. */
static inline bool leat_end_keeps(const struct leat_end *end, size_t n)
{
    return end->burst && n < end->lot && end->held < end->lot - n;
}
/* leat_end_holds_back - push: what is held can wait for more. */
bool leat_end_holds_back(const struct leat_end *end);
/* leat_end_taken - push: the stage has taken all that was pushed. If that was many pieces, a burst begins. */
void leat_end_taken(struct leat_end *end);

#endif
