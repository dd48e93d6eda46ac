/* tree_aid.h - a tree that a test writes entry by entry, on a file system that fails as the test asks for.
 *
 * A program has one tree, so this is not a library. It is linked with --wrap of the calls below: see the
 * Makefile. They fail only while a script runs.
 */
#ifndef TREE_AID_H
#define TREE_AID_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../transforms/archive/tree_impl.h"
#include "memio.h"
#include "test.h"

#define PATH_SIZE 512u
#define MTIME 1000000000
#define MTIME_NS 5

/* --- the file system -------------------------------------------------------------------------- */

static struct {
    bool active;
    atomic_uint step;   /* calls until now; a helper makes some */
    unsigned fail_at;   /* this call fails; 0: none */
    int error;          /* with this one */
    const char *failed; /* the call that did */
    int openat2_errno;  /* each openat2 fails so; 0: it works */
    unsigned resolved;  /* calls of openat2 */
    bool folds;         /* the case of letters does not count in names */
    bool short_writes;  /* of one byte */
    char xattrs[128];   /* names of the attributes that were set */
    void (*before)(const char *call, const char *name); /* or NULL */
} os;

static inline bool step(const char *call, const char *name)
{
    if (!os.active)
        return false;
    if (os.before)
        os.before(call, name);
    errno = os.error;
    if (++os.step != os.fail_at)
        return false;
    os.failed = call;
    return true;
}

/* The name under which the file system has it. */
static inline const char *folded(const char *name)
{
    static char lower[PATH_SIZE];
    size_t n = 0;

    if (!os.active || !os.folds)
        return name;
    for (; name[n] && n < sizeof lower - 1; n++)
        lower[n] = (char)tolower((unsigned char)name[n]);
    lower[n] = '\0';
    return lower;
}

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#define TREE_CALLS(X)                                                                              \
    X(mkdirat, (int at, const char *name, mode_t mode), name, (at, folded(name), mode))            \
    X(fstatat, (int at, const char *name, struct stat *to, int flags), name,                       \
      (at, folded(name), to, flags))                                                               \
    X(unlinkat, (int at, const char *name, int flags), name, (at, folded(name), flags))            \
    X(renameat, (int at, const char *name, int to_at, const char *to), to, (at, name, to_at, to))  \
    X(linkat, (int at, const char *name, int to_at, const char *to, int flags), to,                \
      (at, name, to_at, to, flags))                                                                \
    X(symlinkat, (const char *target, int at, const char *name), name, (target, at, name))         \
    X(mknodat, (int at, const char *name, mode_t mode, dev_t dev), name, (at, name, mode, dev))    \
    X(ftruncate, (int fd, off_t n), "", (fd, n))                                                   \
    X(fchmod, (int fd, mode_t mode), "", (fd, mode))                                               \
    X(fchmodat, (int at, const char *name, mode_t mode, int flags), name, (at, name, mode, flags)) \
    X(futimens, (int fd, const struct timespec *times), "", (fd, times))                           \
    X(utimensat, (int at, const char *name, const struct timespec *times, int flags), name,        \
      (at, name, times, flags))                                                                    \
    X(fchown, (int fd, uid_t user, gid_t group), "", (fd, user, group))                            \
    X(fchownat, (int at, const char *name, uid_t user, gid_t group, int flags), name,              \
      (at, name, user, group, flags))

#define TREE_WRAP(call, params, name, args)                                                        \
    int __real_##call params;                                                                      \
    int __wrap_##call params;                                                                      \
    int __wrap_##call params                                                                       \
    {                                                                                              \
        return step(#call, name) ? -1 : __real_##call args;                                        \
    }
TREE_CALLS(TREE_WRAP)

int __real_openat(int at, const char *name, int flags, ...);
int __wrap_openat(int at, const char *name, int flags, ...);
ssize_t __real_pwrite(int fd, const void *from, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t offset);
int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t n, int flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

int __wrap_openat(int at, const char *name, int flags, ...)
{
    mode_t mode = 0;
    va_list args;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    return step("openat", name) ? -1 : __real_openat(at, folded(name), flags, mode);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t offset)
{
    if (step("pwrite", ""))
        return -1;
    return __real_pwrite(fd, from, os.short_writes && n > 0 ? 1 : n, offset);
}

int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
    size_t used = strlen(os.xattrs);

    (void)fd;
    (void)flags;
    snprintf(os.xattrs + used, sizeof os.xattrs - used, "%s=%.*s ", name, (int)n,
             (const char *)value);
    return step("fsetxattr", name) ? -1 : 0;
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2 && os.active) {
        os.resolved++;
        if (os.openat2_errno) {
            errno = os.openat2_errno;
            return -1;
        }
        if (step("openat2", (const char *)(uintptr_t)a[1]))
            return -1;
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- an archive of one entry, which the reader has read --------------------------------------- */

static struct {
    struct leat_tree_options options;
    bool in_place;
    unsigned threads; /* 0: 1 */
    bool cpio;        /* the format of the archive; else tar */
    int (*script)(struct leat_tree_writer *t);
    void *raw; /* for the attributes */
    int code;
    struct leat_error error;
} job;

static inline size_t put_header(char *to, const char *name, char type, size_t n)
{
    unsigned sum = 0;

    memset(to, 0, 512);
    snprintf(to, 100, "%s", name);
    snprintf(to + 100, 8, "%07o", 0644);
    snprintf(to + 108, 8, "%07o", 0);
    snprintf(to + 116, 8, "%07o", 0);
    snprintf(to + 124, 12, "%011zo", n);
    snprintf(to + 136, 12, "%011o", 0);
    to[156] = type;
    memcpy(to + 257, "ustar\00000", 8);
    memset(to + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)to[i];
    snprintf(to + 148, 8, "%06o", sum);
    return 512;
}

static inline size_t put_newc(char *to, const char *name)
{
    size_t n = strlen(name) + 1;

    memset(to, 0, 128);
    return (size_t)snprintf(to, 128,
                            "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x%s", 1,
                            0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, n, 0, name) /
               4 * 4 +
           4;
}

/* The file `e`, with two extended attributes if it is tar. */
static inline size_t make_archive(char *to)
{
    static const char records[] = "26 SCHILY.xattr.user.a=bc\n31 SCHILY.xattr.security.d=efg\n";
    size_t n = 0;

    if (job.cpio) {
        n = put_newc(to, "e");
        return n + put_newc(to + n, "TRAILER!!!");
    }
    n += put_header(to, "pax", 'x', sizeof records - 1);
    memset(to + n, 0, 512);
    memcpy(to + n, records, sizeof records - 1);
    n += 512;
    n += put_header(to + n, "e", '0', 0);
    memset(to + n, 0, 1024);
    return n + 1024;
}

/* --- the stage -------------------------------------------------------------------------------- */

static inline int trees_open(struct leat_stage *s)
{
    return leat_reader_open(s, leat_state(s));
}

static inline int run_script(struct leat_stage *s, struct leat_reader *rd)
{
    struct leat_tree_writer t;
    int root = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        unfinished = open("unfinished", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    ASSERT_GE(root, 0);
    ASSERT_GE(unfinished, 0);
    leat_tree_begin(&t, s, rd, &job.options, root, job.in_place ? unfinished : -1);
    os.step = 0;
    os.resolved = 0;
    os.failed = NULL;
    os.active = true;
    r = job.script(&t);
    if (r == 0)
        r = leat_tree_finish(&t);
    if (r < 0)
        r = leat_tree_small_failure(&t, r);
    leat_tree_end(&t);
    os.active = false;
    ASSERT_EQ(close(root), 0);
    ASSERT_EQ(close(unfinished), 0);
    return r;
}

static inline int trees_run(struct leat_stage *s, struct leat_blocking *b)
{
    static const struct leat_reader_options options = {.spool = 1 << 20};
    struct leat_reader *rd = *(struct leat_reader **)leat_state(s);
    struct leat_reader_entry e;
    int r = leat_reader_begin(rd, b, &options);

    if (r == 0)
        r = leat_reader_next(rd, &e);
    ASSERT_EQ(r, 1);
    ASSERT_STREQ(e.name, "e");
    job.raw = e.raw;
    r = run_script(s, rd);
    leat_reader_end(rd);
    return r < 0 ? r : LEAT_END;
}

static inline void trees_close(struct leat_stage *s)
{
    leat_reader_free(s, *(struct leat_reader **)leat_state(s));
}

static const struct leat_stage_type trees = {.name = "trees",
                                             .kind = LEAT_TRANSFORM,
                                             .nature = LEAT_BLOCKING,
                                             .state_size = sizeof(struct leat_reader *),
                                             .open = trees_open,
                                             .run = trees_run,
                                             .close = trees_close};

/* Write a tree below `root`. Returns a code, which job.code has, too. */
static inline int write_tree(int (*script)(struct leat_tree_writer *t))
{
    static const struct leat_stage_type *const types[] = {&trees, NULL};
    char archive[4096];
    struct memio io = {
        .in = archive, .types = types, .settings = {.threads = job.threads ? job.threads : 1}};

    io.in_len = make_archive(archive);
    job.script = script;
    job.code = memio_run(&io, "trees");
    job.error = io.error;
    memio_free(&io);
    return job.code;
}

/* An empty directory `root`. */
static inline void begin(void)
{
    memset(&job, 0, sizeof job);
    memset(&os, 0, sizeof os);
    os.error = EIO;
    job.options.mask = 022;
    (void)umask(022);
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(system("rm -rf root unfinished out && mkdir root unfinished out"), 0);
}

/* --- entries ---------------------------------------------------------------------------------- */

static inline struct leat_reader_entry entry_of(enum leat_entry_kind kind, unsigned mode)
{
    return (struct leat_reader_entry){.number = 1,
                                      .kind = kind,
                                      .name = "entry",
                                      .mode = mode,
                                      .has_mtime = true,
                                      .mtime = {.tv_sec = MTIME, .tv_nsec = MTIME_NS},
                                      .raw = job.raw};
}

static inline int put_file(struct leat_tree_writer *t, const char *name, const char *content)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0640);
    int r = leat_tree_file_open(t, name, &e);

    e.has_size = true;
    e.size = strlen(content);
    if (r == 0)
        r = leat_tree_file_write(t, (const uint8_t *)content, strlen(content), 0);
    return r == 0 ? leat_tree_file_close(t, &e) : r;
}

static inline int put_directory(struct leat_tree_writer *t, const char *name, unsigned mode)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_DIRECTORY, mode);

    return leat_tree_directory(t, name, &e);
}

static inline int put_symlink(struct leat_tree_writer *t, const char *name, const char *target)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_SYMLINK, 0777);

    e.target = target;
    return leat_tree_symlink(t, name, &e);
}

/* --- what was written ------------------------------------------------------------------------- */

static inline bool holds(const char *path, const char *content)
{
    size_t n = 0;
    uint8_t *data = test_file_read(path, &n);
    bool same = data && n == strlen(content) && memcmp(data, content, n) == 0;

    free(data);
    return same;
}

static inline struct stat stat_of(const char *path)
{
    struct stat info;

    if (lstat(path, &info) < 0)
        FAIL("%s is not there", path);
    return info;
}

static inline unsigned mode_of(const char *path)
{
    return stat_of(path).st_mode & 07777;
}

static inline bool has_mtime(const char *path)
{
    struct stat info = stat_of(path);

    return info.st_mtim.tv_sec == MTIME && info.st_mtim.tv_nsec == MTIME_NS;
}

static inline bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* Is the directory empty? */
static inline bool is_empty(const char *path)
{
    int r = rmdir(path);

    if (r == 0)
        ASSERT_EQ(mkdir(path, 0700), 0);
    return r == 0;
}

#endif
