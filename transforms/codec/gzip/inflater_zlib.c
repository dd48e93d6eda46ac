/* inflater_zlib.c - deflate decoding by zlib: in every build, and the reference in tests. */

#include "inflater.h"
#include "zmem.h"

static int zlib_open(struct leat_stage *stage, void **ret_lib)
{
    z_stream *z = leat_alloc(stage, sizeof *z);
    int r;

    if (!z)
        return LEAT_ENOMEM;
    leat_zmem_set(z, stage);
    r = inflateInit2(z, -MAX_WBITS);
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

static void zlib_reset(void *lib)
{
    inflateReset(lib); /* fails only on a stream that was never set up */
}

static int zlib_run(void *lib, struct leat_inflater_io *io)
{
    z_stream *z = lib;
    int r;

    z->next_in = io->in;
    z->avail_in = (uInt)io->in_len;
    z->next_out = io->to;
    z->avail_out = (uInt)io->room;
    r = inflate(z, Z_NO_FLUSH);
    io->used = io->in_len - z->avail_in;
    io->made = io->room - z->avail_out;
    switch (r) {
    case Z_OK:
    case Z_BUF_ERROR: /* no input, no room: not an error */
        return LEAT_MORE;
    case Z_STREAM_END:
        return LEAT_END;
    case Z_MEM_ERROR:
        return LEAT_ENOMEM;
    default:
        io->problem = z->msg ? z->msg : "wrong block";
        return LEAT_ECORRUPT;
    }
}

static void zlib_close(struct leat_stage *stage, void *lib)
{
    inflateEnd(lib);
    leat_free(stage, lib);
}

const struct leat_inflater_ops leat_inflater_zlib = {
    .open = zlib_open,
    .reset = zlib_reset,
    .run = zlib_run,
    .close = zlib_close,
};
