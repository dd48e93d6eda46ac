/* line_map.h - a step for stages that make of each line something else, by a function on memory.
 *
 * The function gets many lines and room for all that may come of them. A line whose output may not fit in what is left
 * of a chunk gets room of its own.
 */
#ifndef LEAT_TEXT_LINE_MAP_H
#define LEAT_TEXT_LINE_MAP_H

#include "stage.h"

struct leat_line_map {
    void *arg;
    uint8_t end;   /* of a line */
    size_t growth; /* n bytes of whole lines give at most n * growth bytes */
    /* run - write what these whole lines give to `to`; returns how many bytes. There is room for n * growth bytes, or for
     * exactly the output. Only the last line may lack its end, and
     * then counts as if it had one. `to` NULL: only count, for a single line. */
    size_t (*run)(void *arg, const uint8_t *lines, size_t n, uint8_t *to, size_t room);
};

/* leat_line_map_batch - run as many whole lines at the cursor as surely fit in the room; returns how many bytes they have,
 * 0 if that are none. The caller moves the cursor. */
size_t leat_line_map_batch(const struct leat_line_map *map, const struct leat_in *in,
                           struct leat_out *out);

/* leat_line_map_step - the step of a stage with LEAT_LINES. */
int leat_line_map_step(const struct leat_line_map *map, struct leat_in *in, struct leat_out *out);

#endif
