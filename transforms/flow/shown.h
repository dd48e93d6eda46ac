/* shown.h - formats a line of data for a message: printable, and not too long. */
#ifndef LEAT_FLOW_SHOWN_H
#define LEAT_FLOW_SHOWN_H

#include <stddef.h>
#include <stdint.h>

#define LEAT_SHOWN_LINE_MAX 64u

struct leat_shown_line {
    char text[LEAT_SHOWN_LINE_MAX + 8];
};

/* leat_show_line - bytes that are not printable ASCII become \xHH; a line that is cut ends in
 * "...". */
static inline struct leat_shown_line leat_show_line(const uint8_t *line, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    struct leat_shown_line shown = {{0}};
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = line[i];

        if (at + 4 > LEAT_SHOWN_LINE_MAX) {
            shown.text[at++] = '.';
            shown.text[at++] = '.';
            shown.text[at++] = '.';
            break;
        }
        if (c >= ' ' && c < 127) {
            shown.text[at++] = (char)c;
            continue;
        }
        shown.text[at++] = '\\';
        shown.text[at++] = 'x';
        shown.text[at++] = digits[c >> 4];
        shown.text[at++] = digits[c & 15];
    }
    return shown;
}

#endif
