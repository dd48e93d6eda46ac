/* part_again.h - the path of the file of a part that the stage names, and another one if that is taken. */
#ifndef LEAT_PARTS_PART_AGAIN_H
#define LEAT_PARTS_PART_AGAIN_H

#include "stage/stage_impl.h"

/* leat_part_in - the path of that name in the directory, which ends with a slash; notes in the sink how much of it is the
 * directory. free() it. NULL: out of memory. */
char *leat_part_in(struct leat_stage *sink, const char *directory, const char *name);
/* leat_part_has_again - can the file of this sink get another name? */
bool leat_part_has_again(const struct leat_stage *sink);
/* leat_part_again - ask the stage that cuts the stream for another name; the sink's part_name and operand are that then, and
 * the old ones are freed. Returns 0, or fails the sink. Thread: see part_again of the type. */
int leat_part_again(struct leat_stage *sink);

#endif
