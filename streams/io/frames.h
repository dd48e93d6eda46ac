/* frames.h - `read --frames`: some whole frames of a file, and of their content not the ends.
 *
 * The caller knows where frames begin: BGZF needs no table for it. `read` outputs the frames, the next stage (frame_holds)
 * decodes them, and after it a stage of the engine drops the ends. Neither knows the size of the content, so as many bytes
 * as may have to be dropped at the end are held back.
 */
#ifndef LEAT_IO_FRAMES_H
#define LEAT_IO_FRAMES_H

#include "seekable.h"

#define LEAT_FRAMES_DROP_MAX 65535u /* of the last member of BGZF, all but one byte */

/* leat_frames_parse - "FROM:BYTES:SKIP:DROP": the offset of the first frame in the file, and the bytes of all; decoded bytes
 * to drop at the beginning and at the end. Returns 0 or LEAT_EUSAGE. */
int leat_frames_parse(const char *text, struct leat_range *ret_range);

/* leat_frames_cut - the engine's stage that drops the ends. Its leat_shared is that of leat_range_cut. */
extern const struct leat_stage_type leat_frames_cut;

#endif
