/* test.c - runs the tests of one program, each in a child process, and prints TAP. */
#include "test.h"

#include "bound.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define TESTS_MAX 4096
#define EXIT_SKIPPED 77
#define PATH_SIZE 4096
#define KEEP_MAX (1 << 30)

struct test {
    const char *file, *name;
    test_function function;
    const void *argument;
};

static struct test tests[TESTS_MAX];
static size_t n_tests;

/* Shared with the child, so that it outlives a crash there. */
struct shared {
    unsigned skipped;
    _Atomic uint64_t progress; /* for the parent, which sees no output */
    char why[256];
    char context[32768];
    char tmp[64];
};
static struct shared *shared;
static bool forks = true;
static bool times;
static struct bound_limits limits;
static sigset_t child_mask;
static const void *current_argument;

void test_register(const char *file, const char *name, test_function function)
{
    if (n_tests == TESTS_MAX)
        abort();
    tests[n_tests++] = (struct test){file, name, function, NULL};
}

void test_register_with(const char *file, const char *name, test_function function,
                        const void *argument)
{
    test_register(file, strdup(name), function);
    tests[n_tests - 1].argument = argument;
}

const void *test_argument(void)
{
    return current_argument;
}

#ifdef COUNTED /* a build that counts what is run */
#include <gcov.h>

void test_write_counts(void)
{
    __gcov_dump();
    __gcov_reset();
}
#else
void test_write_counts(void)
{
}
#endif

void test_exit(int status)
{
    fflush(stdout);
    test_write_counts();
    _exit(status);
}

void test_fail_at(const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("# %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (!forks)
        abort();
    test_exit(1);
}

void test_skip(unsigned n, const char *why)
{
    shared->skipped = n ? n : 1;
    snprintf(shared->why, sizeof(shared->why), "%s", why);
    test_exit(EXIT_SKIPPED);
}

void test_note(const char *format, ...)
{
    va_list args;

    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    shared->progress++;
}

void test_context(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(shared->context, sizeof(shared->context), format, args);
    va_end(args);
    shared->progress++;
}

void test_context_clear(void)
{
    shared->context[0] = '\0';
}

static bool holds(const char *op, test_int a, test_int b)
{
    switch (op[0]) {
    case '=':
        return a == b;
    case '!':
        return a != b;
    case '<':
        return op[1] ? a <= b : a < b;
    default:
        return op[1] ? a >= b : a > b;
    }
}

static void print_int(char *to, size_t size, test_int value)
{
    if (value > INTMAX_MAX)
        snprintf(to, size, "%ju", (uintmax_t)value);
    else
        snprintf(to, size, "%jd", (intmax_t)value);
}

void test_assert_int(const char *file, int line, const char *op, const char *a_text,
                     const char *b_text, test_int a, test_int b)
{
    char is[48], other[48];

    if (holds(op, a, b))
        return;
    print_int(is, sizeof(is), a);
    print_int(other, sizeof(other), b);
    test_fail_at(file, line, "expected: %s %s %s, but: %s and %s", a_text, op, b_text, is, other);
}

void test_assert_str(const char *file, int line, const char *a_text, const char *a, const char *b)
{
    if (a == b || (a && b && strcmp(a, b) == 0))
        return;
    test_fail_at(file, line, "%s\n#   is:       %s%s%s\n#   expected: %s%s%s", a_text,
                 a ? "\"" : "", a ? a : "NULL", a ? "\"" : "", b ? "\"" : "", b ? b : "NULL",
                 b ? "\"" : "");
}

static void print_around(const char *what, const uint8_t *bytes, size_t n, size_t at)
{
    size_t from = at > 16 ? at - 16 : 0, i;

    printf("#   %s", what);
    for (i = from; i < n && i < at + 16; i++)
        printf(i == at ? " [%02x]" : " %02x", bytes[i]);
    printf("  \"");
    for (i = from; i < n && i < at + 16; i++)
        printf("%c", bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '.');
    printf("\"\n");
}

void test_assert_bytes(const char *file, int line, const char *a_text, const void *a, size_t n_a,
                       const void *b, size_t n_b)
{
    const uint8_t *x = a, *y = b;
    size_t n = n_a < n_b ? n_a : n_b, at = 0;

    if (n_a == n_b && (n == 0 || memcmp(a, b, n) == 0))
        return;
    while (at < n && x[at] == y[at])
        at++;
    printf("# %s: %zu bytes, expected %zu; first difference at %zu\n", a_text, n_a, n_b, at);
    print_around("is:      ", x, n_a, at);
    print_around("expected:", y, n_b, at);
    test_fail_at(file, line, "different bytes");
}

const char *test_data_dir(void)
{
    const char *path = getenv("LEAT_TEST_DATA");
    struct stat st;

    if (!path || !*path)
        path = "../shared/data";
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

uint8_t *test_file_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t len = 0, size = 0;

    if (!file)
        return NULL;
    do {
        if (len + 1 >= size) {
            uint8_t *more = realloc(bytes, size = size ? 2 * size : 65536);
            if (!more)
                test_fail_at(__FILE__, __LINE__, "out of memory for %s", path);
            bytes = more;
        }
        len += fread(bytes + len, 1, size - len - 1, file);
    } while (!feof(file) && !ferror(file));
    bytes[len] = '\0';
    if (ferror(file)) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    if (bytes)
        *ret_len = len;
    return bytes;
}

uint8_t *test_data_read(const char *path, size_t *ret_len)
{
    const char *dir = test_data_dir();
    char full[4096];
    uint8_t *bytes;

    if (!dir)
        test_skip(1, "no test data: set LEAT_TEST_DATA");
    snprintf(full, sizeof(full), "%s/%s", dir, path);
    bytes = test_file_read(full, ret_len);
    if (!bytes)
        test_fail_at(__FILE__, __LINE__, "%s: %s", full, strerror(errno));
    return bytes;
}

const char *test_tmp_dir(void)
{
    const char *parent = getenv("LEAT_TEST_TMP");

    if (!shared->tmp[0]) {
        snprintf(shared->tmp, sizeof(shared->tmp), "%.40s/leat-test-XXXXXX",
                 parent ? parent : "/tmp");
        if (!mkdtemp(shared->tmp))
            test_fail_at(__FILE__, __LINE__, "mkdtemp: %s", strerror(errno));
    }
    return shared->tmp;
}

const char *test_path(const char *name)
{
    static char paths[2][PATH_SIZE];
    static unsigned i;

    i = !i;
    if (snprintf(paths[i], sizeof paths[i], "%s/%s", test_tmp_dir(), name) >= PATH_SIZE)
        FAIL("the path of %s is too long", name);
    return paths[i];
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_tmp_dir(void)
{
    if (shared->tmp[0] && nftw(shared->tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        printf("# cannot remove %s\n", shared->tmp);
    shared->tmp[0] = '\0';
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int count_entries(const char *path, int less)
{
    DIR *dir = opendir(path);
    int n = 0;

    if (!dir)
        return -1;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - less;
}

unsigned test_count_in(const char *directory)
{
    int n = count_entries(directory, 0);

    ASSERT_GE(n, 0);
    return (unsigned)n;
}

int test_fd_count(void)
{
    return count_entries("/proc/self/fd", 3); /* ".", ".." and the directory itself */
}

int test_thread_count(void)
{
    if (test_under_tsan()) /* it has threads of its own */
        return 1;
    return count_entries("/proc/self/task", 2);
}

bool test_under_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

bool test_under_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

/* Keeps freed memory for the next run: a thousand runs that map and unmap their blocks spend most of
 * their time in page faults where those are dear. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, KEEP_MAX);
    mallopt(M_TRIM_THRESHOLD, KEEP_MAX);
}

#define DESCRIPTORS_MS 5000u /* only a net */

static uv_loop_t the_loop;
static bool has_loop; /* not before the test starts: tables are made of runs, too */

struct uv_loop_s *test_loop(void)
{
    if (!has_loop)
        return NULL;
    uv_update_time(&the_loop);
    return &the_loop;
}

/* Looks until the descriptors are as before: the thread of a context that nobody waits for may still close some. */
static bool has_descriptors(int fds)
{
    for (unsigned ms = 0; ms < DESCRIPTORS_MS && test_fd_count() != fds; ms++)
        (void)poll(NULL, 0, 1);
    return test_fd_count() == fds;
}

static void run_here(const struct test *test)
{
    int fds;

    if (uv_loop_init(&the_loop) != 0)
        test_fail_at(__FILE__, __LINE__, "no loop");
    has_loop = true;
    fds = test_fd_count();
    current_argument = test->argument;
    test->function();
    if (!has_descriptors(fds))
        test_fail_at(test->file, 0, "descriptors: %d before the test, %d after", fds,
                     test_fd_count());
    has_loop = false;
    if (uv_loop_close(&the_loop) != 0)
        test_fail_at(test->file, 0, "a handle of the loop is left");
}

static _Noreturn void run_child(const struct test *test)
{
    sigprocmask(SIG_SETMASK, &child_mask, NULL);
    if (setpgid(0, 0) != 0)
        test_exit(1);
    run_here(test);
    fflush(stdout);
    exit(0); /* not _exit: the leak sanitizer looks at the end */
}

static uint64_t progress(void *context)
{
    (void)context;
    return shared->progress;
}

static unsigned seconds_from(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void set_bounds(void)
{
    limits = (struct bound_limits){.tick_ms = 1000,
                                   .idle_s = seconds_from("TEST_IDLE_S", TEST_IDLE_S),
                                   .cpu_s = seconds_from("TEST_CPU_S", TEST_CPU_S),
                                   .stall_s = seconds_from("TEST_STALL_S", TEST_STALL_S),
                                   .progress = progress,
                                   .report_fd = STDOUT_FILENO};
    sigemptyset(&limits.forward);
    bound_prepare(&limits, &child_mask);
}

/* Runs one test; returns the status as waitpid gives it. `why` says which bound it broke. */
static int run_forked(const struct test *test, char *why, size_t size)
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        run_child(test);
    if (pid < 0)
        return -1;
    bound_wait(pid, &limits, &status, why, size);
    bound_kill_rest(); /* what a crashed test left running */
    return status;
}

static const char *verdict(int status, char *buf, size_t size)
{
    if (status < 0)
        return "cannot fork";
    if (WIFSIGNALED(status))
        snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
    return buf;
}

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* Says what the children since `before` have cost. */
static void print_cost(const struct test *test, const struct rusage *before)
{
    struct rusage now;

    if (getrusage(RUSAGE_CHILDREN, &now) != 0)
        return;
    printf("# cost %.1f %.1f %s\n", milliseconds(now.ru_utime) - milliseconds(before->ru_utime),
           milliseconds(now.ru_stime) - milliseconds(before->ru_stime), test->name);
}

static int run_one(const struct test *test, unsigned number)
{
    char buf[128], why[128] = "";
    struct rusage before;
    int status;

    memset(shared, 0, sizeof(*shared));
    if (getrusage(RUSAGE_CHILDREN, &before) != 0)
        return 1;
    if (!forks) {
        run_here(test);
        status = 0;
    } else {
        status = run_forked(test, why, sizeof(why));
    }
    if (times)
        print_cost(test, &before);
    remove_tmp_dir();
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok %u %s\n", number, test->name);
        return 0;
    }
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        printf("ok %u %s # SKIP %s\n", number, test->name, shared->why);
        return 0;
    }
    if (shared->context[0])
        printf("# in: %s\n", shared->context);
    printf("not ok %u %s # %s\n", number, test->name,
           why[0] ? why : verdict(status, buf, sizeof(buf)));
    return 1;
}

static bool chosen(const struct test *test, char **parts)
{
    if (!*parts)
        return true;
    for (; *parts; parts++)
        if (strstr(test->name, *parts))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    unsigned repeat = 1, number = 0, failed = 0, skipped = 0, share = 0, shares = 1;
    bool list = false;
    int option;
    size_t i;

    while ((option = getopt(argc, argv, "lntr:s:")) != -1) {
        if (option == 'l')
            list = true;
        else if (option == 'n')
            forks = false;
        else if (option == 't')
            times = true;
        else if (option == 'r')
            repeat = (unsigned)strtoul(optarg, NULL, 10);
        else if (option != 's' || sscanf(optarg, "%u/%u", &share, &shares) != 2 || shares == 0)
            return 2;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    keep_memory();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (forks && !list)
        set_bounds();
    for (; repeat; repeat--)
        for (i = 0; i < n_tests; i++) {
            if (!chosen(&tests[i], argv + optind) || i % shares != share)
                continue;
            if (list) {
                printf("%s\n", tests[i].name);
                continue;
            }
            failed += (unsigned)run_one(&tests[i], ++number);
            skipped += shared->skipped;
        }
    if (!list)
        printf("1..%u\n# %u failed, %u skipped\n", number, failed, skipped);
    return failed ? 1 : 0;
}
