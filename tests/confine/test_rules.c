/* test_rules.c - from the needs of a pipeline to rules of Landlock: which rights on which file or directory.
 *
 * The program is linked with --wrap=syscall: rules are written down here, and the process stays free.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confinement.h"
#include "confine/landlock.h"
#include "test.h"

#define PATH_SIZE 512u
#define RULES_MAX 400u
#define CREATE_RULESET 444
#define ADD_RULE 445
#define NEWEST_ABI 7
#define FAKE_RULES 12345 /* a descriptor that is none */

#define READ (LEAT_RIGHT_READ | LEAT_RIGHT_LIST)
#define STREAM (LEAT_RIGHT_READ | LEAT_RIGHT_WRITE | LEAT_RIGHT_IOCTL_DEV)
#define OUTPUT                                                                                     \
    (LEAT_RIGHT_WRITE | LEAT_RIGHT_LIST | LEAT_RIGHT_MAKE_REG | LEAT_RIGHT_REMOVE_FILE |           \
     LEAT_RIGHT_TRUNCATE)
#define NODES                                                                                      \
    (LEAT_RIGHT_MAKE_CHAR | LEAT_RIGHT_MAKE_BLOCK | LEAT_RIGHT_MAKE_FIFO | LEAT_RIGHT_MAKE_SOCK)

/* --- the kernel ------------------------------------------------------------------------------- */

static struct {
    struct {
        char path[PATH_SIZE];
        uint64_t rights;
    } v[RULES_MAX];
    size_t n;
    int error;                /* of ADD_RULE; 0: none */
    uint64_t fs, net, scopes; /* of the last set of rules */
    uint64_t ports[8][2];     /* rights, port */
    size_t n_ports;
} rules;

static void record(int fd, uint64_t rights)
{
    char link[64];
    ssize_t n;

    ASSERT_LT(rules.n, RULES_MAX);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, rules.v[rules.n].path, PATH_SIZE - 1);
    ASSERT_GT(n, 0);
    rules.v[rules.n].path[n] = '\0';
    rules.v[rules.n++].rights = rights;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == CREATE_RULESET && a[0]) {
        memcpy(&rules.fs, (const uint64_t *)(uintptr_t)a[0], 3 * sizeof(uint64_t));
        return FAKE_RULES;
    }
    if (number == ADD_RULE) {
        struct {
            uint64_t rights;
            int32_t fd;
        } __attribute__((packed)) rule;

        ASSERT_EQ(a[0], FAKE_RULES);
        if (a[1] == 2) { /* a port */
            ASSERT_LT(rules.n_ports, 8);
            memcpy(rules.ports[rules.n_ports++], (const void *)(uintptr_t)a[2],
                   sizeof rules.ports[0]);
            return 0;
        }
        memcpy(&rule, (const void *)(uintptr_t)a[2], sizeof rule);
        record(rule.fd, rule.rights);
        errno = rules.error;
        return rules.error ? -1 : 0;
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- rules of one need ------------------------------------------------------------------------ */

static struct leat_confinement *list;

static void begin(void)
{
    rules.n = rules.n_ports = 0;
    rules.error = 0;
    list = leat_confinement_new();
    ASSERT_NOT_NULL(list);
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
}

static int apply(void)
{
    int r = leat_rules_apply(list, FAKE_RULES, NEWEST_ABI);

    leat_confinement_free(list);
    list = NULL;
    return r;
}

static void allow(const char *path, enum leat_access kind)
{
    begin();
    ASSERT_EQ(leat_confinement_allow(list, path, kind), 0);
    ASSERT_EQ(apply(), 0);
}

/* All rights on exactly this path; `name` is below the directory of the test, or absolute. */
static uint64_t rights_on(const char *name)
{
    char path[2 * PATH_SIZE];
    uint64_t rights = 0;

    snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : test_tmp_dir(),
             *name == '/' || !*name ? "" : "/", name);
    for (size_t i = 0; i < rules.n; i++)
        rights |= strcmp(rules.v[i].path, path) == 0 ? rules.v[i].rights : 0;
    return rights;
}

/* Rules on paths in the directory of the test. */
static size_t n_here(void)
{
    size_t n = 0;

    for (size_t i = 0; i < rules.n; i++)
        n += strncmp(rules.v[i].path, test_tmp_dir(), strlen(test_tmp_dir())) == 0;
    return n;
}

static void make_dir(const char *name)
{
    ASSERT_EQ(mkdir(name, 0755), 0);
}

static void make_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT, 0644);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(close(fd), 0);
}

TEST(test_an_input_may_be_read_and_no_more)
{
    begin();
    make_file("f");
    make_dir("d");
    leat_confinement_free(list);
    allow("f", LEAT_ACCESS_READ);
    ASSERT_EQ(rights_on("f"), LEAT_RIGHT_READ | LEAT_RIGHT_IOCTL_DEV); /* no list: it is a file */
    ASSERT_EQ(n_here(), 1);
    allow("d", LEAT_ACCESS_READ);
    ASSERT_EQ(rights_on("d"), READ | LEAT_RIGHT_IOCTL_DEV);
    allow("-", LEAT_ACCESS_READ);
    ASSERT_EQ(n_here(), 0);
    allow("missing", LEAT_ACCESS_READ); /* opening it will fail */
    ASSERT_EQ(n_here(), 0);
}

TEST(test_an_output_is_made_in_its_directory)
{
    begin();
    make_dir("d");
    make_dir("other");
    make_file("d/old");
    ASSERT_EQ(symlink("../other/target", "d/link"), 0);
    leat_confinement_free(list);
    allow("d/new", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("d"), OUTPUT);
    ASSERT_EQ(n_here(), 1);
    allow("d/old", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("d"), OUTPUT);
    ASSERT_EQ(n_here(), 1);
    allow("d/link", LEAT_ACCESS_OUTPUT); /* that of the file which the link names */
    ASSERT_EQ(rights_on("other"), OUTPUT);
    ASSERT_EQ(n_here(), 1);
    allow("new", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on(""), OUTPUT);
    allow("/new", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("/"), OUTPUT);
    allow("missing/new", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(n_here(), 0);
    allow("-", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(n_here(), 0);
}

TEST(test_a_stream_is_opened_itself)
{
    begin();
    ASSERT_EQ(mkfifo("fifo", 0600), 0);
    leat_confinement_free(list);
    allow("fifo", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("fifo"), STREAM);
    ASSERT_EQ(n_here(), 1);
    allow("/dev/null", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("/dev/null"), STREAM);
    ASSERT_EQ(rights_on("/dev"), 0);
}

TEST(test_a_descriptor_that_is_open_needs_no_rule_unless_it_is_a_stream)
{
    static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/0",
                                        "/proc/self/fd/1"};
    int saved[3], null = open("/dev/null", O_RDWR | O_CLOEXEC),
                  file = open(test_path("f"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ASSERT_GE(null, 0);
    ASSERT_GE(file, 0);
    for (int fd = 0; fd < 3; fd++)
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    for (int streams = 0; streams <= 1; streams++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            uint64_t rights;
            size_t here;

            for (int fd = 0; fd < 3; fd++)
                ASSERT_GE(dup2(streams ? null : file, fd), 0);
            allow(names[i], LEAT_ACCESS_OUTPUT);
            rights = rights_on("/dev/null");
            here = n_here();
            for (int fd = 0; fd < 3; fd++)
                ASSERT_GE(dup2(saved[fd], fd), 0);
            test_context("%s, streams %d", names[i], streams);
            ASSERT_EQ(rights, streams ? STREAM : 0);
            ASSERT_EQ(here, 0);
        }
    for (int fd = 0; fd < 3; fd++)
        ASSERT(saved[fd] < 0 || close(saved[fd]) == 0);
    ASSERT_EQ(close(null) | close(file), 0);
}

TEST(test_parts_are_made_in_the_directory_before_the_number)
{
    begin();
    make_dir("d");
    make_dir("far");
    make_dir("away");
    make_dir("d/p3");
    ASSERT_EQ(symlink("../far/file", "d/p0"), 0); /* outputs may be links, made before */
    ASSERT_EQ(symlink("../away", "d/q7"), 0);
    leat_confinement_free(list);
    allow("d/p{n}", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("d"), OUTPUT);
    ASSERT_EQ(rights_on("far"), OUTPUT);
    ASSERT_EQ(rights_on("away"), 0); /* it has another name */
    allow("d/q{n:3}/x", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on("d"), OUTPUT);
    ASSERT_EQ(rights_on("away"), OUTPUT);
    ASSERT_EQ(rights_on("far"), 0);
    allow("x{n}", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(rights_on(""), OUTPUT);
    ASSERT_EQ(n_here(), 1);
    allow("missing/x{n}", LEAT_ACCESS_OUTPUT);
    ASSERT_EQ(n_here(), 0);
}

TEST(test_parts_that_the_stage_names_are_made_below_one_directory)
{
    begin();
    make_dir("d");
    ASSERT_EQ(leat_confinement_allow(list, "d", LEAT_ACCESS_OUTPUT), 0);
    list->v[0].parts = true;
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(rights_on("d"), OUTPUT | LEAT_RIGHT_MAKE_DIR | LEAT_RIGHT_REMOVE_DIR);
    ASSERT_EQ(n_here(), 1);
}

TEST(test_a_tree_is_changed_itself_or_made_in_its_directory)
{
    const uint64_t tree = OUTPUT | READ | STREAM | LEAT_RIGHT_MAKE_DIR | LEAT_RIGHT_REMOVE_DIR |
                          LEAT_RIGHT_MAKE_SYM | LEAT_RIGHT_REFER;

    begin();
    make_dir("d");
    make_dir("d/t");
    ASSERT_EQ(symlink("d/t", "link") | symlink("d/missing", "dangling"), 0);
    leat_confinement_free(list);
    allow("d/t", LEAT_ACCESS_TREE);
    ASSERT_EQ(rights_on("d/t"), tree);
    ASSERT_EQ(n_here(), 1);
    allow("link//", LEAT_ACCESS_TREE);
    ASSERT_EQ(rights_on("d/t"), tree);
    allow("d/new", LEAT_ACCESS_TREE);
    ASSERT_EQ(rights_on("d"), tree);
    allow("dangling/", LEAT_ACCESS_TREE); /* it is made where the link says */
    ASSERT_EQ(rights_on("d"), tree);
    allow("d/new//", LEAT_ACCESS_NEW_TREE);
    ASSERT_EQ(rights_on("d"), tree);
    allow("d/t", LEAT_ACCESS_NEW_TREE); /* it is replaced */
    ASSERT_EQ(rights_on("d"), tree);
    ASSERT_EQ(rights_on("d/t"), 0);
    allow("/", LEAT_ACCESS_TREE);
    ASSERT_EQ(rights_on("/"), tree);
    allow("missing/new", LEAT_ACCESS_NEW_TREE);
    ASSERT_EQ(n_here(), 0);
    begin();
    ASSERT_EQ(leat_confinement_allow(list, "d/t", LEAT_ACCESS_TREE), 0);
    ASSERT_EQ(leat_confinement_allow(list, NULL, LEAT_ACCESS_NODES), 0);
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(rights_on("d/t"), tree | NODES);
}

TEST(test_temporary_files_are_made_in_one_directory)
{
    const uint64_t temporary = LEAT_RIGHT_READ | LEAT_RIGHT_WRITE | LEAT_RIGHT_MAKE_REG |
                               LEAT_RIGHT_REMOVE_FILE | LEAT_RIGHT_TRUNCATE;

    begin();
    make_dir("d");
    leat_confinement_free(list);
    allow("d", LEAT_ACCESS_TEMPORARY);
    ASSERT_EQ(rights_on("d"), temporary);
    ASSERT_EQ(setenv("TMPDIR", "d", 1), 0);
    allow(NULL, LEAT_ACCESS_TEMPORARY);
    ASSERT_EQ(rights_on("d"), temporary);
    ASSERT_EQ(unsetenv("TMPDIR"), 0);
    allow(NULL, LEAT_ACCESS_TEMPORARY);
    ASSERT_EQ(rights_on("d"), 0);
    ASSERT_EQ(rights_on("/var/tmp"), temporary);
}

TEST(test_users_and_the_network_need_a_few_files_of_the_system)
{
    allow(NULL, LEAT_ACCESS_NOTHING);
    ASSERT_EQ(rights_on("/etc/passwd") | rights_on("/etc/hosts"), 0);
    allow(NULL, LEAT_ACCESS_USERS);
    ASSERT_EQ(rights_on("/etc/passwd"), LEAT_RIGHT_READ);
    ASSERT_EQ(rights_on("/etc/hosts"), 0);
    allow(NULL, LEAT_ACCESS_NETWORK);
    ASSERT_EQ(rights_on("/etc/passwd"), 0);
    ASSERT_EQ(rights_on("/etc/hosts"), LEAT_RIGHT_READ);
}

TEST(test_a_port_is_allowed_alone_unless_the_whole_network_is)
{
    allow("connect:443", LEAT_ACCESS_PORT);
    ASSERT_EQ(rights_on("/etc/hosts"), LEAT_RIGHT_READ);
    ASSERT_EQ(rules.n_ports, 1);
    ASSERT_EQ(rules.ports[0][0], 2);
    ASSERT_EQ(rules.ports[0][1], 443);
    allow("listen:65535", LEAT_ACCESS_PORT);
    ASSERT_EQ(rules.ports[0][0], 1);
    ASSERT_EQ(rules.ports[0][1], 65535);
    begin();
    ASSERT_EQ(leat_confinement_allow(list, "connect:443", LEAT_ACCESS_PORT), 0);
    ASSERT_EQ(leat_confinement_allow(list, NULL, LEAT_ACCESS_NETWORK), 0);
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(rules.n_ports, 0);
    ASSERT_EQ(leat_landlock_allow_port(FAKE_RULES, 3, true, 1), 0);
    ASSERT_EQ(rules.n_ports, 0);
}

TEST(test_what_is_no_port_is_refused)
{
    static const char *const wrong[] = {"443",       "connect:",   "connect:65536",
                                        "listen:-1", "connect:4x", "connect: 443",
                                        "",          "bind:4"};

    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        test_context("'%s'", wrong[i]);
        ASSERT_EQ(leat_confinement_allow(list, wrong[i], LEAT_ACCESS_PORT), LEAT_EUSAGE);
    }
    test_context_clear();
    leat_confinement_free(list);
}

TEST(test_a_socket_may_be_made_and_removed_in_its_directory)
{
    begin();
    make_dir("d");
    ASSERT_EQ(leat_confinement_allow(list, "d/s", LEAT_ACCESS_SOCKET), 0);
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(rights_on("d"), LEAT_RIGHT_MAKE_SOCK | LEAT_RIGHT_REMOVE_FILE);
    allow("s", LEAT_ACCESS_SOCKET);
    ASSERT_EQ(rights_on(""), LEAT_RIGHT_MAKE_SOCK | LEAT_RIGHT_REMOVE_FILE);
}

TEST(test_the_settings_of_libcrypto_may_be_elsewhere)
{
    begin();
    make_file("conf");
    ASSERT_EQ(setenv("OPENSSL_CONF", "conf", 1), 0);
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(rights_on("conf"), LEAT_RIGHT_READ);
    ASSERT_EQ(setenv("OPENSSL_CONF", "", 1), 0);
    begin();
    ASSERT_EQ(apply(), 0);
    ASSERT_EQ(n_here(), 0);
}

/* --- what fails ------------------------------------------------------------------------------- */

TEST(test_a_rule_that_the_kernel_refuses_is_an_error)
{
    begin();
    rules.error = EINVAL;
    ASSERT_EQ(apply(), -EINVAL);
    ASSERT_EQ(rules.n, 1);
    begin();
    rules.error = EBADFD; /* a pipe: it is always allowed */
    ASSERT_EQ(apply(), 0);
}

static struct rlimit files;

/* From now on no file can be opened. */
static void exhaust(void)
{
    struct rlimit none;

    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = files;
    none.rlim_cur = 0;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
}

TEST(test_too_few_descriptors_are_an_error_for_every_need)
{
    static const struct {
        const char *path;
        enum leat_access kind;
    } needs[] = {{"f", LEAT_ACCESS_READ},        {"d/f", LEAT_ACCESS_OUTPUT},
                 {"d/f{n}", LEAT_ACCESS_OUTPUT}, {"d", LEAT_ACCESS_TREE},
                 {"d/t", LEAT_ACCESS_NEW_TREE},  {"d", LEAT_ACCESS_TEMPORARY},
                 {NULL, LEAT_ACCESS_USERS},      {NULL, LEAT_ACCESS_NETWORK},
                 {"d/s", LEAT_ACCESS_SOCKET},    {"listen:0", LEAT_ACCESS_PORT}};

    begin();
    make_file("f");
    make_dir("d");
    leat_confinement_free(list);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        int r;

        begin();
        ASSERT_EQ(leat_confinement_allow(list, needs[i].path, needs[i].kind), 0);
        exhaust();
        r = apply();
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
        test_context("need %zu", i);
        ASSERT_EQ(r, -EMFILE);
    }
}

/* --- what a kernel knows ---------------------------------------------------------------------- */

TEST(test_a_set_of_rules_denies_all_that_the_kernel_can_deny)
{
    static const struct {
        int abi;
        unsigned bits; /* of files */
        bool net, scopes;
    } rows[] = {{1, 13, false, false}, {2, 14, false, false}, {3, 15, false, false},
                {4, 15, true, false},  {5, 16, true, false},  {6, 16, true, true},
                {7, 16, true, true},   {99, 16, true, true}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned allowed = 0; allowed < 4; allowed++) {
            bool network = allowed & 1, sockets = allowed & 2;

            test_context("ABI %d, allowed %u", rows[i].abi, allowed);
            ASSERT_EQ(leat_landlock_new(rows[i].abi, network, sockets), FAKE_RULES);
            ASSERT_EQ(rules.fs, (UINT64_C(1) << rows[i].bits) - 1);
            ASSERT_EQ(rules.net, rows[i].net && !network ? 3 : 0);
            ASSERT_EQ(rules.scopes, !rows[i].scopes ? 0 : network || sockets ? 2 : 3);
        }
}

TEST(test_rights_that_the_kernel_or_the_file_lacks_are_left_out)
{
    int file = open("/dev/null", O_PATH | O_CLOEXEC),
        directory = open(test_tmp_dir(), O_PATH | O_CLOEXEC);

    ASSERT_GE(file, 0);
    ASSERT_GE(directory, 0);
    rules.n = 0;
    ASSERT_EQ(leat_landlock_allow(FAKE_RULES, 1, directory, UINT64_MAX), 0);
    ASSERT_EQ(rules.v[0].rights, LEAT_RIGHT_REFER - 1);
    ASSERT_EQ(leat_landlock_allow(FAKE_RULES, 5, file, OUTPUT | NODES), 0);
    ASSERT_EQ(rules.v[1].rights, LEAT_RIGHT_WRITE | LEAT_RIGHT_TRUNCATE);
    ASSERT_EQ(leat_landlock_allow(FAKE_RULES, 5, file, LEAT_RIGHT_LIST), 0); /* nothing is left */
    ASSERT_EQ(rules.n, 2);
    ASSERT_EQ(leat_landlock_allow(FAKE_RULES, 5, -1, READ), -EBADF);
    ASSERT_EQ(close(file) | close(directory), 0);
}
