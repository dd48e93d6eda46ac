/* header.c - the bytes of an entry's header, and what they say. */

#include "header.h"

#include <string.h>

#include "base/invariant.h"

#define BLOCK 512u

/* --- bytes ------------------------------------------------------------------------------------ */

void leat_header_begin(struct leat_header *h, uint64_t offset)
{
    uint64_t used = offset - h->begin;

    if (h->active && offset >= h->begin && used < h->n) {
        h->n -= (size_t)used;
        memmove(h->kept, h->kept + used, h->n);
    } else {
        h->n = 0;
    }
    h->active = true;
    h->begin = offset;
}

/* Append bytes of the piece, from the begin of the header on, up to this offset. */
static int keep(struct leat_header *h, uint64_t end)
{
    uint64_t from = h->begin + h->n;
    size_t n, size = h->size ? h->size : 4096;
    uint8_t *grown;

    if (from < h->piece_at || end < from || end > h->piece_at + h->piece_n ||
        end - h->begin > LEAT_HEADER_MAX) {
        h->active = false;
        return 0;
    }
    n = (size_t)(end - from);
    while (size < h->n + n)
        size *= 2;
    if (size > h->size) {
        grown = leat_alloc_raw(h->stage, size);
        if (!grown)
            return LEAT_ENOMEM;
        if (h->n > 0)
            memcpy(grown, h->kept, h->n);
        leat_free(h->stage, h->kept);
        h->kept = grown;
        h->size = size;
    }
    if (n > 0)
        memcpy(h->kept + h->n, h->piece + (from - h->piece_at), n);
    h->n += n;
    return 0;
}

int leat_header_leave(struct leat_header *h, bool in_header)
{
    uint64_t end = h->piece_at + h->piece_n;
    int r = 0;

    if (!in_header)
        h->active = false;
    else if (h->active && h->piece && end > h->begin)
        r = keep(h, end);
    h->piece = NULL;
    return r;
}

void leat_header_piece(struct leat_header *h, const void *data, size_t n, uint64_t offset)
{
    h->piece = data;
    h->piece_n = n;
    h->piece_at = offset;
}

const uint8_t *leat_header_end(struct leat_header *h, uint64_t end, size_t *ret_n)
{
    if (!h->active || !h->piece || end < h->begin)
        return NULL;
    *ret_n = (size_t)(end - h->begin);
    if (h->n > 0 && *ret_n <= h->n)
        return h->kept;
    if (h->n == 0 && (h->begin < h->piece_at || end > h->piece_at + h->piece_n))
        return NULL;
    if (h->n == 0)
        return h->piece + (h->begin - h->piece_at);
    if (keep(h, end) < 0 || !h->active)
        return NULL;
    leat_assert(h->n == *ret_n);
    return h->kept;
}

void leat_header_free(struct leat_header *h)
{
    leat_free(h->stage, h->kept);
    h->kept = NULL;
    h->n = h->size = 0;
    h->active = false;
}

/* --- cpio ------------------------------------------------------------------------------------- */

/* Digits of a number; SIZE_MAX: there are others. */
static size_t number(const uint8_t *text, size_t n, unsigned base)
{
    size_t v = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)c - '0'
                         : c >= 'a' && c <= 'f' ? (unsigned)c - 'a' + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)c - 'A' + 10
                                                : base;

        if (digit >= base)
            return SIZE_MAX;
        v = v * base + digit;
    }
    return v;
}

/* Where the numbers are in the two headers with text. */
struct layout {
    const char *magic;
    size_t bytes, name_at, size_at, name_digits, size_digits;
    unsigned base, align;
};

uint64_t leat_header_cpio(const uint8_t *data, size_t n, bool is_symlink)
{
    static const struct layout layouts[] = {
        {"070701", 110, 94, 54, 8, 8, 16, 4},
        {"070702", 110, 94, 54, 8, 8, 16, 4},
        {"070707", 76, 59, 65, 6, 11, 8, 1},
    };

    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        const struct layout *l = &layouts[i];
        size_t name_n, size, name;

        if (n < l->bytes || memcmp(data, l->magic, 6) != 0)
            continue;
        name_n = number(data + l->name_at, l->name_digits, l->base);
        size = number(data + l->size_at, l->size_digits, l->base);
        if (name_n > n - l->bytes || size == SIZE_MAX)
            return 0;
        name = strnlen((const char *)data + l->bytes, name_n);
        for (size_t k = name; k < name_n; k++)
            if (data[l->bytes + k])
                return 0;
        return ((l->bytes + name_n + l->align - 1) & ~(uint64_t)(l->align - 1)) +
               (is_symlink ? size : 0);
    }
    return 0;
}

/* --- pax -------------------------------------------------------------------------------------- */

/* The records are "LENGTH KEY=VALUE\n", and the last one of a key counts. */
static bool has_minus(const uint8_t *data, size_t n)
{
    static const char key[] = "mtime=";
    bool before = false;

    for (size_t at = 0, len; at < n; at += len) {
        const uint8_t *space = memchr(data + at, ' ', n - at);
        size_t digits = space ? (size_t)(space - data) - at : 0;

        len = digits > 0 && digits < 8 ? number(data + at, digits, 10) : SIZE_MAX;
        if (len > n - at || len < digits + 1)
            break;
        if (len > digits + 1 + sizeof key && memcmp(space + 1, key, sizeof key - 1) == 0)
            before = space[sizeof key] == '-';
    }
    return before;
}

bool leat_header_is_before_1970(const uint8_t *data, size_t n)
{
    bool before = false;

    while (n >= BLOCK) {
        char type = (char)data[156];
        size_t digits = 0, size;

        while (digits < 12 && data[124 + digits] >= '0' && data[124 + digits] <= '7')
            digits++;
        size = number(data + 124, digits, 8);
        data += BLOCK;
        n -= BLOCK;
        if (!type || !strchr("xgLK", type) || size > n)
            break;
        if (type == 'x')
            before = has_minus(data, size);
        size += -size % BLOCK;
        if (size > n)
            break;
        data += size;
        n -= size;
    }
    return before;
}
