/* faults.c - preloaded into leat by tests: counts its system calls, and makes one of them fail.
 *
 * It knows calls by a class, such as `write` (to a regular file) or `close-out` (of a descriptor that
 * was open for writing). A call in the C library or in the loader is not seen.
 *
 * A close is `close-out` only if bytes were written to the file since the last one: else there is
 * nothing that it could lose.
 *
 *   FAULT_COUNTS=FILE      how often each class was called, kept in FILE by mmap: a line each
 *   FAULT=CLASS:K:ERRNO    the K-th call of the class fails (0: every call); several with commas.
 *                          ERRNO is a number, or `short`: a write or read takes half; or `hang`: it does
 *                          not return.
 *   FAULT_ABSENT=exchange,noreplace,link,tmpfile   what the file system lacks; =ERRNO may follow each
 *
 * The variables are gone before main() runs: child processes run without faults.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* clang-format off */
#define CLASSES(X) \
    X(open, "open") X(create, "create") X(tmpfile, "tmpfile") \
    X(write, "write") X(write_pipe, "write-pipe") X(write_err, "write-err") X(write_out, "write-out") \
    X(read, "read") X(read_pipe, "read-pipe") X(fsync, "fsync") X(fsync_dir, "fsync-dir") \
    X(sync_range, "sync-range") X(sync_hint, "sync-hint") X(rename, "rename") X(link, "link") X(unlink, "unlink") \
    X(ftruncate, "ftruncate") X(fallocate, "fallocate") X(close, "close") X(close_out, "close-out") X(close_again, "close-again") \
    X(pipe, "pipe") X(spawn, "spawn") X(fork, "fork") X(thread, "thread") \
    X(epoll_create, "epoll-create") X(epoll_ctl, "epoll-ctl") X(epoll_wait, "epoll-wait") \
    X(eventfd, "eventfd") X(mmap, "mmap") X(move, "move") X(fchmod, "fchmod") X(fchown, "fchown") \
    X(xattr, "xattr") X(stat, "stat") X(fcntl, "fcntl") X(dup, "dup") X(lseek, "lseek") \
    X(readlink, "readlink") X(realpath, "realpath") X(timerfd, "timerfd") X(poll, "poll") \
    X(pidfd, "pidfd") X(wait, "wait") X(kill, "kill") X(flock, "flock") X(random, "random") \
    X(send, "send") X(recv, "recv") X(mkdir, "mkdir") X(times, "times")
/* clang-format on */

enum class {
#define X(id, name) C_##id,
    CLASSES(X)
#undef X
        N_CLASSES
};

static const char *const names[] = {
#define X(id, name) name,
    CLASSES(X)
#undef X
};

#define LINE 32 /* bytes of a class in FAULT_COUNTS */
#define SHORT (-1)
#define HANG (-2)
#define SPECS_MAX 8

struct spec {
    enum class class;
    unsigned long at; /* 0: all */
    int error;
};

static atomic_ulong counts[N_CLASSES];
static struct spec specs[SPECS_MAX];
static size_t n_specs;
static int no_exchange, no_noreplace, no_link, no_tmpfile;
static char *shown; /* FAULT_COUNTS */

#define CALL(name, ...) ((__typeof__(&name))real(#name))(__VA_ARGS__)

static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        abort();
    return function;
}

/* Counts the call. Returns 0, or the error it is to fail with. */
static int fault(enum class class)
{
    unsigned long n = atomic_fetch_add(&counts[class], 1) + 1;
    char text[LINE];
    int error = 0;

    if (shown) {
        snprintf(text, sizeof text, "%-20s%11lu", names[class], n);
        memcpy(shown + (size_t) class * LINE, text, LINE - 1);
    }
    for (size_t i = 0; i < n_specs; i++)
        if (specs[i].class == class && (specs[i].at == 0 || specs[i].at == n))
            error = specs[i].error;
    if (error == HANG)
        for (;;)
            (void)pause();
    return error;
}

static int fails(int error)
{
    errno = error;
    return -1;
}

#define FAIL_IF(class)                                                                             \
    do {                                                                                           \
        int error_ = fault(class);                                                                 \
        if (error_)                                                                                \
            return fails(error_);                                                                  \
    } while (0)

/* A function that fails with -1 and errno, and nothing else. */
#define DEFINE(class, type, name, parameters, ...)                                                 \
    type name parameters                                                                           \
    {                                                                                              \
        FAIL_IF(class);                                                                            \
        return CALL(name, __VA_ARGS__);                                                            \
    }

/* --- set up ------------------------------------------------------------------------------------ */

static void add_spec(char *text)
{
    char *at = strchr(text, ':'), *error = at ? strchr(at + 1, ':') : NULL;
    struct spec *spec = &specs[n_specs];

    if (!error || n_specs == SPECS_MAX)
        abort();
    *at = *error = '\0';
    for (size_t i = 0; i < N_CLASSES; i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        spec->class = (enum class)i;
        spec->at = strtoul(at + 1, NULL, 10);
        spec->error = strcmp(error + 1, "short") == 0  ? SHORT
                      : strcmp(error + 1, "hang") == 0 ? HANG
                                                       : atoi(error + 1);
        n_specs++;
        return;
    }
    abort();
}

static void add_absent(char *text)
{
    char *equals = strchr(text, '=');
    int error = equals ? atoi(equals + 1) : 0;

    if (equals)
        *equals = '\0';
    if (strcmp(text, "exchange") == 0)
        no_exchange = error ? error : EINVAL;
    else if (strcmp(text, "noreplace") == 0)
        no_noreplace = error ? error : EINVAL;
    else if (strcmp(text, "link") == 0)
        no_link = error ? error : EPERM;
    else if (strcmp(text, "tmpfile") == 0)
        no_tmpfile = error ? error : EOPNOTSUPP;
    else
        abort();
}

static void each_word(const char *variable, void (*take)(char *))
{
    char *text = getenv(variable), *copy = text ? strdup(text) : NULL, *save = NULL;

    for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; word;
         word = strtok_r(NULL, ",", &save))
        take(word);
    free(copy);
}

static void show_counts(const char *path)
{
    int fd = CALL(open, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    void *memory;

    if (fd < 0 || CALL(ftruncate, fd, (off_t)N_CLASSES * LINE) < 0)
        abort();
    memory = CALL(mmap, NULL, (size_t)N_CLASSES * LINE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        abort();
    (void)CALL(close, fd);
    memset(memory, ' ', (size_t)N_CLASSES * LINE);
    for (size_t i = 1; i <= N_CLASSES; i++)
        ((char *)memory)[i * LINE - 1] = '\n';
    shown = memory;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("FAULT_COUNTS");

    if (path)
        show_counts(path);
    each_word("FAULT", add_spec);
    each_word("FAULT_ABSENT", add_absent);
    unsetenv("FAULT");
    unsetenv("FAULT_ABSENT");
    unsetenv("FAULT_COUNTS");
    unsetenv("LD_PRELOAD");
}

/* --- opening ----------------------------------------------------------------------------------- */

static int check_open(int flags)
{
    bool tmpfile = (flags & O_TMPFILE) == O_TMPFILE;
    int error = fault(tmpfile ? C_tmpfile : flags & O_CREAT ? C_create : C_open);

    return error ? error : tmpfile ? no_tmpfile : 0;
}

#define DEFINE_OPEN(name)                                                                          \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        int error = check_open(flags);                                                             \
        va_list ap;                                                                                \
        mode_t mode;                                                                               \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                             \
        va_end(ap);                                                                                \
        return error ? fails(error) : CALL(name, path, flags, mode);                               \
    }
#define DEFINE_OPENAT(name)                                                                        \
    int name(int dir, const char *path, int flags, ...)                                            \
    {                                                                                              \
        int error = check_open(flags);                                                             \
        va_list ap;                                                                                \
        mode_t mode;                                                                               \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                             \
        va_end(ap);                                                                                \
        return error ? fails(error) : CALL(name, dir, path, flags, mode);                          \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    int error = check_open(flags);

    return error ? fails(error) : CALL(__open_2, path, flags);
}

int __openat_2(int dir, const char *path, int flags);
int __openat_2(int dir, const char *path, int flags)
{
    int error = check_open(flags);

    return error ? fails(error) : CALL(__openat_2, dir, path, flags);
}

DEFINE(C_create, int, mkostemp, (char *template, int flags), template, flags)

/* --- reading and writing ------------------------------------------------------------------------ */

static mode_t type_of(int fd)
{
    struct stat info;

    return syscall(SYS_fstat, fd, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

/* Regular files whose bytes no close has been asked about yet. */
static atomic_ulong unasked[64];

static atomic_ulong *slot_of(int fd)
{
    struct stat info;

    if (syscall(SYS_fstat, fd, &info) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++) {
        unsigned long none = 0;

        if (atomic_compare_exchange_strong(&unasked[i], &none, info.st_ino) || none == info.st_ino)
            return &unasked[i];
    }
    return NULL;
}

static void note_written(int fd)
{
    int error = errno;

    if (S_ISREG(type_of(fd)))
        (void)slot_of(fd);
    errno = error;
}

/* Was something written since the last time? */
static bool ask(int fd)
{
    struct stat info;
    bool was = false;

    if (syscall(SYS_fstat, fd, &info) < 0)
        return false;
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++) {
        unsigned long inode = info.st_ino;

        if (atomic_compare_exchange_strong(&unasked[i], &inode, 0))
            was = true;
    }
    return was;
}

static bool is_in(const void *code, const char *library)
{
    Dl_info info;

    return dladdr(code, &info) != 0 && info.dli_fname && strstr(info.dli_fname, library);
}

/* The pipes and eventfds by which libuv wakes itself do not fail. A sanitizer stands between. */
static bool is_of_libuv(const void *caller)
{
    void *frames[8];
    int n;

    if (!is_in(caller, "libasan") && !is_in(caller, "libtsan"))
        return is_in(caller, "libuv");
    n = backtrace(frames, 8);
    for (int i = 0; i < n; i++)
        if (is_in(frames[i], "libuv"))
            return true;
    return false;
}
#define CALLER __builtin_return_address(0)

static int check_write(const void *caller, int fd, size_t *n)
{
    mode_t type = type_of(fd);
    int error = 0;

    if (is_of_libuv(caller))
        return 0;
    if (fd == STDERR_FILENO)
        error = fault(C_write_err);
    else if (fd == STDOUT_FILENO)
        error = fault(C_write_out);
    else if (S_ISREG(type) || S_ISBLK(type))
        error = fault(C_write);
    else if (S_ISFIFO(type))
        error = fault(C_write_pipe);
    if (error != SHORT)
        return error;
    *n = *n > 1 ? *n / 2 : *n;
    return 0;
}

static int check_read(const void *caller, int fd, size_t *n)
{
    mode_t type = type_of(fd);
    int error = 0;

    if (is_of_libuv(caller))
        return 0;
    if (S_ISREG(type) || S_ISBLK(type))
        error = fault(C_read);
    else if (S_ISFIFO(type))
        error = fault(C_read_pipe);
    if (error != SHORT)
        return error;
    *n = *n > 1 ? *n / 2 : *n;
    return 0;
}

ssize_t write(int fd, const void *data, size_t n)
{
    int error = check_write(CALLER, fd, &n);

    note_written(fd);
    return error ? fails(error) : CALL(write, fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    int error = check_write(CALLER, fd, &n);

    note_written(fd);
    return error ? fails(error) : CALL(pwrite, fd, data, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    size_t none = 0;
    int error = check_write(CALLER, fd, &none);

    note_written(fd);
    return error ? fails(error) : CALL(writev, fd, v, n);
}

ssize_t read(int fd, void *data, size_t n)
{
    int error = check_read(CALLER, fd, &n);

    return error ? fails(error) : CALL(read, fd, data, n);
}

ssize_t pread(int fd, void *data, size_t n, off_t at)
{
    int error = check_read(CALLER, fd, &n);

    return error ? fails(error) : CALL(pread, fd, data, n, at);
}

DEFINE(C_send, ssize_t, send, (int fd, const void *data, size_t n, int flags), fd, data, n, flags)
DEFINE(C_recv, ssize_t, recv, (int fd, void *data, size_t n, int flags), fd, data, n, flags)

ssize_t splice(int from, off_t *from_at, int to, off_t *to_at, size_t n, unsigned flags)
{
    FAIL_IF(C_move);
    note_written(to);
    return CALL(splice, from, from_at, to, to_at, n, flags);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t n, unsigned flags)
{
    FAIL_IF(C_move);
    note_written(to);
    return CALL(copy_file_range, from, from_at, to, to_at, n, flags);
}

DEFINE(C_lseek, off_t, lseek, (int fd, off_t to, int whence), fd, to, whence)

/* --- files -------------------------------------------------------------------------------------- */

static int check_sync(int fd)
{
    return fault(S_ISDIR(type_of(fd)) ? C_fsync_dir : C_fsync);
}

int fsync(int fd)
{
    int error = check_sync(fd);

    return error ? fails(error) : CALL(fsync, fd);
}

int fdatasync(int fd)
{
    int error = check_sync(fd);

    return error ? fails(error) : CALL(fdatasync, fd);
}

DEFINE(C_fsync, int, syncfs, (int fd), fd)

/* If it waits, what it says is not said again by fsync(2). */
int sync_file_range(int fd, off_t from, off_t n, unsigned flags)
{
    FAIL_IF(flags & SYNC_FILE_RANGE_WAIT_AFTER ? C_sync_range : C_sync_hint);
    return CALL(sync_file_range, fd, from, n, flags);
}

DEFINE(C_ftruncate, int, ftruncate, (int fd, off_t n), fd, n)
DEFINE(C_fallocate, int, fallocate, (int fd, int mode, off_t from, off_t n), fd, mode, from, n)
DEFINE(C_rename, int, rename, (const char *from, const char *to), from, to)
DEFINE(C_rename, int, renameat, (int from_dir, const char *from, int to_dir, const char *to),
       from_dir, from, to_dir, to)

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    FAIL_IF(C_rename);
    if (flags & RENAME_EXCHANGE && no_exchange)
        return fails(no_exchange);
    if (flags & RENAME_NOREPLACE && no_noreplace)
        return fails(no_noreplace);
    return CALL(renameat2, from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
    FAIL_IF(C_link);
    return no_link ? fails(no_link) : CALL(link, from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    FAIL_IF(C_link);
    return no_link ? fails(no_link) : CALL(linkat, from_dir, from, to_dir, to, flags);
}

DEFINE(C_mkdir, int, mkdir, (const char *path, mode_t mode), path, mode)
DEFINE(C_mkdir, int, mkdirat, (int dir, const char *path, mode_t mode), dir, path, mode)
DEFINE(C_create, int, symlinkat, (const char *target, int dir, const char *path), target, dir, path)
DEFINE(C_times, int, futimens, (int fd, const struct timespec times[2]), fd, times)
DEFINE(C_times, int, utimensat,
       (int dir, const char *path, const struct timespec times[2], int flags), dir, path, times,
       flags)
DEFINE(C_unlink, int, unlink, (const char *path), path)
DEFINE(C_unlink, int, unlinkat, (int dir, const char *path, int flags), dir, path, flags)

/* The descriptor is gone, whatever close(2) says. */
int close(int fd)
{
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFL), r;
    bool out = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && S_ISREG(type_of(fd));
    int error = fault(!out ? C_close : ask(fd) ? C_close_out : C_close_again);

    r = CALL(close, fd);
    return error ? fails(error) : r;
}

DEFINE(C_fchmod, int, fchmod, (int fd, mode_t mode), fd, mode)
DEFINE(C_fchown, int, fchown, (int fd, uid_t owner, gid_t group), fd, owner, group)
DEFINE(C_xattr, ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t n), fd, name,
       value, n)
DEFINE(C_xattr, int, fsetxattr, (int fd, const char *name, const void *value, size_t n, int flags),
       fd, name, value, n, flags)
DEFINE(C_xattr, ssize_t, flistxattr, (int fd, char *list, size_t n), fd, list, n)
DEFINE(C_xattr, ssize_t, getxattr, (const char *path, const char *name, void *value, size_t n),
       path, name, value, n)
DEFINE(C_xattr, ssize_t, listxattr, (const char *path, char *list, size_t n), path, list, n)
DEFINE(C_stat, int, fstat, (int fd, struct stat *info), fd, info)
DEFINE(C_stat, int, stat, (const char *path, struct stat *info), path, info)
DEFINE(C_stat, int, lstat, (const char *path, struct stat *info), path, info)
DEFINE(C_stat, int, fstatat, (int dir, const char *path, struct stat *info, int flags), dir, path,
       info, flags)
DEFINE(C_stat, int, statx,
       (int dir, const char *path, int flags, unsigned mask, struct statx *info), dir, path, flags,
       mask, info)
DEFINE(C_readlink, ssize_t, readlink, (const char *path, char *to, size_t n), path, to, n)

char *realpath(const char *path, char *to)
{
    int error = fault(C_realpath);

    errno = error ? error : errno;
    return error ? NULL : CALL(realpath, path, to);
}

/* F_GETFD asks whether a descriptor is open. Only what makes a descriptor, or changes one, fails. */
static int check_fcntl(int command)
{
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        return fault(C_dup);
    return command == F_GETFD ? 0 : fault(C_fcntl);
}

#define DEFINE_FCNTL(name)                                                                         \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        int error = check_fcntl(command);                                                          \
        va_list ap;                                                                                \
        void *arg;                                                                                 \
                                                                                                   \
        va_start(ap, command);                                                                     \
        arg = va_arg(ap, void *);                                                                  \
        va_end(ap);                                                                                \
        return error ? fails(error) : CALL(name, fd, command, arg);                                \
    }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

DEFINE(C_dup, int, dup, (int fd), fd)
DEFINE(C_flock, int, flock, (int fd, int how), fd, how)
DEFINE(C_random, ssize_t, getrandom, (void *to, size_t n, unsigned flags), to, n, flags)

/* --- pipes, threads, processes, events ---------------------------------------------------------- */

DEFINE(C_pipe, int, pipe2, (int fds[2], int flags), fds, flags)

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
    int error = fault(C_spawn);

    return error ? error : CALL(posix_spawnp, pid, file, actions, attr, argv, env);
}

int posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
    int error = fault(C_spawn);

    return error ? error : CALL(posix_spawn, pid, file, actions, attr, argv, env);
}

pid_t fork(void)
{
    FAIL_IF(C_fork);
    return CALL(fork);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int error = fault(C_thread);

    return error ? error : CALL(pthread_create, thread, attr, run, arg);
}

DEFINE(C_epoll_create, int, epoll_create1, (int flags), flags)

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (what != EPOLL_CTL_DEL)
        FAIL_IF(C_epoll_ctl);
    return CALL(epoll_ctl, epoll, what, fd, event);
}

DEFINE(C_epoll_wait, int, epoll_wait, (int epoll, struct epoll_event *events, int n, int ms), epoll,
       events, n, ms)
DEFINE(C_epoll_wait, int, epoll_pwait,
       (int epoll, struct epoll_event *events, int n, int ms, const sigset_t *mask), epoll, events,
       n, ms, mask)
DEFINE(C_eventfd, int, eventfd, (unsigned value, int flags), value, flags)
DEFINE(C_timerfd, int, timerfd_create, (int clock, int flags), clock, flags)
DEFINE(C_timerfd, int, timerfd_settime,
       (int fd, int flags, const struct itimerspec *to, struct itimerspec *old), fd, flags, to, old)
DEFINE(C_poll, int, poll, (struct pollfd * fds, nfds_t n, int ms), fds, n, ms)

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t from)
{
    int error = fault(C_mmap);

    errno = error ? error : errno;
    return error ? MAP_FAILED : CALL(mmap, at, n, protection, flags, fd, from);
}

DEFINE(C_kill, int, kill, (pid_t pid, int number), pid, number)
DEFINE(C_wait, int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), type, id, info,
       options)
DEFINE(C_wait, pid_t, waitpid, (pid_t pid, int *status, int options), pid, status, options)

/* leat calls this where the C library has no function. */
long syscall(long number, ...)
{
    va_list ap;
    long a[6];
    int error = 0;

    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_pidfd_open)
        error = fault(C_pidfd);
    else if (number == SYS_waitid)
        error = fault(C_wait);
    else if (number == SYS_pidfd_send_signal)
        error = fault(C_kill);
    else if (number == SYS_openat2)
        error = fault(C_open);
    return error ? fails(error) : CALL(syscall, number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
