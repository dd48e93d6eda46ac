/* small.h - the small files that a stage has read whole: leat_read_file. */
#ifndef LEAT_IO_SMALL_H
#define LEAT_IO_SMALL_H

struct leat_pool;
struct leat_small_file;

/* leat_small_files_free - all of a stage's, when none of its instances is left; NULL is fine. */
void leat_small_files_free(struct leat_pool *pool, struct leat_small_file *files);

#endif
