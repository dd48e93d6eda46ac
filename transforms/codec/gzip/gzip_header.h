/* gzip_header.h - reads the header of a gzip member (RFC 1952), byte by byte.
 *
 * It may be cut anywhere by the ends of inputs, and its name and comment may be of any length, so
 * nothing of it is kept but what the checks need.
 */
#ifndef LEAT_CODEC_GZIP_HEADER_H
#define LEAT_CODEC_GZIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

struct leat_gzip_header {
    uint8_t part; /* enum in gzip_header.c; 0: nothing read */
    uint8_t flags;
    uint16_t left; /* bytes of this part, where that is known */
    uint16_t value;
    uint32_t crc;
    uint32_t block_size; /* BGZF: bytes of the whole member; 0: it does not say */
    uint16_t field_left; /* of the extra field's current subfield */
    uint8_t field[4];    /* its name and length: field_have bytes are there */
    uint8_t field_have;
};

enum leat_gzip_header_result {
    LEAT_GZIP_HEADER_MORE = 0,
    LEAT_GZIP_HEADER_END = 1,   /* the deflate data is next */
    LEAT_GZIP_HEADER_NONE = -1, /* this is no gzip member */
    LEAT_GZIP_HEADER_BAD = -2,  /* *ret_problem says why */
};

/* leat_gzip_header_feed - the next byte. `header` is zeroed before the first one. */
enum leat_gzip_header_result leat_gzip_header_feed(struct leat_gzip_header *header, uint8_t byte,
                                                   const char **ret_problem);

#endif
