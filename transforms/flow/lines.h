/* lines.h - where the first N lines of a stream end; its input may be cut anywhere. */
#ifndef LEAT_FLOW_LINES_H
#define LEAT_FLOW_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct leat_lines {
    uint64_t lines; /* that have begun: a line counts from its first byte */
    bool open;      /* the last line has not ended */
};

/* leat_lines_within - count the lines of n more bytes, up to `most` lines in total. Returns how
 * many of the bytes belong to them. */
static inline size_t leat_lines_within(struct leat_lines *count, const uint8_t *data, size_t n,
                                       uint64_t most, uint8_t end)
{
    size_t at = 0;

    while (at < n) {
        const uint8_t *hit;

        if (!count->open && count->lines == most)
            return at;
        count->lines += !count->open;
        count->open = true;
        hit = memchr(data + at, end, n - at);
        if (!hit)
            return n;
        count->open = false;
        at = (size_t)(hit - data) + 1;
    }
    return n;
}

/* leat_lines_complete - have `most` lines ended? */
static inline bool leat_lines_complete(const struct leat_lines *count, uint64_t most)
{
    return count->lines == most && !count->open;
}

#endif
