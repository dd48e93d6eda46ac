/* read_file.h - the small files that a stage has read whole: leat_read_file. */
#ifndef LEAT_IO_SMALL_H
#define LEAT_IO_SMALL_H

struct leat_pool;
struct leat_kept_file;
struct leat_stage;

/* leat_kept_files_read - go on reading those that the plan of the stage has asked for; of any instance
 * of it. Returns 0: all are there; LEAT_WAIT: call again when *ret_fd is readable; or fails the stage.
 * Thread: the conductor's, before any stage is opened. */
int leat_kept_files_read(struct leat_stage *stage, int *ret_fd);

/* leat_kept_files_free - all of a stage's, when none of its instances is left; NULL is fine. */
void leat_kept_files_free(struct leat_pool *pool, struct leat_kept_file *files);

#endif
