/* io.h - functions of `read` and `write` for transfer.c and the compiler. */
#ifndef LEAT_IO_IO_H
#define LEAT_IO_IO_H

#include "fd.h"
#include "outfile.h"
#include "stage/stage_impl.h"

extern const struct leat_stage_type leat_stage_read;
extern const struct leat_stage_type leat_stage_write;

/* leat_read_current - the descriptor being read, and how many bytes may still be read from it
 * (UINT64_MAX: to its end); NULL: none is open, run a step. */
struct leat_fd *leat_read_current(struct leat_stage *stage, uint64_t *ret_left);
/* leat_read_moved - n bytes of the current file were moved, 1 or more. */
void leat_read_moved(struct leat_stage *stage, uint64_t n);
/* leat_read_map - the map of the files that this `read` will read, none open yet. NULL: out of
 * memory. */
struct leat_file_map *leat_read_map(const struct leat_node *node);
/* leat_read_is_plain, leat_write_is_plain - may the kernel copy from or to the file of this `read`
 * or `write`? */
bool leat_read_is_plain(const struct leat_node *node);
bool leat_write_is_plain(const struct leat_node *node);
/* leat_write_appends - does this `write` append to a file? */
bool leat_write_appends(const struct leat_node *node);
struct leat_outfile *leat_write_file(struct leat_stage *stage);

/* leat_transfer_turn - transfer.c: one turn of a segment that only copies bytes from a file to a
 * file or pipe, inside the kernel. Returns a turn, or LEAT_EUNSUPPORTED: these descriptors need
 * steps. */
int leat_transfer_turn(struct leat_segment *segment);

#endif
