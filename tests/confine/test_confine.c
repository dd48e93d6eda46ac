/* test_confine.c - leat_confine: the process can do what its pipelines need, and nothing else.
 *
 * The program is linked with --wrap=syscall, so that the kernel seems to have another Landlock. A test runs
 * in a process of its own, which ends confined.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"
#include "test.h"

#define PATH_SIZE 512
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define BOTH (LEAT_CONFINED_FILES | LEAT_CONFINED_CALLS)

/* --- another kernel --------------------------------------------------------------------------- */

static struct {
    int error; /* of every call of Landlock; 0: none */
    int abi;   /* 0: the kernel's own */
    unsigned rules;
    uint64_t rights; /* of all rules together */
} landlock;

/* The rights of a file system that the ABI has, by the kernel's documentation. */
static uint64_t rights_of(int abi)
{
    static const unsigned bits[] = {0, 13, 14, 15, 15, 16};

    return (UINT64_C(1) << bits[abi < 5 ? abi : 5]) - 1;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* An older kernel refuses the bits that it does not know. */
static bool is_unknown(long number, const uint64_t *attr)
{
    if (number == CREATE_RULESET)
        return (attr[0] & ~rights_of(landlock.abi)) != 0 || (landlock.abi < 4 && attr[1] != 0) ||
               (landlock.abi < 6 && attr[2] != 0);
    return number == ADD_RULE && (attr[0] & ~rights_of(landlock.abi)) != 0;
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number >= CREATE_RULESET && number <= RESTRICT_SELF && a[0] != -1) { /* no probe */
        bool asks = number == CREATE_RULESET && a[0] == 0;
        const uint64_t *attr = (const uint64_t *)(uintptr_t)(number == ADD_RULE ? a[2] : a[0]);

        errno = landlock.error;
        if (landlock.error)
            return -1;
        if (asks && landlock.abi)
            return landlock.abi;
        errno = EINVAL;
        if (landlock.abi && landlock.abi < 7 && !asks && number != RESTRICT_SELF &&
            is_unknown(number, attr))
            return -1;
        if (number == ADD_RULE) {
            landlock.rules++;
            landlock.rights |= attr[0];
        }
        if (number == RESTRICT_SELF)
            test_write_counts(); /* later the file of the counts is out of reach */
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* From now on this system call fails, for all libraries, as in a container. */
static void take_away(unsigned number, unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

    ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static void need_kernel(void)
{
    if (__real_syscall(CREATE_RULESET, NULL, (size_t)0, 1u) < 3)
        SKIP(1, "this kernel has no Landlock, or an old one");
}

/* The framework looks at /proc when a test has ended, and the leak sanitizer at the threads: a confined
 * process has an end of its own. */
static void in_child(void (*function)(void))
{
    pid_t pid;
    int status;

    need_kernel();
    (void)test_tmp_dir(); /* one for both */
    pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        function();
        test_exit(0);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
}
#define CONFINED_TEST(name)                                                                        \
    static void name##_confined(void);                                                             \
    TEST(name)                                                                                     \
    {                                                                                              \
        in_child(name##_confined);                                                                 \
    }                                                                                              \
    static void name##_confined(void)

/* --- the test's files, and what can be done to them ------------------------------------------- */

static const char *path_of(const char *name)
{
    static char paths[4][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, PATH_SIZE, "%s/%s", test_tmp_dir(), name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
    ASSERT_EQ(close(fd), 0);
}

/* The output of a confined process cannot be read back by it. */
static void check_size(const char *name, off_t size)
{
    struct stat info;

    if (stat(path_of(name), &info) < 0)
        FAIL("%s: %s", name, strerror(errno));
    ASSERT_EQ(info.st_size, size);
}

/* Returns 0 or an errno; what was made is removed. */
static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644), r = fd < 0 ? errno : 0;

    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && (flags & O_CREAT))
        (void)unlink(path);
    return r;
}

static int try_exec(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(errno);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_socket(int domain)
{
    int fd = socket(domain, SOCK_STREAM, 0), r = fd < 0 ? errno : 0;

    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int as_errno(int r)
{
    return r < 0 ? errno : 0;
}

/* --- confinement ------------------------------------------------------------------------------ */

static int other_plan(struct leat_stage *stage)
{
    return leat_plan_access(stage, NULL, LEAT_ACCESS_NOTHING);
}

static int other_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type silent = {
    .name = "silent", .kind = LEAT_TRANSFORM, .step = other_step};
static const struct leat_stage_type frugal = {
    .name = "frugal", .kind = LEAT_TRANSFORM, .plan = other_plan, .step = other_step};

struct confined {
    struct leat_registry *registry;
    struct leat_pipeline *pipeline;
    struct leat_error error;
    unsigned parts;
    int r;
};

/* The pipeline runs in the directory of the test. */
static struct confined confine(const char *text, unsigned required)
{
    struct leat_confinement *list = leat_confinement_new();
    struct leat_settings settings = {.size = sizeof settings, .threads = 2, .force = true};
    struct confined c = {.registry = leat_registry_new(), .error = LEAT_INIT(leat_error)};

    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_NOT_NULL(list);
    ASSERT_EQ(leat_registry_add_plain(c.registry, &silent), 0);
    ASSERT_EQ(leat_registry_add_plain(c.registry, &frugal), 0);
    if (leat_pipeline_from_text(c.registry, text, &settings, &c.pipeline, &c.error) < 0)
        FAIL("%s", c.error.text);
    ASSERT_EQ(leat_confinement_add(list, c.pipeline), 0);
    c.r = leat_confine(list, required, &c.parts, &c.error);
    leat_confinement_free(list);
    return c;
}

static void run(struct confined *c)
{
    if (leat_pipeline_run(c->pipeline) < 0)
        FAIL("%s", leat_pipeline_error(c->pipeline)->text);
}

static void done(struct confined *c)
{
    leat_pipeline_unref(c->pipeline);
    leat_registry_free(c->registry);
}

static struct confined confine_wholly(const char *text)
{
    struct confined c = confine(text, BOTH);

    if (c.r < 0)
        FAIL("%s", c.error.text);
    ASSERT_EQ(c.parts, BOTH);
    return c;
}

CONFINED_TEST(test_the_files_of_the_pipeline_are_left_and_no_others)
{
    struct confined c;
    int open_before;

    put("in", "text\n");
    put("secret", "secret\n");
    ASSERT_EQ(mkdir(path_of("out"), 0755), 0);
    ASSERT_EQ(mkdir(path_of("elsewhere"), 0755), 0);
    open_before = open(path_of("secret"), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(open_before, 0);
    c = confine_wholly("read in : write out/x");
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), EACCES);
    ASSERT_EQ(try_open(path_of("secret"), O_RDONLY), EACCES);
    ASSERT_EQ(try_open(path_of("secret"), O_WRONLY), EACCES);
    ASSERT_EQ(try_open(path_of("in"), O_RDONLY), 0);
    ASSERT_EQ(try_open(path_of("in"), O_WRONLY), EACCES);
    ASSERT_EQ(try_open(path_of("out/new"), O_WRONLY | O_CREAT), 0);
    ASSERT_EQ(try_open(path_of("elsewhere/new"), O_WRONLY | O_CREAT), EACCES);
    ASSERT_EQ(as_errno(unlink(path_of("in"))), EACCES);
    ASSERT_EQ(as_errno(rename(path_of("in"), path_of("out/in"))), EACCES);
    ASSERT_EQ(as_errno(symlink("/etc", path_of("out/link"))), EACCES);
    ASSERT_EQ(as_errno(mkdir(path_of("out/sub"), 0755)), EACCES);
    {
        char text[8];

        ASSERT_EQ(read(open_before, text, sizeof text), 7);
    }
    run(&c);
    check_size("out/x", 5);
    done(&c);
}

CONFINED_TEST(test_an_output_gives_no_right_to_read_its_directory)
{
    struct confined c;

    put("secret", "secret\n");
    put("x", "old\n");
    c = confine_wholly("zero : head -c 3 : write x");
    run(&c);
    check_size("x", 3);
    ASSERT_EQ(try_open(path_of("secret"), O_RDONLY), EACCES);
    ASSERT_EQ(try_open(path_of("x"), O_RDONLY), EACCES);
    done(&c);
}

static int try_tiocsti(void)
{
    return as_errno(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

CONFINED_TEST(test_programs_sockets_and_other_processes_are_out_of_reach)
{
    struct confined c;

    put("in", "text\n");
    c = confine_wholly("read in : null");
    ASSERT_EQ(try_exec(), EPERM);
    ASSERT_EQ(try_socket(AF_INET), EPERM);
    ASSERT_EQ(try_socket(AF_UNIX), EPERM);
    ASSERT_EQ(as_errno(kill(getppid(), 0)), EPERM);
    ASSERT_EQ(as_errno(kill(getpid(), 0)), 0);
    ASSERT_EQ(try_tiocsti(), EPERM);
    ASSERT_EQ(as_errno(chmod(path_of("in"), 0600)), EPERM);
    ASSERT_EQ(as_errno(truncate(path_of("in"), 0)), EPERM);
    ASSERT_EQ(as_errno(mknod(path_of("fifo"), S_IFIFO | 0600, 0)), EPERM);
    ASSERT_EQ(as_errno(utimensat(AT_FDCWD, path_of("in"), NULL, 0)), EPERM);
    ASSERT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    run(&c);
    done(&c);
}

static void allow_only(const char *path, enum leat_access kind)
{
    struct leat_confinement *list = leat_confinement_new();
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_NOT_NULL(list);
    ASSERT_EQ(leat_confinement_allow(list, path, kind), 0);
    if (leat_confine(list, BOTH, NULL, &error) < 0)
        FAIL("%s", error.text);
    leat_confinement_free(list);
}

static int try_limit(pid_t pid)
{
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};

    return as_errno(prlimit(pid, RLIMIT_CPU, &limit, NULL));
}

static int try_clone(unsigned long flags)
{
    pid_t pid = (pid_t)__real_syscall(SYS_clone, flags | SIGCHLD, 0L, 0L, 0L, 0L);

    if (pid == 0)
        _exit(0);
    if (pid > 0)
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
    return as_errno(pid);
}

/* The owner of a file's signals gets any signal, also SIGKILL. */
static int try_owner(unsigned long request)
{
    int ends[2], pid = getppid(), r;

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    r = as_errno(ioctl(ends[0], request, &pid));
    (void)close(ends[0]);
    (void)close(ends[1]);
    return r;
}

CONFINED_TEST(test_no_other_process_is_limited_or_signalled_or_shares_memory)
{
    allow_only(NULL, LEAT_ACCESS_NOTHING);
    ASSERT_EQ(try_limit(getppid()), EPERM);
    ASSERT_EQ(try_limit(0), 0);
    ASSERT_EQ(try_limit(getpid()), 0);
    ASSERT_EQ(try_owner(FIOSETOWN), EPERM);
    ASSERT_EQ(try_owner(SIOCSPGRP), EPERM);
    ASSERT_EQ(as_errno(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)), EPERM);
    ASSERT_EQ(as_errno((int)__real_syscall(SYS_mq_unlink, "leat-test-none")), EPERM);
}

CONFINED_TEST(test_no_new_namespace_is_made)
{
    allow_only(NULL, LEAT_ACCESS_NOTHING);
    ASSERT_EQ(try_clone(CLONE_NEWUSER), EPERM);
    ASSERT_EQ(try_clone(CLONE_NEWNS), EPERM);
    ASSERT_EQ(try_clone(0), 0);
    ASSERT_EQ(as_errno(__real_syscall(435 /* clone3 */, NULL, 0L)), ENOSYS);
    ASSERT_EQ(as_errno(unshare(CLONE_NEWUSER)), EPERM);
}

/* --- threads ---------------------------------------------------------------------------------- */

struct tried {
    pthread_mutex_t lock;
    int file, socket;
};

static void *try_in_thread(void *arg)
{
    struct tried *t = arg;

    pthread_mutex_lock(&t->lock); /* until it may go on */
    t->file = try_open("/etc/passwd", O_RDONLY);
    t->socket = try_socket(AF_INET);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

CONFINED_TEST(test_later_threads_are_confined_and_older_ones_have_the_filter)
{
    struct tried older = {.lock = PTHREAD_MUTEX_INITIALIZER}, later = older;
    pthread_t before, after;
    struct confined c;

    pthread_mutex_lock(&older.lock);
    ASSERT_EQ(pthread_create(&before, NULL, try_in_thread, &older), 0);
    c = confine_wholly("zero : head -c 1 : null");
    pthread_mutex_unlock(&older.lock);
    ASSERT_EQ(pthread_create(&after, NULL, try_in_thread, &later), 0);
    ASSERT_EQ(pthread_join(before, NULL), 0);
    ASSERT_EQ(pthread_join(after, NULL), 0);
    ASSERT_EQ(later.file, EACCES);
    ASSERT_EQ(later.socket, EPERM);
    ASSERT_EQ(older.file, 0); /* as leat_confine says: so it comes before all threads */
    ASSERT_EQ(older.socket, EPERM);
    done(&c);
}

/* --- what must not be confined ---------------------------------------------------------------- */

static void check_unconfined(const char *text, const char *why)
{
    struct confined c = confine(text, 0);

    ASSERT_EQ(c.r, 0);
    ASSERT_EQ(c.parts, 0);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), 0);
    ASSERT_EQ(try_exec(), 0);
    done(&c);
    c = confine(text, LEAT_CONFINED_FILES);
    ASSERT_EQ(c.r, LEAT_EUSAGE);
    ASSERT_STR_HAS(c.error.text, why);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), 0);
    done(&c);
}

CONFINED_TEST(test_a_pipeline_with_a_command_is_not_confined)
{
    check_unconfined("zero : head -c 1 : exec cat : null", "exec may need anything");
}

CONFINED_TEST(test_a_foreign_stage_without_a_word_about_its_files_is_not_confined)
{
    check_unconfined("zero : head -c 1 : silent : null", "#3 silent does not say");
}

CONFINED_TEST(test_a_foreign_stage_that_needs_nothing_is_confined)
{
    struct confined c;

    c = confine_wholly("zero : head -c 1 : frugal : null");
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), EACCES);
    run(&c);
    done(&c);
}

/* --- kernels ---------------------------------------------------------------------------------- */

static void confine_on_abi(void)
{
    struct confined c;

    put("in", "text\n");
    c = confine_wholly("read in : gzip : write out.gz");
    run(&c);
    ASSERT_GE(landlock.rules, 5);
    ASSERT_EQ(landlock.rights & ~rights_of(landlock.abi), 0);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), EACCES);
    done(&c);
}

TEST(test_each_abi_of_landlock_confines_as_well_as_it_can)
{
    static const int abis[] = {1, 2, 3, 4, 5, 6, 7, 99};

    for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
        test_context("ABI %d", abis[i]);
        landlock.abi = abis[i];
        in_child(confine_on_abi);
    }
}

static void check_no_landlock(const char *text)
{
    struct confined c = confine("zero : head -c 2 : write out", LEAT_CONFINED_FILES);

    ASSERT_EQ(c.r, LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(c.error.text, "Landlock");
    ASSERT_STR_HAS(c.error.text, text);
    done(&c);
    c = confine("zero : head -c 2 : write out", 0);
    ASSERT_EQ(c.r, 0);
    ASSERT_EQ(c.parts & LEAT_CONFINED_FILES, 0);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), 0);
    run(&c);
    check_size("out", 2);
    done(&c);
}

CONFINED_TEST(test_a_kernel_without_landlock_is_used_as_it_is)
{
    landlock.error = ENOSYS;
    check_no_landlock("Function not implemented");
}

CONFINED_TEST(test_a_landlock_that_is_turned_off_is_not_there)
{
    landlock.error = EOPNOTSUPP;
    check_no_landlock("Operation not supported");
}

CONFINED_TEST(test_a_container_may_refuse_landlock)
{
    take_away(CREATE_RULESET, EPERM);
    check_no_landlock("Operation not permitted");
}

CONFINED_TEST(test_the_first_landlock_has_no_renames_between_directories)
{
    struct leat_confinement *list = leat_confinement_new();
    struct leat_error error = LEAT_INIT(leat_error);

    landlock.abi = 1;
    ASSERT_EQ(leat_confinement_allow(list, test_tmp_dir(), LEAT_ACCESS_TREE), 0);
    ASSERT_EQ(leat_confine(list, LEAT_CONFINED_FILES, NULL, &error), LEAT_EUNSUPPORTED);
    leat_confinement_free(list);
}

CONFINED_TEST(test_seccomp_may_be_refused)
{
    struct confined c;

    take_away(SYS_seccomp, EINVAL);
    c = confine("zero : head -c 2 : write out", LEAT_CONFINED_CALLS);
    ASSERT_EQ(c.r, LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(c.error.text, "seccomp");
    run(&c);
    check_size("out", 2);
    ASSERT_EQ(try_socket(AF_INET), 0);
    done(&c);
}

/* --- each kind of access ---------------------------------------------------------------------- */

CONFINED_TEST(test_a_tree_may_be_changed_and_nothing_beside_it)
{
    ASSERT_EQ(mkdir(path_of("tree"), 0755), 0);
    put("beside", "x");
    allow_only(path_of("tree"), LEAT_ACCESS_TREE);
    ASSERT_EQ(as_errno(mkdir(path_of("tree/a"), 0755)), 0);
    ASSERT_EQ(as_errno(mkdir(path_of("tree/b"), 0755)), 0);
    put("tree/a/f", "text");
    ASSERT_EQ(as_errno(rename(path_of("tree/a/f"), path_of("tree/b/f"))), 0);
    ASSERT_EQ(as_errno(link(path_of("tree/b/f"), path_of("tree/a/g"))), 0);
    ASSERT_EQ(as_errno(symlink("/etc/passwd", path_of("tree/a/s"))), 0);
    ASSERT_EQ(as_errno(chmod(path_of("tree/b/f"), 0600)), 0);
    ASSERT_EQ(as_errno(utimensat(AT_FDCWD, path_of("tree/b/f"), NULL, 0)), 0);
    ASSERT_EQ(as_errno(mknod(path_of("tree/fifo"), S_IFIFO | 0600, 0)), EPERM);
    ASSERT_EQ(try_open(path_of("tree/a/s"), O_RDONLY), EACCES);
    ASSERT_EQ(try_open(path_of("beside"), O_WRONLY), EACCES);
    ASSERT_EQ(as_errno(unlink(path_of("beside"))), EACCES);
    ASSERT_EQ(as_errno(rmdir(path_of("tree"))), EACCES);
}

CONFINED_TEST(test_a_tree_that_is_missing_may_be_made)
{
    ASSERT_EQ(mkdir(path_of("place"), 0755), 0);
    ASSERT_EQ(symlink("place/new", path_of("link")), 0);
    allow_only(path_of("link/"), LEAT_ACCESS_TREE);
    ASSERT_EQ(as_errno(mkdir(path_of("place/new"), 0755)), 0);
    put("place/new/f", "text");
    ASSERT_EQ(as_errno(mkdir(path_of("other"), 0755)), EACCES);
}

CONFINED_TEST(test_a_new_tree_is_made_beside_its_name)
{
    ASSERT_EQ(mkdir(path_of("place"), 0755), 0);
    allow_only(path_of("place/new/"), LEAT_ACCESS_NEW_TREE);
    ASSERT_EQ(as_errno(mkdir(path_of("place/.temporary"), 0755)), 0);
    put("place/.temporary/f", "text");
    ASSERT_EQ(as_errno(rename(path_of("place/.temporary"), path_of("place/new"))), 0);
    ASSERT_EQ(as_errno(mkdir(path_of("other"), 0755)), EACCES);
}

CONFINED_TEST(test_nodes_may_be_made_in_a_tree_where_they_are_asked_for)
{
    struct leat_confinement *list = leat_confinement_new();

    ASSERT_EQ(mkdir(path_of("tree"), 0755), 0);
    ASSERT_EQ(leat_confinement_allow(list, path_of("tree"), LEAT_ACCESS_TREE), 0);
    ASSERT_EQ(leat_confinement_allow(list, NULL, LEAT_ACCESS_NODES), 0);
    ASSERT_EQ(leat_confine(list, BOTH, NULL, NULL), 0);
    leat_confinement_free(list);
    ASSERT_EQ(as_errno(mknod(path_of("tree/fifo"), S_IFIFO | 0600, 0)), 0);
    ASSERT_EQ(as_errno(mknod(path_of("fifo"), S_IFIFO | 0600, 0)), EACCES);
}

CONFINED_TEST(test_a_directory_may_be_read_with_all_below_it)
{
    ASSERT_EQ(mkdir(path_of("tree"), 0755), 0);
    put("tree/f", "text");
    allow_only(path_of("tree"), LEAT_ACCESS_READ);
    ASSERT_EQ(try_open(path_of("tree"), O_RDONLY | O_DIRECTORY), 0);
    ASSERT_EQ(try_open(path_of("tree/f"), O_RDONLY), 0);
    ASSERT_EQ(try_open(path_of("tree/f"), O_WRONLY), EACCES);
    ASSERT_EQ(try_open(test_tmp_dir(), O_RDONLY | O_DIRECTORY), EACCES);
}

CONFINED_TEST(test_a_temporary_file_has_a_name_or_none)
{
    int fd;

    allow_only(test_tmp_dir(), LEAT_ACCESS_TEMPORARY);
    fd = open(test_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ASSERT(fd >= 0 || errno == EOPNOTSUPP);
    ASSERT_EQ(try_open(path_of("named"), O_RDWR | O_CREAT | O_EXCL), 0);
}

CONFINED_TEST(test_users_are_looked_up_in_files_and_daemons)
{
    allow_only(NULL, LEAT_ACCESS_USERS);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), 0);
    ASSERT_EQ(try_open("/etc/hostname", O_RDONLY), EACCES);
    ASSERT_EQ(try_socket(AF_UNIX), 0);
    ASSERT_EQ(try_socket(AF_INET), EPERM);
}

CONFINED_TEST(test_the_network_is_open_where_it_is_asked_for)
{
    allow_only(NULL, LEAT_ACCESS_NETWORK);
    ASSERT_EQ(try_socket(AF_INET), 0);
    ASSERT_EQ(try_socket(AF_UNIX), 0);
    ASSERT_EQ(try_open("/etc/passwd", O_RDONLY), EACCES);
    ASSERT_EQ(try_exec(), EPERM);
}

TEST(test_wrong_calls_are_answered)
{
    struct leat_confinement *list = leat_confinement_new();
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(leat_confinement_allow(list, NULL, LEAT_ACCESS_READ), LEAT_EUSAGE);
    ASSERT_EQ(leat_confinement_allow(list, "x", LEAT_ACCESS_NETWORK), LEAT_EUSAGE);
    ASSERT_EQ(leat_confinement_allow(list, NULL, (enum leat_access)77), LEAT_EUSAGE);
    ASSERT_EQ(leat_confinement_allow(NULL, "x", LEAT_ACCESS_READ), LEAT_EUSAGE);
    ASSERT_EQ(leat_confinement_add(list, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_confinement_add(NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_confine(NULL, 0, NULL, &error), LEAT_EUSAGE);
    ASSERT_EQ(leat_confine(NULL, 0, NULL, NULL), LEAT_EUSAGE);
    ASSERT_NULL(leat_confinement_text(NULL));
    leat_confinement_free(NULL);
    leat_confinement_free(list);
}
