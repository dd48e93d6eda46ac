/* walk_names.c - the names in directories, read and sorted. */

#include "walk_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "walk.h"

#define BUFFER ((size_t)64 << 10)

/* Memory for `size` elements at least. */
static int grow(struct leat_stage *s, void **v, size_t used, size_t *size, size_t least,
                size_t element)
{
    size_t larger = *size ? *size : 256;
    void *grown;

    while (larger < least)
        larger *= 2;
    if (larger == *size)
        return 0;
    grown = leat_alloc_raw(s, larger * element);
    if (!grown)
        return LEAT_ENOMEM;
    if (used > 0)
        memcpy(grown, *v, used * element);
    leat_free(s, *v);
    *v = grown;
    *size = larger;
    return 0;
}

static int push(struct leat_stage *s, struct leat_walk_names *names, const struct dirent64 *entry)
{
    size_t n = strlen(entry->d_name);
    void *bytes = names->bytes, *v = names->v;
    int r = grow(s, &bytes, names->bytes_n, &names->bytes_size, names->bytes_n + n + 1, 1);

    names->bytes = bytes;
    if (r == 0)
        r = grow(s, &v, names->n, &names->size, names->n + 1, sizeof *names->v);
    names->v = v;
    if (r < 0)
        return r;
    memcpy(names->bytes + names->bytes_n, entry->d_name, n + 1);
    names->v[names->n++] = (struct leat_walk_name){
        .at = names->bytes_n, .ino = entry->d_ino, .n = (uint32_t)n, .type = entry->d_type};
    names->bytes_n += n + 1;
    return 0;
}

static int by_name(const void *a, const void *b, void *bytes)
{
    const struct leat_walk_name *x = a, *y = b;

    return strcmp((const char *)bytes + x->at, (const char *)bytes + y->at);
}

static int by_inode(const void *a, const void *b, void *bytes)
{
    const struct leat_walk_name *x = a, *y = b;

    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    return by_name(a, b, bytes);
}

/* qsort allocates as much as it sorts. */
static int sort_names(struct leat_stage *s, struct leat_walk_names *names, size_t from, int sort)
{
    size_t n = names->n - from, bytes = n * sizeof *names->v;
    int r;

    if (sort == LEAT_WALK_UNSORTED || n < 2)
        return 0;
    r = leat_charge(s, bytes);
    if (r < 0)
        return r;
    qsort_r(names->v + from, n, sizeof *names->v, sort == LEAT_WALK_BY_INODE ? by_inode : by_name,
            names->bytes);
    leat_uncharge(s, bytes);
    return 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

int leat_walk_names_read(struct leat_stage *s, struct leat_walk_names *names, int fd, int sort)
{
    size_t from = names->n, bytes_from = names->bytes_n;
    ssize_t n;
    int r = 0;

    if (!names->buffer)
        names->buffer = leat_alloc_raw(s, BUFFER);
    if (!names->buffer)
        return LEAT_ENOMEM;
    do {
        const char *buffer = names->buffer;

        n = getdents64(fd, names->buffer, BUFFER);
        for (ssize_t at = 0; at < n && r == 0;) {
            const struct dirent64 *entry = (const void *)(buffer + at);

            if (!is_dots(entry->d_name))
                r = push(s, names, entry);
            at += entry->d_reclen;
        }
    } while (n > 0 && r == 0);
    if (n < 0)
        r = errno;
    if (r == 0)
        r = sort_names(s, names, from, sort);
    if (r != 0)
        leat_walk_names_pop(names, from, bytes_from);
    return r;
}

void leat_walk_names_pop(struct leat_walk_names *names, size_t n, size_t bytes_n)
{
    leat_assert(n <= names->n && bytes_n <= names->bytes_n);
    names->n = n;
    names->bytes_n = bytes_n;
}

void leat_walk_names_free(struct leat_stage *s, struct leat_walk_names *names)
{
    leat_free(s, names->bytes);
    leat_free(s, names->v);
    leat_free(s, names->buffer);
    *names = (struct leat_walk_names){.n = 0};
}
