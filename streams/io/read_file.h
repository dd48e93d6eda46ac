/* read_file.h - kept files: small files that are read completely for a stage, see leat_read_file.
 * */
#ifndef LEAT_IO_READ_FILE_H
#define LEAT_IO_READ_FILE_H

struct leat_pool;
struct leat_kept_file;
struct leat_stage;

/* leat_kept_files_read - go on reading the files that the stage's plan has asked for; `stage` is
 * any of its instances. Returns 0: all are read; LEAT_WAIT: call again when *ret_fd is readable; or
 * fails the stage. Thread: the conductor's, before any stage is opened. */
int leat_kept_files_read(struct leat_stage *stage, int *ret_fd);

/* leat_kept_files_free - free all files of a stage, after its last instance; NULL is fine. */
void leat_kept_files_free(struct leat_pool *pool, struct leat_kept_file *files);

#endif
