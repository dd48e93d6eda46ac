/* open.h - open the stages of a run, or of a part. */
#ifndef LEAT_SEGMENT_OPEN_H
#define LEAT_SEGMENT_OPEN_H

#include "segment.h"

/* leat_open_first - open the temporary files of buffers, and all stages except those of parts and
 * those with LEAT_OPENS_LAST. Returns 0, or an error that is already reported. */
int leat_open_first(struct leat_pipeline *pipeline);
/* leat_open_last - open the stages with LEAT_OPENS_LAST. Returns like leat_open_first. */
int leat_open_last(struct leat_pipeline *pipeline);
/* leat_open_part - open the stages of these segments, for a part. Returns like leat_open_first. */
int leat_open_part(struct leat_pipeline *pipeline, struct leat_segment **segments, size_t n);

#endif
