/* parts_aid.h - runs that write many files into the directory of the test. */
#ifndef LEAT_PARTS_AID_H
#define LEAT_PARTS_AID_H

#include "memio.h"

/* parts_configure - settings for this seed: threads, chunks, pieces, executor. */
void parts_configure(struct memio *io, uint64_t seed);
/* parts_run - memio_run_text of `memsource | FORMAT`, where each @ is the directory of the test and each $
 * is `stage`. */
int parts_run(struct memio *io, const char *stage, const char *format);
/* parts_clean - remove all that the directory of the test contains. */
void parts_clean(void);

#endif
