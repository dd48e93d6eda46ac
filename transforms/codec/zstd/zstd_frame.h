/* zstd_frame.h - reads the header of a zstd frame (RFC 8878), so that its window can be charged
 * before the library allocates it. */
#ifndef LEAT_CODEC_ZSTD_ZSTD_FRAME_H
#define LEAT_CODEC_ZSTD_ZSTD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_ZSTD_MAGIC 0xfd2fb528u
#define LEAT_ZSTD_MAGIC_LEN 4u
#define LEAT_ZSTD_HEADER_MAX 18u

enum leat_zstd_kind {
    LEAT_ZSTD_NONE, /* not a zstd frame */
    LEAT_ZSTD_FRAME,
    LEAT_ZSTD_SKIPPABLE,
};

struct leat_zstd_frame {
    enum leat_zstd_kind kind;
    uint64_t window;     /* bytes that the decoder must keep */
    uint64_t content;    /* bytes decoded; UINT64_MAX: not stated. For a skippable frame: its
                          * length */
    uint32_t dictionary; /* 0: none, or not stated */
    bool reserved;       /* the reserved bit is set: not decodable */
    bool checksum;       /* a checksum follows the last block */
};

/* leat_zstd_frame_need - how many bytes of the header are needed, if the first n are there; never
 * more than LEAT_ZSTD_HEADER_MAX. With that many or more, leat_zstd_frame_parse can read it. */
size_t leat_zstd_frame_need(const uint8_t *data, size_t n);
void leat_zstd_frame_parse(const uint8_t *data, struct leat_zstd_frame *ret_frame);
/* leat_zstd_frame_holds - as frame_holds of a stage type. */
uint64_t leat_zstd_frame_holds(const uint8_t *head, size_t n);

/* Finds the ends of frames by the sizes of their blocks, without decoding. */
struct leat_zstd_cut {
    uint8_t head[LEAT_ZSTD_HEADER_MAX]; /* of a frame or a block: `have` bytes are filled */
    size_t have;
    bool in_frame; /* a block comes next */
    bool last;     /* the rest belongs to the frame */
    bool checksum;
    uint64_t left;    /* bytes to the next header */
    uint64_t content; /* of the frames in the current block, approximately */
    bool rest;        /* everything from here on is one block */
};

/* leat_zstd_cut - as leat_lanes.cut: cut at the end of the frame with which the block has `block`
 * bytes of contents or more. Cutting ends at data that is not a frame, or at a frame that needs a
 * window larger than window_max: everything from there on is one block. */
int leat_zstd_cut(struct leat_zstd_cut *cut, uint64_t block, uint64_t window_max,
                  const uint8_t *data, size_t len, size_t *ret_take);

#endif
