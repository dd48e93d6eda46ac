/* zstd_frame.c - reads the header of a zstd frame (RFC 8878). */

#include "zstd_frame.h"

#include "bytes.h"

#define SKIPPABLE 0x184d2a50u
#define SKIPPABLE_MASK 0xfffffff0u
#define WINDOW_LOG_MIN 10u

/* The frame header descriptor, the byte after the magic number. */
static bool is_single_segment(uint8_t descriptor)
{
    return descriptor & 0x20;
}

static size_t dictionary_size(uint8_t descriptor)
{
    static const uint8_t size[] = {0, 1, 2, 4};

    return size[descriptor & 3];
}

static size_t content_size(uint8_t descriptor)
{
    static const uint8_t size[] = {0, 2, 4, 8};

    if (descriptor >> 6 == 0)
        return is_single_segment(descriptor) ? 1 : 0;
    return size[descriptor >> 6];
}

static enum leat_zstd_kind kind_of(const uint8_t *data)
{
    uint32_t magic = leat_get_le32(data);

    if (magic == LEAT_ZSTD_MAGIC)
        return LEAT_ZSTD_FRAME;
    return (magic & SKIPPABLE_MASK) == SKIPPABLE ? LEAT_ZSTD_SKIPPABLE : LEAT_ZSTD_NONE;
}

size_t leat_zstd_frame_need(const uint8_t *data, size_t n)
{
    uint8_t descriptor;

    if (n < LEAT_ZSTD_MAGIC_LEN)
        return LEAT_ZSTD_MAGIC_LEN;
    switch (kind_of(data)) {
    case LEAT_ZSTD_SKIPPABLE:
        return LEAT_ZSTD_MAGIC_LEN + 4;
    case LEAT_ZSTD_NONE:
        return LEAT_ZSTD_MAGIC_LEN;
    case LEAT_ZSTD_FRAME:
    default:
        break;
    }
    if (n < LEAT_ZSTD_MAGIC_LEN + 1)
        return LEAT_ZSTD_MAGIC_LEN + 1;
    descriptor = data[LEAT_ZSTD_MAGIC_LEN];
    return LEAT_ZSTD_MAGIC_LEN + 1 + (is_single_segment(descriptor) ? 0 : 1) +
           dictionary_size(descriptor) + content_size(descriptor);
}

/* A byte of five bits of exponent and three of mantissa. */
static uint64_t window_of(uint8_t byte)
{
    uint64_t base = 1ull << (WINDOW_LOG_MIN + (byte >> 3));

    return base + base / 8 * (byte & 7);
}

void leat_zstd_frame_parse(const uint8_t *data, struct leat_zstd_frame *ret)
{
    uint8_t descriptor, window = 0;
    size_t n;

    *ret = (struct leat_zstd_frame){.kind = kind_of(data), .content = UINT64_MAX};
    data += LEAT_ZSTD_MAGIC_LEN;
    if (ret->kind == LEAT_ZSTD_SKIPPABLE)
        ret->content = leat_get_le32(data);
    if (ret->kind != LEAT_ZSTD_FRAME)
        return;
    descriptor = *data++;
    ret->reserved = descriptor & 0x08;
    if (!is_single_segment(descriptor))
        window = *data++;
    n = dictionary_size(descriptor);
    ret->dictionary = (uint32_t)leat_get_le(data, n);
    data += n;
    n = content_size(descriptor);
    if (n > 0)
        ret->content = leat_get_le(data, n) + (n == 2 ? 256 : 0);
    ret->window = is_single_segment(descriptor) ? ret->content : window_of(window);
}
