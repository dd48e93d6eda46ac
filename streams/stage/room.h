/* room.h - the buffer of a writer that leat_reserve_least needs when a chunk is too small. */
#ifndef LEAT_STAGE_ROOM_H
#define LEAT_STAGE_ROOM_H

#include "memory/writer.h"

struct leat_stage;

/* leat_room_init - the stage writes to `out`: its buffer will be charged to the stage. */
void leat_room_init(struct leat_out *out, struct leat_stage *stage);
/* leat_room_done - free the buffers of all writers of a stage, which does not step any more. */
void leat_room_done(struct leat_stage *stage);
/* leat_room_grow - as leat_out.grow. */
bool leat_room_grow(struct leat_out *out, size_t n);

#endif
