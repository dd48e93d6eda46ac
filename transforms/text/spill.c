/* spill.c - sequences of records in a temporary file without a name.
 *
 * The file consists of extents, each of one run. A block has a head and the compressed records; a head without records
 * says where the run's next extent is. Every extent keeps room for that one. Extents are taken one after another from the
 * end of the file, and what a run leaves unused of one is a hole.
 */

#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/invariant.h"
#include "nameless.h"
#include "stage.h"

#define EXTENT ((uint64_t)1 << 20)
#define LEVEL 1
/* Bytes that the contexts of zstd hold for blocks of at most so many bytes, and for any block. */
#define BLOCK_SMALL ((size_t)65536)
#define CONTEXTS_SMALL ((uint64_t)400 << 10)
#define CONTEXTS_ANY ((uint64_t)680 << 10)

struct head {
    uint32_t len,
        packed; /* bytes of the records, and in the file; len 0: the run goes on at `next` */
    uint64_t next;
};

struct leat_runs {
    struct leat_stage *stage;
    struct leat_nameless file;
    size_t block;
    uint64_t end;
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    uint64_t charged; /* for the two */
    uint8_t *packed;  /* a head and the compressed block */
    size_t packed_size;
};

int leat_runs_plan(struct leat_stage *s, const char *dir)
{
    return leat_nameless_plan(s, dir);
}

uint64_t leat_runs_need(size_t block)
{
    return sizeof(struct leat_runs) + sizeof(struct head) + ZSTD_compressBound(block) +
           (block > BLOCK_SMALL ? CONTEXTS_ANY : CONTEXTS_SMALL);
}

struct leat_runs *leat_runs_new(struct leat_stage *s, const char *dir, size_t block)
{
    struct leat_runs *r = leat_alloc(s, sizeof *r);

    leat_assert(block > 0 && block <= LEAT_RUN_BLOCK_MAX);
    if (!r)
        return NULL;
    *r = (struct leat_runs){.stage = s, .block = block};
    leat_nameless_init(&r->file, s, dir);
    return r;
}

void leat_runs_free(struct leat_runs *r)
{
    if (!r)
        return;
    leat_nameless_close(&r->file);
    ZSTD_freeCCtx(r->compressor);
    ZSTD_freeDCtx(r->decompressor);
    leat_uncharge(r->stage, r->charged);
    leat_free(r->stage, r->packed);
    leat_free(r->stage, r);
}

uint64_t leat_runs_written(const struct leat_runs *r)
{
    return r->file.written;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* The contexts of zstd, and room for a compressed block, for records of n bytes. */
static int prepare(struct leat_runs *r, size_t n)
{
    uint64_t contexts = n > BLOCK_SMALL ? CONTEXTS_ANY : CONTEXTS_SMALL;
    size_t need = sizeof(struct head) + ZSTD_compressBound(n < r->block ? r->block : n);

    if (contexts > r->charged) {
        if (leat_charge(r->stage, contexts - r->charged) < 0)
            return LEAT_ELIMIT;
        r->charged = contexts;
    }
    if (!r->compressor)
        r->compressor = ZSTD_createCCtx();
    if (!r->decompressor)
        r->decompressor = ZSTD_createDCtx();
    if (!r->compressor || !r->decompressor ||
        ZSTD_isError(ZSTD_CCtx_setParameter(r->compressor, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(r->compressor, ZSTD_c_checksumFlag, 1)))
        return leat_fail(r->stage, LEAT_ENOMEM, "out of memory");
    if (need <= r->packed_size)
        return 0;
    leat_free(r->stage, r->packed);
    r->packed_size = 0;
    r->packed = leat_alloc_raw(r->stage, need);
    if (!r->packed)
        return LEAT_ENOMEM;
    r->packed_size = need;
    return 0;
}

static void drop_buffer(struct leat_runs *r, struct leat_run *run)
{
    leat_free(r->stage, run->buffer);
    run->buffer = NULL;
    run->size = run->len = 0;
}

/* An empty buffer of `size` bytes. */
static int take_buffer(struct leat_runs *r, struct leat_run *run, size_t size)
{
    leat_assert(run->len == 0);
    drop_buffer(r, run);
    run->buffer = leat_alloc_raw(r->stage, size);
    if (!run->buffer)
        return LEAT_ENOMEM;
    run->size = size;
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Make sure that the extent of the run has n more bytes, and room for the head that ends it. */
static int find_extent(struct leat_runs *r, struct leat_run *run, uint64_t n)
{
    uint64_t need = n + sizeof(struct head), size = need > EXTENT ? need : EXTENT, from = r->end;
    struct head head = {.next = from};
    int e;

    if (run->left > 0 && run->limit - run->at >= need)
        return 0;
    if (run->left > 0) {
        e = leat_nameless_write(&r->file, &head, sizeof head, run->at);
        if (e < 0)
            return e;
    } else {
        run->first = from;
    }
    run->at = from;
    run->limit = from + size;
    r->end += size;
    return 0;
}

/* Write the records in the buffer as a block. */
static int write_block(struct leat_runs *r, struct leat_run *run)
{
    struct head head = {.len = (uint32_t)run->len};
    size_t n;
    int e;

    leat_assert(run->len > 0 && run->len <= run->size);
    e = prepare(r, run->len);
    if (e == 0)
        e = leat_nameless_open(&r->file);
    if (e < 0)
        return e;
    n = ZSTD_compress2(r->compressor, r->packed + sizeof head, r->packed_size - sizeof head,
                       run->buffer, run->len);
    if (ZSTD_isError(n))
        return leat_fail(r->stage, LEAT_ENOMEM, "cannot compress temporary data: %s",
                         ZSTD_getErrorName(n));
    head.packed = (uint32_t)n;
    memcpy(r->packed, &head, sizeof head);
    n += sizeof head;
    e = find_extent(r, run, n);
    if (e == 0)
        e = leat_nameless_write(&r->file, r->packed, n, run->at);
    if (e < 0)
        return e;
    run->at += n;
    run->left++;
    run->largest = run->len > run->largest ? run->len : run->largest;
    run->len = 0;
    return 0;
}

int leat_run_room(struct leat_runs *r, struct leat_run *run, size_t n, uint8_t **ret_to)
{
    size_t size = n < r->block ? r->block : n;
    int e = 0;

    leat_assert(!run->reads && n <= UINT32_MAX);
    if (run->len > 0 && n > run->size - run->len)
        e = write_block(r, run);
    /* A buffer that one large record needed is not kept. */
    if (e == 0 && (!run->buffer || (run->len == 0 && run->size != size)))
        e = take_buffer(r, run, size);
    if (e < 0)
        return e;
    *ret_to = run->buffer + run->len;
    run->len += n;
    run->bytes += n;
    run->records++;
    return 0;
}

int leat_run_add(struct leat_runs *r, struct leat_run *run, const void *data, size_t n)
{
    uint8_t *to;
    int e = leat_run_room(r, run, n, &to);

    if (e == 0 && n > 0)
        memcpy(to, data, n);
    return e;
}

int leat_run_end(struct leat_runs *r, struct leat_run *run)
{
    int e = run->len > 0 ? write_block(r, run) : 0;

    leat_assert(!run->reads);
    if (e < 0)
        return e;
    drop_buffer(r, run);
    run->reads = true;
    run->at = run->first;
    run->limit = run->first + EXTENT; /* at least */
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int damaged(struct leat_runs *r)
{
    return leat_fail(r->stage, LEAT_EIO,
                     "a temporary file in %s does not have what was written to it; check the disk",
                     r->file.dir);
}

/* Give what was read of the extent back to the disk. A file system that cannot does without. */
static void give_back(struct leat_runs *r, const struct leat_run *run)
{
    uint64_t from = run->limit - EXTENT;

    if (run->at > from)
        (void)fallocate(r->file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                        (off_t)(run->at - from));
}

/* Read the head of the next block, maybe in the next extent. */
static int read_head(struct leat_runs *r, struct leat_run *run, struct head *ret)
{
    int e = leat_nameless_read(&r->file, ret, sizeof *ret, run->at);

    if (e == 0 && ret->len == 0) {
        if (ret->next <= run->at || ret->next >= r->end)
            return damaged(r);
        give_back(r, run);
        run->at = ret->next;
        run->limit = run->at + EXTENT;
        e = leat_nameless_read(&r->file, ret, sizeof *ret, run->at);
    }
    if (e < 0)
        return e;
    if (ret->len == 0 || ret->len > run->largest || ret->next != 0 ||
        ret->packed > ZSTD_compressBound(ret->len))
        return damaged(r);
    return 0;
}

size_t leat_run_need(const struct leat_run *run)
{
    return run->left > 0 ? run->largest : 0;
}

int leat_run_next(struct leat_runs *r, struct leat_run *run, const uint8_t **ret_data,
                  size_t *ret_len)
{
    struct head head;
    size_t n;
    int e = 0;

    leat_assert(run->reads);
    run->len = 0;
    if (run->left == 0)
        return 0;
    if (!run->buffer)
        e = take_buffer(r, run, run->largest);
    if (e == 0)
        e = read_head(r, run, &head);
    if (e == 0)
        e = prepare(r, head.len);
    if (e == 0)
        e = leat_nameless_read(&r->file, r->packed, head.packed, run->at + sizeof head);
    if (e < 0)
        return e;
    n = ZSTD_decompressDCtx(r->decompressor, run->buffer, run->size, r->packed, head.packed);
    if (ZSTD_isError(n) || n != head.len)
        return damaged(r);
    run->at += sizeof head + head.packed;
    run->left--;
    run->len = n;
    *ret_data = run->buffer;
    *ret_len = n;
    return 1;
}

void leat_run_done(struct leat_runs *r, struct leat_run *run)
{
    if (run->reads && r->file.fd >= 0 && run->at != run->first)
        give_back(r, run);
    drop_buffer(r, run);
    *run = (struct leat_run){0};
}
