/* catch_up.h - after the kernel has dropped events: find the files that they told of by listing the directory. */
#ifndef LEAT_FOLLOW_CATCH_UP_H
#define LEAT_FOLLOW_CATCH_UP_H

#include "news.h"

/* leat_follow_catch_up - queue all files that are newer than the last one that is known, and clear `overflowed`. Returns 0, or
 * fails the stage. */
int leat_follow_catch_up(struct leat_stage *stage, struct leat_follow_news *news);

#endif
