/* digest_list.h - the list of the digests of all outputs, made in the pass that makes them.
 *
 * The planner puts a digest before each `write` of a file; what it gives is collected here, and the
 * list is committed with the outputs.
 */
#ifndef LEAT_SUMS_H
#define LEAT_SUMS_H

#include "stage/stage_impl.h"

struct leat_sums;

/* leat_sums_new - `path` is copied. NULL: out of memory. */
struct leat_sums *leat_sums_new(struct leat_pipeline *pipeline, const char *path);
void leat_sums_free(struct leat_sums *sums); /* NULL is fine, here and below */
/* leat_sums_open - its file. Returns 0, or an error, which leat_sums_error has. */
int leat_sums_open(struct leat_sums *sums);
/* leat_sums_add - the line that the digest before an output has come to. Thread: any. */
int leat_sums_add(struct leat_stage *digest, const void *line, size_t n);
/* leat_sums_keep - this sink has ended well: its line, if it has one, belongs to the list. */
void leat_sums_keep(struct leat_sums *sums, const struct leat_stage *sink);
/* leat_sums_prepare, _commit, _revert, _close - as of an output; prepare after the last keep. */
int leat_sums_prepare(struct leat_sums *sums);
int leat_sums_commit(struct leat_sums *sums);
/* leat_sums_late - the list is prepared, and its stream has not taken all of it yet: the stage whose
 * failure an error of the list is, and the file. NULL: nothing is left to write. */
struct leat_stage *leat_sums_late(struct leat_sums *sums, struct leat_outfile **ret_file);
void leat_sums_revert(struct leat_sums *sums);
void leat_sums_close(struct leat_sums *sums);
const struct leat_error *leat_sums_error(const struct leat_sums *sums);

#endif
