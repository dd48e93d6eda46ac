/* test_rotations.c - ten thousand rotations by a thread that waits for its reader only so that no line is lost: in a chain, and
 * where the kernel could not queue all events. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

#define ROTATIONS 10000u
#define PATH 4096
#define CHAIN 5u   /* files that the chain keeps */
#define AHEAD 200u /* rotations: the kernel queues the events of so many */
#define END "end\n"

enum way { UNIQUE, CHAINED, ONE_OLD, COPY_TRUNCATE, DELETE, LATE_LINES, ASLEEP };

struct log {
    enum way way;
    unsigned rotations;
    uint64_t random;
    char path[PATH - 16];
    unsigned line;
    uint64_t written;      /* bytes in whole lines */
    uint64_t marks[AHEAD]; /* `written` at the last rotations */
    char last[sizeof END]; /* what the reader saw last */
    pthread_mutex_t lock;
    pthread_cond_t more, all;
    uint64_t seen;
    bool written_all;
};

/* --- the reader's side ------------------------------------------------------------------------- */

static bool saw(struct log *w, const uint8_t *data, size_t n)
{
    size_t keep = sizeof END - 1, more = n < keep ? n : keep;

    memmove(w->last, w->last + more, keep - more);
    memcpy(w->last + keep - more, data + n - more, more);
    pthread_mutex_lock(&w->lock);
    w->seen += n;
    pthread_cond_signal(&w->more);
    while (w->way == ASLEEP && !w->written_all)
        pthread_cond_wait(&w->all, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return memcmp(w->last, END, keep) == 0;
}

static int seen_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    size_t at = in->pos;
    int r = memio_pass(s, in, out);

    if (in->pos > at && saw(memio_given(s), in->data + at, in->pos - at))
        return LEAT_END;
    return r;
}

static const struct leat_stage_type seen_type = {
    .name = "seen",
    .summary = "tells the writer of the log how much has come",
    .kind = LEAT_TRANSFORM,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .step = seen_step,
};

static void add_seen(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &seen_type), 0);
}

static void wait_until_seen(struct log *w, uint64_t bytes)
{
    pthread_mutex_lock(&w->lock);
    while (w->seen < bytes)
        pthread_cond_wait(&w->more, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* --- the writer's side ------------------------------------------------------------------------- */

static void name(const struct log *w, char *to, unsigned n)
{
    snprintf(to, PATH, "%s.%u", w->path, n);
}

static int open_log(const struct log *w)
{
    int fd = open(w->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    ASSERT_GE(fd, 0);
    return fd;
}

static void put(struct log *w, int fd, const char *text, size_t n)
{
    ASSERT_EQ(write(fd, text, n), (ssize_t)n);
    w->written += n;
}

static void put_lines(struct log *w, int fd, unsigned n)
{
    char text[64];

    for (unsigned i = 0; i < n; i++)
        put(w, fd, text, (size_t)snprintf(text, sizeof text, "line %08u\n", ++w->line));
}

static void rotate_to(const struct log *w, unsigned n)
{
    char to[PATH];

    name(w, to, n);
    ASSERT_EQ(rename(w->path, to), 0);
}

static void shift(const struct log *w)
{
    char from[PATH], to[PATH];

    for (unsigned n = CHAIN; n > 1; n--) {
        name(w, from, n - 1);
        name(w, to, n);
        ASSERT_EQ(rename(from, to) == 0 || errno == ENOENT, 1);
    }
}

static void copy(const struct log *w)
{
    char data[PATH], to[PATH];
    int from = open(w->path, O_RDONLY | O_CLOEXEC), fd;
    ssize_t n;

    name(w, to, 1);
    fd = open(to, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(from, 0);
    ASSERT_GE(fd, 0);
    while ((n = read(from, data, sizeof data)) > 0)
        ASSERT_EQ(write(fd, data, (size_t)n), n);
    ASSERT_EQ(close(from), 0);
    ASSERT_EQ(close(fd), 0);
}

/* The reader is at most so many rotations late. */
static void keep_pace(struct log *w, unsigned turn, unsigned ahead)
{
    uint64_t *mark = &w->marks[turn % ahead];

    if (turn >= ahead)
        wait_until_seen(w, *mark);
    *mark = w->written;
}

static void rotate(struct log *w, unsigned turn)
{
    int fd = open_log(w);

    put_lines(w, fd, 1 + (unsigned)(test_random(&w->random) % 4));
    switch (w->way) {
    case UNIQUE:
        keep_pace(w, turn, AHEAD);
        rotate_to(w, turn + 1);
        break;
    case ASLEEP:
        rotate_to(w, turn + 1);
        break;
    case LATE_LINES:
        keep_pace(w, turn, AHEAD);
        rotate_to(w, turn + 1);
        put_lines(w, fd, 1 + (unsigned)(test_random(&w->random) % 2));
        break;
    case CHAINED:
        keep_pace(w, turn, CHAIN - 1); /* else the oldest file is removed too soon */
        shift(w);
        rotate_to(w, 1);
        break;
    case ONE_OLD:
        rotate_to(w, 1);
        break;
    case COPY_TRUNCATE:
        wait_until_seen(w, w->written);
        copy(w);
        ASSERT_EQ(truncate(w->path, 0), 0);
        break;
    case DELETE:
        wait_until_seen(w, w->written);
        ASSERT_EQ(unlink(w->path), 0);
        break;
    }
    ASSERT_EQ(close(fd), 0);
}

static void *write_log(void *arg)
{
    struct log *w = arg;
    int fd = open_log(w);

    put_lines(w, fd, 1);
    ASSERT_EQ(close(fd), 0);
    wait_until_seen(w, w->written); /* the directory is watched now */
    for (unsigned turn = 0; turn < w->rotations; turn++)
        rotate(w, turn);
    fd = open_log(w);
    ASSERT_EQ(write(fd, END, sizeof END - 1), (ssize_t)(sizeof END - 1));
    ASSERT_EQ(close(fd), 0);
    pthread_mutex_lock(&w->lock);
    w->written_all = true;
    pthread_cond_signal(&w->all);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- both -------------------------------------------------------------------------------------- */

static void begin(struct log *w, enum way way)
{
    *w = (struct log){.way = way, .rotations = ROTATIONS, .random = (uint64_t)way};
    ASSERT_EQ(pthread_mutex_init(&w->lock, NULL), 0);
    ASSERT_EQ(pthread_cond_init(&w->more, NULL), 0);
    ASSERT_EQ(pthread_cond_init(&w->all, NULL), 0);
    snprintf(w->path, sizeof w->path, "%s", test_path("log"));
    ASSERT_EQ(close(open_log(w)), 0);
}

static void follow(struct log *w, struct memio *io)
{
    char text[2 * PATH];
    pthread_t writer;

    *io = (struct memio){.registered = add_seen};
    snprintf(text, sizeof text, "follow --wait --idle=5s %s : seen --at=%lld : memsink --at=%lld",
             w->path, (long long)(intptr_t)w, memio_at(io));
    ASSERT_EQ(pthread_create(&writer, NULL, write_log, w), 0);
    ASSERT_EQ(memio_run_text(io, text), 0);
    pthread_mutex_lock(&w->lock);
    w->seen = UINT64_MAX; /* it may wait for what was lost */
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    ASSERT_EQ(pthread_join(writer, NULL), 0);
}

/* Returns the number of lines that are missing. None may come twice, or before an older one. */
static unsigned check_order(const struct log *w, const struct memio *io)
{
    unsigned last = 0, missing = 0;

    for (size_t at = 0; at < io->out_len;) {
        unsigned n = 0;
        int len = 0;

        if (io->out_len - at == sizeof END - 1 && memcmp(io->out + at, END, sizeof END - 1) == 0)
            break;
        if (io->out_len - at < 14 ||
            sscanf((const char *)io->out + at, "line %8u\n%n", &n, &len) != 1)
            FAIL("no line at byte %zu after line %u", at, last);
        if (n <= last)
            FAIL("line %u comes after line %u", n, last);
        if (n > last + 1)
            test_note("lines %u to %u are missing", last + 1, n - 1);
        missing += n - last - 1;
        last = n;
        at += 14;
    }
    return missing + w->line - last;
}

static void check_all_come(enum way way)
{
    struct memio io;
    struct log w;

    begin(&w, way);
    follow(&w, &io);
    ASSERT_EQ(check_order(&w, &io), 0);
    ASSERT_EQ(io.warnings, way == COPY_TRUNCATE ? 1 : 0); /* truncations are always told */
    memio_free(&io);
}

TEST(test_no_line_is_lost_when_each_file_keeps_a_name_of_its_own)
{
    check_all_come(UNIQUE);
}

TEST(test_no_line_is_lost_that_is_written_after_the_rename)
{
    check_all_come(LATE_LINES);
}

TEST(test_no_line_is_lost_in_a_chain_of_old_files)
{
    check_all_come(CHAINED);
}

TEST(test_no_line_is_lost_by_copytruncate_with_a_writer_that_waits)
{
    check_all_come(COPY_TRUNCATE);
}

TEST(test_no_line_is_lost_by_delete_and_create)
{
    check_all_come(DELETE);
}

/* The queue of the kernel has no room for the events of all rotations. */
TEST(test_no_line_is_lost_when_the_kernel_drops_events)
{
    check_all_come(ASLEEP);
}

/* Nobody can read a file that is replaced before it is opened: this is told. */
TEST(test_files_that_cannot_be_read_are_told)
{
    struct memio io;
    struct log w;

    begin(&w, ONE_OLD);
    follow(&w, &io);
    if (check_order(&w, &io) > 0)
        ASSERT_GE(io.warnings, 1); /* and one more if the kernel has dropped events */
    memio_free(&io);
}
