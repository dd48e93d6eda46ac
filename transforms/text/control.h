/* control.h - finds the next control character that a stage must look at. */
#ifndef LEAT_TEXT_CONTROL_H
#define LEAT_TEXT_CONTROL_H

#include <stddef.h>
#include <stdint.h>

enum leat_control {
    LEAT_CONTROL_MOVES, /* 0x08 to 0x0d, which move the cursor of a terminal, and the byte `other` */
    LEAT_CONTROL_TEXT,  /* all below 0x20, but for tab, form feed and the byte `other` */
};

/* leat_control_find - the offset of the first such byte; n if there is none. */
size_t leat_control_find(const uint8_t *data, size_t n, enum leat_control which, uint8_t other);
/* leat_control_find_plain - the same without vector instructions. */
size_t leat_control_find_plain(const uint8_t *data, size_t n, enum leat_control which,
                               uint8_t other);

#endif
