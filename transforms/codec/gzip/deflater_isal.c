/* deflater_isal.c - deflate encoding by ISA-L: several times as fast as the others, for -1. */

#include "deflater.h"

#if HAVE_ISAL

#include <isa-l.h>

#include "../shared/bytes.h"

#define LEVEL_BUF                                                                                  \
    (ISAL_DEF_LVL3_DEFAULT > ISAL_DEF_LVL2_DEFAULT ? ISAL_DEF_LVL3_DEFAULT : ISAL_DEF_LVL2_DEFAULT)
/* Pieces that shrink to less than this part are compressed again at the better level, which is then
 * fast and may save a third. Pieces without history are compressed only at that level: at the lower
 * ones igzip 2.30 would hash a register that contains the stream's address, and the output would
 * depend on that address (.write_first_byte in igzip_icf_body_h1_gr_bt.asm). */
#define DENSE 16u
#define LEVEL_DENSE 3u

struct isal {
    struct isal_zstream stream;
    uint32_t level;
    uint8_t level_buf[LEVEL_BUF];
};

static int isal_open(struct leat_stage *stage, const struct leat_deflater_choice *choice,
                     void **ret_lib)
{
    struct isal *lib = leat_alloc(stage, sizeof *lib);

    if (!lib)
        return LEAT_ENOMEM;
    lib->level = (uint32_t)choice->level;
    *ret_lib = lib;
    return 0;
}

/* Codes are made for each block of 64 K symbols: at most 9 bits per byte, and a header. */
static size_t isal_bound(void *lib, size_t n)
{
    (void)lib;
    return n + n / 8 + n / 64 + 4096;
}

static int run_at(struct leat_stage *stage, struct isal *lib, uint32_t level,
                  const struct leat_piece *piece, uint8_t *to, size_t room, size_t *ret_made)
{
    struct isal_zstream *z = &lib->stream;
    int r = COMP_OK;

    isal_deflate_init(z);
    z->level = level;
    z->level_buf = lib->level_buf;
    z->level_buf_size = level == LEVEL_DENSE ? ISAL_DEF_LVL3_DEFAULT : ISAL_DEF_LVL2_DEFAULT;
    if (piece->history_len > 0)
        r = isal_deflate_set_dict(z, leat_unconst(piece->history), (uint32_t)piece->history_len);
    if (r != COMP_OK)
        return leat_fail(stage, LEAT_EINTERNAL, "ISA-L refuses the history of a piece (%d)", r);
    z->flush = piece->last ? NO_FLUSH : SYNC_FLUSH;
    z->end_of_stream = piece->last;
    z->next_in = leat_unconst(piece->data);
    z->avail_in = (uint32_t)piece->len;
    z->next_out = to;
    z->avail_out = (uint32_t)room;
    r = isal_deflate(z);
    if (r != COMP_OK || z->avail_in > 0 || z->avail_out == 0 ||
        z->internal_state.state != (piece->last ? ZSTATE_END : ZSTATE_NEW_HDR))
        return leat_fail(stage, LEAT_EINTERNAL, "ISA-L did not finish a piece (%d)", r);
    *ret_made = room - z->avail_out;
    return 0;
}

static int isal_run(struct leat_stage *stage, void *v, const struct leat_piece *piece, uint8_t *to,
                    size_t room, size_t *ret_made)
{
    struct isal *lib = v;
    uint32_t level = piece->history_len > 0 ? lib->level : LEVEL_DENSE;
    int r = run_at(stage, lib, level, piece, to, room, ret_made);

    if (r < 0 || *ret_made >= piece->len / DENSE || level == LEVEL_DENSE)
        return r;
    return run_at(stage, lib, LEVEL_DENSE, piece, to, room, ret_made);
}

static void isal_close(struct leat_stage *stage, void *lib)
{
    leat_free(stage, lib);
}

const struct leat_deflater_ops leat_deflater_isal = {
    .open = isal_open,
    .bound = isal_bound,
    .run = isal_run,
    .close = isal_close,
};

#else

const struct leat_deflater_ops leat_deflater_isal = {.open = NULL};

#endif
