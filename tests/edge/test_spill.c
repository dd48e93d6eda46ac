/* test_spill.c - data of an edge in a file: the ring of bytes, and an edge that has one, or a gate.
 *
 * The program is linked with --wrap of the calls that use the file. */
#include "edge/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "breaks.h"
#include "edge_aid.h"
#include "stage.h"
#include "test.h"

#define CHUNK ((size_t)4096)

/* --- calls that fail -------------------------------------------------------------------------- */

static struct {
    int open_errno;       /* of a file without a name; 0: it is made */
    unsigned interrupted; /* so many reads and writes */
    bool short_writes;    /* of one byte */
    bool full;            /* the disk */
} os;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __real_pwrite(int fd, const void *from, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at);

int __wrap_open(const char *path, int flags, ...)
{
    bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    mode_t mode = 0;
    va_list args;

    va_start(args, flags);
    if (flags & O_CREAT || unnamed)
        mode = va_arg(args, mode_t);
    va_end(args);
    errno = os.open_errno;
    return unnamed && os.open_errno ? -1 : __real_open(path, flags, mode);
}

static bool is_interrupted(void)
{
    errno = EINTR;
    return os.interrupted > 0 && os.interrupted-- > 0;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    return is_interrupted() ? -1 : __real_pread(fd, to, n, at);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at)
{
    if (is_interrupted())
        return -1;
    errno = ENOSPC;
    return os.full ? -1 : __real_pwrite(fd, from, os.short_writes && n > 0 ? 1 : n, at);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

static void fill(uint8_t *to, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = byte_at(at + i);
}

/* --- the ring ----------------------------------------------------------------------------------- */

TEST(test_the_ring_returns_each_byte_also_across_its_end)
{
    enum { SIZE = 1000 };
    struct leat_spill *s = leat_spill_new(test_tmp_dir(), SIZE);
    uint8_t in[SIZE], out[SIZE];
    uint64_t at = 0;

    ASSERT_NOT_NULL(s);
    ASSERT_EQ(leat_spill_open(s), 0);
    for (size_t n = 1; n <= SIZE; n += 37) {
        test_context("%zu bytes at %u", n, (unsigned)at);
        fill(in, at, n);
        ASSERT_EQ(leat_spill_write(s, at, in, n), 0);
        memset(out, 0, n);
        ASSERT_EQ(leat_spill_read(s, at, out, n), 0);
        ASSERT_MEM_EQ(out, in, n);
        at += n;
    }
    ASSERT_BREAKS(leat_spill_write(s, at, in, SIZE + 1), "n <= s->size");
    leat_spill_free(s);
    leat_spill_free(NULL);
}

TEST(test_a_file_that_was_never_written_has_no_bytes)
{
    struct leat_spill *s = leat_spill_new(test_tmp_dir(), 100);
    uint8_t byte;

    ASSERT_NOT_NULL(s);
    ASSERT_EQ(leat_spill_open(s), 0);
    ASSERT_EQ(leat_spill_read(s, 0, &byte, 1), -EIO);
    leat_spill_free(s);
}

TEST(test_a_spill_whose_directory_is_not_there_is_refused)
{
    struct leat_spill *s = leat_spill_new("/nonexistent/dir", 100);

    ASSERT_NOT_NULL(s);
    ASSERT_EQ(leat_spill_open(s), -ENOENT);
    ASSERT_STREQ(leat_spill_dir(s), "/nonexistent/dir");
    s->dir = NULL;
    ASSERT_EQ(setenv("TMPDIR", "/some/where", 1), 0);
    ASSERT_STREQ(leat_spill_dir(s), "/some/where");
    ASSERT_EQ(setenv("TMPDIR", "", 1), 0);
    ASSERT_STREQ(leat_spill_dir(s), "/var/tmp");
    leat_spill_free(s);
}

TEST(test_short_and_interrupted_calls_are_repeated)
{
    struct leat_spill *s = leat_spill_new(test_tmp_dir(), 100);
    uint8_t in[100], out[100];

    ASSERT_NOT_NULL(s);
    ASSERT_EQ(leat_spill_open(s), 0);
    fill(in, 0, sizeof in);
    os.short_writes = true;
    os.interrupted = 5;
    ASSERT_EQ(leat_spill_write(s, 30, in, sizeof in), 0);
    os.interrupted = 5;
    ASSERT_EQ(leat_spill_read(s, 30, out, sizeof out), 0);
    ASSERT_MEM_EQ(out, in, sizeof in);
    os.full = true;
    ASSERT_EQ(leat_spill_write(s, 0, in, 1), -ENOSPC);
    leat_spill_free(s);
}

TEST(test_a_file_system_without_nameless_files_has_one_whose_name_is_removed)
{
    static const int errors[] = {EOPNOTSUPP, EISDIR, EINVAL};
    uint8_t byte = 'x', got = 0;

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct leat_spill *s = leat_spill_new(test_tmp_dir(), 100);

        ASSERT_NOT_NULL(s);
        os.open_errno = errors[i];
        ASSERT_EQ(leat_spill_open(s), 0);
        ASSERT_EQ(leat_spill_write(s, 0, &byte, 1), 0);
        ASSERT_EQ(leat_spill_read(s, 0, &got, 1), 0);
        ASSERT_EQ(got, byte);
        ASSERT_EQ(rmdir(test_tmp_dir()), 0); /* it is empty */
        ASSERT_EQ(mkdir(test_tmp_dir(), 0700), 0);
        leat_spill_free(s);
        s = leat_spill_new("/nonexistent/dir", 100);
        ASSERT_NOT_NULL(s);
        ASSERT_EQ(leat_spill_open(s), -ENOENT);
        leat_spill_free(s);
    }
}

/* --- an edge with a spill ----------------------------------------------------------------------- */

struct spilled {
    struct edge_ends ends;
    uint64_t given, taken;
    _Atomic uint64_t unread;
};

/* `spill`: bytes of the file; 0: there is none. */
static void spilled_init(struct spilled *s, uint64_t high, uint64_t spill)
{
    struct leat_edge *e = &s->ends.edge;

    *s = (struct spilled){.given = 0};
    edge_ends_init(&s->ends, high, CHUNK, 64);
    e->pool = &s->ends.pool;
    e->unread = &s->unread;
    if (spill == 0)
        return;
    e->spill = leat_spill_new(test_tmp_dir(), spill);
    ASSERT_NOT_NULL(e->spill);
    ASSERT_EQ(leat_spill_open(e->spill), 0);
}

/* Offers a chunk with n bytes. */
static int give(struct spilled *s, size_t n)
{
    struct leat_item item = {.slice = {.len = n}};
    int r;

    ASSERT_EQ(leat_pool_get(&s->ends.pool, 0, &item.slice.chunk), 0);
    fill(item.slice.chunk->data, s->given, n);
    r = leat_edge_write(&s->ends.edge, &item);
    if (r == 0)
        s->given += n;
    else
        leat_chunk_unref(item.slice.chunk);
    return r;
}

static int give_mark(struct spilled *s)
{
    struct leat_item mark = {.flush = true};

    return leat_edge_write(&s->ends.edge, &mark);
}

/* Takes one item, which must be the next bytes. Returns as leat_edge_read, or 100 for a marker. */
static int take(struct spilled *s)
{
    struct leat_item item;
    int r = leat_edge_read(&s->ends.edge, &item);

    if (r != 0)
        return r;
    if (!item.slice.chunk)
        return item.flush ? 100 : -1;
    for (size_t i = 0; i < item.slice.len; i++)
        ASSERT_EQ(leat_slice_data(&item.slice)[i], byte_at(s->taken + i));
    s->taken += item.slice.len;
    leat_chunk_unref(item.slice.chunk);
    return 0;
}

TEST(test_data_that_exceeds_memory_is_in_the_file_and_is_read_in_order)
{
    for (uint64_t spill = 1; spill < 8; spill++) {
        struct spilled s;
        uint64_t n = 0;
        int r;

        test_context("a file of %u chunks", (unsigned)spill);
        spilled_init(&s, 2 * CHUNK, spill * CHUNK);
        for (unsigned round = 0; round < 5; round++) {
            while ((r = give(&s, CHUNK - round)) == 0)
                n++;
            ASSERT_EQ(r, LEAT_FULL);
            ASSERT_LE(s.ends.edge.spill->put - s.ends.edge.spill->got, spill * CHUNK);
            if (round == 0)
                ASSERT_EQ(n, 2 + spill); /* as much as memory and file hold */
            for (unsigned i = 0; i < 3; i++) {
                r = take(&s);
                ASSERT(r == 0 || (i == 2 && r == LEAT_EMPTY && s.taken == s.given));
            }
        }
        leat_edge_finish(&s.ends.edge, LEAT_EDGE_EOF);
        while ((r = take(&s)) == 0)
            ;
        ASSERT_EQ(r, LEAT_END); /* after the last byte, not before it */
        ASSERT_EQ(s.taken, s.given);
        ASSERT_EQ(atomic_load(&s.ends.edge.bytes), s.given);
        edge_ends_done(&s.ends);
    }
}

TEST(test_a_marker_in_the_file_keeps_its_place_and_only_the_last_is_kept)
{
    struct spilled s;

    spilled_init(&s, CHUNK, 10 * CHUNK);
    ASSERT_EQ(give(&s, CHUNK), 0); /* in memory */
    ASSERT_EQ(give(&s, 100), 0);
    ASSERT_EQ(give_mark(&s), 0);
    ASSERT_EQ(give(&s, 200), 0);
    ASSERT_EQ(give_mark(&s), 0);
    ASSERT_EQ(give(&s, 300), 0);
    ASSERT_EQ(take(&s), 0);
    while (s.taken < CHUNK + 300)
        ASSERT_EQ(take(&s), 0);
    ASSERT_EQ(s.taken, CHUNK + 300);
    ASSERT_EQ(take(&s), 100);
    ASSERT_EQ(take(&s), 0);
    ASSERT_EQ(s.taken, s.given);
    ASSERT_EQ(take(&s), LEAT_EMPTY);
    edge_ends_done(&s.ends);
}

TEST(test_a_reader_without_memory_waits_and_loses_nothing)
{
    struct leat_chunk *kept[64];
    struct spilled s;
    unsigned n = 0;

    spilled_init(&s, CHUNK, 10 * CHUNK);
    ASSERT_EQ(give(&s, CHUNK), 0);
    ASSERT_EQ(give(&s, CHUNK), 0);
    ASSERT_EQ(take(&s), 0);
    while (n < 64 && leat_pool_get(&s.ends.pool, 0, &kept[n]) == 0)
        n++;
    ASSERT_EQ(take(&s), LEAT_FULL);
    ASSERT_EQ(take(&s), LEAT_FULL);
    while (n > 0)
        leat_chunk_unref(kept[--n]);
    ASSERT_EQ(take(&s), 0);
    ASSERT_EQ(s.taken, s.given);
    edge_ends_done(&s.ends);
}

TEST(test_a_cancel_counts_the_bytes_in_memory_and_in_the_file)
{
    struct spilled s;

    spilled_init(&s, CHUNK, 10 * CHUNK);
    for (unsigned i = 0; i < 4; i++)
        ASSERT_EQ(give(&s, 1000), 0);
    ASSERT_EQ(give_mark(&s), 0);
    leat_edge_cancel(&s.ends.edge, LEAT_REASON_DONE);
    ASSERT(edge_woken(&s.ends.writer));
    ASSERT_EQ(atomic_load(&s.unread), 4000);
    ASSERT_EQ(give(&s, 1000), LEAT_ECANCELLED);
    leat_edge_lost(&s.ends.edge, 1000);
    ASSERT_EQ(atomic_load(&s.unread), 5000);
    ASSERT_EQ(atomic_load(&s.ends.edge.bytes), 5000);
    edge_ends_done(&s.ends);
}

TEST(test_a_file_that_cannot_be_written_or_read_is_an_error_with_its_number)
{
    struct spilled s;
    int fd;

    spilled_init(&s, CHUNK, 10 * CHUNK);
    ASSERT_EQ(give(&s, CHUNK), 0);
    ASSERT_EQ(give(&s, CHUNK), 0);
    fd = s.ends.edge.spill->fd;
    s.ends.edge.spill->fd = 1000000;
    ASSERT_EQ(give(&s, CHUNK), LEAT_EIO);
    ASSERT_EQ(s.ends.edge.spill->error, EBADF);
    ASSERT_EQ(take(&s), 0);
    s.ends.edge.spill->error = 0;
    ASSERT_EQ(take(&s), LEAT_EIO);
    ASSERT_EQ(s.ends.edge.spill->error, EBADF);
    s.ends.edge.spill->fd = fd;
    ASSERT_EQ(take(&s), 0);
    edge_ends_done(&s.ends);
}

/* --- a gate ------------------------------------------------------------------------------------- */

TEST(test_a_gate_opens_at_its_bytes_and_closes_when_the_queue_is_empty)
{
    struct spilled s;

    spilled_init(&s, 10 * CHUNK, 0);
    s.ends.edge.gate = 2500;
    for (unsigned round = 0; round < 2; round++) {
        test_context("round %u", round);
        ASSERT_EQ(take(&s), LEAT_EMPTY);
        ASSERT_EQ(give(&s, 1000), 0);
        ASSERT_EQ(give(&s, 1000), 0);
        ASSERT_EQ(take(&s), LEAT_EMPTY);
        ASSERT(!edge_woken(&s.ends.reader));
        ASSERT_EQ(give(&s, 500), 0);
        ASSERT(edge_woken(&s.ends.reader));
        for (unsigned i = 0; i < 3; i++)
            ASSERT_EQ(take(&s), 0); /* also when less than that is left */
    }
    ASSERT_EQ(take(&s), LEAT_EMPTY);
    ASSERT_EQ(give(&s, 10), 0);
    ASSERT_EQ(take(&s), LEAT_EMPTY);
    leat_edge_finish(&s.ends.edge, LEAT_EDGE_EOF); /* no more comes */
    ASSERT(edge_woken(&s.ends.reader));
    ASSERT_EQ(take(&s), 0);
    ASSERT_EQ(take(&s), LEAT_END);
    edge_ends_done(&s.ends);
}

TEST(test_a_writer_that_was_refused_opens_the_gate)
{
    struct spilled s;

    spilled_init(&s, 2 * CHUNK, 0);
    s.ends.edge.gate = 10 * CHUNK;
    ASSERT_EQ(give(&s, 10), 0);
    ASSERT_EQ(give(&s, 10), 0);
    ASSERT_EQ(take(&s), LEAT_EMPTY);
    ASSERT_EQ(give(&s, 10), LEAT_FULL);
    ASSERT(edge_woken(&s.ends.reader));
    ASSERT_EQ(take(&s), 0);
    edge_ends_done(&s.ends);
}

/* --- one use after another ---------------------------------------------------------------------- */

TEST(test_an_edge_that_is_reset_is_as_at_the_first_use)
{
    struct spilled s;

    spilled_init(&s, CHUNK, 4 * CHUNK);
    ASSERT_EQ(give(&s, CHUNK), 0);
    ASSERT_EQ(give(&s, CHUNK), 0);
    leat_edge_finish(&s.ends.edge, LEAT_EDGE_EOF);
    leat_edge_cancel(&s.ends.edge, LEAT_REASON_FAILED);
    s.ends.edge.reader = s.ends.edge.writer = NULL; /* neither side runs */
    leat_edge_reset(&s.ends.edge);
    s.ends.edge.reader = &s.ends.reader;
    s.ends.edge.writer = &s.ends.writer;
    s.given = s.taken = 0;
    ASSERT_EQ(leat_edge_reason(&s.ends.edge), LEAT_REASON_NONE);
    ASSERT_EQ(take(&s), LEAT_EMPTY);
    ASSERT_EQ(give(&s, 10), 0);
    ASSERT_EQ(take(&s), 0);
    leat_edge_finish(&s.ends.edge, LEAT_EDGE_FAILED);
    ASSERT_EQ(take(&s), LEAT_ECANCELLED);
    edge_ends_done(&s.ends);
}

/* --- misuse ------------------------------------------------------------------------------------- */

TEST(test_a_wrong_use_of_an_edge_breaks_an_invariant)
{
    struct spilled s;
    struct leat_item empty = {.slice = {.chunk = NULL}};
    struct leat_block block = {.index = 0};
    struct leat_item end = {.end = &block};

    spilled_init(&s, CHUNK, 4 * CHUNK);
    ASSERT_BREAKS(leat_edge_write(&s.ends.edge, &empty), "item->flush");
    ASSERT_BREAKS(leat_edge_write(&s.ends.edge, &end), "!e->spill");
    ASSERT_BREAKS(leat_edge_cancel(&s.ends.edge, LEAT_REASON_NONE), "LEAT_REASON_NONE");
    ASSERT_BREAKS(leat_edge_finish(&s.ends.edge, LEAT_EDGE_OPEN), "LEAT_EDGE_OPEN");
    leat_edge_finish(&s.ends.edge, LEAT_EDGE_EOF);
    ASSERT_BREAKS((void)give(&s, 1), "LEAT_EDGE_OPEN");
    ASSERT_BREAKS((void)leat_edge_wants(&s.ends.edge), "LEAT_EDGE_OPEN");
    ASSERT_EQ(leat_edge_read(&s.ends.edge, &empty), LEAT_END);
    s.ends.writer.thread = 0;
    ASSERT_BREAKS(leat_edge_finish(&s.ends.edge, LEAT_EDGE_EOF), "leat_actor_runs_here(e->writer)");
    s.ends.reader.thread = 0;
    ASSERT_BREAKS((void)leat_edge_read(&s.ends.edge, &empty), "leat_actor_runs_here(e->reader)");
    s.ends.reader.thread = pthread_self();
    edge_ends_done(&s.ends);
}
