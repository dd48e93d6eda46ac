/* unlz4.c - decodes lz4 frames: the frame format, and the older legacy format.
 *
 * Any number of frames follow each other, with skippable ones between them. liblz4 decodes the
 * frame format. The legacy format is blocks of at most 8 MiB, each after its length; the end of the
 * file or the magic number of the next frame ends it. With several threads, and memory for them,
 * frames of independent blocks are decoded in lanes; see lz4_split.h.
 */

#include "../shared/lanes.h"

#if HAVE_LZ4

#include <lz4.h>
#include <lz4frame.h>
#include <string.h>

#include "../shared/bytes.h"
#include "../shared/expansion.h"
#include "lz4_split.h"

#define MAGIC_FRAME 0x184d2204u
#define MAGIC_LEGACY 0x184c2102u
#define MAGIC_SKIPPABLE 0x184d2a50u
#define MAGIC_SKIPPABLE_MASK 0xfffffff0u
#define MAGIC_LEN 4u
#define DESCRIPTOR_LEN 2u /* the first two bytes of the header are needed before liblz4 runs */
#define BLOCKS_LATER ((uint64_t)9 << 20) /* what blocks of 4 MB need, each with the one before */
#define FIRST_MAX (MAGIC_LEN + DESCRIPTOR_LEN + LEAT_LZ4_SIZE_BYTES)
#define FLAG_DICTIONARY 1u
#define BLOCK_CODE_LEAST 4u
#define CONTEXT_BYTES ((uint64_t)1024)
#define LINKED_BYTES ((uint64_t)128 << 10)
#define LANES_MEMORY_MIN ((uint64_t)64 << 20)
#define LANE_HOLDS ((uint64_t)10 << 20) /* a piece with a block beyond its end, and a block */
#define LEGACY_BLOCK ((size_t)8 << 20)
#define LEGACY_BOUND ((size_t)LZ4_COMPRESSBOUND(8 << 20))

struct unlz4 {
    LZ4F_dctx *context;
    enum { AT_MAGIC, AT_DESCRIPTOR, IN_HEADER, IN_FRAME, IN_LEGACY, OUT_LEGACY } place;
    uint8_t first[FIRST_MAX]; /* `have` of them are filled, first_pos are passed on */
    size_t have, first_pos;
    uint64_t frame_at; /* byte offset of the frame */
    uint64_t charged;  /* for the largest block so far */
    bool later_frame;  /* not the first frame */
    bool states_empty; /* its header states a size of 0, which liblz4 treats as not known */
    bool any;          /* the frame has had output */
    /* The legacy format: the length of a block (in `first`), the block, and its contents. */
    uint8_t *packed, *plain;
    size_t packed_len, packed_have, plain_len, plain_pos;
};

static int unlz4_open(struct leat_stage *stage, void *state)
{
    struct unlz4 *z = state;

    if (leat_charge(stage, CONTEXT_BYTES) < 0)
        return LEAT_ELIMIT;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&z->context, LZ4F_VERSION)))
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for liblz4");
    return 0;
}

static void unlz4_close(struct leat_stage *stage, void *state)
{
    struct unlz4 *z = state;

    if (z->context)
        leat_uncharge(stage, CONTEXT_BYTES + z->charged);
    LZ4F_freeDecompressionContext(z->context);
    leat_free(stage, z->packed);
    leat_free(stage, z->plain);
}

/* Fills `first` up to n bytes; it may have more, from an earlier call. Returns LEAT_END when they
 * are there, LEAT_MORE, or fails. */
static int fill_first(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in, size_t n)
{
    while (z->have < n && in->pos < in->len)
        z->first[z->have++] = in->data[in->pos++];
    if (z->have >= n)
        return LEAT_END;
    return in->end ? leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in an lz4 frame")
                   : LEAT_MORE;
}

/* --- the frame format ------------------------------------------------------------------------- */

/* Charges the memory that liblz4 will allocate for a frame with blocks of this size code. */
static int charge_blocks(struct leat_stage *stage, struct unlz4 *z, unsigned code)
{
    unsigned doublings = code < BLOCK_CODE_LEAST ? 0 : 2 * (code - BLOCK_CODE_LEAST);
    uint64_t need = 2 * ((uint64_t)65536 << doublings) + LINKED_BYTES;

    if (need <= z->charged)
        return 0;
    leat_uncharge(stage, z->charged);
    z->charged = 0;
    if (leat_charge(stage, need) < 0)
        return LEAT_ELIMIT;
    z->charged = need;
    return 0;
}

static int read_descriptor(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in)
{
    int r = fill_first(stage, z, in, MAGIC_LEN + DESCRIPTOR_LEN);

    z->states_empty = z->any = false;
    if (r == LEAT_END && z->first[MAGIC_LEN] & LEAT_LZ4_FLAG_SIZE) {
        r = fill_first(stage, z, in, FIRST_MAX);
        z->states_empty =
            leat_get_le(z->first + MAGIC_LEN + DESCRIPTOR_LEN, LEAT_LZ4_SIZE_BYTES) == 0;
    }
    if (r != LEAT_END)
        return r;
    if (z->first[MAGIC_LEN] & FLAG_DICTIONARY)
        return leat_fail_at(stage, LEAT_EUSAGE, z->frame_at,
                            "the lz4 frame needs a dictionary, which is not supported");
    r = charge_blocks(stage, z, z->first[MAGIC_LEN + 1] >> 4 & 7);
    if (r < 0)
        return r;
    z->place = IN_HEADER;
    return LEAT_END;
}

static int fail_lz4(struct leat_stage *stage, const struct unlz4 *z, size_t code)
{
    const char *name = LZ4F_getErrorName(code);

    if (strcmp(name, "ERROR_allocation_failed") == 0)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for liblz4");
    if (strcmp(name, "ERROR_contentChecksum_invalid") == 0)
        return leat_fail(stage, LEAT_ECORRUPT, "the lz4 frame's checksum does not match");
    if (strcmp(name, "ERROR_blockChecksum_invalid") == 0)
        return leat_fail(stage, LEAT_ECORRUPT, "an lz4 block's checksum does not match");
    if (strcmp(name, "ERROR_frameSize_wrong") == 0)
        return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at, LEAT_LZ4_WRONG_SIZE);
    return leat_fail(stage, LEAT_ECORRUPT, "invalid lz4 data: %s", name);
}

/* Decodes n bytes of data. Returns LEAT_END when the frame has ended, LEAT_MORE if all were
 * consumed or there is no room, or fails. */
static int decode(struct leat_stage *stage, struct unlz4 *z, const uint8_t *data, size_t n,
                  struct leat_out *out, size_t *ret_taken)
{
    *ret_taken = 0;
    for (;;) {
        size_t taken = n - *ret_taken, made, r, room;
        uint8_t *to;

        made = room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        r = LZ4F_decompress(z->context, to, &made, data + *ret_taken, &taken, NULL);
        if (LZ4F_isError(r))
            return fail_lz4(stage, z, r);
        *ret_taken += taken;
        leat_commit(out, made);
        z->any = z->any || made > 0;
        if (r == 0)
            return LEAT_END;
        if (*ret_taken == n && made < room)
            return LEAT_MORE;
    }
}

/* Passes the bytes in `first` to the library. */
static int run_header(struct leat_stage *stage, struct unlz4 *z, struct leat_out *out)
{
    size_t taken;
    int r = decode(stage, z, z->first + z->first_pos, z->have - z->first_pos, out, &taken);

    if (r < 0)
        return r;
    if (r == LEAT_END)
        return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at, "invalid lz4 frame header");
    z->first_pos += taken;
    if (z->first_pos < z->have)
        return LEAT_MORE;
    z->place = IN_FRAME;
    return LEAT_END;
}

static int run_frame(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in,
                     struct leat_out *out)
{
    size_t taken;
    uint8_t *to;
    int r = decode(stage, z, in->data + in->pos, in->len - in->pos, out, &taken);

    in->pos += taken;
    if (r < 0)
        return r;
    if (r == LEAT_END) {
        z->place = AT_MAGIC;
        z->have = 0;
        if (z->states_empty && z->any)
            return leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at, LEAT_LZ4_WRONG_SIZE);
        return LEAT_END;
    }
    if (leat_reserve(out, &to) > 0 && in->pos == in->len && in->end)
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in an lz4 frame");
    return LEAT_MORE;
}

/* --- the legacy format ------------------------------------------------------------------------ */

static int begin_legacy(struct leat_stage *stage, struct unlz4 *z)
{
    if (!z->packed)
        z->packed = leat_alloc_raw(stage, LEGACY_BOUND);
    if (!z->plain)
        z->plain = leat_alloc_raw(stage, LEGACY_BLOCK);
    if (!z->packed || !z->plain)
        return LEAT_ENOMEM;
    z->packed_len = 0;
    z->place = IN_LEGACY;
    return LEAT_END;
}

/* Reads the length of a block, or what follows the last block. Returns LEAT_END when packed_len is
 * set or the frame has ended. */
static int legacy_length(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in)
{
    uint32_t length;
    int r;

    if (z->have == 0 && in->pos == in->len && in->end) {
        z->place = AT_MAGIC;
        return LEAT_END;
    }
    r = fill_first(stage, z, in, MAGIC_LEN);
    if (r != LEAT_END)
        return r;
    length = leat_get_le32(z->first);
    if (length > LEGACY_BOUND) { /* the magic number of the next frame */
        z->frame_at = in->offset + in->pos - MAGIC_LEN;
        z->place = AT_MAGIC;
        return LEAT_END;
    }
    if (length == 0)
        return leat_fail(stage, LEAT_ECORRUPT, "an lz4 block without a length");
    z->have = 0;
    z->packed_len = length;
    z->packed_have = 0;
    return LEAT_END;
}

static int legacy_block(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in)
{
    size_t n = in->len - in->pos, left = z->packed_len - z->packed_have;
    int made;

    if (n > left)
        n = left;
    memcpy(z->packed + z->packed_have, in->data + in->pos, n);
    z->packed_have += n;
    in->pos += n;
    if (n < left)
        return in->end
                   ? leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in an lz4 block")
                   : LEAT_MORE;
    made = LZ4_decompress_safe((const char *)z->packed, (char *)z->plain, (int)z->packed_len,
                               (int)LEGACY_BLOCK);
    if (made < 0)
        return leat_fail(stage, LEAT_ECORRUPT, "invalid lz4 data");
    z->plain_len = (size_t)made;
    z->plain_pos = 0;
    z->packed_len = 0;
    z->place = OUT_LEGACY;
    return LEAT_END;
}

static int legacy_out(struct unlz4 *z, struct leat_out *out)
{
    z->plain_pos += leat_write(out, z->plain + z->plain_pos, z->plain_len - z->plain_pos);
    if (z->plain_pos < z->plain_len)
        return LEAT_MORE;
    z->place = IN_LEGACY;
    return LEAT_END;
}

/* --- both formats ----------------------------------------------------------------------------- */

/* Returns LEAT_MORE at the end of the input if the data may end there. */
static int read_magic(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in)
{
    uint32_t magic;
    int r;

    if (z->have == 0) {
        z->frame_at = in->offset + in->pos;
        if (z->later_frame && in->pos == in->len)
            return LEAT_MORE;
    }
    r = fill_first(stage, z, in, MAGIC_LEN);
    if (r != LEAT_END)
        return r;
    magic = leat_get_le32(z->first);
    z->first_pos = 0;
    if (magic == MAGIC_FRAME) {
        z->place = AT_DESCRIPTOR;
    } else if ((magic & MAGIC_SKIPPABLE_MASK) == MAGIC_SKIPPABLE) {
        z->place = IN_HEADER;
    } else if (magic == MAGIC_LEGACY) {
        z->have = 0;
        r = begin_legacy(stage, z);
    } else {
        r = leat_fail_at(stage, LEAT_ECORRUPT, z->frame_at,
                         z->later_frame ? "trailing garbage after the lz4 frame"
                                        : "not in lz4 format");
    }
    z->later_frame = true;
    return r;
}

static int run_place(struct leat_stage *stage, struct unlz4 *z, struct leat_in *in,
                     struct leat_out *out)
{
    switch (z->place) {
    case AT_MAGIC:
        return read_magic(stage, z, in);
    case AT_DESCRIPTOR:
        return read_descriptor(stage, z, in);
    case IN_HEADER:
        return run_header(stage, z, out);
    case IN_FRAME:
        return run_frame(stage, z, in, out);
    case IN_LEGACY:
        return z->packed_len == 0 ? legacy_length(stage, z, in) : legacy_block(stage, z, in);
    case OUT_LEGACY:
    default:
        return legacy_out(z, out);
    }
}

static int unlz4_step(struct leat_stage *stage, void *state, struct leat_in *in,
                      struct leat_out *out)
{
    struct unlz4 *z = state;
    int r;

    do
        r = run_place(stage, z, in, out);
    while (r == LEAT_END);
    if (r == LEAT_MORE && z->place == AT_MAGIC && z->have == 0 && in->end && in->pos == in->len)
        return LEAT_END;
    return r;
}

static const struct leat_decoder_lanes lanes = {
    .state_size = sizeof(struct leat_lz4_split),
    .result_size = sizeof(struct leat_lz4_result),
    .memory_min = LANES_MEMORY_MIN,
    .holds = LANE_HOLDS,
    .cut = leat_lz4_cut,
    .open = leat_lz4_lane_open,
    .begin = leat_lz4_lane_begin,
    .step = leat_lz4_lane_step,
    .merge = leat_lz4_merge,
    .join = leat_lz4_join,
    .close = leat_lz4_close,
};

const struct leat_decoder leat_decoder_lz4 = {
    .name = "lz4",
    .state_size = sizeof(struct unlz4),
    .open = unlz4_open,
    .step = unlz4_step,
    .close = unlz4_close,
    .lanes = &lanes,
    .later = BLOCKS_LATER,
};

void leat_unlz4_had_frame(void *state)
{
    struct unlz4 *z = state;

    z->later_frame = true;
}

/* --- the stage -------------------------------------------------------------------------------- */

union stage_state {
    struct unlz4 serial;
    struct leat_lz4_split lanes;
};

LEAT_LANES_STAGE(leat_decoder_lz4, lanes, LEAT_LZ4_BLOCK_MAX, sizeof(struct leat_lz4_result));

const struct leat_stage_type leat_stage_unlz4 = {
    .name = "unlz4",
    .summary = "decompress lz4 (.lz4)",
    .manual =
        "Decompresses any number of frames, one after another, ignores skippable frames, and "
        "reads the legacy format too. Errors are: truncation, any other data after the last "
        "frame, a checksum or a size that does not match, and a frame that needs a dictionary. "
        "Damage may go unnoticed in a frame without checksums, and in the legacy format, which "
        "has none. A legacy file that was cut between two blocks looks complete.\n\n"
        "Frames of independent blocks, as from leat's lz4 and the lz4 command, are decoded in "
        "parallel: there are as many workers as threads, or as fit in --memory at 10 MiB each. "
        "With less than --memory=64M, and from the first frame of another kind on, there is one.",
    .examples = "read big.log : lz4 : unlz4 : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(union stage_state),
    .options = leat_expansion_options,
    .lanes = &split,
    .plan = stage_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};

#else

LEAT_STAGE_MISSING(unlz4, "unlz4", "decompress lz4 (.lz4)", "liblz4-dev");

#endif
