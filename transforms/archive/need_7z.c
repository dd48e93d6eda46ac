/* need_7z.c - the memory for a 7z archive: its header, which may be compressed, tells the decoders' dictionaries
 * and the number of files. */

#include "need.h"

#include <string.h>

#if HAVE_LZMA

#include <lzma.h>

#define START_BYTES 32u
#define HEADER_MAX ((uint64_t)64 << 20)
#define FILE_BYTES 112u /* that libarchive keeps of a file, besides the header */
#define CODERS_MAX 32u
#define DECODER_BYTES ((uint64_t)4 << 20) /* of other decoders, at most */

enum { HEADER = 1, PROPERTIES, ADDITIONAL, STREAMS, FILES, PACK, UNPACK, SUBSTREAMS, SIZES, CRC };
enum { FOLDER = 11, UNPACK_SIZES, COUNTS, ENCODED = 23 };

/* The rest of a header. Once it is bad, all numbers are 0. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

/* The streams of a header: the first packed one, and the folders. */
struct streams {
    uint64_t pack_at, pack_n;
    uint64_t folders, checksums; /* of folders */
    uint64_t need;               /* most memory of a folder */
    uint64_t size;               /* of the first folder, decoded */
    uint8_t lzma[5];             /* its properties, if its only coder is LZMA */
    bool is_lzma;
};

/* --- numbers ---------------------------------------------------------------------------------- */

static const uint8_t *take(struct cursor *c, uint64_t n)
{
    const uint8_t *at = c->at;

    if (c->bad || n > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    c->at += n;
    return at;
}

static uint8_t byte(struct cursor *c)
{
    const uint8_t *at = take(c, 1);

    return at ? *at : 0;
}

/* The bits at the top of the first byte count the bytes after it. */
static uint64_t number(struct cursor *c)
{
    uint8_t first = byte(c), mask = 0x80;
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++, mask >>= 1) {
        if ((first & mask) == 0)
            return v | (uint64_t)(first & (mask - 1)) << (8 * i);
        v |= (uint64_t)byte(c) << (8 * i);
    }
    return v;
}

/* Checksums: which there are, and four bytes of each. Returns how many. */
static uint64_t skip_checksums(struct cursor *c, uint64_t n)
{
    uint64_t defined = n;

    if (byte(c) == 0) {
        const uint8_t *bits = take(c, n / 8 + (n % 8 != 0));

        defined = 0;
        for (uint64_t i = 0; bits && i < n; i++)
            defined += bits[i / 8] >> (7 - i % 8) & 1;
    }
    if (defined > UINT32_MAX)
        c->bad = true;
    (void)take(c, 4 * defined);
    return defined;
}

/* --- folders ---------------------------------------------------------------------------------- */

struct folder {
    uint64_t dictionary, other; /* bytes: no more of the first is touched than is decoded */
    uint64_t outs;
};

static void add_coder(struct folder *f, const uint8_t *id, size_t id_n, const uint8_t *properties,
                      uint64_t n)
{
    if (id_n == 3 && memcmp(id, "\3\1\1", 3) == 0 && n >= 5)
        f->dictionary += leat_need_u32(properties + 1);
    else if (id_n == 1 && id[0] == 0x21 && n >= 1)
        f->dictionary += leat_need_lzma2(properties[0]);
    else if (id_n == 3 && memcmp(id, "\3\4\1", 3) == 0 && n >= 5)
        f->other += leat_need_u32(properties + 1);
    else
        f->other += DECODER_BYTES;
}

static void read_folder(struct cursor *c, struct streams *s, struct folder *f)
{
    uint64_t coders = number(c), ins = 0;

    if (coders > CODERS_MAX)
        c->bad = true;
    *f = (struct folder){.outs = 0};
    for (uint64_t i = 0; i < coders && !c->bad; i++) {
        uint8_t flags = byte(c);
        const uint8_t *id = take(c, flags & 15), *properties;
        uint64_t n;

        ins += flags & 0x10 ? number(c) : 1;
        f->outs += flags & 0x10 ? number(c) : 1;
        n = flags & 0x20 ? number(c) : 0;
        properties = take(c, n);
        if (!id || !properties || ins > CODERS_MAX || f->outs > CODERS_MAX) {
            c->bad = true;
            return;
        }
        add_coder(f, id, flags & 15, properties, n);
        s->is_lzma = coders == 1 && (flags & 15) == 3 && memcmp(id, "\3\1\1", 3) == 0 && n == 5;
        if (s->is_lzma)
            memcpy(s->lzma, properties, 5);
    }
    for (uint64_t i = 1; i < f->outs && !c->bad; i++) { /* which output is which input */
        (void)number(c);
        (void)number(c);
    }
    for (uint64_t i = f->outs; i <= ins && ins > f->outs && !c->bad; i++)
        (void)number(c); /* the inputs that are packed streams */
}

/* The folders stand first, then the sizes of all. */
static void read_folders(struct cursor *c, struct streams *s)
{
    uint64_t n;
    struct cursor sizes;

    if (byte(c) != FOLDER) {
        c->bad = true;
        return;
    }
    n = number(c);
    if (byte(c) != 0) /* they are elsewhere, which libarchive does not read either */
        c->bad = true;
    sizes = *c;
    for (uint64_t i = 0; i < n && !sizes.bad; i++) {
        struct folder f;

        read_folder(&sizes, s, &f);
    }
    if (byte(&sizes) != UNPACK_SIZES)
        sizes.bad = true;
    for (uint64_t i = 0; i < n && !sizes.bad && !c->bad; i++) {
        struct folder f;
        uint64_t most = 0;

        read_folder(c, s, &f);
        for (uint64_t k = 0; k < f.outs; k++) {
            uint64_t size = number(&sizes);

            most = size > most ? size : most;
        }
        s->size = i == 0 ? most : s->size;
        if (f.dictionary > most)
            f.dictionary = most;
        if (f.dictionary + f.other > s->need)
            s->need = f.dictionary + f.other;
    }
    c->bad = c->bad || sizes.bad;
    c->at = sizes.at;
    s->folders = n;
    for (uint8_t kind = byte(c); kind != 0 && !c->bad; kind = byte(c))
        s->checksums = skip_checksums(c, n);
}

/* How many files each folder has, their sizes but for the last one, and their checksums. */
static void read_substreams(struct cursor *c, const struct streams *s)
{
    uint64_t files = s->folders, sizes = 0;
    uint8_t kind = byte(c);

    if (kind == COUNTS) {
        files = 0;
        for (uint64_t i = 0; i < s->folders && !c->bad; i++) {
            uint64_t n = number(c);

            files += n;
            sizes += n > 0 ? n - 1 : 0;
        }
        kind = byte(c);
    }
    for (; kind == SIZES && sizes > 0 && !c->bad; sizes--)
        (void)number(c);
    if (kind == SIZES)
        kind = byte(c);
    if (kind == CRC && files >= s->checksums) {
        (void)skip_checksums(c, files - s->checksums);
        kind = byte(c);
    }
    c->bad = c->bad || kind != 0;
}

static void read_pack(struct cursor *c, struct streams *s)
{
    uint64_t n;

    s->pack_at = number(c);
    n = number(c);
    for (uint8_t kind = byte(c); kind != 0 && !c->bad; kind = byte(c)) {
        if (kind == CRC)
            skip_checksums(c, n);
        for (uint64_t i = 0; i < n && kind == SIZES && !c->bad; i++) {
            uint64_t size = number(c);

            s->pack_n = i == 0 ? size : s->pack_n;
        }
    }
}

static void read_streams(struct cursor *c, struct streams *s)
{
    uint8_t kind = byte(c);

    *s = (struct streams){.need = 0};
    if (kind == PACK) {
        read_pack(c, s);
        kind = byte(c);
    }
    if (kind == UNPACK) {
        read_folders(c, s);
        kind = byte(c);
    }
    if (kind == SUBSTREAMS) {
        read_substreams(c, s);
        kind = byte(c);
    }
    c->bad = c->bad || kind != 0;
}

/* --- the header ------------------------------------------------------------------------------- */

static void *allocate(void *stage, size_t n, size_t size)
{
    return leat_alloc_raw(stage, n * size);
}

static void release(void *stage, void *memory)
{
    leat_free(stage, memory);
}

/* Decode the header to exactly as many bytes as there must be. */
static lzma_ret decode_to(struct leat_stage *stage, const struct streams *s, const uint8_t *packed,
                          uint8_t *plain)
{
    lzma_allocator allocator = {.alloc = allocate, .free = release, .opaque = stage};
    lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA1}, {.id = LZMA_VLI_UNKNOWN}};
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret got = lzma_properties_decode(&filters[0], &allocator, s->lzma, sizeof s->lzma);

    if (got != LZMA_OK)
        return got;
    ((lzma_options_lzma *)filters[0].options)->dict_size =
        s->size > LZMA_DICT_SIZE_MIN ? (uint32_t)s->size : LZMA_DICT_SIZE_MIN;
    stream.allocator = &allocator;
    stream.next_in = packed;
    stream.avail_in = s->pack_n;
    stream.next_out = plain;
    stream.avail_out = s->size;
    got = lzma_raw_decoder(&stream, filters);
    if (got == LZMA_OK)
        got = lzma_code(&stream, LZMA_RUN);
    if (got == LZMA_STREAM_END || (got == LZMA_OK && stream.avail_out > 0))
        got = stream.avail_out > 0 ? LZMA_DATA_ERROR : LZMA_OK;
    lzma_end(&stream);
    release(stage, filters[0].options);
    return got;
}

/* The compressed header becomes the plain one; NULL in *ret: it is damaged. Returns 0, or fails the stage. */
static int decode(struct leat_stage *stage, int fd, const struct streams *s, uint8_t **ret)
{
    uint8_t *packed = leat_alloc_raw(stage, s->pack_n), *plain = NULL;
    lzma_ret got = LZMA_MEM_ERROR;

    *ret = NULL;
    if (packed)
        plain = leat_alloc_raw(stage, s->size);
    if (plain)
        got = leat_need_read(fd, packed, s->pack_n, START_BYTES + s->pack_at)
                  ? decode_to(stage, s, packed, plain)
                  : LZMA_DATA_ERROR;
    if (got == LZMA_OK)
        *ret = plain;
    else
        leat_free(stage, plain);
    leat_free(stage, packed);
    return got == LZMA_MEM_ERROR ? LEAT_ENOMEM : 0;
}

/* libarchive keeps the header, and each file. */
static struct leat_need need_of(struct cursor *c)
{
    uint64_t bytes = (uint64_t)(c->end - c->at), n = 0;
    struct streams s = {.need = 0};
    uint8_t kind = byte(c);

    if (kind == STREAMS) {
        read_streams(c, &s);
        kind = byte(c);
    }
    if (kind == FILES)
        n = number(c);
    return (struct leat_need){.table = bytes + FILE_BYTES * (c->bad || n > bytes ? 0 : n),
                              .decoder = s.need};
}

static int need_of_header(struct leat_stage *stage, int fd, uint8_t *header, uint64_t n,
                          struct leat_need *ret)
{
    struct cursor c = {.at = header, .end = header + n};
    struct streams s = {.need = 0};
    uint8_t kind = byte(&c), *plain = NULL;
    int r = 0;

    if (kind == HEADER)
        *ret = need_of(&c);
    if (kind != ENCODED)
        return 0;
    read_streams(&c, &s);
    if (c.bad || !s.is_lzma || s.pack_n > HEADER_MAX || s.size > HEADER_MAX || !s.size || !s.pack_n)
        return 0;
    r = decode(stage, fd, &s, &plain);
    if (plain) {
        c = (struct cursor){.at = plain, .end = plain + s.size};
        if (byte(&c) == HEADER)
            *ret = need_of(&c);
        leat_free(stage, plain);
    }
    return r;
}

int leat_7z_need(struct leat_stage *stage, int fd, uint64_t size, struct leat_need *ret)
{
    uint8_t start[START_BYTES], *header;
    uint64_t at, n;
    int r = 0;

    *ret = (struct leat_need){.table = 0};
    if (!leat_need_read(fd, start, sizeof start, 0))
        return 0;
    at = leat_need_u64(start + 12);
    n = leat_need_u64(start + 20);
    if (n == 0 || n > HEADER_MAX || at > size || n > size)
        return 0;
    header = leat_alloc_raw(stage, n);
    if (!header)
        return LEAT_ENOMEM;
    if (leat_need_read(fd, header, n, START_BYTES + at))
        r = need_of_header(stage, fd, header, n, ret);
    leat_free(stage, header);
    return r;
}

#else

int leat_7z_need(struct leat_stage *stage, int fd, uint64_t size, struct leat_need *ret)
{
    (void)stage;
    (void)fd;
    (void)size;
    *ret = (struct leat_need){.table = 0};
    return 0;
}

#endif
