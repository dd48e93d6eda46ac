/* open.h - opening the stages of a run, or of a part. */
#ifndef LEAT_OPEN_H
#define LEAT_OPEN_H

#include "segment.h"

/* leat_open_all - open all stages but those of parts, the temporary files of buffers, and side outputs.
 * Returns 0, or an error that was reported. */
int leat_open_all(struct leat_pipeline *pipeline);
/* leat_open_part - open the stages of these segments, for a part. Returns as leat_open_all. */
int leat_open_part(struct leat_pipeline *pipeline, struct leat_segment **segments, size_t n);
/* leat_any_instance - of this stage; NULL: there is none. */
struct leat_stage *leat_any_instance(struct leat_pipeline *pipeline,
                                     const struct leat_stage_info *info);

#endif
