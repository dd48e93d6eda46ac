/* pack_time.h - a point in time as an option gives it. */
#ifndef LEAT_ARCHIVE_PACK_TIME_H
#define LEAT_ARCHIVE_PACK_TIME_H

#include "stage.h"

struct leat_time {
    int64_t s;
    uint32_t ns;
};

/* leat_time_parse - @SECONDS or @SECONDS.FRACTION since 1970, a date YYYY-MM-DD, or a date and a time
 * YYYY-MM-DDThh:mm[:ss] with `Z` or nothing after it. It is UTC. Returns false if it is none of
 * these. */
bool leat_time_parse(const char *text, struct leat_time *ret);

#endif
