/* test_repack.c - an entry whose size the old archive does not tell: its content is copied to a temporary
 * file first, and the new archive is the same as with a size.
 *
 * The formats that are read today tell all sizes, so the reader is made to forget them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../transforms/archive/reader.h"
#include "memio.h"
#include "test.h"

#define TEXT_MAX 1024
#define LARGE 700000u

/* --- the reader, and the disk ------------------------------------------------------------------ */

static struct {
    bool forgets;         /* the reader: sizes of files */
    bool repacks;         /* the reads and writes are those of the temporary file */
    unsigned interrupted; /* so many reads */
    int read_errno, write_errno, cut_errno;
    bool ends; /* the file is shorter than it was */
} os;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_leat_reader_next(struct leat_reader *reader, struct leat_reader_entry *ret);
int __wrap_leat_reader_next(struct leat_reader *reader, struct leat_reader_entry *ret);
ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __real_pwrite(int fd, const void *from, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);

int __wrap_leat_reader_next(struct leat_reader *reader, struct leat_reader_entry *ret)
{
    int r = __real_leat_reader_next(reader, ret);

    if (r == 1 && os.forgets && ret->kind == LEAT_ENTRY_FILE) {
        ret->has_size = false;
        ret->size = 0;
    }
    return r;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    if (os.repacks && os.interrupted > 0) {
        os.interrupted--;
        errno = EINTR;
        return -1;
    }
    errno = os.read_errno;
    if (os.repacks && os.read_errno)
        return -1;
    return os.repacks && os.ends ? 0 : __real_pread(fd, to, n, at);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at)
{
    errno = os.write_errno;
    return os.repacks && os.write_errno ? -1 : __real_pwrite(fd, from, n, at);
}

int __wrap_ftruncate(int fd, off_t size)
{
    errno = os.cut_errno;
    return os.repacks && os.cut_errno ? -1 : __real_ftruncate(fd, size);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- an archive -------------------------------------------------------------------------------- */

static uint8_t *archive;
static size_t archive_len;

static void put(const char *name, size_t n)
{
    uint8_t *data = memio_bytes(n + 1);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, data, n), n);
    ASSERT_EQ(close(fd), 0);
    free(data);
}

/* Returns the code; *ret_io has the output. */
static int run(struct memio *ret_io, const char *text)
{
    *ret_io = (struct memio){.in = archive, .in_len = archive_len, .settings = {.threads = 1}};
    return memio_run(ret_io, text);
}

static void begin(void)
{
    struct memio io = {.settings = {.threads = 1}};
    char text[TEXT_MAX];

    memset(&os, 0, sizeof os);
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(mkdir("t", 0755), 0);
    put("t/a", 1000);
    put("t/empty", 0);
    put("t/large", LARGE);
    put("t/z", 3);
    ASSERT_EQ(symlink("a", "t/link"), 0);
    snprintf(text, sizeof text, "pack --reproducible t : memsink --at=%lld", memio_at(&io));
    ASSERT_EQ(memio_run_text(&io, text), 0);
    archive_len = io.out_len;
    archive = malloc(archive_len);
    ASSERT_NOT_NULL(archive);
    memcpy(archive, io.out, archive_len);
    memio_free(&io);
    os.repacks = true;
}

static void end(void)
{
    free(archive);
    archive = NULL;
}

TEST(test_an_archive_without_sizes_becomes_the_same_one)
{
    static const char *const formats[] = {"pax", "ustar", "gnutar", "cpio", "zip", "7z"};

    begin();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct memio with, without;
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "repack --format=%s", formats[i]);
        os.forgets = false;
        if (run(&with, text) != 0)
            FAIL("%s", with.error.text);
        os.forgets = true;
        os.interrupted = 3;
        if (run(&without, text) != 0)
            FAIL("%s", without.error.text);
        ASSERT_GT(without.out_len, 1000);
        ASSERT_BYTES_EQ(without.out, without.out_len, with.out, with.out_len);
        memio_free(&with);
        memio_free(&without);
    }
    end();
}

static void fails(int code, const char *text, const char *why)
{
    struct memio io;

    os.forgets = true;
    test_context("%s", why);
    ASSERT_EQ(run(&io, text), code);
    ASSERT_STR_HAS(io.error.text, why);
    memio_free(&io);
    memset(&os, 0, sizeof os);
    os.repacks = true;
}

TEST(test_the_copy_is_bounded_and_its_errors_are_told)
{
    struct memio io;

    begin();
    fails(LEAT_ELIMIT, "repack --spool=1000", "larger than 1000 bytes; raise --spool");
    fails(LEAT_ELIMIT, "repack --spool=699999", "larger than 699999 bytes");
    os.forgets = true;
    ASSERT_EQ(run(&io, "repack --spool=700000"), 0);
    memio_free(&io);
    os.write_errno = ENOSPC;
    fails(LEAT_EIO, "repack", "cannot write the temporary file: No space left");
    os.read_errno = EIO;
    fails(LEAT_EIO, "repack", "the temporary file: Input/output error");
    os.ends = true;
    fails(LEAT_EIO, "repack", "the temporary file: Input/output error");
    os.cut_errno = EIO;
    fails(LEAT_EIO, "repack", "the temporary file: Input/output error");
    ASSERT_EQ(setenv("TMPDIR", "/no/such/directory", 1), 0);
    fails(LEAT_ENOENT, "repack", "cannot make a temporary file");
    end();
}
