/* read_holes.c - the holes of a sparse file that is read: zeros are output without reading them. */

#include "read_holes.h"

#include <string.h>
#include <unistd.h>

#include "memory/writer.h"
#include "run/pipeline.h"

#define HOLE_MIN ((uint64_t)32768) /* a smaller one is read with the data around it */
#define BLOCK 512u                 /* of st_blocks */

void leat_holes_begin(struct leat_holes *h, const struct stat *info, uint64_t at)
{
    h->sparse =
        S_ISREG(info->st_mode) && (uint64_t)info->st_blocks < (uint64_t)info->st_size / BLOCK;
    h->until = at;
    h->is_hole = h->put = false;
}

/* The end of the data that begins at an offset, or of a hole. Returns false if the file system does not tell. */
static bool find(int fd, uint64_t at, int what, uint64_t *ret)
{
    off_t found = lseek(fd, (off_t)at, what);

    *ret = found > 0 ? (uint64_t)found : 0;
    return found >= 0;
}

/* Find out what is at an offset. At the end of the file, and after it, there is no data; the next read tells why. */
static void look(struct leat_holes *h, int fd, uint64_t at)
{
    struct stat info;
    uint64_t data = at, end = 0;

    if (!find(fd, at, SEEK_DATA, &data)) {
        if (fstat(fd, &info) < 0 || (uint64_t)info.st_size <= at) {
            h->sparse = false;
            return;
        }
        data = (uint64_t)info.st_size; /* a hole to the end */
    }
    h->is_hole = data - at >= HOLE_MIN;
    h->until = data;
    if (!h->is_hole && find(fd, data, SEEK_HOLE, &end))
        h->until = end;
    if (h->until <= at)
        h->sparse = false;
}

bool leat_holes_look(struct leat_holes *h, int fd, uint64_t at, uint64_t *ret_n)
{
    *ret_n = UINT64_MAX;
    if (h->sparse && at >= h->until) {
        look(h, fd, at);
        if (lseek(fd, (off_t)at, SEEK_SET) < 0)
            h->sparse = false; /* cannot be: it was there before */
    }
    if (!h->sparse)
        return false;
    leat_assert(at < h->until);
    *ret_n = h->until - at;
    return h->is_hole;
}

/* The chunk of zeros; NULL: there is no memory for it. */
static struct leat_chunk *zeros(struct leat_stage *s, struct leat_holes *h)
{
    struct leat_pool *pool = &s->pipeline->pool;

    if (h->zeros || leat_pool_get(pool, pool->chunk_size, &h->zeros) < 0)
        return h->zeros;
    leat_assert(h->zeros->cap == pool->chunk_size);
    memset(h->zeros->data, 0, h->zeros->cap);
    h->zeros->is_zero = true;
    return h->zeros;
}

size_t leat_holes_put(struct leat_stage *s, struct leat_holes *h, struct leat_out *out, uint64_t n)
{
    struct leat_chunk *chunk = zeros(s, h);

    leat_assert(h->is_hole && n > 0);
    if (!chunk) {
        h->sparse = false;
        return SIZE_MAX;
    }
    h->put = true;
    return leat_out_refer(out, chunk, n < chunk->cap ? (size_t)n : chunk->cap);
}

void leat_holes_done(struct leat_holes *h)
{
    leat_chunk_unref(h->zeros);
    h->zeros = NULL;
}
