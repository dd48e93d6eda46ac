/* test_input.c - the bytes of an archive: in order, from the source's file, or from a temporary copy. */
#include "../../transforms/archive/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio_runs.h"
#include "test.h"

#define SPOOL_MAX ((uint64_t)1 << 20)
#define TEXT_MAX 2048
#define LEN 300000u

/* --- calls that fail -------------------------------------------------------------------------- */

static struct {
    int open_errno;           /* of a file without a name; 0: it is made */
    unsigned reads, writes;   /* until now */
    unsigned read_at, read_n; /* this read and the next fail, read_n in all */
    unsigned write_at, write_n;
    int error;
    bool short_writes; /* of one byte */
    unsigned opens;    /* of the file `watched` */
    const char *watched;
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
    if (unnamed && os.open_errno) {
        errno = os.open_errno;
        return -1;
    }
    os.opens += os.watched && (flags & O_NOCTTY) && strcmp(path, os.watched) == 0;
    return __real_open(path, flags, mode);
}

static bool is_due(unsigned k, unsigned from, unsigned n)
{
    errno = os.error;
    return from > 0 && k >= from && k < from + n;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    return is_due(++os.reads, os.read_at, os.read_n) ? -1 : __real_pread(fd, to, n, at);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at)
{
    if (is_due(++os.writes, os.write_at, os.write_n))
        return -1;
    return __real_pwrite(fd, from, os.short_writes && n > 0 ? 1 : n, at);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- the stage -------------------------------------------------------------------------------- */

static struct {
    uint64_t spool_max;
    size_t drain_after; /* bytes; 0: read all */
    bool leaves_little; /* memory: less than the buffer needs */
    bool from_file;     /* it was read from a file */
    uint64_t total;
    int error; /* of the input, at the end */
} job;

static int copy(struct leat_archive_input *in, struct leat_blocking *b)
{
    const void *data = NULL;
    size_t n = 0, all = 0;
    int r = 1;

    while (r == 1 && (!job.drain_after || all < job.drain_after)) {
        uint64_t at = in->at;

        r = leat_archive_input_read(in, &data, &n);
        if (r == 1) {
            ASSERT_GT(n, 0);
            ASSERT_EQ(in->at, at + n);
            all += n;
            r = leat_push(b, data, n);
            r = r == 0 ? 1 : r;
        }
    }
    return r < 0 ? r : 0;
}

static int inputs_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct leat_archive_input in = {.fd = 0};
    int r = job.leaves_little ? leat_charge(s, leat_memory_left(s) - 200000) : 0;

    if (r == 0)
        r = leat_archive_input_begin(&in, s, b, job.spool_max);
    job.from_file = in.fd != 0;
    if (r == 0)
        r = copy(&in, b);
    if (r == 0)
        r = leat_archive_input_drain(&in);
    job.error = in.error;
    if (r == 0)
        job.total = leat_archive_input_total(&in);
    leat_archive_input_end(&in);
    return r < 0 ? r : LEAT_END;
}

static const struct leat_stage_type inputs = {
    .name = "inputs", .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING, .run = inputs_run};
static const struct leat_stage_type *const types[] = {&inputs, NULL};

static struct memio result;

/* Run a text in which @io is the input and the output; the output is in `result` until the next run.
 * Returns the code. */
static int run(unsigned e, const void *data, size_t n, const char *format)
{
    memio_free(&result);
    result = memio_under(e);
    result.in = data;
    result.in_len = n;
    result.types = types;
    job.from_file = false;
    job.total = 0;
    return memio_run_named(&result, NULL, "%s", format);
}

static uint8_t *zip_bytes(size_t n)
{
    uint8_t *data = memio_bytes(n);

    memcpy(data, "PK\3\4", 4);
    return data;
}

static void begin(void)
{
    memset(&job, 0, sizeof job);
    memset(&os, 0, sizeof os);
    job.spool_max = SPOOL_MAX;
    ASSERT_EQ(setenv("TMPDIR", test_tmp_dir(), 1), 0);
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
}

static void make_file(const char *name, const void *data, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, data, n), n);
    ASSERT_EQ(close(fd), 0);
}

/* --- in order --------------------------------------------------------------------------------- */

TEST(test_an_archive_that_is_read_in_order_is_neither_copied_nor_changed)
{
    static const size_t lens[] = {1, 7, 8, 9, 1000, LEN};
    uint8_t *data = memio_bytes(LEN);

    begin();
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
        for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
            ASSERT_EQ(run(e, data, lens[i], "memsource @io | inputs | memsink @io"), 0);
            ASSERT_BYTES_EQ(result.out, result.out_len, data, lens[i]);
            ASSERT(!job.from_file);
            ASSERT_EQ(job.total, lens[i]);
            ASSERT_EQ(result.warnings, 0);
        }
    free(data);
}

/* The stages before it may have a checksum at the end of the input. */
TEST(test_the_rest_of_an_archive_that_is_read_in_order_is_read_too)
{
    uint8_t *data = memio_bytes(LEN);

    begin();
    job.drain_after = 1;
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        ASSERT_EQ(run(e, data, LEN, "memsource @io | inputs | memsink @io"), 0);
        ASSERT_LT(result.out_len, LEN);
        ASSERT_EQ(job.total, LEN);
    }
    free(data);
}

TEST(test_an_input_without_bytes_is_no_archive)
{
    begin();
    ASSERT_EQ(run(0, "", 0, "memsource @io | inputs | memsink @io"), LEAT_ETRUNCATED);
    ASSERT_STR_HAS(result.error.text, "the input is empty");
}

TEST(test_a_failure_of_the_source_ends_the_reading)
{
    uint8_t *data = zip_bytes(1000);

    begin();
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++)
        for (int is_zip = 0; is_zip <= 1; is_zip++) {
            memio_free(&result);
            result = memio_under(e);
            result.in = data + (is_zip ? 0 : 1);
            result.in_len = 999;
            result.piece = e % 2 ? 3 : 100;
            result.source.fail_at = 2;
            result.types = types;
            ASSERT_EQ(memio_run(&result, "inputs"), LEAT_EIO);
        }
    free(data);
}

/* --- from a file ------------------------------------------------------------------------------ */

TEST(test_archives_with_their_table_at_the_end_are_read_from_a_file)
{
    static const struct {
        const char *magic;
        size_t n;
        bool from_file;
    } rows[] = {
        {"PK\3\4", 4, true},
        {"PK\5\6", 4, true},
        {"PK00PK", 6, true},
        {"7z\xbc\xaf\x27\x1c", 6, true},
        {"MZ", 2, true},
        {"\x7f"
         "ELF",
         4, true},
        {"PK\3", 3, false},
        {"PK00P", 5, false},
        {"7z\xbc\xaf\x27", 5, false},
        {"M", 1, false},
        {"!<arch>\n", 8, false},
        {"PK\1\2", 4, false},
    };

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_context("row %zu", i);
        ASSERT_EQ(run(1, rows[i].magic, rows[i].n, "memsource @io | inputs | memsink @io"), 0);
        ASSERT_BYTES_EQ(result.out, result.out_len, rows[i].magic, rows[i].n);
        ASSERT_EQ(job.from_file, rows[i].from_file);
        ASSERT_EQ(job.total, rows[i].n);
        ASSERT_EQ(result.warnings, rows[i].from_file);
    }
}

TEST(test_the_file_of_the_source_is_read_itself)
{
    uint8_t *data = zip_bytes(LEN);

    begin();
    make_file("f", data, LEN);
    os.watched = "f";
    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        os.opens = 0;
        ASSERT_EQ(run(e, NULL, 0, "read f | inputs | memsink @io"), 0);
        ASSERT_BYTES_EQ(result.out, result.out_len, data, LEN);
        ASSERT(job.from_file);
        ASSERT_EQ(job.total, LEN);
        ASSERT_EQ(result.warnings, 0);
        ASSERT_GE(os.opens, 1);
        ASSERT_EQ(os.writes, 0);
    }
    free(data);
}

/* A file is known when it is open, so the second one is not known at the begin of the first. */
TEST(test_what_is_not_a_whole_file_is_copied_first)
{
    static const struct {
        const char *text;
        size_t from, n; /* of two files, one after the other */
    } rows[] = {
        {"read f g | inputs | memsink @io", 0, 2 * LEN},
        {"read f f | inputs | memsink @io", 0, 2 * LEN},
        {"read f | head -c 1000000 | inputs | memsink @io", 0, LEN},
        {"read --length=299999 f | inputs | memsink @io", 0, LEN - 1},
        {"read --length=300001 f g | inputs | memsink @io", 0, LEN + 1},
        {"read --offset=300000 f g | inputs | memsink @io", LEN, LEN},
        {"concat [ read f ] | inputs | memsink @io", 0, LEN},
    };
    uint8_t *data = zip_bytes(2 * LEN);

    begin();
    memmove(data + LEN, data, LEN);
    make_file("f", data, LEN);
    make_file("g", data + LEN, LEN);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned e = 0; e < N_EXECUTORS; e++) {
            os.writes = 0;
            ASSERT_EQ(run(e, NULL, 0, rows[i].text), 0);
            test_context("%s, %u", rows[i].text, e);
            ASSERT_BYTES_EQ(result.out, result.out_len, data + rows[i].from, rows[i].n);
            ASSERT(job.from_file);
            ASSERT_EQ(job.total, rows[i].n);
            ASSERT_EQ(result.warnings, 1);
            ASSERT_GT(os.writes, 0);
        }
    free(data);
}

/* When the source has opened its file, another one gets the name. */
static int replaces_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    if (in->offset == 0 && in->pos == 0 && in->len > 0) {
        make_file("h", "PK\3\4 another archive", 20);
        ASSERT_EQ(rename("h", "f"), 0);
    }
    return memio_pass(s, in, out);
}

TEST(test_a_file_that_does_not_begin_like_the_input_is_not_read)
{
    static const struct leat_stage_type replaces = {.name = "replaces",
                                                    .kind = LEAT_TRANSFORM,
                                                    .flags = LEAT_PASS_THROUGH,
                                                    .step = replaces_step};
    static const struct leat_stage_type *const more[] = {&inputs, &replaces, NULL};
    uint8_t *data = zip_bytes(LEN);

    begin();
    make_file("f", data, LEN);
    memio_free(&result);
    result = memio_under(0);
    result.types = more;
    ASSERT_EQ(memio_run_named(&result, NULL, "read f | replaces | inputs | memsink @io"), 0);
    ASSERT_BYTES_EQ(result.out, result.out_len, data, LEN);
    ASSERT_EQ(result.warnings, 1);
    free(data);
}

/* --- the temporary copy ----------------------------------------------------------------------- */

TEST(test_the_copy_is_bounded)
{
    uint8_t *data = zip_bytes(1000);

    begin();
    for (unsigned e = 0; e < 2 * N_EXECUTORS; e++) {
        job.spool_max = 1000;
        ASSERT_EQ(run(e, data, 1000, "memsource @io | inputs | memsink @io"), 0);
        ASSERT_BYTES_EQ(result.out, result.out_len, data, 1000);
        job.spool_max = 999;
        ASSERT_EQ(run(e, data, 1000, "memsource @io | inputs | memsink @io"), LEAT_ELIMIT);
        ASSERT_STR_HAS(result.error.text, "larger than 999 bytes; raise --spool");
    }
    free(data);
}

TEST(test_short_and_interrupted_calls_are_repeated)
{
    uint8_t *data = zip_bytes(1000);

    begin();
    os.short_writes = true;
    os.error = EINTR;
    os.write_at = 3;
    os.write_n = 5;
    os.read_at = 1;
    os.read_n = 4;
    ASSERT_EQ(run(0, data, 1000, "memsource @io | inputs | memsink @io"), 0);
    ASSERT_BYTES_EQ(result.out, result.out_len, data, 1000);
    ASSERT_GE(os.writes, 1005);
    free(data);
}

TEST(test_a_disk_that_fails_is_an_error)
{
    uint8_t *data = zip_bytes(1000);

    begin();
    os.error = ENOSPC;
    os.write_at = os.write_n = 1;
    ASSERT_EQ(run(0, data, 1000, "memsource @io | inputs | memsink @io"), LEAT_EIO);
    ASSERT_STR_HAS(result.error.text, "cannot write the temporary file: No space left");
    begin();
    os.error = EIO;
    os.read_at = os.read_n = 1;
    ASSERT_EQ(run(0, data, 1000, "memsource @io | inputs | memsink @io"), LEAT_EIO);
    ASSERT_STR_HAS(result.error.text, "cannot read the archive again: Input/output error");
    ASSERT_EQ(job.error, LEAT_EIO);
    free(data);
}

TEST(test_a_file_system_without_nameless_files_has_a_copy_whose_name_is_removed)
{
    static const int errors[] = {EOPNOTSUPP, EISDIR, ENOENT, EINVAL};
    uint8_t *data = zip_bytes(1000);

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        begin();
        os.open_errno = errors[i];
        ASSERT_EQ(run(0, data, 1000, "memsource @io | inputs | memsink @io"), 0);
        ASSERT_BYTES_EQ(result.out, result.out_len, data, 1000);
        ASSERT_EQ(rmdir(test_tmp_dir()), 0); /* it is empty */
        ASSERT_EQ(mkdir(test_tmp_dir(), 0700), 0);
    }
    begin();
    os.open_errno = EACCES;
    ASSERT_EQ(run(0, data, 1000, "memsource @io | inputs | memsink @io"), LEAT_EIO);
    ASSERT_STR_HAS(result.error.text, "cannot make a temporary file in ");
    free(data);
}

TEST(test_the_directory_of_the_copy_is_that_of_TMPDIR)
{
    char *path = malloc(5000);

    ASSERT_NOT_NULL(path);
    memset(path, 'x', 4999);
    path[4999] = '\0';
    begin();
    ASSERT_EQ(setenv("TMPDIR", "no such directory", 1), 0);
    ASSERT_EQ(run(0, "PK\3\4", 4, "memsource @io | inputs | memsink @io"), LEAT_ENOENT);
    ASSERT_STR_HAS(result.error.text, "in no such directory");
    os.open_errno = EOPNOTSUPP;
    ASSERT_EQ(setenv("TMPDIR", path, 1), 0);
    ASSERT_EQ(run(0, "PK\3\4", 4, "memsource @io | inputs | memsink @io"), LEAT_EIO);
    ASSERT_STR_HAS(result.error.text, "TMPDIR: File name too long");
    os.open_errno = 0;
    ASSERT_EQ(setenv("TMPDIR", "", 1), 0);
    ASSERT_EQ(run(0, "PK\3\4", 4, "memsource @io | inputs | memsink @io"), 0);
    free(path);
}

/* --- the end of the run ----------------------------------------------------------------------- */

TEST(test_the_reading_of_a_file_ends_when_nobody_needs_more)
{
    uint8_t *data = zip_bytes(LEN);

    begin();
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        job.error = 0;
        ASSERT_EQ(run(e, data, LEN, "memsource @io | inputs | head -c 1 | memsink @io"), 0);
        ASSERT_BYTES_EQ(result.out, result.out_len, data, 1);
    }
    free(data);
}

TEST(test_the_buffer_is_charged_to_the_stage)
{
    uint8_t *data = zip_bytes(1000);

    begin();
    job.leaves_little = true;
    make_file("f", data, 1000);
    for (int spools = 0; spools <= 1; spools++) {
        memio_free(&result);
        result = memio_under(0);
        result.in = data;
        result.in_len = 1000;
        result.types = types;
        ASSERT_EQ(memio_run_named(&result, NULL,
                                  spools ? "memsource @io | inputs | memsink @io"
                                         : "read f | inputs | memsink @io"),
                  LEAT_ELIMIT);
    }
    memio_free(&result);
    free(data);
}
