/* gzip_header.h - reads the header of a gzip member (RFC 1952), byte by byte.
 *
 * The input may be cut anywhere in the header, and its name and comment may have any length, so
 * only the parts that the checks need are kept.
 */
#ifndef LEAT_CODEC_GZIP_GZIP_HEADER_H
#define LEAT_CODEC_GZIP_GZIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

struct leat_gzip_header {
    uint8_t part; /* enum in gzip_header.c; 0: nothing read */
    uint8_t flags;
    uint16_t left; /* bytes left of this part, if that is known */
    uint16_t value;
    uint32_t crc;
    uint32_t block_size; /* BGZF: bytes of the whole member; 0: not stated */
    uint16_t field_left; /* of the current subfield of the extra field */
    uint8_t field[4];    /* its name and length: field_have bytes are filled */
    uint8_t field_have;
};

enum leat_gzip_header_result {
    LEAT_GZIP_HEADER_MORE = 0,
    LEAT_GZIP_HEADER_END = 1,   /* the deflate data comes next */
    LEAT_GZIP_HEADER_NONE = -1, /* not a gzip member */
    LEAT_GZIP_HEADER_BAD = -2,  /* *ret_problem tells why */
};

/* leat_gzip_header_feed - process the next byte. `header` is zeroed before the first one. */
enum leat_gzip_header_result leat_gzip_header_feed(struct leat_gzip_header *header, uint8_t byte,
                                                   const char **ret_problem);

#endif
