/* test_pack.c - pack while files change, vanish and cannot be read: never a broken archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../transforms/archive/pack_time.h"
#include "memio.h"
#include "test.h"

#define LARGE 400000u
#define PATH_SIZE 512u

/* --- what happens while pack reads ------------------------------------------------------------ */

/* Done before the k-th read of a file, and before an open of the name. */
static struct {
    unsigned reads, at_read, every;
    void (*on_read)(void);
    const char *open_name;
    void (*on_open)(void);
    int read_errno;
    bool parent_moves;
} event;

ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at)
{
    event.reads++;
    if (event.on_read && (event.every || event.reads == event.at_read))
        event.on_read();
    if (event.read_errno && event.reads >= event.at_read) {
        errno = event.read_errno;
        return -1;
    }
    return __real_pread(fd, to, n, at);
}

static const char *before_open(const char *path)
{
    if (event.open_name && strcmp(path, event.open_name) == 0) {
        event.open_name = NULL;
        event.on_open();
    }
    return event.parent_moves && strcmp(path, "..") == 0 ? "/" : path;
}

/* The C library's header calls this one if the flags are not constant. */
int __real___openat_2(int at, const char *path, int flags);
int __wrap___openat_2(int at, const char *path, int flags);
int __wrap___openat_2(int at, const char *path, int flags)
{
    return __real___openat_2(at, before_open(path), flags);
}

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    return __real_openat(at, before_open(path), flags, mode);
}

/* --- files ------------------------------------------------------------------------------------ */

static const char *path_of(const char *name)
{
    static char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/t/%s", test_tmp_dir(), name);
    return path;
}

static void write_file(const char *name, size_t n, int flags)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | flags, 0644);
    char block[1000];

    memset(block, 'a', sizeof block);
    ASSERT_GE(fd, 0);
    for (; n >= sizeof block; n -= sizeof block)
        ASSERT_EQ(write(fd, block, sizeof block), (ssize_t)sizeof block);
    ASSERT_EQ(write(fd, block, n), (ssize_t)n);
    ASSERT_EQ(close(fd), 0);
}

/* A tree with `a`, the victim `m` of this size, and `z`. */
static void make_tree(size_t n)
{
    char dir[PATH_SIZE];

    snprintf(dir, sizeof dir, "%s/t", test_tmp_dir());
    ASSERT(mkdir(dir, 0755) == 0 || errno == EEXIST);
    memset(&event, 0, sizeof event);
    write_file("a", 10, O_TRUNC);
    write_file("m", n, O_TRUNC);
    write_file("z", 10, O_TRUNC);
}

static void grow(void)
{
    write_file("m", 500, O_APPEND);
}

static void shrink(void)
{
    ASSERT_EQ(truncate(path_of("m"), 200000), 0);
}

static void touch(void)
{
    struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 7}};

    ASSERT_EQ(utimensat(AT_FDCWD, path_of("m"), times, 0), 0);
}

static void remove_it(void)
{
    ASSERT_EQ(unlink(path_of("m")), 0);
}

static void link_it(void)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/linked", test_tmp_dir());
    ASSERT_EQ(link(path_of("m"), path), 0);
}

static void make_fifo(void)
{
    remove_it();
    ASSERT_EQ(mkfifo(path_of("m"), 0644), 0);
}

/* --- the archive ------------------------------------------------------------------------------ */

static int pack(struct memio *io, const char *options)
{
    char text[2 * PATH_SIZE];

    snprintf(text, sizeof text, "pack %s -C %s t | memsink --at=%lld", options, test_tmp_dir(),
             memio_at(io));
    return memio_run_text(io, text);
}

static unsigned long long octal(const uint8_t *from, size_t n)
{
    char text[16] = "";

    memcpy(text, from, n);
    return strtoull(text, NULL, 8);
}

/* The content of a file, and its size; NULL: it is not in the archive, which is whole. */
static const uint8_t *find(const struct memio *io, const char *name, char type, size_t *ret_n)
{
    const uint8_t *found = NULL;
    size_t at = 0, zeros = 0;

    while (zeros < 2) {
        const uint8_t *head = io->out + at;
        unsigned sum = 0;

        ASSERT_LE(at + 512, io->out_len);
        if (!*head) {
            zeros++;
            at += 512;
            continue;
        }
        for (unsigned i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? ' ' : head[i];
        ASSERT_EQ(octal(head + 148, 8), sum);
        if (strcmp((const char *)head, name) == 0 && (char)head[156] == type) {
            found = head + 512;
            *ret_n = octal(head + 124, 12);
        }
        at += 512 + (octal(head + 124, 12) + 511) / 512 * 512;
    }
    ASSERT_EQ(io->out_len % 10240, 0);
    return found;
}

static size_t size_in(const struct memio *io, const char *name)
{
    size_t n = SIZE_MAX;

    return find(io, name, '0', &n) ? n : SIZE_MAX;
}

static void all_a(const struct memio *io, size_t from, size_t to, uint8_t expected)
{
    size_t n;
    const uint8_t *data = find(io, "t/m", '0', &n);

    ASSERT_NOT_NULL(data);
    for (size_t i = from; i < to; i++)
        ASSERT_EQ(data[i], expected);
}

/* --- tests ------------------------------------------------------------------------------------ */

TEST(test_a_file_that_changes_while_it_is_read_fails_the_pipeline)
{
    void (*const changes[])(void) = {grow, touch, shrink};

    for (unsigned large = 0; large < 2; large++)
        for (unsigned i = 0; i < 2 + large; i++) {
            struct memio io = {.piece = 0};

            test_context("large %u, change %u", large, i);
            make_tree(large ? LARGE : 3000);
            event.on_read = changes[i];
            event.at_read = 2; /* the first one is of t/a */
            ASSERT_EQ(pack(&io, ""), LEAT_EIO);
            ASSERT_STR_HAS(io.error.text, "t/m: changed while it was read; use --on-change=warn, "
                                          "or --on-change=retry=3");
            memio_free(&io);
        }
}

TEST(test_with_warn_a_file_that_grew_has_the_bytes_that_were_read)
{
    for (unsigned large = 0; large < 2; large++) {
        struct memio io = {.piece = 0};

        make_tree(large ? LARGE : 3000);
        event.on_read = grow;
        event.at_read = 2;
        ASSERT_EQ(pack(&io, "--on-change=warn"), 0);
        ASSERT_EQ(io.warnings, 1);
        ASSERT_EQ(size_in(&io, "t/m"), large ? LARGE : 3500);
        ASSERT_EQ(size_in(&io, "t/z"), 10);
        all_a(&io, 0, large ? LARGE : 3500, 'a');
        memio_free(&io);
    }
}

static void grow_all(void)
{
    char name[16];

    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "n%u", i);
        write_file(name, 5, O_APPEND);
    }
}

TEST(test_with_warn_the_first_files_that_changed_are_named_and_all_are_counted)
{
    struct memio io = {.piece = 0};

    make_tree(10);
    grow_all();
    event.on_read = grow_all;
    event.every = 1;
    ASSERT_EQ(pack(&io, "--on-change=warn"), 0);
    ASSERT_EQ(io.warnings, 21);
    memio_free(&io);
}

TEST(test_with_warn_a_file_that_shrank_has_zeros_in_place_of_the_rest)
{
    struct memio io = {.piece = 0};

    make_tree(LARGE);
    event.on_read = shrink;
    event.at_read = 2;
    ASSERT_EQ(pack(&io, "--on-change=warn"), 0);
    ASSERT_EQ(io.warnings, 1);
    ASSERT_EQ(size_in(&io, "t/m"), LARGE);
    all_a(&io, 0, 200000, 'a');
    all_a(&io, 200000, LARGE, 0);
    ASSERT_EQ(size_in(&io, "t/z"), 10);
    memio_free(&io);
}

TEST(test_with_retry_a_file_is_read_until_it_did_not_change)
{
    for (unsigned large = 0; large < 2; large++) {
        struct memio io = {.piece = 0};

        make_tree(large ? LARGE : 3000);
        event.on_read = grow;
        event.at_read = 2;
        ASSERT_EQ(pack(&io, "--on-change=retry=1"), 0);
        ASSERT_EQ(io.warnings, 0);
        ASSERT_EQ(size_in(&io, "t/m"), (large ? LARGE : 3000) + 500);
        all_a(&io, 0, (large ? LARGE : 3000) + 500, 'a');
        memio_free(&io);
        make_tree(large ? LARGE : 3000);
        event.on_read = grow;
        event.every = 1;
        ASSERT_EQ(pack(&io, "--on-change=retry=2"), LEAT_EIO);
        ASSERT_STR_HAS(io.error.text, "t/m: changed each time it was read, 3 times");
        memio_free(&io);
    }
}

TEST(test_with_retry_the_entry_has_the_time_of_the_last_read)
{
    for (unsigned large = 0; large < 2; large++) {
        struct memio io = {.piece = 0};
        const uint8_t *data;
        size_t n;

        make_tree(large ? LARGE : 3000);
        event.on_read = touch;
        event.at_read = 2;
        ASSERT_EQ(pack(&io, "--on-change=retry=1"), 0);
        data = find(&io, "t/m", '0', &n);
        ASSERT_NOT_NULL(data);
        ASSERT_EQ(octal(data - 512 + 136, 12), 7);
        memio_free(&io);
    }
}

TEST(test_with_retry_a_small_file_may_become_a_large_one)
{
    struct memio io = {.piece = 0};

    make_tree(130900);
    event.on_read = grow;
    event.at_read = 2;
    ASSERT_EQ(pack(&io, "--on-change=retry=1"), 0);
    ASSERT_EQ(size_in(&io, "t/m"), 131400);
    all_a(&io, 0, 131400, 'a');
    memio_free(&io);
}

TEST(test_another_name_or_the_loss_of_one_is_no_change)
{
    void (*const changes[])(void) = {link_it, remove_it};

    for (unsigned i = 0; i < 2; i++) {
        struct memio io = {.piece = 0};

        make_tree(3000);
        event.on_read = changes[i];
        event.at_read = 2;
        ASSERT_EQ(pack(&io, ""), 0);
        ASSERT_EQ(size_in(&io, "t/m"), 3000);
        memio_free(&io);
    }
}

TEST(test_a_file_that_is_removed_before_it_is_read)
{
    static const char *const options[] = {"", "--on-change=warn", "--on-change=retry=1"};

    for (unsigned i = 0; i < 3; i++) {
        struct memio io = {.piece = 0};

        make_tree(3000);
        event.open_name = "m";
        event.on_open = remove_it;
        ASSERT_EQ(pack(&io, options[i]), i == 0 ? LEAT_EIO : 0);
        if (i == 0) {
            ASSERT_STR_HAS(io.error.text, "t/m: was removed before it was read");
        } else {
            ASSERT_EQ(io.warnings, 1);
            ASSERT_EQ(size_in(&io, "t/m"), SIZE_MAX);
            ASSERT_EQ(size_in(&io, "t/z"), 10);
        }
        memio_free(&io);
    }
}

TEST(test_a_file_that_becomes_a_fifo_is_packed_as_one)
{
    struct memio io = {.piece = 0};
    size_t n;

    make_tree(3000);
    event.open_name = "m";
    event.on_open = make_fifo;
    ASSERT_EQ(pack(&io, ""), 0);
    ASSERT_NOT_NULL(find(&io, "t/m", '6', &n));
    memio_free(&io);
}

static void make_dir(void)
{
    ASSERT_EQ(unlink(path_of("s")), 0);
    ASSERT_EQ(mkdir(path_of("s"), 0755), 0);
    write_file("s/inside", 7, O_TRUNC);
}

static void make_file(void)
{
    ASSERT_EQ(unlink(path_of("s")), 0);
    write_file("s", 7, O_TRUNC);
}

TEST(test_a_link_that_becomes_a_file_or_a_directory_is_packed_as_that)
{
    struct memio io = {.piece = 0};

    for (unsigned i = 0; i < 2; i++) {
        make_tree(10);
        ASSERT_EQ(symlink("nowhere", path_of("s")), 0);
        event.open_name = "a"; /* the names of the directory are read */
        event.on_open = i ? make_file : make_dir;
        ASSERT_EQ(pack(&io, ""), 0);
        ASSERT_EQ(size_in(&io, i ? "t/s" : "t/s/inside"), 7);
        memio_free(&io);
        ASSERT(i || unlink(path_of("s/inside")) == 0);
        ASSERT_EQ(remove(path_of("s")), 0);
    }
}

/* The walk looks a few entries ahead, so there are files between the two names. */
static void make_names(void)
{
    char path[PATH_SIZE];

    make_tree(3000);
    grow_all();
    snprintf(path, sizeof path, "%s", path_of("x"));
    ASSERT_EQ(link(path_of("m"), path), 0);
    event.on_read = touch;
    event.at_read = 5;
}

TEST(test_a_file_that_changes_between_its_two_names_is_no_link)
{
    struct memio io = {.piece = 0};
    size_t n;

    make_names();
    ASSERT_EQ(pack(&io, ""), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "t/x: changed since its first name was read");
    memio_free(&io);
    ASSERT_EQ(unlink(path_of("x")), 0);
    make_names();
    ASSERT_EQ(pack(&io, "--on-change=warn"), 0);
    ASSERT_EQ(io.warnings, 1);
    ASSERT_EQ(size_in(&io, "t/m"), 3000);
    ASSERT_EQ(size_in(&io, "t/x"), 3000);
    ASSERT_NULL(find(&io, "t/x", '1', &n));
    memio_free(&io);
}

TEST(test_a_read_that_fails)
{
    for (unsigned large = 0; large < 2; large++) {
        struct memio io = {.piece = 0};

        make_tree(large ? LARGE : 3000);
        event.read_errno = EIO;
        event.at_read = 2;
        ASSERT_EQ(pack(&io, ""), LEAT_EIO);
        ASSERT_STR_HAS(io.error.text, "t/m: Input/output error");
        memio_free(&io);
        make_tree(large ? LARGE : 3000);
        event.read_errno = EIO;
        event.at_read = 2;
        /* The header of a large one is out: it cannot be left out any more. */
        ASSERT_EQ(pack(&io, "--skip-unreadable"), large ? LEAT_EIO : 0);
        if (!large) {
            ASSERT_EQ(size_in(&io, "t/m"), SIZE_MAX);
            ASSERT_EQ(io.warnings, 2); /* t/z, too */
        }
        memio_free(&io);
    }
}

TEST(test_a_directory_that_is_moved_while_the_walk_is_below_it)
{
    struct memio io = {.piece = 0};
    char path[PATH_SIZE];
    size_t n;

    make_tree(10);
    n = (size_t)snprintf(path, sizeof path, "%s", path_of("d"));
    for (unsigned i = 0; i < 40; i++) {
        ASSERT_EQ(mkdir(path, 0755), 0);
        n += (size_t)snprintf(path + n, sizeof path - n, "/d");
    }
    ASSERT_EQ(pack(&io, ""), 0);
    memio_free(&io);
    event.parent_moves = true;
    ASSERT_EQ(pack(&io, ""), LEAT_EIO);
    ASSERT_STR_HAS(io.error.text, "was moved while it was read; run again");
    memio_free(&io);
}

TEST(test_times_of_options)
{
    static const struct {
        const char *text;
        bool valid;
        int64_t s;
        uint32_t ns;
    } rows[] = {
        {"@0", true, 0, 0},
        {"@12.5", true, 12, 500000000},
        {"@-1.25", true, -2, 750000000},
        {"@1.0000000019", true, 1, 1},
        {"1970-01-01", true, 0, 0},
        {"1969-12-31T23:59:59", true, -1, 0},
        {"2000-02-29 12:30Z", true, 951827400, 0},
        {"2026-11-30T09:55:00Z", true, 1796032500, 0},
        {"0001-01-01", true, -62135596800, 0},
        {"2001-02-29", false, 0, 0},
        {"2001-13-01", false, 0, 0},
        {"2001-1-1", false, 0, 0},
        {"@", false, 0, 0},
        {"@1x", false, 0, 0},
        {"@99999999999999999999", false, 0, 0},
        {"now", false, 0, 0},
        {"", false, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct leat_time t = {.s = 0};

        test_context("%s", rows[i].text);
        ASSERT_EQ(leat_time_parse(rows[i].text, &t), rows[i].valid);
        if (rows[i].valid) {
            ASSERT_EQ(t.s, rows[i].s);
            ASSERT_EQ(t.ns, rows[i].ns);
        }
    }
}
