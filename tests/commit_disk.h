/* commit_disk.h - a disk of which the k-th step of a commit fails, or is the last one before a kill.
 *
 * For programs that are linked with --wrap of the calls that change names and files: see the Makefile.
 * The file system can lack some of them. A program has one disk, so this is not a library.
 */
#ifndef COMMIT_DISK_H
#define COMMIT_DISK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

#define TEXT_MAX 2048
#define OLD "the old content\n"
#define GROWS "kept"

/* The features that the file system lacks. */
enum { NO_TMPFILE = 1, NO_EXCHANGE = 2, NO_NOREPLACE = 4, NO_LINKS = 8, LACKS_ALL = 15 };

static struct {
    unsigned lacks;
    bool no_locks;
    unsigned step;           /* calls so far */
    unsigned fail_at, fails; /* this one fails, and so many after it; 0: none */
    int error;               /* with this one */
    bool done;               /* it does its work all the same: the answer is lost */
    unsigned kill_at;        /* before this one the process is killed; 0: never */
    const char *kind;        /* only calls of this kind count; NULL: all */
    const char *always;      /* all calls of this kind fail, too; NULL: none */
    const char *failed;      /* the call that did */
    void (*before)(const char *call, const char *name); /* or NULL; of "lock" and "list", too */
} disk;

static inline int lacks(int error)
{
    errno = error;
    return -1;
}

/* Is the next step to fail? */
static inline bool step(const char *call, const char *name)
{
    if (disk.before)
        disk.before(call, name);
    if (disk.always && strcmp(disk.always, call) == 0)
        return lacks(disk.error) < 0;
    if (disk.kind && strcmp(disk.kind, call) != 0)
        return false;
    disk.step++;
    if (disk.step == disk.kill_at)
        (void)raise(SIGKILL);
    if (disk.fail_at == 0 || disk.step < disk.fail_at || disk.step > disk.fail_at + disk.fails)
        return false;
    disk.failed = call;
    errno = disk.error;
    return true;
}

/* The result of a call that was done and says that it has failed. */
static inline int deny(int result)
{
    return result < 0 ? -1 : lacks(disk.error);
}

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __real_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __real_renameat(int from_at, const char *from, int to_at, const char *to);
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to);
int __real_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags);
int __wrap_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags);
int __real_unlinkat(int at, const char *path, int flags);
int __wrap_unlinkat(int at, const char *path, int flags);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fsync(int fd);

int __wrap_openat(int at, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((disk.lacks & NO_TMPFILE) && (flags & O_TMPFILE) == O_TMPFILE)
        return lacks(EOPNOTSUPP);
    if ((flags & O_CREAT) && step("create", path))
        return -1;
    if ((flags & O_DIRECTORY) && (flags & O_TMPFILE) != O_TMPFILE && disk.before)
        disk.before("list", path);
    return __real_openat(at, path, flags, mode);
}

/* A file without a name can get one where files cannot have two. */
int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    if ((disk.lacks & NO_LINKS) && from_at != AT_FDCWD)
        return lacks(EPERM);
    if (step("link", to))
        return disk.done ? deny(__real_linkat(from_at, from, to_at, to, flags)) : -1;
    return __real_linkat(from_at, from, to_at, to, flags);
}

int __wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
    if (step("rename", to))
        return disk.done ? deny(__real_renameat(from_at, from, to_at, to)) : -1;
    return __real_renameat(from_at, from, to_at, to);
}

int __wrap_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    if (disk.lacks & (flags == RENAME_EXCHANGE ? NO_EXCHANGE : NO_NOREPLACE))
        return lacks(EINVAL);
    if (step("rename2", to))
        return disk.done ? deny(__real_renameat2(from_at, from, to_at, to, flags)) : -1;
    return __real_renameat2(from_at, from, to_at, to, flags);
}

int __wrap_unlinkat(int at, const char *path, int flags)
{
    if (step("unlink", path))
        return disk.done ? deny(__real_unlinkat(at, path, flags)) : -1;
    return __real_unlinkat(at, path, flags);
}

int __wrap_flock(int fd, int operation)
{
    if ((operation & LOCK_EX) && disk.before)
        disk.before("lock", "");
    return disk.no_locks ? lacks(ENOLCK) : __real_flock(fd, operation);
}

int __wrap_ftruncate(int fd, off_t size)
{
    return step("truncate", "") ? -1 : __real_ftruncate(fd, size);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return step("chmod", "") ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fsync(int fd)
{
    (void)fd;
    return step("sync", "") ? -1 : 0;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- the directory of the test ---------------------------------------------------------------- */

static inline const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", test_tmp_dir(), name);
    return path;
}

static inline void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    ASSERT_NOT_NULL(file);
    ASSERT_GE(fputs(text, file), 0);
    ASSERT_EQ(fclose(file), 0);
}

static inline bool holds(const char *name, const char *text)
{
    size_t len = 0;
    uint8_t *data = test_file_read(path_of(name), &len);
    bool same = data && len == strlen(text) && memcmp(data, text, len) == 0;

    free(data);
    return same;
}

static inline bool is_there(const char *name)
{
    struct stat info;

    return lstat(path_of(name), &info) == 0;
}

/* Temporaries in the test's directory and its `sub`; the name of one of them. */
static inline unsigned temporaries(char ret_name[NAME_MAX + 1])
{
    static const char *const places[] = {"", "sub"};
    unsigned n = 0;

    for (size_t i = 0; i < 2; i++) {
        DIR *dir = opendir(path_of(places[i]));
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
            if (entry->d_name[0] != '.' || entry->d_type != DT_REG)
                continue;
            n++;
            if (ret_name)
                snprintf(ret_name, NAME_MAX + 1, "%s", entry->d_name);
        }
        if (dir)
            closedir(dir);
    }
    return n;
}

/* Runs the text, in which @ is the test's directory. Returns the code. */
static inline int run(const char *format, struct leat_settings settings,
                      struct leat_error *ret_error, char warnings[TEXT_MAX])
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *p = NULL;
    struct leat_error warning = LEAT_INIT(leat_error);
    char text[TEXT_MAX];
    size_t n = 0, w = 0;
    int code;

    for (const char *c = format; *c && n < sizeof text; c++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", *c == '@' ? 400 : 1,
                              *c == '@' ? test_tmp_dir() : c);
    ASSERT_LT(n, sizeof text);
    ASSERT_NOT_NULL(registry);
    settings.fixed_default_io = true;
    settings.threads = settings.threads ? settings.threads : 1;
    *ret_error = (struct leat_error)LEAT_INIT(leat_error);
    if (leat_pipeline_from_text(registry, text, &settings, &p, ret_error) < 0)
        FAIL("%s: %s", ret_error->stage_name, ret_error->text);
    disk.step = 0;
    disk.failed = NULL;
    code = leat_pipeline_run(p);
    if (leat_pipeline_error(p))
        *ret_error = *leat_pipeline_error(p);
    warnings[0] = '\0';
    for (size_t i = 0; leat_pipeline_warning(p, i, &warning) > 0 && w < TEXT_MAX; i++)
        w += (size_t)snprintf(warnings + w, TEXT_MAX - w, "%s\n", warning.text);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    return code;
}

static inline int run_here(const char *format, bool force, struct leat_error *ret_error,
                           char *warnings)
{
    return run(format, (struct leat_settings){.size = sizeof(struct leat_settings), .force = force},
               ret_error, warnings);
}

#endif
