/* zstd_frame.c - reads the header of a zstd frame (RFC 8878), and finds the ends of frames. */

#include "zstd_frame.h"

#include "../shared/bytes.h"

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
    ret->checksum = descriptor & 0x04;
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

uint64_t leat_zstd_frame_holds(const uint8_t *head, size_t n)
{
    struct leat_zstd_frame f;

    if (n < leat_zstd_frame_need(head, n))
        return 0;
    leat_zstd_frame_parse(head, &f);
    return f.kind == LEAT_ZSTD_FRAME ? f.content : 0;
}

/* --- cutter ----------------------------------------------------------------------------------- */

#define BLOCK_HEAD 3u
#define CHECKSUM 4u

/* The header of a frame is complete. */
static void begin_frame(struct leat_zstd_cut *c, uint64_t window_max)
{
    struct leat_zstd_frame f;

    leat_zstd_frame_parse(c->head, &f);
    c->have = 0;
    if (f.kind == LEAT_ZSTD_SKIPPABLE) {
        c->left = f.content;
    } else if (f.kind == LEAT_ZSTD_NONE || f.reserved ||
               (f.window > window_max && f.content > window_max)) {
        c->rest = true;
    } else {
        c->in_frame = true;
        c->checksum = f.checksum;
        c->content += f.content == UINT64_MAX ? 0 : f.content;
    }
}

/* The header of a block is complete: a bit for the last one, its type, its size. */
static void begin_block(struct leat_zstd_cut *c)
{
    uint32_t head = (uint32_t)leat_get_le(c->head, BLOCK_HEAD);
    uint32_t size = head >> 3;
    bool repeats = (head >> 1 & 3) == 1;

    c->have = 0;
    c->left = repeats ? 1 : size;
    c->content += size;
    c->last = head & 1;
    if (c->last)
        c->left += c->checksum ? CHECKSUM : 0;
}

/* Reads one byte of a header. Returns true when it is complete. */
static bool head_byte(struct leat_zstd_cut *c, uint8_t byte)
{
    c->head[c->have++] = byte;
    return c->have >= (c->in_frame ? BLOCK_HEAD : leat_zstd_frame_need(c->head, c->have));
}

int leat_zstd_cut(struct leat_zstd_cut *c, uint64_t block, uint64_t window_max, const uint8_t *data,
                  size_t len, size_t *ret_take)
{
    size_t at = 0;

    while (at < len && !c->rest) {
        if (c->left > 0) {
            size_t n = len - at < c->left ? len - at : (size_t)c->left;

            at += n;
            c->left -= n;
        } else if (head_byte(c, data[at++])) {
            if (c->in_frame)
                begin_block(c);
            else
                begin_frame(c, window_max);
        }
        if (c->left > 0 || !c->last || c->have > 0)
            continue;
        c->last = c->in_frame = false;
        if (c->content >= block) {
            c->content = 0;
            *ret_take = at;
            return 1;
        }
    }
    *ret_take = len;
    return 0;
}
