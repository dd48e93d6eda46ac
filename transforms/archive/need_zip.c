/* need_zip.c - the memory for a zip archive: its central directory names the methods of its entries. */

#include "need.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define END_BYTES 22u                        /* the record at the end, without a comment */
#define TAIL_MAX ((size_t)65535 + END_BYTES) /* in which it begins */
#define END64_BYTES 56u
#define LOCATOR_BYTES 20u
#define HEAD_BYTES 46u   /* of an entry */
#define LOCAL_BYTES 30u  /* of the header before its content */
#define ENTRY_BYTES 160u /* that libarchive keeps of an entry */
#define BZIP2_BYTES ((uint64_t)4 << 20)
#define WINDOW ((size_t)65536)

enum { BZIP2 = 12, LZMA = 14, XZ = 95, PPMD = 98 };

bool leat_need_read(int fd, void *to, size_t n, uint64_t at)
{
    uint8_t *next = to;

    while (n > 0) {
        ssize_t done = pread(fd, next, n, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        next += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

uint16_t leat_need_u16(const uint8_t *from)
{
    uint16_t v;

    memcpy(&v, from, sizeof v);
    return le16toh(v);
}

uint32_t leat_need_u32(const uint8_t *from)
{
    uint32_t v;

    memcpy(&v, from, sizeof v);
    return le32toh(v);
}

uint64_t leat_need_u64(const uint8_t *from)
{
    uint64_t v;

    memcpy(&v, from, sizeof v);
    return le64toh(v);
}

uint64_t leat_need_lzma2(uint8_t code)
{
    if (code >= 40)
        return UINT32_MAX;
    return (2 | (uint64_t)(code & 1)) << (code / 2 + 11);
}

/* --- the central directory -------------------------------------------------------------------- */

struct directory {
    uint64_t at, end; /* offsets in the file */
    uint64_t base;    /* is added to offsets: a program may be before the archive */
};

/* Returns false if there is none. `tail`: the last n bytes of the file. */
static bool find_directory(int fd, uint64_t size, const uint8_t *tail, size_t n,
                           struct directory *ret)
{
    uint8_t end64[END64_BYTES];
    uint64_t bytes, at, end;
    size_t i = n - END_BYTES;

    while (memcmp(tail + i, "PK\5\6", 4) != 0)
        if (i-- == 0)
            return false;
    end = size - n + i;
    bytes = leat_need_u32(tail + i + 12);
    at = leat_need_u32(tail + i + 16);
    if (i >= LOCATOR_BYTES && memcmp(tail + i - LOCATOR_BYTES, "PK\6\7", 4) == 0) {
        uint64_t at64 = leat_need_u64(tail + i - LOCATOR_BYTES + 8);

        if (!leat_need_read(fd, end64, sizeof end64, at64) || memcmp(end64, "PK\6\6", 4) != 0)
            return false;
        bytes = leat_need_u64(end64 + 40);
        at = leat_need_u64(end64 + 48);
        end = at64;
    }
    if (bytes > end || end - bytes < at)
        return false;
    *ret = (struct directory){.at = end - bytes, .end = end, .base = end - bytes - at};
    return true;
}

/* The offset of an entry's local header. A number that does not fit is in an extra field, after the sizes that
 * do not fit. */
static uint64_t offset_of(const uint8_t *head, const uint8_t *extra, size_t n)
{
    uint64_t offset = leat_need_u32(head + 42);
    size_t skip = 8 * ((leat_need_u32(head + 24) == UINT32_MAX) +
                       (size_t)(leat_need_u32(head + 20) == UINT32_MAX));

    if (offset != UINT32_MAX)
        return offset;
    while (n >= 4) {
        size_t field = leat_need_u16(extra + 2);

        if (field > n - 4)
            break;
        if (leat_need_u16(extra) == 1 && field >= skip + 8)
            return leat_need_u64(extra + 4 + skip);
        extra += 4 + field;
        n -= 4 + field;
    }
    return UINT64_MAX;
}

/* --- methods ---------------------------------------------------------------------------------- */

/* The header of the first block of an xz stream, with one filter. */
static uint64_t xz_need(const uint8_t *data)
{
    const uint8_t *at = data + 14;

    for (unsigned sizes = (data[13] >> 6 & 1) + (data[13] >> 7); sizes > 0; sizes--)
        while (*at++ & 0x80 && at < data + 40)
            ;
    return at[0] == 0x21 && at[1] == 1 ? leat_need_lzma2(at[2]) : 0;
}

/* The memory that the decoder of an entry needs. The first bytes of its content tell it. */
static uint64_t decoder_need(int fd, unsigned method, uint64_t local, uint64_t content)
{
    uint8_t head[LOCAL_BYTES], data[64] = {0};
    uint64_t n = 0;

    if (method == BZIP2)
        return BZIP2_BYTES;
    if ((method != LZMA && method != XZ && method != PPMD) ||
        !leat_need_read(fd, head, sizeof head, local))
        return 0;
    local += sizeof head + leat_need_u16(head + 26) + (uint64_t)leat_need_u16(head + 28);
    if (!leat_need_read(fd, data, method == XZ ? 48 : 9, local))
        return 0;
    if (method == LZMA)
        n = leat_need_u32(data + 5);
    else if (method == XZ)
        n = xz_need(data);
    else
        return ((uint64_t)(leat_need_u16(data) >> 4 & 0xff) + 1) << 20;
    return n < content ? n : content; /* no more of it is touched */
}

/* --- all entries ------------------------------------------------------------------------------ */

/* A window of the directory that begins at d->at, and has `least` bytes. */
static bool look(int fd, const struct directory *d, uint8_t *window, size_t least, size_t *ret_n)
{
    uint64_t left = d->end - d->at;

    *ret_n = left < WINDOW ? (size_t)left : WINDOW;
    return *ret_n >= least && leat_need_read(fd, window, *ret_n, d->at);
}

static void need_of_entries(int fd, struct directory *d, uint8_t *window, struct leat_need *ret)
{
    uint64_t entries = 0, most = 0;
    size_t n = 0, at = 0;

    while (d->at < d->end) {
        const uint8_t *head = window + at;
        uint64_t need;
        size_t bytes;

        if (n - at < HEAD_BYTES ||
            n - at < HEAD_BYTES + (size_t)leat_need_u16(head + 28) + leat_need_u16(head + 30)) {
            if (at == 0 && n > 0)
                break;
            if (!look(fd, d, window, HEAD_BYTES, &n))
                break;
            at = 0;
            continue;
        }
        if (memcmp(head, "PK\1\2", 4) != 0)
            break;
        bytes = HEAD_BYTES + (size_t)leat_need_u16(head + 28);
        need = decoder_need(fd, leat_need_u16(head + 10),
                            d->base + offset_of(head, head + bytes, leat_need_u16(head + 30)),
                            leat_need_u32(head + 24));
        most = need > most ? need : most;
        bytes += (size_t)leat_need_u16(head + 30) + leat_need_u16(head + 32);
        entries++;
        d->at += bytes;
        at = bytes > n - at ? n : at + bytes;
    }
    *ret = (struct leat_need){.table = entries * ENTRY_BYTES, .decoder = most};
}

int leat_zip_need(struct leat_stage *s, int fd, uint64_t size, struct leat_need *ret)
{
    size_t n = size < TAIL_MAX ? (size_t)size : TAIL_MAX;
    uint8_t *buffer = leat_alloc_raw(s, TAIL_MAX > WINDOW ? TAIL_MAX : WINDOW);
    struct directory d;

    if (!buffer)
        return LEAT_ENOMEM;
    *ret = (struct leat_need){.table = 0};
    if (n >= END_BYTES && leat_need_read(fd, buffer, n, size - n) &&
        find_directory(fd, size, buffer, n, &d))
        need_of_entries(fd, &d, buffer, ret);
    leat_free(s, buffer);
    return 0;
}
