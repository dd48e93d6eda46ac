/* siblings.c - the files that had a followed name before.
 *
 * A rotation puts a number or a date after the name, or before its suffix. The time of the last change orders them; where it
 * is the same, the number: in a chain (.1, .2, .3) the highest is the oldest, else the lowest.
 */

#include "siblings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16u
#define NS_PER_S 1000000000

/* --- names ------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, size_t n, const char *end)
{
    size_t len = strlen(end);

    return n >= len && memcmp(text + n - len, end, len) == 0;
}

static bool is_compressed(const char *file)
{
    static const char *const suffixes[] = {".gz", ".zst", ".xz", ".bz2", ".lz4", ".br"};

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_with(file, strlen(file), suffixes[i]))
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A separator, then a number or a date, or `old`. */
static bool is_turn(const char *text, size_t n)
{
    if (n < 2 || !strchr(".-_", text[0]))
        return false;
    return is_digit(text[1]) ||
           (n == 4 && (memcmp(text + 1, "old", 3) == 0 || memcmp(text + 1, "bak", 3) == 0));
}

/* All of it after the separator, if that are at most four digits, as in a chain. */
static uint64_t number_of(const char *text, size_t n)
{
    uint64_t number = 0;

    for (size_t i = 1; i < n; i++) {
        if (!is_digit(text[i]) || number > UINT64_MAX / 16)
            return UINT64_MAX;
        number = 10 * number + (uint64_t)(text[i] - '0');
    }
    return number;
}

enum leat_follow_kin leat_follow_kin(const char *base, const char *file, uint64_t *ret_number)
{
    size_t n = strlen(base), len = strlen(file), stem;
    const char *suffix = strrchr(base, '.');

    *ret_number = UINT64_MAX;
    if (len > n && memcmp(file, base, n) == 0 && is_turn(file + n, len - n)) {
        *ret_number = number_of(file + n, len - n);
        return is_compressed(file) ? FOLLOW_COMPRESSED_KIN : FOLLOW_KIN;
    }
    if (!suffix || suffix == base)
        return FOLLOW_NO_KIN;
    stem = (size_t)(suffix - base);
    if (len <= n || memcmp(file, base, stem) != 0 || !ends_with(file, len, suffix) ||
        !is_turn(file + stem, len - n))
        return FOLLOW_NO_KIN;
    *ret_number = number_of(file + stem, len - n);
    return FOLLOW_KIN;
}

/* --- the list ---------------------------------------------------------------------------------- */

static int append(struct leat_stage *s, struct leat_follow_siblings *l,
                  const struct leat_follow_sibling *sibling)
{
    if (l->n == FOLLOW_SIBLINGS_MAX)
        return leat_fail(s, LEAT_ELIMIT, "more than %u rotated files", FOLLOW_SIBLINGS_MAX);
    if (l->n == l->room) {
        unsigned room = l->room > 0 ? 2 * l->room : ROOM_FIRST;
        struct leat_follow_sibling *more = leat_alloc_raw(s, room * sizeof *more);

        if (!more)
            return LEAT_ENOMEM;
        if (l->n > 0)
            memcpy(more, l->v, l->n * sizeof *more);
        leat_free(s, l->v);
        l->v = more;
        l->room = room;
    }
    l->v[l->n++] = *sibling;
    return 0;
}

/* Returns 0, also if it is none, or fails the stage. */
static int look_at(struct leat_stage *s, const struct leat_follow_name *name, DIR *dir,
                   const char *file, struct leat_follow_siblings *l)
{
    struct leat_follow_sibling v = {.number = UINT64_MAX, .is_base = strcmp(file, name->base) == 0};
    enum leat_follow_kin kin =
        v.is_base ? FOLLOW_KIN : leat_follow_kin(name->base, file, &v.number);
    struct stat info;

    l->compressed += kin == FOLLOW_COMPRESSED_KIN;
    if (kin != FOLLOW_KIN || fstatat(dirfd(dir), file, &info, 0) < 0 || !S_ISREG(info.st_mode))
        return 0;
    v.dev = info.st_dev;
    v.ino = info.st_ino;
    v.size = (uint64_t)info.st_size;
    v.changed_ns = (int64_t)info.st_mtim.tv_sec * NS_PER_S + info.st_mtim.tv_nsec;
    memcpy(v.file, file, strnlen(file, NAME_MAX));
    return append(s, l, &v);
}

struct order {
    bool chain; /* the highest number is the oldest file */
};

static int compare(const void *a, const void *b, void *arg)
{
    const struct leat_follow_sibling *x = a, *y = b;
    const struct order *order = arg;

    if (x->is_base != y->is_base)
        return x->is_base ? 1 : -1;
    if (x->changed_ns != y->changed_ns)
        return x->changed_ns < y->changed_ns ? -1 : 1;
    if (x->number != y->number)
        return (x->number < y->number) == order->chain ? 1 : -1;
    return strcmp(x->file, y->file);
}

/* Is the file with the lowest number newer than the one with the highest? */
static bool is_chain(const struct leat_follow_siblings *l)
{
    const struct leat_follow_sibling *low = NULL, *high = NULL;

    for (unsigned i = 0; i < l->n; i++) {
        const struct leat_follow_sibling *v = &l->v[i];

        if (v->number == UINT64_MAX)
            continue;
        if (!low || v->number < low->number)
            low = v;
        if (!high || v->number > high->number)
            high = v;
    }
    if (!low || low->changed_ns == high->changed_ns)
        return low && low->number <= 1;
    return low->changed_ns > high->changed_ns;
}

int leat_follow_siblings_list(struct leat_stage *s, const struct leat_follow_name *name,
                              struct leat_follow_siblings *l)
{
    DIR *dir = opendir(name->dir);
    const struct dirent *e;
    struct order order;
    int r = 0, error;

    l->n = l->compressed = 0;
    if (!dir)
        return leat_fail_errno(s, errno, "%s", name->dir);
    while (r == 0 && (errno = 0, e = readdir(dir)))
        r = look_at(s, name, dir, e->d_name, l);
    error = r == 0 ? errno : 0;
    (void)closedir(dir); /* it was only read */
    if (error != 0)
        return leat_fail_errno(s, error, "%s", name->dir);
    order.chain = is_chain(l);
    if (l->n > 1)
        qsort_r(l->v, l->n, sizeof *l->v, compare, &order);
    return r;
}

void leat_follow_siblings_free(struct leat_stage *s, struct leat_follow_siblings *l)
{
    leat_free(s, l->v);
    *l = (struct leat_follow_siblings){.v = NULL};
}

int leat_follow_sibling_find(const struct leat_follow_name *name, uint64_t ino,
                             struct stat *ret_info)
{
    DIR *dir = opendir(name->dir);
    const struct dirent *e;
    int fd = -ENOENT;

    if (!dir)
        return -errno;
    while (fd == -ENOENT && (e = readdir(dir))) /* at an error, too, it is not found */
        if (e->d_ino == ino)
            fd = leat_follow_name_find(name, e->d_name, ret_info);
    (void)closedir(dir); /* it was only read */
    return fd;
}
