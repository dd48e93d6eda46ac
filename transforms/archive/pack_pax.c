/* pack_pax.c - the records of a pax extended header: "LENGTH KEY=VALUE\n". */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "pack_writer.h"

#define BLOCK 512u
#define NAME_BYTES 100u
#define USER_MAX 31u
#define NUMBER_SIZE 24u
#define KEY_SIZE 320u /* of an extended attribute: its name has at most 255 bytes, some as %XX */
#define SECOND_NS 1000000000u
#define RECORDS_MAX ((size_t)64 << 20)

static int make_room(struct leat_pack_writer *w, size_t n)
{
    size_t size = w->records_size ? w->records_size : 1024;
    uint8_t *grown;

    if (n > RECORDS_MAX)
        return leat_fail(w->sink.stage, LEAT_ELIMIT, "the attributes of a file exceed %zu MiB",
                         RECORDS_MAX >> 20);
    while (size < w->records_n + n)
        size *= 2;
    if (size == w->records_size)
        return 0;
    grown = leat_alloc_raw(w->sink.stage, size);
    if (!grown)
        return LEAT_ENOMEM;
    if (w->records_n > 0)
        memcpy(grown, w->records, w->records_n);
    leat_free(w->sink.stage, w->records);
    w->records = grown;
    w->records_size = size;
    return 0;
}

static size_t digits_of(size_t n)
{
    size_t digits = 1;

    while (n >= 10) {
        n /= 10;
        digits++;
    }
    return digits;
}

/* The length at the begin of a record counts its own digits. `tail` follows the value. */
static int add_with(struct leat_pack_writer *w, const char *key, const void *value, size_t n,
                    const char *tail)
{
    size_t n_tail = strlen(tail), rest = 1 + strlen(key) + 1 + n + n_tail + 1;
    size_t len = rest + digits_of(rest), head;
    int r;

    if (digits_of(len) > digits_of(rest))
        len = rest + digits_of(len);
    r = make_room(w, len + 1);
    if (r < 0)
        return r;
    head = (size_t)snprintf((char *)w->records + w->records_n, len, "%zu %s=", len, key);
    leat_assert(head + n + n_tail + 1 == len);
    if (n > 0)
        memcpy(w->records + w->records_n + head, value, n);
    memcpy(w->records + w->records_n + head + n, tail, n_tail);
    w->records[w->records_n + len - 1] = '\n';
    w->records_n += len;
    return 0;
}

static int add(struct leat_pack_writer *w, const char *key, const void *value, size_t n)
{
    return add_with(w, key, value, n, "");
}

static int add_text(struct leat_pack_writer *w, const char *key, const char *value)
{
    return add(w, key, value, strlen(value));
}

static int add_number(struct leat_pack_writer *w, const char *key, uint64_t value)
{
    char text[NUMBER_SIZE];
    int n = snprintf(text, sizeof text, "%" PRIu64, value);

    return add(w, key, text, (size_t)n);
}

/* Before 1970, -1 s and 0.3 s after it are -0.7. */
static int add_time(struct leat_pack_writer *w, const struct leat_entry *e)
{
    bool before = e->mtime < 0 && e->mtime_ns > 0;
    uint64_t s = e->mtime < 0 ? 0 - (uint64_t)e->mtime - before : (uint64_t)e->mtime;
    unsigned ns = before ? SECOND_NS - e->mtime_ns : e->mtime_ns;
    char text[2 * NUMBER_SIZE];
    int n = snprintf(text, sizeof text, "%s%" PRIu64 ".%09u", e->mtime < 0 ? "-" : "", s, ns);

    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    return add(w, "mtime", text, (size_t)n);
}

/* --- names ------------------------------------------------------------------------------------ */

/* The header holds short ASCII names. Others are the same in a record, so that their encoding is
 * known. */
static bool needs_record(const char *text, size_t most)
{
    return strlen(text) > most || !leat_pack_is_ascii(text);
}

static int add_names(struct leat_pack_writer *w, const struct leat_entry *e)
{
    bool is_dir = S_ISDIR(e->mode) && !e->is_hard_link;
    int r = 0;

    if (!leat_pack_is_utf8(e->name) || (e->link && !leat_pack_is_utf8(e->link)) ||
        !leat_pack_is_utf8(e->user) || !leat_pack_is_utf8(e->group))
        r = add_text(w, "hdrcharset", "BINARY");
    if (r == 0 && !e->regions && needs_record(e->name, NAME_BYTES - is_dir))
        r = add_with(w, "path", e->name, strlen(e->name), is_dir ? "/" : "");
    if (r == 0 && e->link && needs_record(e->link, NAME_BYTES))
        r = add_text(w, "linkpath", e->link);
    if (r == 0 && needs_record(e->user, USER_MAX))
        r = add_text(w, "uname", e->user);
    if (r == 0 && needs_record(e->group, USER_MAX))
        r = add_text(w, "gname", e->group);
    return r;
}

/* --- sparse files, attributes ----------------------------------------------------------------- */

int leat_pax_map(struct leat_pack_writer *w, const struct leat_entry *e, bool write,
                 uint64_t *ret_n)
{
    const struct leat_region *end = e->regions + e->n_regions;
    char text[2 * NUMBER_SIZE];
    int r = 0, n = snprintf(text, sizeof text, "%zu\n", e->n_regions);
    uint64_t sum = (uint64_t)n;

    if (write)
        r = leat_pack_write(&w->sink, text, (size_t)n);
    for (const struct leat_region *i = e->regions; i < end && r == 0; i++) {
        n = snprintf(text, sizeof text, "%" PRIu64 "\n%" PRIu64 "\n", i->at, i->n);
        sum += (uint64_t)n;
        if (write)
            r = leat_pack_write(&w->sink, text, (size_t)n);
    }
    if (write && r == 0)
        r = leat_pack_zeros(&w->sink, -sum % BLOCK);
    *ret_n = sum + -sum % BLOCK;
    return r;
}

static int add_sparse(struct leat_pack_writer *w, const struct leat_entry *e)
{
    int r = add_text(w, "GNU.sparse.major", "1");

    if (r == 0)
        r = add_text(w, "GNU.sparse.minor", "0");
    if (r == 0)
        r = add_text(w, "GNU.sparse.name", e->name);
    if (r == 0)
        r = add_number(w, "GNU.sparse.realsize", e->size);
    return r;
}

/* As GNU tar: `=` would end the key. */
static int add_xattr(struct leat_pack_writer *w, const struct leat_xattr *x)
{
    char key[KEY_SIZE * 3] = "SCHILY.xattr.";
    size_t n = strlen(key);

    for (const char *c = x->name; *c && n + 4 < sizeof key; c++) {
        if (*c == '%' || *c == '=')
            n += (size_t)snprintf(key + n, sizeof key - n, "%%%02X", (unsigned)*c);
        else
            key[n++] = *c;
    }
    key[n] = '\0';
    return add(w, key, x->value, x->n);
}

/* Bytes of the content in the archive. */
static uint64_t stored(const struct leat_entry *e, uint64_t map)
{
    uint64_t sum = map;

    for (size_t i = 0; i < e->n_regions; i++)
        sum += e->regions[i].n;
    return sum;
}

static int add_numbers(struct leat_pack_writer *w, const struct leat_entry *e)
{
    uint64_t size = e->size, map = 0;
    int r = 0;

    if (e->mtime < 0 || e->mtime > 077777777777 || e->mtime_ns > 0)
        r = add_time(w, e);
    if (r == 0 && e->uid > 07777777)
        r = add_number(w, "uid", e->uid);
    if (r == 0 && e->gid > 07777777)
        r = add_number(w, "gid", e->gid);
    if (r == 0 && e->regions) {
        (void)leat_pax_map(w, e, false, &map);
        size = stored(e, map);
    }
    if (r == 0 && size > 077777777777)
        r = add_number(w, "size", size);
    return r;
}

int leat_pax_records(struct leat_pack_writer *w, const struct leat_entry *e)
{
    int r;

    w->records_n = 0;
    r = add_names(w, e);
    if (r == 0)
        r = add_numbers(w, e);
    if (r == 0 && e->regions)
        r = add_sparse(w, e);
    for (size_t i = 0; i < e->n_xattrs && r == 0; i++)
        r = add_xattr(w, &e->xattrs[i]);
    if (r == 0 && e->acl_access)
        r = add_text(w, "SCHILY.acl.access", e->acl_access);
    if (r == 0 && e->acl_default)
        r = add_text(w, "SCHILY.acl.default", e->acl_default);
    return r;
}
