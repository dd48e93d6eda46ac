/* digest_list.h - the list of the digests of all outputs, computed while they are written.
 *
 * The compiler puts a digest stage before each `write` of a file. The digest list collects their
 * lines and is committed with the outputs.
 */
#ifndef LEAT_IO_DIGEST_LIST_H
#define LEAT_IO_DIGEST_LIST_H

#include "stage/stage_impl.h"

struct leat_digest_list;

/* leat_digest_list_new - `path` is copied; NULL: the list is only kept in memory. Returns NULL when out of memory. */
struct leat_digest_list *leat_digest_list_new(struct leat_pipeline *pipeline, const char *path);
void leat_digest_list_free(struct leat_digest_list *sums); /* NULL is fine, here and below */
/* leat_digest_list_path - the file of the list; NULL: there is none. */
const char *leat_digest_list_path(const struct leat_digest_list *sums);
/* leat_digest_list_text - the lines of the outputs, once prepared; "" before, and without a list. */
const char *leat_digest_list_text(const struct leat_digest_list *sums);
/* leat_digest_list_open - open its file. Returns 0, or an error: see leat_digest_list_error. */
int leat_digest_list_open(struct leat_digest_list *sums);
/* leat_digest_list_add - set the line of the digest stage before an output. Thread: any. */
int leat_digest_list_add(struct leat_stage *digest, const void *line, size_t n);
/* leat_digest_list_keep - this sink has ended well: add its line to the list, if it has one. */
void leat_digest_list_keep(struct leat_digest_list *sums, const struct leat_stage *sink);
/* leat_digest_list_prepare, _commit, _revert, _close - like those of an output; call prepare after
 * the last keep. */
int leat_digest_list_prepare(struct leat_digest_list *sums);
int leat_digest_list_commit(struct leat_digest_list *sums);
/* leat_digest_list_late - after prepare, for a list that goes to a stream and is not written
 * completely yet: the file, and the stage that fails if the list does. NULL: nothing is left to
 * write. */
struct leat_stage *leat_digest_list_late(struct leat_digest_list *sums,
                                         struct leat_outfile **ret_file);
void leat_digest_list_revert(struct leat_digest_list *sums);
void leat_digest_list_close(struct leat_digest_list *sums);
const struct leat_error *leat_digest_list_error(const struct leat_digest_list *sums);

#endif
