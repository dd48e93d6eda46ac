/* gzip_header.c - reads the header of a gzip member, byte by byte. */

#include "gzip_header.h"

#include <stddef.h>
#include <string.h>
#include <zlib.h>

#define FLAG_HCRC 0x02u
#define FLAG_EXTRA 0x04u
#define FLAG_NAME 0x08u
#define FLAG_COMMENT 0x10u
#define FLAGS_RESERVED 0xe0u

enum part {
    PART_MAGIC_1,
    PART_MAGIC_2,
    PART_METHOD,
    PART_FLAGS,
    PART_REST, /* time, extra flags, system: 6 bytes */
    PART_EXTRA_LEN,
    PART_EXTRA,
    PART_NAME,
    PART_COMMENT,
    PART_HCRC,
    PART_END,
};

/* Begins the next part that the header has, and sets its size if that is known. */
static void go_on(struct leat_gzip_header *h, enum part from)
{
    enum part to = from;

    if (to == PART_EXTRA_LEN && !(h->flags & FLAG_EXTRA))
        to = PART_NAME;
    if (to == PART_EXTRA && h->value == 0)
        to = PART_NAME;
    if (to == PART_NAME && !(h->flags & FLAG_NAME))
        to = PART_COMMENT;
    if (to == PART_COMMENT && !(h->flags & FLAG_COMMENT))
        to = PART_HCRC;
    if (to == PART_HCRC && !(h->flags & FLAG_HCRC))
        to = PART_END;
    h->part = (uint8_t)to;
    h->left = to == PART_REST ? 6 : to == PART_EXTRA ? h->value : 2;
    if (to == PART_EXTRA_LEN || to == PART_HCRC)
        h->value = 0;
}

/* Reads two bytes, the low one first. Returns true when both are there. */
static bool value_byte(struct leat_gzip_header *h, uint8_t byte)
{
    h->left--;
    h->value = (uint16_t)(h->value | byte << (h->left ? 0 : 8));
    return h->left == 0;
}

#define FIELD_HEAD 4u

/* Subfields of the extra field: two letters, a length, and that many bytes. BGZF has one named BC,
 * whose two bytes are the size of the member minus one. */
static void extra_byte(struct leat_gzip_header *h, uint8_t byte)
{
    static const uint8_t block_size[FIELD_HEAD] = {'B', 'C', 2, 0};

    if (h->field_have < FIELD_HEAD) {
        h->field[h->field_have++] = byte;
        if (h->field_have < FIELD_HEAD)
            return;
        h->field_left = (uint16_t)(h->field[2] | h->field[3] << 8);
    } else {
        h->field_left--;
        if (memcmp(h->field, block_size, FIELD_HEAD) == 0)
            h->block_size = h->field_left ? byte : (h->block_size | (uint32_t)byte << 8) + 1;
    }
    if (h->field_left == 0)
        h->field_have = 0;
}

enum leat_gzip_header_result leat_gzip_header_feed(struct leat_gzip_header *h, uint8_t byte,
                                                   const char **ret_problem)
{
    enum part part = (enum part)h->part;

    if (part != PART_HCRC)
        h->crc = (uint32_t)crc32_z(h->crc, &byte, 1);
    switch (part) {
    case PART_MAGIC_1:
    case PART_MAGIC_2:
        if (byte != (part == PART_MAGIC_1 ? 0x1f : 0x8b))
            return LEAT_GZIP_HEADER_NONE;
        h->part++;
        break;
    case PART_METHOD:
        if (byte != Z_DEFLATED) {
            *ret_problem = "unknown compression method in the gzip header";
            return LEAT_GZIP_HEADER_BAD;
        }
        h->part++;
        break;
    case PART_FLAGS:
        if (byte & FLAGS_RESERVED) {
            *ret_problem = "reserved flags are set in the gzip header";
            return LEAT_GZIP_HEADER_BAD;
        }
        h->flags = byte;
        go_on(h, PART_REST);
        break;
    case PART_REST:
        if (--h->left == 0)
            go_on(h, PART_EXTRA_LEN);
        break;
    case PART_EXTRA_LEN:
        if (value_byte(h, byte))
            go_on(h, PART_EXTRA);
        break;
    case PART_EXTRA:
        extra_byte(h, byte);
        if (--h->left == 0)
            go_on(h, PART_NAME);
        break;
    case PART_NAME:
    case PART_COMMENT:
        if (byte == 0)
            go_on(h, part + 1);
        break;
    case PART_HCRC:
        if (!value_byte(h, byte))
            break;
        if (h->value != (h->crc & 0xffff)) {
            *ret_problem = "the gzip header's own checksum (FHCRC) does not match";
            return LEAT_GZIP_HEADER_BAD;
        }
        go_on(h, PART_END);
        break;
    case PART_END:
        break;
    }
    return h->part == PART_END ? LEAT_GZIP_HEADER_END : LEAT_GZIP_HEADER_MORE;
}
