/* transfer.h - copy bytes from a file or pipe to a file or pipe inside the kernel. */
#ifndef LEAT_IO_TRANSFER_H
#define LEAT_IO_TRANSFER_H

#include "segment/segment.h"

/* leat_transfer_turn - one turn of a segment that consists of a source and a sink with `plain_fd`
 * (stage/engine_ops.h). Returns a step result, or LEAT_EUNSUPPORTED: these descriptors need steps. */
int leat_transfer_turn(struct leat_segment *segment);

#endif
