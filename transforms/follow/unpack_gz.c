/* unpack_gz.c - the content of a rotated file that was compressed by gzip. */

#include "unpack_gz.h"

#include <errno.h>
#include <unistd.h>

#ifndef ZLIB_CONST
#define ZLIB_CONST /* next_in points to const */
#endif
#include <zlib.h>

#define IN_ROOM ((size_t)64 << 10)
#define OUT_ROOM ((size_t)128 << 10)
#define GZIP_ONLY (MAX_WBITS + 16)

struct gz {
    z_stream z;
    int fd;
    off_t at; /* of the file: after the input that was read */
    uint8_t *in, *out;
    bool in_member; /* else a member may begin, or the file end */
};

static void *allocate(void *stage, unsigned items, unsigned size)
{
    return leat_alloc_raw(stage, (size_t)items * size);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

/* Returns 1; 0: the file has ended; or -errno. */
static int fill(struct gz *g)
{
    ssize_t n;

    if (g->z.avail_in > 0)
        return 1;
    do
        n = pread(g->fd, g->in, IN_ROOM, g->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    g->at += n;
    g->z.next_in = g->in;
    g->z.avail_in = (unsigned)n;
    return n > 0;
}

/* Returns 0, also at the end of a member; what `take` returned; or -errno. */
static int inflate_some(struct gz *g, int (*take)(void *arg, const uint8_t *data, size_t n),
                        void *arg)
{
    size_t n;
    int r;

    g->z.next_out = g->out;
    g->z.avail_out = (unsigned)OUT_ROOM;
    r = inflate(&g->z, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
    g->in_member = r != Z_STREAM_END;
    if (r == Z_STREAM_END && inflateReset(&g->z) != Z_OK)
        return -EBADMSG;
    n = OUT_ROOM - g->z.avail_out;
    return n > 0 ? take(arg, g->out, n) : 0;
}

int leat_follow_unpack_gz(struct leat_stage *s, int fd,
                          int (*take)(void *arg, const uint8_t *data, size_t n), void *arg)
{
    struct gz g = {.z = {.zalloc = allocate, .zfree = release, .opaque = s}, .fd = fd};
    int r = -ENOMEM, more;

    g.in = leat_alloc_raw(s, IN_ROOM);
    g.out = g.in ? leat_alloc_raw(s, OUT_ROOM) : NULL;
    if (!g.out || inflateInit2(&g.z, GZIP_ONLY) != Z_OK)
        goto out;
    do {
        more = fill(&g);
        r = more > 0 ? inflate_some(&g, take, arg) : more;
    } while (more > 0 && r == 0);
    if (r == 0 && (g.in_member || g.at == 0))
        r = -EBADMSG;
    (void)inflateEnd(&g.z); /* only its memory */
out:
    leat_free(s, g.out);
    leat_free(s, g.in);
    return r;
}
