/* pack_writer.c - the sink of an archive, and what each format can hold. */

#include "pack_writer.h"

#include <inttypes.h>
#include <string.h>

#include "base/invariant.h"

#define SHOWN_MAX 300u

const struct leat_pack_holds leat_pack_holds[] = {
    [LEAT_PACK_PAX] = {.name = "pax",
                       .size_max = INT64_MAX,
                       .id_max = UINT32_MAX,
                       .time_min = INT64_MIN,
                       .time_max = INT64_MAX,
                       .time_unit = 1,
                       .owners = true,
                       .links = true,
                       .special = true,
                       .holes = true,
                       .xattrs = true},
    [LEAT_PACK_USTAR] = {.name = "ustar",
                         .size_max = 077777777777,
                         .id_max = 07777777,
                         .time_max = 077777777777,
                         .time_unit = 1000000000,
                         .owners = true,
                         .links = true,
                         .special = true},
    [LEAT_PACK_GNUTAR] = {.name = "gnutar",
                          .size_max = INT64_MAX,
                          .id_max = UINT32_MAX,
                          .time_min = INT64_MIN,
                          .time_max = INT64_MAX,
                          .time_unit = 1000000000,
                          .owners = true,
                          .links = true,
                          .special = true},
    [LEAT_PACK_ZIP] = {.name = "zip",
                       .size_max = INT64_MAX,
                       .id_max = UINT32_MAX,
                       .time_max = INT32_MAX,
                       .time_unit = 1000000000,
                       .owners = true},
    [LEAT_PACK_CPIO] = {.name = "cpio",
                        .size_max = UINT32_MAX,
                        .id_max = UINT32_MAX,
                        .time_max = UINT32_MAX,
                        .time_unit = 1000000000,
                        .owners = true,
                        .links = true,
                        .special = true},
    [LEAT_PACK_7Z] = {.name = "7z",
                      .size_max = INT64_MAX,
                      .id_max = UINT32_MAX,
                      .time_min = -11644473600, /* 1601 */
                      .time_max = 910670515199, /* its 64 bits of 100 ns */
                      .time_unit = 100,
                      .utf8_only = true},
};

/* --- sink ------------------------------------------------------------------------------------- */

int leat_pack_flush(struct leat_pack_sink *s)
{
    size_t n = s->used;

    if (!s->room)
        return 0;
    s->room = NULL;
    s->used = s->size = 0;
    return leat_push_commit(s->blocking, n);
}

int leat_pack_room(struct leat_pack_sink *s, uint8_t **ret_to, size_t *ret_n)
{
    int r = 0;

    leat_assert(s->used <= s->size);
    if (s->used == s->size) {
        r = leat_pack_flush(s);
        if (r == 0)
            r = leat_push_reserve(s->blocking, 1, &s->room, &s->size);
        if (r < 0)
            return r;
    }
    leat_assert(s->room && s->used < s->size);
    *ret_to = s->room + s->used;
    *ret_n = s->size - s->used;
    return 0;
}

void leat_pack_put(struct leat_pack_sink *s, size_t n)
{
    leat_assert(n <= s->size - s->used);
    s->used += n;
    s->written += n;
}

int leat_pack_write(struct leat_pack_sink *s, const void *data, size_t n)
{
    const uint8_t *from = data;

    while (n > 0) {
        uint8_t *to;
        size_t part;
        int r = leat_pack_room(s, &to, &part);

        if (r < 0)
            return r;
        if (part > n)
            part = n;
        memcpy(to, from, part);
        leat_pack_put(s, part);
        from += part;
        n -= part;
    }
    return 0;
}

int leat_pack_zeros(struct leat_pack_sink *s, uint64_t n)
{
    while (n > 0) {
        uint8_t *to;
        size_t part;
        int r = leat_pack_room(s, &to, &part);

        if (r < 0)
            return r;
        if (part > n)
            part = (size_t)n;
        memset(to, 0, part);
        leat_pack_put(s, part);
        n -= part;
    }
    return 0;
}

/* --- text ------------------------------------------------------------------------------------- */

bool leat_pack_is_ascii(const char *text)
{
    for (; *text; text++)
        if ((uint8_t)*text >= 0x80)
            return false;
    return true;
}

/* Bytes of the character at `text` if it is UTF-8 and no surrogate, else 0. */
static size_t utf8_at(const uint8_t *c)
{
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

    if (c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90))
        return 0;
    return n;
}

bool leat_pack_is_utf8(const char *text)
{
    const uint8_t *c = (const uint8_t *)text;

    while (*c) {
        size_t n = utf8_at(c);

        if (n == 0)
            return false;
        c += n;
    }
    return true;
}

const char *leat_pack_shown(const char *path)
{
    size_t n = strlen(path);

    return n > SHOWN_MAX ? path + n - SHOWN_MAX : path;
}

/* --- what a format can hold ------------------------------------------------------------------- */

static int refuse(struct leat_pack_writer *w, const char *path, const char *fact, int64_t value)
{
    const char *option = strcmp(fact, "time") == 0    ? " or --mtime"
                         : strcmp(fact, "owner") == 0 ? " or --owner"
                         : strcmp(fact, "group") == 0 ? " or --group"
                                                      : "";

    return leat_fail(w->sink.stage, LEAT_ELIMIT,
                     "%s: its %s of %" PRId64 " does not fit in --format=%s; use --format=pax%s",
                     leat_pack_shown(path), fact, value, w->holds->name, w->repacks ? "" : option);
}

int leat_pack_check(struct leat_pack_writer *w, const struct leat_entry *e, const char *path)
{
    const struct leat_pack_holds *h = w->holds;

    if (S_ISFIFO(e->mode) || S_ISCHR(e->mode) || S_ISBLK(e->mode)) {
        if (!h->special)
            return leat_fail(w->sink.stage, LEAT_EUSAGE,
                             "%s: is a %s, which --format=%s cannot hold; use --format=pax or "
                             "--exclude it",
                             leat_pack_shown(path), S_ISFIFO(e->mode) ? "FIFO" : "device", h->name);
    }
    if (e->size > h->size_max)
        return refuse(w, path, "size", (int64_t)e->size);
    if (e->uid > h->id_max)
        return refuse(w, path, "owner", (int64_t)e->uid);
    if (e->gid > h->id_max)
        return refuse(w, path, "group", (int64_t)e->gid);
    if (e->mtime < h->time_min || e->mtime > h->time_max)
        return refuse(w, path, "time", e->mtime);
    if (h->utf8_only && !(leat_pack_is_utf8(e->name) && (!e->link || leat_pack_is_utf8(e->link))))
        return leat_fail(w->sink.stage, LEAT_EUSAGE,
                         "%s: its name is not UTF-8, which --format=%s cannot hold; use "
                         "--format=pax or --exclude it",
                         leat_pack_shown(path), h->name);
    return 0;
}

/* --- writer ----------------------------------------------------------------------------------- */

static const struct leat_pack_ops *const all_ops[] = {
    [LEAT_PACK_PAX] = &leat_pack_tar,    [LEAT_PACK_USTAR] = &leat_pack_tar,
    [LEAT_PACK_GNUTAR] = &leat_pack_tar, [LEAT_PACK_ZIP] = &leat_pack_la,
    [LEAT_PACK_CPIO] = &leat_pack_cpio,  [LEAT_PACK_7Z] = &leat_pack_la,
};

int leat_pack_writer_init(struct leat_pack_writer *w, struct leat_stage *stage,
                          struct leat_blocking *blocking, enum leat_pack_format format, bool plain)
{
    *w = (struct leat_pack_writer){.sink = {.stage = stage, .blocking = blocking},
                                   .ops = all_ops[format],
                                   .holds = &leat_pack_holds[format],
                                   .format = format,
                                   .plain = plain};
    return w->ops->begin ? w->ops->begin(w) : 0;
}

int leat_pack_header(struct leat_pack_writer *w, const struct leat_entry *e)
{
    leat_assert(*e->name);
    leat_assert(!e->is_hard_link || e->link);
    return w->ops->header(w, e);
}

int leat_pack_data(struct leat_pack_writer *w, const void *data, size_t n)
{
    return w->ops->data ? w->ops->data(w, data, n) : leat_pack_write(&w->sink, data, n);
}

int leat_pack_finish_entry(struct leat_pack_writer *w)
{
    return w->ops->finish_entry(w);
}

int leat_pack_end(struct leat_pack_writer *w)
{
    int r = w->ops->end(w);

    return r < 0 ? r : leat_pack_flush(&w->sink);
}

void leat_pack_writer_done(struct leat_pack_writer *w)
{
    if (w->ops && w->ops->free)
        w->ops->free(w);
    leat_free(w->sink.stage, w->records);
    w->records = NULL;
}
