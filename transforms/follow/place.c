/* place.c - how far the files of all names were read, as bytes of a checkpoint; and the way back.
 *
 * The files of a name are read one after another, so one place tells all: what is older was read, what is newer was not. On
 * the way back the file is found by its inode and its content, or, as a rotation may have copied it, by its content alone.
 */

#include "place.h"

#include <string.h>
#include <unistd.h>

#include "packed.h"
#include "siblings.h"

#define NS_PER_S 1000000000

/* Before each path. Numbers are those of this machine: inodes mean nothing elsewhere. */
struct entry {
    uint32_t path; /* bytes of the path */
    uint32_t has;  /* a place and its two pieces of the file follow the path */
};

/* --- saving ------------------------------------------------------------------------------------ */

static const struct leat_follow_file *place_of(const struct leat_follow_name *name)
{
    return name->n > 0 ? name->files[0] : name->known[0];
}

static size_t size_of(const struct leat_follow_name *name)
{
    return sizeof(struct entry) + strlen(name->path) + sizeof(struct leat_follow_place) +
           FOLLOW_HEAD + FOLLOW_TAIL;
}

static uint8_t *put(uint8_t *to, const void *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static uint8_t *put_name(uint8_t *to, const struct leat_follow_name *name)
{
    const struct leat_follow_file *f = place_of(name);
    struct entry entry = {.path = (uint32_t)strlen(name->path), .has = f != NULL};
    struct leat_follow_place place;
    struct stat info = {0};

    to = put(to, &entry, sizeof entry);
    to = put(to, name->path, entry.path);
    if (!f)
        return to;
    if (f->fd >= 0 && fstat(f->fd, &info) < 0)
        info = (struct stat){0}; /* then more siblings count as newer */
    place = (struct leat_follow_place){.dev = f->dev,
                                       .ino = f->ino,
                                       .offset = f->offset,
                                       .changed_ns = (int64_t)info.st_mtim.tv_sec * NS_PER_S +
                                                     info.st_mtim.tv_nsec,
                                       .head = (uint32_t)f->head_len,
                                       .tail = (uint32_t)f->tail_len};
    to = put(to, &place, sizeof place);
    to = put(to, f->head, f->head_len);
    return put(to, f->tail, f->tail_len);
}

int leat_follow_places_save(struct leat_stage *s, struct leat_follow_places *p,
                            const struct leat_follow_name *names, size_t n)
{
    uint8_t *to;
    size_t room = 0;

    for (size_t i = 0; i < n && p->room == 0; i++)
        room += size_of(&names[i]);
    if (room > 0) {
        p->data = leat_alloc_raw(s, room);
        if (!p->data)
            return LEAT_ENOMEM;
        p->room = room;
    }
    to = p->data;
    for (size_t i = 0; i < n; i++)
        to = put_name(to, &names[i]);
    return leat_checkpoint_set(s, p->data, (size_t)(to - p->data));
}

void leat_follow_places_free(struct leat_stage *s, struct leat_follow_places *p)
{
    leat_free(s, p->data);
    *p = (struct leat_follow_places){.data = NULL};
}

/* --- the way back ------------------------------------------------------------------------------ */

/* Returns false: there are not so many bytes. */
static bool get(const uint8_t **at, const uint8_t *end, void *to, size_t n)
{
    if ((size_t)(end - *at) < n)
        return false;
    memcpy(to, *at, n);
    *at += n;
    return true;
}

static bool get_place(const uint8_t **at, const uint8_t *end, struct leat_follow_file *f,
                      int64_t *ret_changed_ns)
{
    struct leat_follow_place place;

    if (!get(at, end, &place, sizeof place) || place.head > FOLLOW_HEAD ||
        place.tail > FOLLOW_TAIL || place.tail > place.offset || place.head > place.offset)
        return false;
    *f = (struct leat_follow_file){.fd = -1,
                                   .watch = -1,
                                   .dev = place.dev,
                                   .ino = place.ino,
                                   .offset = place.offset,
                                   .head_len = place.head,
                                   .tail_len = place.tail};
    *ret_changed_ns = place.changed_ns;
    return get(at, end, f->head, place.head) && get(at, end, f->tail, place.tail);
}

int leat_follow_places_find(struct leat_stage *s, const uint8_t *data, size_t n, const char *path,
                            struct leat_follow_file *ret_file, int64_t *ret_changed_ns)
{
    const uint8_t *at = data, *end = data + n;

    while (at < end) {
        struct entry entry;
        bool ours;

        if (!get(&at, end, &entry, sizeof entry) || (size_t)(end - at) < entry.path)
            return leat_fail(s, LEAT_ECORRUPT, "the checkpoint is not one of follow");
        ours = entry.path == strlen(path) && memcmp(at, path, entry.path) == 0;
        at += entry.path;
        if (entry.has && !get_place(&at, end, ret_file, ret_changed_ns))
            return leat_fail(s, LEAT_ECORRUPT, "the checkpoint is not one of follow");
        if (ours)
            return entry.has != 0;
    }
    return 0;
}

/* The descriptor of the sibling, if it is the file of the place, or with the same content; -1: no. */
static int open_if_same(const struct leat_follow_name *name, const struct leat_follow_sibling *v,
                        const struct leat_follow_file *place, struct stat *ret_info)
{
    int fd;

    if (v->size < place->offset)
        return -1;
    fd = leat_follow_name_find(name, v->file, ret_info);
    if (fd >= 0 && (uint64_t)ret_info->st_size >= place->offset &&
        leat_follow_file_is_same(place, fd))
        return fd;
    if (fd >= 0)
        (void)close(fd); /* it was only asked */
    return -1;
}

/* Returns the descriptor, or -1; *ret_at is its place in the list. */
static int find_file(const struct leat_follow_name *name, const struct leat_follow_siblings *l,
                     const struct leat_follow_file *place, struct stat *ret_info, unsigned *ret_at)
{
    for (unsigned by_content = 0; by_content < 2; by_content++)
        for (unsigned i = l->n; i-- > 0;) {
            const struct leat_follow_sibling *v = &l->v[i];
            bool is_it = v->dev == place->dev && v->ino == place->ino;
            int fd = is_it == !by_content && (is_it || place->head_len > 0)
                         ? open_if_same(name, v, place, ret_info)
                         : -1;

            if (fd < 0)
                continue;
            *ret_at = i;
            return fd;
        }
    return -1;
}

/* Begin to read it where the place is. */
static int begin(struct leat_stage *s, struct leat_follow_name *name, int fd,
                 const struct stat *info, const struct leat_follow_file *place, bool is_base,
                 struct leat_follow_notify *notify)
{
    int r = leat_follow_name_add(s, name, fd, info, notify);
    struct leat_follow_file *f;

    if (r < 0)
        return r;
    f = name->files[name->n - 1];
    f->offset = place->offset;
    f->head_len = place->head_len;
    f->tail_len = place->tail_len;
    memcpy(f->head, place->head, f->head_len);
    memcpy(f->tail, place->tail, f->tail_len);
    f->left = !is_base;
    return 0;
}

/* Is the content of this one read already, as it is a copy of that of the place? */
static bool is_copy(const struct leat_follow_name *name, const struct leat_follow_sibling *v,
                    const struct leat_follow_file *place)
{
    struct stat info;
    int fd = place->head_len > 0 && !v->is_base ? open_if_same(name, v, place, &info) : -1;

    if (fd >= 0)
        (void)close(fd); /* it was only asked */
    return fd >= 0;
}

static void warn_of_loss(struct leat_stage *s, const struct leat_follow_name *name,
                         const struct leat_follow_file *place)
{
    leat_warning(
        s, "%s: the file that was read to byte %ju is not there any more: its later lines are lost",
        name->path, (uintmax_t)place->offset);
}

/* Queue all that is newer than what was found at `at` of the list, or than `changed_ns`. */
static int queue_newer(struct leat_stage *s, const struct leat_follow_siblings *l,
                       struct leat_follow_news *news, const struct leat_follow_file *place,
                       unsigned at, bool found, int64_t changed_ns)
{
    int r = 0;

    for (unsigned i = found ? at + 1 : 0; i < l->n && r == 0; i++) {
        bool newer = found || l->v[i].is_base || l->v[i].changed_ns > changed_ns;

        if (newer && !is_copy(news->name, &l->v[i], place))
            r = leat_follow_news_queue(s, news, &l->v[i]);
    }
    return r;
}

int leat_follow_place_return(struct leat_stage *s, struct leat_follow_name *name,
                             struct leat_follow_news *news, const struct leat_follow_file *place,
                             int64_t changed_ns, struct leat_follow_notify *notify)
{
    struct leat_follow_siblings l = {0};
    int r = leat_follow_siblings_list(s, name, &l), fd = -1;
    unsigned at = 0;
    struct stat info;
    bool found;

    if (r == 0)
        fd = find_file(name, &l, place, &info, &at);
    found = fd >= 0;
    if (r == 0 && !found && l.compressed > 0)
        r = leat_follow_packed_find(s, name, place, &changed_ns, &fd, &info);
    if (fd >= 0)
        r = begin(s, name, fd, &info, place, found && l.v[at].is_base, notify);
    if (fd >= 0 && r == 0 && !found)
        name->files[name->n - 1]->final = true; /* nobody writes to it */
    if (fd < 0 && r == 0 && place->offset > 0)
        warn_of_loss(s, name, place);
    if (r == 0)
        r = queue_newer(s, &l, news, place, at, found, changed_ns);
    leat_follow_siblings_free(s, &l);
    return r;
}
