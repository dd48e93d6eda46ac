/* deflater_zlib.c - deflate encoding by zlib in the manner of pigz: available in every build. */

#include "deflater.h"
#include "zmem.h"

#define MEM_LEVEL 8

static int zlib_open(struct leat_stage *stage, const struct leat_deflater_choice *choice,
                     void **ret_lib)
{
    z_stream *z = leat_alloc(stage, sizeof *z);
    int r;

    if (!z)
        return LEAT_ENOMEM;
    leat_zmem_set(z, stage);
    r = deflateInit2(z, choice->level, Z_DEFLATED, -MAX_WBITS, MEM_LEVEL, Z_DEFAULT_STRATEGY);
    if (r != Z_OK) {
        leat_free(stage, z);
        return r == Z_MEM_ERROR
                   ? LEAT_ENOMEM
                   : leat_fail(stage, LEAT_EUNSUPPORTED, "zlib %s is not compatible with zlib %s",
                               zlibVersion(), ZLIB_VERSION);
    }
    *ret_lib = z;
    return 0;
}

static size_t zlib_bound(void *lib, size_t n)
{
    return deflateBound(lib, (uLong)n) + LEAT_DEFLATE_MARK_MAX;
}

static int zlib_run(struct leat_stage *stage, void *lib, const struct leat_piece *piece,
                    uint8_t *to, size_t room, size_t *ret_made)
{
    z_stream *z = lib;
    int r = deflateReset(z);

    if (r == Z_OK && piece->history_len > 0)
        r = deflateSetDictionary(z, piece->history, (uInt)piece->history_len);
    if (r != Z_OK)
        return leat_fail(stage, LEAT_EINTERNAL, "zlib refuses a piece (%d)", r);
    z->next_in = piece->data;
    z->avail_in = (uInt)piece->len;
    z->next_out = to;
    z->avail_out = (uInt)room;
    r = deflate(z, piece->last ? Z_FINISH : Z_SYNC_FLUSH);
    if (r != (piece->last ? Z_STREAM_END : Z_OK) || z->avail_in > 0 || z->avail_out == 0)
        return leat_fail(stage, LEAT_EINTERNAL, "zlib did not finish a piece (%d)", r);
    *ret_made = room - z->avail_out;
    return 0;
}

static void zlib_close(struct leat_stage *stage, void *lib)
{
    deflateEnd(lib); /* Z_DATA_ERROR says that data was pending: that data is not needed */
    leat_free(stage, lib);
}

const struct leat_deflater_ops leat_deflater_zlib = {
    .open = zlib_open,
    .bound = zlib_bound,
    .run = zlib_run,
    .close = zlib_close,
};
