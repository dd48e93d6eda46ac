/* deflater_libdeflate.c - deflate encoding by libdeflate, changed so that pieces can be joined.
 *
 * libdeflate compresses better than zlib and about twice as fast, but it always closes its stream.
 * Therefore each piece is decoded again (last_block.h): this verifies the output and finds its last
 * block. The final bit of that block is cleared, and an empty stored block is appended.
 *
 * If a choice has several levels, a part of each piece is compressed by zlib and then at these
 * levels. The first level whose output is not larger is used for the piece. The choice depends on
 * the data only.
 */

#include "deflater.h"

#if HAVE_DEFLATE

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "last_block.h"
#include "zmem.h"

#define LEVEL_NEAR_OPTIMAL 10
/* Shorter input is stored by libdeflate at most levels; zlib does better, with a window of 512
 * bytes. */
#define TINY 64u
#define TINY_WINDOW_LOG 9
#define TINY_MEM_LEVEL 1
#define LEVELS_MAX 3          /* levels to choose from */
#define TRIED ((size_t)32768) /* the part of a piece that is tried: bytes from its middle */
#define TRIED_BOUND (TRIED + TRIED / 8)
#define ZLIB_MEM_LEVEL 8

/* Memory of a libdeflate compressor, rounded up (1.14: 204800, 671744, 9011200). */
#define HOLDS_FASTEST ((uint64_t)256 << 10)
#define HOLDS_USUAL ((uint64_t)768 << 10)
#define HOLDS_NEAR_OPTIMAL ((uint64_t)9 << 20)

struct libdeflate {
    struct libdeflate_compressor *compressors[LEVELS_MAX]; /* n of them, the fastest first */
    size_t n;
    struct leat_verifier *verifier;
    z_stream measure; /* compresses the tried part, if there is a choice */
    bool measure_ready;
    uint8_t scratch[TRIED_BOUND];
};

static void libdeflate_close(struct leat_stage *stage, void *v)
{
    struct libdeflate *lib = v;

    leat_verifier_close(stage, lib->verifier);
    if (lib->measure_ready)
        deflateEnd(&lib->measure); /* Z_DATA_ERROR: data was pending, after an error */
    for (size_t i = 0; i < lib->n; i++)
        libdeflate_free_compressor(lib->compressors[i]);
    leat_free(stage, lib);
}

static int add_level(struct leat_stage *stage, struct libdeflate *lib, int level)
{
    int r = leat_charge(stage, level >= LEVEL_NEAR_OPTIMAL ? HOLDS_NEAR_OPTIMAL
                               : level > 1                 ? HOLDS_USUAL
                                                           : HOLDS_FASTEST);

    if (r < 0)
        return r;
    lib->compressors[lib->n] = libdeflate_alloc_compressor(level);
    if (!lib->compressors[lib->n])
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libdeflate");
    lib->n++;
    return 0;
}

static int open_measure(struct leat_stage *stage, struct libdeflate *lib,
                        const struct leat_deflater_choice *choice)
{
    if (choice->level_most <= choice->level)
        return 0;
    leat_zmem_set(&lib->measure, stage);
    if (deflateInit2(&lib->measure, choice->zlib_level, Z_DEFLATED, -MAX_WBITS, ZLIB_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return LEAT_ENOMEM;
    lib->measure_ready = true;
    return 0;
}

static int libdeflate_open(struct leat_stage *stage, const struct leat_deflater_choice *choice,
                           void **ret_lib)
{
    struct libdeflate *lib = leat_alloc(stage, sizeof *lib);
    int level = choice->level, r;

    if (!lib)
        return LEAT_ENOMEM;
    do
        r = add_level(stage, lib, level);
    while (r == 0 && ++level <= choice->level_most && lib->n < LEVELS_MAX);
    if (r == 0)
        r = leat_verifier_open(stage, choice->block, &lib->verifier);
    if (r == 0)
        r = open_measure(stage, lib, choice);
    if (r < 0) {
        libdeflate_close(stage, lib);
        return r;
    }
    *ret_lib = lib;
    return 0;
}

static size_t libdeflate_bound(void *v, size_t n)
{
    struct libdeflate *lib = v;

    return libdeflate_deflate_compress_bound(lib->compressors[0], n) + LEAT_DEFLATE_MARK_MAX;
}

/* --- choosing the level ----------------------------------------------------------------------- */

/* The size of zlib's output for n bytes; 0: it does not fit in the scratch space. */
static size_t zlib_size(struct libdeflate *lib, const uint8_t *data, size_t n)
{
    z_stream *z = &lib->measure;

    if (deflateReset(z) != Z_OK)
        return 0;
    z->next_in = data;
    z->avail_in = (uInt)n;
    z->next_out = lib->scratch;
    z->avail_out = sizeof lib->scratch;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}

static struct libdeflate_compressor *choose(struct libdeflate *lib, const struct leat_piece *piece)
{
    size_t n = piece->len < TRIED ? piece->len : TRIED, i = 0, most, made;
    const uint8_t *data = piece->data + (piece->len - n) / 2;

    if (lib->n == 1)
        return lib->compressors[0];
    most = zlib_size(lib, data, n);
    for (; most > 0 && i + 1 < lib->n; i++) {
        made = libdeflate_deflate_compress(lib->compressors[i], data, n, lib->scratch,
                                           sizeof lib->scratch);
        if (made > 0 && made <= most)
            break;
    }
    return lib->compressors[i];
}

/* --- joining ---------------------------------------------------------------------------------- */

/* Makes the last block one that others can follow. Returns the size of the stream now. */
static size_t open_end(uint8_t *made, const struct leat_last_block *last)
{
    static const uint8_t stored[] = {0x00, 0x00, 0xff, 0xff};
    size_t whole = (size_t)(last->end / 8), n = whole;
    unsigned bits = (unsigned)(last->end % 8); /* used bits of the last byte, if not all */

    made[last->header / 8] &= (uint8_t) ~(1u << last->header % 8);
    if (bits > 0)
        made[whole] &= (uint8_t)((1u << bits) - 1);
    /* Three zero bits, the header of the stored block: in the rest of the last byte, or partly or
     * fully in one more byte. */
    if (bits > 0)
        n++;
    if (bits == 0 || bits > 5)
        made[n++] = 0;
    memcpy(made + n, stored, sizeof stored);
    return n + sizeof stored;
}

static int run_tiny(struct leat_stage *stage, const struct leat_piece *piece, uint8_t *to,
                    size_t room, size_t *ret_made)
{
    z_stream z = {.next_in = piece->data, .avail_in = (uInt)piece->len};
    int r;

    leat_zmem_set(&z, stage);
    r = deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, -TINY_WINDOW_LOG, TINY_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY);
    if (r != Z_OK)
        return LEAT_ENOMEM;
    z.next_out = to;
    z.avail_out = (uInt)room;
    r = deflate(&z, Z_FINISH);
    *ret_made = z.total_out;
    deflateEnd(&z);
    return r == Z_STREAM_END
               ? 0
               : leat_fail(stage, LEAT_EINTERNAL, "zlib did not finish a piece (%d)", r);
}

static int libdeflate_run(struct leat_stage *stage, void *v, const struct leat_piece *piece,
                          uint8_t *to, size_t room, size_t *ret_made)
{
    struct libdeflate *lib = v;
    struct leat_last_block last;
    size_t n;
    int r;

    if (piece->last && piece->len < TINY)
        return run_tiny(stage, piece, to, room, ret_made);
    n = libdeflate_deflate_compress(choose(lib, piece), piece->data, piece->len, to,
                                    room - LEAT_DEFLATE_MARK_MAX);
    if (n == 0)
        return leat_fail(stage, LEAT_EINTERNAL, "libdeflate did not finish a piece");
    r = leat_verifier_run(lib->verifier, to, n, piece->data, piece->len, &last);
    if (r < 0)
        return r;
    if (r == 0)
        return leat_fail(stage, LEAT_EINTERNAL,
                         "the compressed data does not decompress to the input; "
                         "is the memory of this machine faulty?");
    *ret_made = piece->last ? n : open_end(to, &last);
    return 0;
}

const struct leat_deflater_ops leat_deflater_libdeflate = {
    .open = libdeflate_open,
    .bound = libdeflate_bound,
    .run = libdeflate_run,
    .close = libdeflate_close,
};

#else

const struct leat_deflater_ops leat_deflater_libdeflate = {.open = NULL};

#endif
