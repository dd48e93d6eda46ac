/* manifest_table.c - a manifest that was read from a file, and how it differs from entries. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

#define HOPS_MAX 8u /* from one hard link to the next */

struct leat_manifest {
    char *text; /* of the file; the strings of the items are in it */
    struct leat_manifest_item *items;
    size_t n;
};

/* --- reading ---------------------------------------------------------------------------------- */

/* The next field of a line, up to a space. NULL: there is none. */
static char *field(char **line)
{
    char *begin = *line, *space = strchr(begin, ' ');

    if (!space || space == begin)
        return NULL;
    *space = '\0';
    *line = space + 1;
    return begin;
}

static bool parse_number(const char *text, int base, uint64_t most, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, base);
    return !*end && errno == 0 && *ret <= most;
}

static bool parse_content(const char *digest, const char *size, struct leat_manifest_item *ret)
{
    if (strcmp(digest, "-") == 0)
        return strcmp(size, "-") == 0;
    if (strlen(digest) != LEAT_MANIFEST_HEX - 1 ||
        strspn(digest, "0123456789abcdef") != LEAT_MANIFEST_HEX - 1)
        return false;
    memcpy(ret->digest, digest, LEAT_MANIFEST_HEX);
    return parse_number(size, 10, UINT64_MAX, &ret->size);
}

static bool parse_line(char *line, struct leat_manifest_item *ret)
{
    char *digest = field(&line), *size = digest ? field(&line) : NULL;
    char *type = size ? field(&line) : NULL, *mode = type ? field(&line) : NULL, *target;
    uint64_t number;

    if (!mode || strlen(type) != 1 || !strchr("fdlhcbps", *type))
        return false;
    if (!parse_content(digest, size, ret) || !parse_number(mode, 8, 07777, &number))
        return false;
    ret->type = *type;
    ret->mode = (unsigned)number;
    target = strstr(line, "\t-> ");
    if (target)
        *target = '\0';
    ret->name = line;
    ret->target = target ? target + 4 : NULL;
    if (!ret->target != (*type != 'l' && *type != 'h') || (*type == 'f' && !*ret->digest))
        return false;
    return *line && leat_line_unescape(line) && (!target || leat_line_unescape(target + 4));
}

static int by_name(const void *a, const void *b)
{
    const struct leat_manifest_item *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* The last of several lines for one name counts: it replaces the others in a directory, too. */
static void sort(struct leat_manifest *m)
{
    size_t n = 0;

    if (m->n > 0)
        qsort(m->items, m->n, sizeof *m->items, by_name);
    for (size_t i = 0; i < m->n; i++)
        if (i + 1 == m->n || strcmp(m->items[i].name, m->items[i + 1].name) != 0)
            m->items[n++] = m->items[i];
    m->n = n;
}

/* The place of the first item whose name is not before this one. */
static size_t lower_bound(const struct leat_manifest *m, const char *name)
{
    size_t low = 0, high = m->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(m->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct leat_manifest_item *find(const struct leat_manifest *m, const char *name)
{
    size_t i = lower_bound(m, name);

    return i < m->n && strcmp(m->items[i].name, name) == 0 ? &m->items[i] : NULL;
}

/* Some cpio archives have the content of a file at the last of its names, so the first one is empty. */
static void set_late_contents(struct leat_manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct leat_manifest_item *link = &m->items[i];
        struct leat_manifest_item *file;

        if (link->type != 'h' || !*link->digest)
            continue;
        file = find(m, link->target);
        if (!file || file->type != 'f' || file->size > 0)
            continue;
        file->size = link->size;
        memcpy(file->digest, link->digest, sizeof file->digest);
        file->late = true;
    }
}

static int parse(struct leat_stage *s, const char *path, struct leat_manifest *m)
{
    size_t number = 0;
    char *rest = m->text, *end;

    for (; *rest; rest = end) {
        end = rest + strcspn(rest, "\n");
        if (*end)
            *end++ = '\0';
        number++;
        if (!*rest || *rest == '#')
            continue;
        m->items[m->n] = (struct leat_manifest_item){.line = number};
        if (!parse_line(rest, &m->items[m->n]))
            return leat_fail(
                s, LEAT_ECORRUPT,
                "%s: line %zu is not of the form SHA256 SIZE TYPE MODE NAME, which the "
                "stage `manifest` writes",
                path, number);
        m->n++;
    }
    sort(m);
    set_late_contents(m);
    return m->n > 0 ? 0 : leat_fail(s, LEAT_ECORRUPT, "%s: the manifest has no entry", path);
}

int leat_manifest_read(struct leat_stage *s, const char *path, struct leat_manifest **ret)
{
    struct leat_manifest *m = leat_alloc(s, sizeof *m);
    size_t n = 0, lines = 1;
    const uint8_t *data = NULL;
    int r;

    *ret = m;
    if (!m)
        return LEAT_ENOMEM;
    r = leat_read_file(s, path, &data, &n);
    if (r < 0)
        return r;
    if (n > 0 && memchr(data, '\0', n))
        return leat_fail(s, LEAT_ECORRUPT, "%s: has a NUL byte, so it is no manifest", path);
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    m->text = leat_alloc(s, n + 1);
    m->items = m->text ? leat_alloc(s, lines * sizeof *m->items) : NULL;
    if (!m->items)
        return LEAT_ENOMEM;
    if (n > 0)
        memcpy(m->text, data, n);
    return parse(s, path, m);
}

void leat_manifest_free(struct leat_stage *s, struct leat_manifest *m)
{
    if (!m)
        return;
    if (m->items)
        leat_free(s, m->items);
    if (m->text)
        leat_free(s, m->text);
    leat_free(s, m);
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Does a name of the manifest lead through this directory? `/` is the next byte after `-` and `.`, so
 * names such as `a-b` may stand between `a` and `a/b`. */
static bool leads_through(const struct leat_manifest *m, const char *name)
{
    size_t n = strlen(name), low = 0, high = m->n;

    if (strcmp(name, ".") == 0)
        return true;
    while (low < high) { /* the first item that is after "name/" or equal to it */
        size_t middle = low + (high - low) / 2;
        const char *other = m->items[middle].name;
        int order = strncmp(other, name, n);

        if (order < 0 || (order == 0 && (unsigned char)other[n] < '/'))
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->n && strncmp(m->items[low].name, name, n) == 0 && m->items[low].name[n] == '/';
}

/* Is it a hard link whose content is elsewhere? */
static bool is_open(const struct leat_manifest_item *item)
{
    return item->type == 'h' && !*item->digest;
}

/* The item that has the content. */
static const struct leat_manifest_item *resolve(const struct leat_manifest *m,
                                                const struct leat_manifest_item *item)
{
    for (unsigned i = 0; item && is_open(item) && i < HOPS_MAX; i++)
        item = find(m, item->target);
    return item;
}

/* Each name of a hard link may be the one that is a file: in a directory they are all the same. */
static bool is_same_type(char a, char b)
{
    return a == b || ((a == 'f' || a == 'h') && (b == 'f' || b == 'h'));
}

static const char *name_of(char type)
{
    switch (type) {
    case 'f':
    case 'h':
        return "a file";
    case 'd':
        return "a directory";
    case 'l':
        return "a symbolic link";
    case 'p':
        return "a FIFO";
    case 's':
        return "a socket";
    default:
        return type == 'b' ? "a block device" : "a character device";
    }
}

static bool content_differs(const struct leat_manifest_item *has,
                            const struct leat_manifest_item *wanted, char *ret, size_t size)
{
    if (!is_same_type(has->type, wanted->type)) {
        snprintf(ret, size, "is %s, and %s in the manifest", name_of(has->type),
                 name_of(wanted->type));
        return true;
    }
    if (has->type == 'l') {
        snprintf(ret, size, "the link leads elsewhere than in the manifest");
        return strcmp(has->target, wanted->target) != 0;
    }
    if (wanted->late && has->type == 'f' && has->size == 0)
        return false;
    if (has->size != wanted->size) {
        snprintf(ret, size, "its size is %" PRIu64 ", and %" PRIu64 " in the manifest", has->size,
                 wanted->size);
        return true;
    }
    snprintf(ret, size, "its content is not that of the manifest");
    return strcmp(has->digest, wanted->digest) != 0;
}

static bool mode_differs(const struct leat_manifest_item *has,
                         const struct leat_manifest_item *wanted, unsigned mask)
{
    if (has->type == 'l' || has->mode == wanted->mode)
        return false;
    return mask == LEAT_MANIFEST_ANY_MASK || has->mode != (wanted->mode & 0777 & ~mask);
}

bool leat_manifest_differs(struct leat_manifest *m, const struct leat_manifest_item *has,
                           unsigned mask, char *ret, size_t size)
{
    struct leat_manifest_item *wanted = find(m, has->name);
    const struct leat_manifest_item *content, *has_content;

    if (!wanted) {
        snprintf(ret, size, "is not in the manifest");
        return !(has->type == 'd' && leads_through(m, has->name));
    }
    wanted->seen = true;
    /* The content of a hard link was compared when that of its target was. */
    content = resolve(m, wanted);
    has_content = is_open(has) ? resolve(m, find(m, has->target)) : has;
    if (!content || !has_content || is_open(content) || is_open(has_content)) {
        snprintf(ret, size, "is a hard link to a file that the manifest does not have");
        return true;
    }
    if (content_differs(has_content, content, ret, size))
        return true;
    snprintf(ret, size, "its mode is %04o, and %04o in the manifest", has->mode, wanted->mode);
    return mode_differs(has, wanted, mask);
}

const struct leat_manifest_item *leat_manifest_missing(const struct leat_manifest *m, size_t *at)
{
    while (*at < m->n) {
        const struct leat_manifest_item *item = &m->items[(*at)++];

        if (!item->seen)
            return item;
    }
    return NULL;
}

size_t leat_manifest_count(const struct leat_manifest *m)
{
    return m->n;
}
