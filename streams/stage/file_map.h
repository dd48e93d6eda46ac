/* file_map.h - which file of a source a byte of its output is from.
 *
 * The source appends a file when it opens it, before the first byte of that one goes out. Stages whose
 * input is the source's output, unchanged, look their own offsets up, on any thread: a byte that they
 * see is of a file that is listed. It holds 16 bytes for each operand of the source, however many
 * bytes flow.
 */
#ifndef LEAT_FILE_MAP_H
#define LEAT_FILE_MAP_H

#include <stdatomic.h>

#include "stage.h"

struct leat_stage_info;

struct leat_file_map {
    const struct leat_strings *names; /* the source's operands */
    /* The first stage that takes the bytes for lines of text, or NULL; set before it runs. And for a
     * warning: the first file that is in a format that a stage decodes, and that; NULL: none was. The
     * source's, until all has ended. */
    const struct leat_stage_info *text_reader;
    const char *coded_name, *coded_format;
    atomic_size_t n;      /* that were opened; v[0] to v[n - 1] stay as they are */
    _Atomic uint64_t end; /* of the source's output; UINT64_MAX: not known yet */
    struct leat_file_start {
        uint64_t begin; /* offset of its first byte in the source's output */
        uint64_t place; /* and in the file */
    } v[];
};

/* leat_file_map_new - for these operands, which are borrowed. NULL: out of memory. */
struct leat_file_map *leat_file_map_new(const struct leat_strings *names);
/* leat_file_map_add - the next file is open; no more files than there are names. */
void leat_file_map_add(struct leat_file_map *map, uint64_t begin, uint64_t place);
/* leat_file_map_end - no byte follows. */
void leat_file_map_end(struct leat_file_map *map, uint64_t end);
/* leat_file_map_get - the i-th file, from 0; false: it is not open yet, or there is none. */
bool leat_file_map_get(const struct leat_file_map *map, size_t i, struct leat_input_file *ret);
/* leat_file_map_find - the file that holds the byte at an offset; at an end, the file that ends there if
 * `before`, else the one that begins there. False: none does. */
bool leat_file_map_find(const struct leat_file_map *map, uint64_t offset, bool before,
                        struct leat_input_file *ret);
/* leat_file_name_copy - a name for an error; of one that does not fit, the end, which tells more. */
void leat_file_name_copy(char *to, size_t size, const char *name);

#endif
