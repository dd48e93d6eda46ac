/* file_map.h - a map from bytes of a source's output to the files that they come from.
 *
 * The source appends a file when it opens it, before it outputs the first byte of the file. A stage
 * whose input is the unchanged output of the source looks up its own offsets, on any thread: each
 * byte that it sees belongs to a listed file. The map has 16 bytes for each operand of the source,
 * independent of the number of bytes that flow.
 */
#ifndef LEAT_STAGE_FILE_MAP_H
#define LEAT_STAGE_FILE_MAP_H

#include <stdatomic.h>

#include "stage.h"

struct leat_stage_info;

struct leat_file_map {
    const struct leat_strings *names; /* the source's operands */
    /* For a warning. text_reader: the first stage that reads the bytes as text, or NULL; set before
     * the run. The others: the name and format of the first file that a stage could decode, or
     * NULL; only the source uses them until the run has ended. */
    const struct leat_stage_info *text_reader;
    const char *coded_name, *coded_format;
    atomic_size_t n;      /* files opened; v[0] to v[n - 1] do not change any more */
    _Atomic uint64_t end; /* of the source's output; UINT64_MAX: not known yet */
    struct leat_file_start {
        uint64_t begin; /* offset of its first byte in the source's output */
        uint64_t place; /* offset of this byte in the file */
    } v[];
};

/* leat_file_map_new - a map for these operands, which are borrowed. NULL: out of memory. */
struct leat_file_map *leat_file_map_new(const struct leat_strings *names);
/* leat_file_map_add - the next file is open; call it at most once for each name. */
void leat_file_map_add(struct leat_file_map *map, uint64_t begin, uint64_t place);
/* leat_file_map_end - no byte follows. */
void leat_file_map_end(struct leat_file_map *map, uint64_t end);
/* leat_file_map_get - the i-th file, from 0; false: it is not open yet, or there is none. */
bool leat_file_map_get(const struct leat_file_map *map, size_t i, struct leat_input_file *ret);
/* leat_file_map_find - the file that holds the byte at an offset. Between two files: the file that
 * ends there if `before`, else the one that begins there. false: there is none. */
bool leat_file_map_find(const struct leat_file_map *map, uint64_t offset, bool before,
                        struct leat_input_file *ret);
/* leat_file_name_copy - copy a name for an error; a name that does not fit keeps its end, which
 * tells more than its start. */
void leat_file_name_copy(char *to, size_t size, const char *name);

#endif
