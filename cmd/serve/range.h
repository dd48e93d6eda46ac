/* range.h - the header Range, for one range of bytes. */
#ifndef SERVE_RANGE_H
#define SERVE_RANGE_H

#include <stdint.h>

/* range_parse - a value of Range, for content of `size` bytes. Returns 1: *ret_from and *ret_n are the range; 0: it is
 * to be ignored, because it is malformed or has several ranges; -1: it is outside of the content. */
int range_parse(const char *value, uint64_t size, uint64_t *ret_from, uint64_t *ret_n);

#endif
