/* look_behind.h - a queue of bytes in one growing block, which head and tail hold back. */
#ifndef LEAT_TEXT_LOOK_BEHIND_H
#define LEAT_TEXT_LOOK_BEHIND_H

#include <stddef.h>
#include <stdint.h>

#include "stage.h"

/* Zeroed: empty. The held bytes are contiguous, from data + from to data + to. */
struct leat_look_behind {
    uint8_t *data;
    size_t from, to, size;
};

static inline const uint8_t *leat_look_behind_bytes(const struct leat_look_behind *hold)
{
    return hold->data ? hold->data + hold->from : NULL;
}

static inline size_t leat_look_behind_len(const struct leat_look_behind *hold)
{
    return hold->to - hold->from;
}

/* leat_look_behind_add - append n bytes. If the block grows, it becomes at least twice as large as
 * the held bytes; it is charged to the stage. Returns 0, or an error that the stage has recorded. */
int leat_look_behind_add(struct leat_stage *stage, struct leat_look_behind *hold,
                         const uint8_t *data, size_t n);

/* leat_look_behind_drop - remove the first n bytes; n <= leat_look_behind_len. */
void leat_look_behind_drop(struct leat_look_behind *hold, size_t n);

/* leat_look_behind_done - free the block. */
void leat_look_behind_done(struct leat_stage *stage, struct leat_look_behind *hold);

#endif
