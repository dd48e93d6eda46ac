/* ledger.c - the journal on a thread of its own: lines are written, synced in groups, and then sources are removed.
 *
 * A line is written as soon as the thread is free. It syncs at most once a second, and before it removes sources: all whose
 * lines are in the group. The queue is bounded by the works, each of which waits for its line.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"

#define SYNC_NS ((uint64_t)1000000000)

struct item {
    struct item *next;
    struct work *work;
    struct input input; /* a copy: the list is the loop's */
    bool remove;
    int error; /* of the removal */
};

struct item_list {
    struct item *first, **last;
};

struct ledger {
    struct batch *batch;
    int fd; /* -1: there is no journal, only sources to remove */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started;
    uv_async_t async;
    /* Under the lock: */
    struct buf lines;
    struct item_list todo, done;
    bool stop;
    int error;               /* errno of a write or sync; 0: none */
    pthread_mutex_t writing; /* held for a write, never for a sync */
    int write_error;         /* under it: the first errno */
};

static void list_add(struct item_list *list, struct item *item)
{
    item->next = NULL;
    *(list->first ? list->last : &list->first) = item;
    list->last = &item->next;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Remove the source if it is still the file that was read. Returns 0 or an errno; ESTALE: it is another one. */
static int remove_source(const struct input *input)
{
    struct stat info;

    if (lstat(input->path, &info) < 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISLNK(info.st_mode))
        return ELOOP;
    if (!input_is_same(input, &info))
        return ESTALE;
    if (info.st_nlink > 1)
        return EMLINK;
    return unlink(input->path) < 0 && errno != ENOENT ? errno : 0;
}

static void remove_all(struct ledger *l, struct item *first, struct buf *lines)
{
    for (struct item *item = first; item; item = item->next) {
        if (!item->remove)
            continue;
        item->error = l->error ? l->error : remove_source(&item->input);
        if (item->error == 0)
            journal_removed(lines, &item->input);
    }
}

static bool any_removes(const struct item *item)
{
    while (item && !item->remove)
        item = item->next;
    return item != NULL;
}

/* Returns 0 or an errno. No line comes after one that failed: a torn line is cut off only if it is the last one. */
static int write_lines(struct ledger *l, const struct buf *lines)
{
    int error;

    if (lines->failed)
        return ENOMEM;
    if (l->fd < 0)
        return 0;
    pthread_mutex_lock(&l->writing);
    if (l->write_error == 0 && fd_write_all(l->fd, lines->data, lines->n) < 0)
        l->write_error = errno;
    error = l->write_error;
    pthread_mutex_unlock(&l->writing);
    return error;
}

/* One group. Called, and returns, with the lock held. */
static void write_group(struct ledger *l, uint64_t *synced_ns, bool *dirty)
{
    struct buf lines = l->lines, removed = {.n = 0};
    struct item *first = l->todo.first;
    bool sync = any_removes(first) || l->stop || now_ns() - *synced_ns >= SYNC_NS;
    int error;

    l->lines = (struct buf){.n = 0};
    l->todo.first = NULL;
    pthread_mutex_unlock(&l->lock);
    error = write_lines(l, &lines);
    *dirty = *dirty || lines.n > 0;
    if (error == 0 && sync && *dirty && l->fd >= 0) {
        error = fdatasync(l->fd) < 0 && errno != EINVAL && errno != EROFS ? errno : 0;
        *synced_ns = now_ns();
        *dirty = false;
    }
    buf_free(&lines);
    if (error == 0)
        remove_all(l, first, &removed);
    if (error == 0 && removed.n > 0) {
        error = write_lines(l, &removed);
        *dirty = true;
    }
    buf_free(&removed);
    pthread_mutex_lock(&l->lock);
    l->error = l->error ? l->error : error;
    for (struct item *next; first; first = next) {
        next = first->next;
        list_add(&l->done, first);
    }
}

static void *run(void *arg)
{
    struct ledger *l = arg;
    uint64_t synced_ns = now_ns();
    bool dirty = false;

    pthread_mutex_lock(&l->lock);
    while (!l->stop || l->lines.n > 0 || l->todo.first || dirty) {
        if (l->lines.n == 0 && !l->todo.first && !l->stop) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        write_group(l, &synced_ns, &dirty);
        if (l->done.first)
            (void)uv_async_send(&l->async);
        if (l->error || l->fd < 0)
            dirty = false;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void on_async(uv_async_t *async)
{
    struct ledger *l = async->data;
    struct item *first;
    int error;

    pthread_mutex_lock(&l->lock);
    first = l->done.first;
    l->done.first = NULL;
    error = l->error;
    pthread_mutex_unlock(&l->lock);
    for (struct item *next; first; first = next) {
        next = first->next;
        work_recorded(first->work, error, first->error);
        free(first);
    }
    batch_more(l->batch);
}

void ledger_add(struct ledger *l, struct buf *line, struct work *work, bool remove)
{
    struct item *item = work ? calloc(1, sizeof *item) : NULL;
    bool failed = line->failed || (work && !item);

    if (item)
        *item =
            (struct item){.work = work, .remove = remove, .input = l->batch->inputs.v[work->input]};
    pthread_mutex_lock(&l->lock);
    if (failed)
        l->error = ENOMEM;
    else
        buf_bytes(&l->lines, buf_text(line), line->n);
    if (item)
        list_add(&l->todo, item);
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    buf_free(line);
    if (work && !item)
        work_recorded(work, ENOMEM, 0);
}

void ledger_begin(struct ledger *l, struct buf *line)
{
    int error = write_lines(l, line);

    buf_free(line);
    if (error == 0)
        return;
    pthread_mutex_lock(&l->lock);
    l->error = l->error ? l->error : error; /* which the next record tells */
    pthread_mutex_unlock(&l->lock);
}

/* --- opening and ending ----------------------------------------------------------------------- */

static int cannot(const struct batch *b, const char *what, int error)
{
    char shown[SHOWN_MAX];

    return message_fail(b->config, error == ENOMEM ? LEAT_ENOMEM : LEAT_EIO,
                        "each: the journal %s %s: %s",
                        leat_show(b->options->journal, shown, sizeof shown), what, strerror(error));
}

static int read_journal(int fd, struct buf *text)
{
    char piece[65536];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        buf_bytes(text, piece, (size_t)n);
        if (text->failed)
            return ENOMEM;
    }
    return 0;
}

/* With --resume the journal is read; without, one that has lines is refused. */
static int load(struct batch *b, int fd)
{
    char shown[SHOWN_MAX];
    struct buf text = {.n = 0};
    size_t whole = 0, line = 0;
    int error = read_journal(fd, &text), r = 0;

    if (error == 0 && text.n > 0 && !b->options->resume) {
        buf_free(&text);
        return message_fail(
            b->config, LEAT_EEXIST,
            "each: the journal %s has lines already; give --resume to go on with its batch, or another "
            "name for a new one",
            leat_show(b->options->journal, shown, sizeof shown));
    }
    if (error == 0)
        r = journal_load(&b->journal, buf_text(&text), text.n, buf_text(&b->text), b->options->same,
                         &whole, &line);
    if (error == 0 && r == 0 && whole < text.n && ftruncate(fd, (off_t)whole) < 0)
        error = errno;
    buf_free(&text);
    if (r == LEAT_ECORRUPT)
        return message_fail(
            b->config, r,
            "each: line %zu of %s is no line of a journal of leat each; nothing was done", line,
            leat_show(b->options->journal, shown, sizeof shown));
    if (r == LEAT_EUNSUPPORTED)
        return message_fail(
            b->config, r,
            "each: line %zu of the journal %s is of a newer version of leat, which must go on with it; "
            "or give this batch a journal of its own",
            line, leat_show(b->options->journal, shown, sizeof shown));
    return error || r ? cannot(b, "cannot be read", error ? error : ENOMEM) : 0;
}

int ledger_open(struct batch *b)
{
    struct ledger *l = calloc(1, sizeof *l);
    struct buf head = {.n = 0};
    char shown[SHOWN_MAX];
    struct stat info;
    int status;

    if (!l)
        return message_fail(b->config, LEAT_ENOMEM, "out of memory");
    b->ledger = l;
    l->batch = b;
    l->fd = -1;
    (void)pthread_mutex_init(&l->writing, NULL); /* cannot fail with default attributes */
    if (!b->options->journal)
        return 0;
    l->fd = open(b->options->journal, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    if (l->fd < 0 || fstat(l->fd, &info) < 0)
        return cannot(b, "cannot be opened", errno);
    if (!S_ISREG(info.st_mode)) /* to read a pipe may take for ever */
        return message_fail(b->config, LEAT_EUSAGE, "each: the journal %s is not a regular file",
                            leat_show(b->options->journal, shown, sizeof shown));
    if (flock(l->fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return cannot(b, "cannot be locked", errno);
        return message_fail(
            b->config, LEAT_EIO,
            "each: another run is writing to the journal %s; wait for it, or give this "
            "batch a journal of its own",
            b->options->journal);
    }
    status = load(b, l->fd);
    if (status != 0)
        return status;
    journal_head(&head, buf_text(&b->text), b->options->same);
    status = write_lines(l, &head);
    buf_free(&head);
    return status ? cannot(b, "cannot be written", status) : 0;
}

int ledger_start(struct batch *b)
{
    struct ledger *l = b->ledger;
    int r = uv_async_init(&b->loop, &l->async, on_async);

    if (r < 0)
        return message_fail(b->config, LEAT_EIO, "cannot begin the batch: %s", uv_strerror(r));
    l->async.data = l;
    (void)pthread_mutex_init(&l->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&l->changed, NULL);
    r = thread_start(&l->thread, run, l);
    l->started = r == 0;
    return r ? message_fail(b->config, LEAT_EIO, "cannot start a thread: %s", strerror(r)) : 0;
}

int ledger_end(struct batch *b)
{
    struct ledger *l = b->ledger;

    if (!l || !l->started)
        return 0;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    (void)pthread_join(l->thread, NULL);
    l->started = false;
    uv_close((uv_handle_t *)&l->async, NULL);
    return l->error;
}

void ledger_free(struct batch *b)
{
    struct ledger *l = b->ledger;

    if (!l)
        return;
    if (l->fd >= 0)
        (void)close(l->fd); /* it was synced */
    buf_free(&l->lines);
    free(l);
    b->ledger = NULL;
}
