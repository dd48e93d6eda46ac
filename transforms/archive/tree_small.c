/* tree_small.c - small files of a tree, which a helper makes while `run` reads the next entries.
 *
 * `run` copies the content to a slot, opens the directory, and gives the file to the helper, which only makes what
 * does not exist yet. If the name exists, or may belong to a file that is not made yet, or no descriptor is left, `run`
 * waits and makes the file itself. The tree is therefore the same as without a helper, and so are the messages.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"
#include "tree_impl.h"

#define SLOTS 32u
#define NAME_SIZE 256u   /* longer names are not for the helper */
#define FILES_BEFORE 16u /* a smaller archive starts no thread */
#define SPARE_PARTS 8u   /* at most this part of the spare memory */

struct small {
    int at; /* its directory */
    mode_t mode;
    bool has_mtime;
    struct timespec mtime;
    uint32_t hash; /* of the name */
    size_t n;      /* bytes of content */
    /* The helper's answer: */
    int error;          /* errno, or 0 */
    const char *failed; /* the call that failed; NULL: none, or `run` must make the file */
    char name[NAME_SIZE], shown[LEAT_READER_SHOWN];
    uint8_t content[LEAT_TREE_SMALL];
};

struct leat_tree_small {
    struct leat_helper *helper;
    uint64_t given,
        seen; /* files; seen <= given <= seen + SLOTS, and answers before `seen` were handled */
    struct {
        int fd;
        uint64_t after; /* files that may use it */
    } closing[SLOTS];   /* directories that are closed later; n_closing of them */
    unsigned n_closing;
    int failure; /* the first answer that failed the stage; later ones do not count */
    struct small slots[SLOTS];
};

static struct small *slot_of(struct leat_tree_small *m, uint64_t job)
{
    return &m->slots[job % SLOTS];
}

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

/* --- the helper's thread ---------------------------------------------------------------------- */

/* Returns 0 or an errno. */
static int write_whole(int fd, const uint8_t *data, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t done = pwrite(fd, data + at, n - at, (off_t)at);

        if (done < 0 && errno != EINTR)
            return errno;
        at += done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static void set_failed(struct small *f, const char *text, int error)
{
    if (f->error || error == 0)
        return;
    f->error = error;
    f->failed = text;
}

/* Can `run` do something about it: replace what has the name, or close directories? */
static bool is_for_run(int error)
{
    return error == EEXIST || error == EMFILE || error == ENFILE;
}

static void make_file(void *arg, uint64_t job)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    struct small *f = slot_of(arg, job);
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, f->mtime};
    int fd = openat(f->at, base_of(f->name), flags, f->mode);

    if (fd < 0) {
        set_failed(f, is_for_run(errno) ? NULL : "cannot create the file", errno);
        return;
    }
    set_failed(f, "cannot write the file", write_whole(fd, f->content, f->n));
    if (f->has_mtime && futimens(fd, times) < 0)
        set_failed(f, "cannot set its time", errno);
    if (close(fd) < 0)
        set_failed(f, "cannot write the file", errno);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Make a file that the helper could not make. */
static int make_again(struct leat_tree_writer *t, const struct small *f)
{
    struct leat_reader_entry e = {.kind = LEAT_ENTRY_FILE,
                                  .name = f->name,
                                  .mode = f->mode,
                                  .has_size = true,
                                  .size = f->n,
                                  .has_mtime = f->has_mtime,
                                  .mtime = f->mtime};
    int r = leat_tree_file_open(t, f->name, &e);

    if (r == 0)
        r = leat_tree_file_write(t, f->content, f->n, 0);
    return r < 0 ? r : leat_tree_file_close(t, &e);
}

/* Messages are of this entry now, or again of the one before. */
static void swap_shown(struct leat_tree_writer *t, struct small *f)
{
    char *shown = leat_reader_shown(t->reader), was[LEAT_READER_SHOWN];

    memcpy(was, shown, strlen(shown) + 1);
    memcpy(shown, f->shown, strlen(f->shown) + 1);
    memcpy(f->shown, was, strlen(was) + 1);
}

static int handle(struct leat_tree_writer *t, struct small *f)
{
    int r;

    if (f->error == 0)
        return 0;
    swap_shown(t, f);
    r = f->failed ? leat_reader_fail_errno(t->reader, f->error, "%s", f->failed) : make_again(t, f);
    swap_shown(t, f);
    return r;
}

static void close_directories(struct leat_tree_small *m, uint64_t done)
{
    unsigned left = 0;

    for (unsigned i = 0; i < m->n_closing; i++)
        if (m->closing[i].after <= done)
            (void)close(m->closing[i].fd); /* nothing was written */
        else
            m->closing[left++] = m->closing[i];
    m->n_closing = left;
}

/* Handle the answers that are there. Returns 0, or fails the stage. */
static int collect(struct leat_tree_writer *t)
{
    struct leat_tree_small *m = t->small;
    uint64_t done = leat_helper_done(m->helper);

    leat_assert(m->seen <= done && done <= m->given);
    close_directories(m, done);
    while (m->failure == 0 && m->seen < done) {
        int r = handle(t, slot_of(m, m->seen++));

        m->failure = m->failure < 0 ? m->failure : r; /* it may have collected others */
    }
    return m->failure;
}

int leat_tree_small_wait(struct leat_tree_writer *t)
{
    if (!t->small)
        return 0;
    leat_helper_wait(t->small->helper);
    return collect(t);
}

int leat_tree_small_failure(struct leat_tree_writer *t, int r)
{
    int first;

    if (!t->small || leat_reader_is_cancelled(t->reader))
        return r;
    if (t->fd >= 0)
        (void)close(t->fd); /* of the later entry */
    t->fd = -1;
    first = leat_tree_small_wait(t);
    return first < 0 ? first : r;
}

bool leat_tree_small_frees(struct leat_tree_writer *t, int error)
{
    struct leat_tree_small *m = t->small;
    bool frees = m && (error == EMFILE || error == ENFILE) &&
                 (m->n_closing > 0 || leat_helper_done(m->helper) < m->given);

    if (frees) {
        leat_helper_wait(m->helper);
        close_directories(m, m->given);
    }
    return frees;
}

/* --- names that wait -------------------------------------------------------------------------- */

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

/* Is `name` that of the file, or below it? */
static bool is_at_or_below(const char *name, const char *file)
{
    size_t n = strlen(file);

    return strncmp(name, file, n) == 0 && (!name[n] || name[n] == '/');
}

/* A directory that is open was made before any file that waits. */
int leat_tree_small_settle(struct leat_tree_writer *t, const char *name)
{
    struct leat_tree_small *m = t->small;
    bool is_new = m && !leat_tree_parent_is_open(t, name);
    uint32_t hash = m && !is_new ? hash_of(name) : 0;

    for (uint64_t job = m ? m->seen : 0; m && job < m->given; job++) {
        const struct small *f = slot_of(m, job);

        if ((is_new || f->hash == hash) && is_at_or_below(name, f->name))
            return leat_tree_small_wait(t);
    }
    return 0;
}

void leat_tree_small_close(struct leat_tree_writer *t, int fd)
{
    struct leat_tree_small *m = t->small;

    if (m && m->n_closing == SLOTS) {
        leat_helper_wait(m->helper);
        close_directories(m, m->given);
    }
    if (m && m->seen < m->given) {
        m->closing[m->n_closing].fd = fd;
        m->closing[m->n_closing++].after = m->given;
    } else {
        (void)close(fd); /* nothing was written */
    }
}

/* --- files ------------------------------------------------------------------------------------ */

/* Start the helper, if there are enough files and memory for it. */
static void begin(struct leat_tree_writer *t)
{
    const struct leat_tree_options *o = &t->options;
    size_t size = sizeof(struct leat_tree_small);

    if (t->n_small > FILES_BEFORE || t->n_small++ < FILES_BEFORE)
        return;
    if (t->unfinished >= 0 || o->same_permissions || o->same_owner || o->xattrs || o->acls ||
        o->sparse || leat_memory_spare(t->stage) / SPARE_PARTS < size)
        return;
    t->small = leat_alloc_raw(t->stage, size);
    if (!t->small)
        return;
    t->small->given = t->small->seen = t->small->n_closing = 0;
    t->small->failure = 0;
    t->small->helper = leat_helper_new(t->stage, make_file, t->small, SLOTS);
    if (!t->small->helper) {
        leat_free(t->stage, t->small);
        t->small = NULL;
    }
}

int leat_tree_small_begin(struct leat_tree_writer *t, const char *name,
                          const struct leat_reader_entry *e, size_t n, uint8_t **ret_content)
{
    struct leat_tree_small *m;
    struct small *f;
    const char *base;
    int r;

    if (!t->small)
        begin(t);
    m = t->small;
    if (!m || n > LEAT_TREE_SMALL || strlen(name) >= NAME_SIZE)
        return 0;
    r = leat_tree_small_settle(t, name);
    if (r == 0)
        r = collect(t);
    if (r < 0 || m->given - m->seen == SLOTS)
        return r;
    f = slot_of(m, m->given);
    f->at = leat_tree_parent(t, name, &base);
    if (f->at < 0)
        return f->at;
    f->mode = (mode_t)e->mode & 0777;
    f->has_mtime = e->has_mtime;
    f->mtime = e->mtime;
    f->hash = hash_of(name);
    f->n = n;
    f->error = 0;
    f->failed = NULL;
    memcpy(f->name, name, strlen(name) + 1);
    *ret_content = f->content;
    return 1;
}

void leat_tree_small_end(struct leat_tree_writer *t)
{
    struct leat_tree_small *m = t->small;
    const char *shown = leat_reader_shown(t->reader);
    bool given;

    memcpy(slot_of(m, m->given)->shown, shown, strlen(shown) + 1);
    given = leat_helper_give(m->helper);
    leat_assert(given); /* the slot was free */
    m->given++;
}

void leat_tree_small_free(struct leat_tree_writer *t)
{
    if (!t->small)
        return;
    leat_helper_free(t->small->helper);
    close_directories(t->small, UINT64_MAX);
    leat_free(t->stage, t->small);
    t->small = NULL;
}
