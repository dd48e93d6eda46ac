/* digest_list.h - the list of the digests of all outputs, made in the pass that makes them.
 *
 * The compiler puts a digest before each `write` of a file; what it gives is collected here, and the
 * list is committed with the outputs.
 */
#ifndef LEAT_SUMS_H
#define LEAT_SUMS_H

#include "stage/stage_impl.h"

struct leat_digest_list;

/* leat_digest_list_new - `path` is copied. NULL: out of memory. */
struct leat_digest_list *leat_digest_list_new(struct leat_pipeline *pipeline, const char *path);
void leat_digest_list_free(struct leat_digest_list *sums); /* NULL is fine, here and below */
/* leat_digest_list_open - its file. Returns 0, or an error, which leat_digest_list_error has. */
int leat_digest_list_open(struct leat_digest_list *sums);
/* leat_digest_list_add - the line that the digest before an output has come to. Thread: any. */
int leat_digest_list_add(struct leat_stage *digest, const void *line, size_t n);
/* leat_digest_list_keep - this sink has ended well: its line, if it has one, belongs to the list. */
void leat_digest_list_keep(struct leat_digest_list *sums, const struct leat_stage *sink);
/* leat_digest_list_prepare, _commit, _revert, _close - as of an output; prepare after the last keep. */
int leat_digest_list_prepare(struct leat_digest_list *sums);
int leat_digest_list_commit(struct leat_digest_list *sums);
/* leat_digest_list_late - the list is prepared, and its stream has not taken all of it yet: the stage whose
 * failure an error of the list is, and the file. NULL: nothing is left to write. */
struct leat_stage *leat_digest_list_late(struct leat_digest_list *sums,
                                         struct leat_outfile **ret_file);
void leat_digest_list_revert(struct leat_digest_list *sums);
void leat_digest_list_close(struct leat_digest_list *sums);
const struct leat_error *leat_digest_list_error(const struct leat_digest_list *sums);

#endif
