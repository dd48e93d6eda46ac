/* unpack.c - an example of a source around a library that reads, and blocks, for itself.
 *
 * `example.unpack FILE` outputs the contents of the files of an archive. libarchive has a loop of its own, so the stage has
 * `run` instead of `step`: its thread blocks where the library does, and no thread of the engine waits for it.
 * `stop` interrupts a read that blocks, for example of a FIFO.
 */
#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/stage.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FUNCTIONS(X)                                                                               \
    X(archive_read_new)                                                                            \
    X(archive_read_support_format_all)                                                             \
    X(archive_read_open)                                                                           \
    X(archive_read_next_header)                                                                    \
    X(archive_read_data)                                                                           \
    X(archive_error_string)                                                                        \
    X(archive_read_free)

struct unpack {
    FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    int fd, stop_fd;              /* plus 1; 0: there is none */
    uint8_t buffer[65536];
};

static int unpack_open(struct leat_stage *stage)
{
    struct unpack *u = leat_state(stage);

    u->stop_fd = eventfd(0, EFD_CLOEXEC) + 1;
    u->fd = open(leat_operands(stage)->v[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK) + 1;
    if (u->fd == 0 || u->stop_fd == 0)
        return leat_fail_errno(stage, errno, "%s", leat_operands(stage)->v[0]);
    return leat_load(stage, "libarchive.so.13", "libarchive13",
                     (const char *const[]){FUNCTIONS(LEAT_LOADED_NAME) NULL}, u);
}

/* The library calls this in the thread of `run`. It waits for the file, or for `stop`. */
static la_ssize_t read_more(struct archive *a, void *arg, const void **ret_data)
{
    struct unpack *u = arg;
    struct pollfd fds[] = {{u->fd - 1, POLLIN, 0}, {u->stop_fd - 1, POLLIN, 0}};

    (void)a;
    *ret_data = u->buffer;
    return poll(fds, 2, -1) > 0 && !fds[1].revents ? read(u->fd - 1, u->buffer, sizeof u->buffer)
                                                   : ARCHIVE_FATAL;
}

/* *ret_end: 0 at the end of the file, or an error of the library. */
static int push_file(struct unpack *u, struct archive *a, struct leat_blocking *b, int *ret_end)
{
    size_t room;
    uint8_t *to;
    int r;

    do {
        r = leat_push_reserve(b, 1, &to, &room);
        *ret_end = r == 0 ? (int)u->archive_read_data(a, to, room) : 0;
        if (*ret_end > 0)
            r = leat_push_commit(b, (size_t)*ret_end);
    } while (r == 0 && *ret_end > 0);
    return r;
}

static int unpack_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    struct unpack *u = leat_state(stage);
    struct archive *a = u->archive_read_new();
    struct archive_entry *entry;
    int r = 0, next = a ? u->archive_read_support_format_all(a) : ARCHIVE_FATAL;

    if (next == ARCHIVE_OK)
        next = u->archive_read_open(a, u, NULL, read_more, NULL);
    while (r == 0 && next == ARCHIVE_OK) {
        next = u->archive_read_next_header(a, &entry);
        if (next == ARCHIVE_OK)
            r = push_file(u, a, blocking, &next);
    }
    if (r == 0)
        r = next == ARCHIVE_EOF ? LEAT_END
                                : leat_fail(stage, LEAT_ECORRUPT, "libarchive: %s",
                                            a ? u->archive_error_string(a) : "no memory");
    u->archive_read_free(a);
    return r;
}

static void unpack_stop(struct leat_stage *stage, enum leat_stop why)
{
    (void)why;
    (void)eventfd_write(((struct unpack *)leat_state(stage))->stop_fd - 1,
                        1); /* it stays readable */
}

static void unpack_close(struct leat_stage *stage)
{
    const struct unpack *u = leat_state(stage);

    (void)(u->fd > 0 && close(u->fd - 1)); /* it was only read */
    (void)(u->stop_fd > 0 && close(u->stop_fd - 1));
}

const struct leat_stage_type example_unpack = {
    LEAT_STAGE_INIT,
    .name = "example.unpack",
    .summary = "output the contents of the files of an archive",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .kind = LEAT_SOURCE,
    .nature = LEAT_BLOCKING,
    .state_size = sizeof(struct unpack),
    .open = unpack_open,
    .run = unpack_run,
    .stop = unpack_stop,
    .close = unpack_close,
};
