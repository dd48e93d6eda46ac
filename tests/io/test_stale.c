/* test_stale.c - the temporaries of runs that were killed are removed, and no others.
 *
 * Two pipelines of one process are as two runs: their locks do not know each other.
 */
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

#include "commit_disk.h"
#include "io/directories.h"

#define DAY_S (24L * 60 * 60)

static struct leat_error error = LEAT_INIT(leat_error);
static char warnings[TEXT_MAX];
static unsigned meddled;

/* The owner of temporaries in the directory of the test. */
static uint32_t own(void)
{
    struct stat info;

    ASSERT_EQ(stat(test_tmp_dir(), &info), 0);
    return leat_temporary_owner(info.st_dev);
}

/* A temporary of `a` with a name and a file of these ages. */
static const char *plant(uint32_t owner, long name_age_s, long file_age_s, bool old)
{
    static char name[NAME_MAX + 1];
    time_t now = time(NULL);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = now - file_age_s}};

    snprintf(name, sizeof name, ".a.leat-%08x%08x0123456789abcdef%s", (unsigned)owner,
             (unsigned)(now - name_age_s), old ? ".old" : "");
    write_file(name, OLD);
    ASSERT_EQ(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
    return name;
}

/* --- which are stale -------------------------------------------------------------------------- */

TEST(test_where_files_cannot_be_locked_no_temporary_counts_as_stale)
{
    const char *planted = plant(own(), 30 * DAY_S, 30 * DAY_S, false);
    char name[NAME_MAX + 1];

    disk.no_locks = true;
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
        ASSERT_EQ(temporaries(name), 1);
        ASSERT_STREQ(name, planted);
    }
}

/* The pattern, with the digits of the owner and of the time in place of @. */
static const char *spell(const char *pattern)
{
    static char name[NAME_MAX + 1];
    static time_t now;
    const char *at = strchr(pattern, '@');

    if (!at)
        return pattern;
    now = now ? now : time(NULL);
    snprintf(name, sizeof name, "%.*s%08x%08x%s", (int)(at - pattern), pattern, (unsigned)own(),
             (unsigned)now, at + 1);
    return name;
}

/* Names that look like temporaries of this one, and are not. */
TEST(test_only_temporaries_of_the_name_are_removed)
{
    static const char *const others[] = {
        ".b.leat-@0123456789abcdef",    ".a.leat-@0123456789abcdeg",
        ".a.leat-@0123456789abcdef0",   "a.leat-@0123456789abcdef",
        ".a.leat-0123456789abcdef",     ".a.leat-@0123456789abcdef.new",
        ".a.leat-@0123456789ABCDEF",    ".a.leat-x.leat-@0123456789abcdef",
        ".a.leat-@0123456789abcde.old", ".leat-@0123456789abcdef"};
    static const char *const stale[] = {".a.leat-@0123456789abcdef",
                                        ".a.leat-@0123456789abcdef.old"};
    static const size_t n = sizeof others / sizeof *others;

    for (size_t i = 0; i < n; i++)
        write_file(spell(others[i]), OLD);
    for (size_t i = 0; i < 2; i++)
        write_file(spell(stale[i]), OLD);
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), 0);
    ASSERT_EQ(temporaries(NULL), n - 1); /* one does not begin with a dot */
    for (size_t i = 0; i < 2; i++)
        if (is_there(spell(stale[i])))
            FAIL("%s is still there", spell(stale[i]));
    ASSERT(is_there("a"));
}

/* A file that may be an old one is removed only when there is a new one. */
TEST(test_a_run_that_fails_removes_no_old_file)
{
    const char *name = plant(own(), 0, 0, true);

    ASSERT_NE(run_here("read @/missing : write @/a", false, &error, warnings), 0);
    ASSERT(is_there(name));
}

TEST(test_temporaries_of_long_names_are_removed_too)
{
    char job[TEXT_MAX], name[256];

    memset(name, 'n', 255);
    for (size_t len = 195; len <= 255; len += 10) {
        name[len] = '\0';
        disk.lacks = NO_TMPFILE;
        snprintf(job, sizeof job, "zero : head -c 10 : write @/%s", name);
        disk.kind = "unlink";
        disk.error = EIO;
        disk.fails = 0;
        disk.fail_at = 1;
        write_file(name, OLD);
        ASSERT_EQ(run_here(job, true, &error, warnings), 0);
        ASSERT_EQ(temporaries(NULL), 1);
        disk.fail_at = 0;
        ASSERT_EQ(run_here(job, true, &error, warnings), 0);
        ASSERT_EQ(temporaries(NULL), 0);
        name[len] = 'n';
    }
}

/* Its locks may be invisible here. */
TEST(test_a_temporary_of_another_owner_is_removed_after_a_week)
{
    static const struct {
        long name_days, file_days;
        bool removed;
    } cases[] = {{0, 0, false}, {6, 6, false},   {8, 8, true},    {8, 0, false},
                 {0, 8, false}, {-30, 8, false}, {1000, 8, true}, {8, 1000, true}};
    const uint32_t owners[] = {LEAT_OWNER_NONE, own() + 1, own() ^ 0x80000000u};

    ASSERT_NE(own(), LEAT_OWNER_NONE);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
            for (int old = 0; old <= 1; old++) {
                const char *name =
                    plant(owners[i], cases[k].name_days * DAY_S, cases[k].file_days * DAY_S, old);

                test_context("%s, a file of %ld days", name, cases[k].file_days);
                ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
                ASSERT_EQ(is_there(name), !cases[k].removed);
                (void)unlink(path_of(name));
            }
}

TEST(test_the_owner_is_this_machine_and_the_device)
{
    ASSERT_EQ(leat_temporary_owner(1), leat_temporary_owner(1));
    ASSERT_NE(leat_temporary_owner(1), leat_temporary_owner(2));
}

/* --- when they are removed -------------------------------------------------------------------- */

static bool is_locked(const char *name)
{
    int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
    bool locked;

    ASSERT_GE(fd, 0);
    locked = __real_flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    ASSERT_EQ(close(fd), 0);
    return locked;
}

static void check_lock(const char *call, const char *name)
{
    if (strcmp(call, "unlink") != 0 || !strstr(name, "0123456789abcdef"))
        return;
    meddled++;
    ASSERT(is_locked(name));
}

TEST(test_a_stale_temporary_is_removed_under_its_lock)
{
    for (int old = 0; old <= 1; old++) {
        const char *name = plant(own(), 0, 0, old);

        meddled = 0;
        disk.before = check_lock;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
        ASSERT_EQ(meddled, 1);
        ASSERT(!is_there(name));
    }
}

static const char *planted;
static int guard_fd;

/* Somebody gives a file of theirs the name between the look and the lock. */
static void replace_planted(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "lock") != 0 || meddled++ > 0)
        return;
    ASSERT_EQ(unlink(path_of(planted)), 0);
    write_file(planted, "theirs");
}

/* Its run guards the directory and gives the lock back. */
static void guard_planted(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "lock") != 0 || meddled++ > 0)
        return;
    guard_fd = open(test_tmp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(guard_fd, 0);
    ASSERT(leat_temporaries_guard(guard_fd));
}

TEST(test_a_file_that_takes_the_name_of_a_stale_one_stays)
{
    planted = plant(own(), 0, 0, false);
    disk.before = replace_planted;
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), 0);
    ASSERT_GT(meddled, 0);
    ASSERT(holds(planted, "theirs"));
}

TEST(test_a_temporary_whose_run_guards_it_just_now_stays)
{
    planted = plant(own(), 0, 0, false);
    disk.before = guard_planted;
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), 0);
    ASSERT_GT(meddled, 0);
    ASSERT(is_there(planted));
    ASSERT_EQ(close(guard_fd), 0);
}

/* Another run looks at a draft that has just been made, and locks it first. */
static void lock_first(const char *call, const char *name)
{
    char temp[NAME_MAX + 1];

    (void)name;
    if (strcmp(call, "lock") != 0 || meddled++ > 0)
        return;
    ASSERT_EQ(temporaries(temp), 1);
    guard_fd = open(path_of(temp), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(guard_fd, 0);
    ASSERT_EQ(__real_flock(guard_fd, LOCK_EX | LOCK_NB), 0);
}

TEST(test_a_draft_that_another_run_has_locked_first_is_given_up_and_removed)
{
    disk.lacks = NO_TMPFILE;
    disk.before = lock_first;
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), 0);
    ASSERT_GT(meddled, 1);
    ASSERT_EQ(temporaries(NULL), 0);
    ASSERT_EQ(close(guard_fd), 0);
}

/* --- more directories than may be open -------------------------------------------------------- */

#define DIRECTORIES 40u
#define DESCRIPTORS 64u /* a quarter of them for directories */

static unsigned syncs, left;

static void limit_descriptors(unsigned n)
{
    struct rlimit limit;

    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = n;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static unsigned count_parts(unsigned size, unsigned *ret_temporaries)
{
    unsigned n = 0;

    *ret_temporaries = 0;
    for (unsigned i = 0; i < DIRECTORIES; i++) {
        char name[32];
        struct dirent *entry;
        struct stat info;
        DIR *dir;

        snprintf(name, sizeof name, "d%u/x", i);
        n += stat(path_of(name), &info) == 0 && info.st_size == size;
        snprintf(name, sizeof name, "d%u", i);
        dir = opendir(path_of(name));
        ASSERT_NOT_NULL(dir);
        while ((entry = readdir(dir)))
            *ret_temporaries += strstr(entry->d_name, ".leat-") != NULL;
        ASSERT_EQ(closedir(dir), 0);
    }
    return n;
}

/* When more drafts are closed than directories may be open another run makes files of the same names. */
static void split_meanwhile(const char *call, const char *name)
{
    struct leat_error inner_error = LEAT_INIT(leat_error);
    char inner_warnings[TEXT_MAX];
    unsigned before, after;

    (void)name;
    if (strcmp(call, "sync") != 0 || ++syncs != DIRECTORIES)
        return;
    disk.before = NULL;
    limit_descriptors(4 * DESCRIPTORS); /* both runs have theirs in this process */
    (void)count_parts(0, &before);
    if (!(disk.lacks & NO_TMPFILE))
        ASSERT_GT(before, DESCRIPTORS / 4); /* only those that are closed have a name */
    ASSERT_EQ(
        run_here("zero : head -c 200 : split -b 5 @/d{n}/x", true, &inner_error, inner_warnings),
        0);
    ASSERT_EQ(count_parts(5, &after), DIRECTORIES);
    ASSERT_EQ(after, before);
}

TEST(test_drafts_in_more_directories_than_may_be_open_are_not_stale_for_another_run)
{
    char name[32];

    for (unsigned i = 0; i < DIRECTORIES; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ASSERT_EQ(mkdir(path_of(name), 0777), 0);
    }
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++)
        for (int old = 0; old <= 1; old++) {
            test_context("lacks %u, old %d", disk.lacks, old);
            for (unsigned i = 0; i < DIRECTORIES; i++) {
                snprintf(name, sizeof name, "d%u/x", i);
                if (old)
                    write_file(name, OLD);
                else
                    (void)unlink(path_of(name));
            }
            syncs = 0;
            limit_descriptors(DESCRIPTORS);
            disk.before = split_meanwhile;
            ASSERT_EQ(run_here("zero : head -c 400 : split -b 10 @/d{n}/x", true, &error, warnings),
                      0);
            ASSERT_GE(syncs, DIRECTORIES);
            ASSERT_EQ(count_parts(10, &left), DIRECTORIES);
            ASSERT_EQ(left, 0);
        }
}

/* --- a directory that may not be read --------------------------------------------------------- */

#define NOBODY 65534u

static int write_to_drop(const char *format)
{
    return run_here(format, true, &error, warnings);
}

TEST(test_a_directory_that_may_not_be_read_is_refused_at_once_or_does_without_its_sync)
{
    ASSERT_EQ(mkdir(path_of("sub"), 0300), 0);
    ASSERT_EQ(chmod(test_tmp_dir(), 0755), 0);
    write_file("sub/grows", GROWS);
    write_file("in", "more");
    if (geteuid() == 0) {
        ASSERT_EQ(chown(path_of("sub"), NOBODY, NOBODY), 0);
        ASSERT_EQ(chown(path_of("sub/grows"), NOBODY, NOBODY), 0);
        ASSERT_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
    }
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        test_context("lacks %u", disk.lacks);
        ASSERT_EQ(write_to_drop("zero : head -c 10 : write @/sub/a"), LEAT_EIO);
        ASSERT_STR_HAS(error.text, "sub/a: its directory cannot be synced");
        ASSERT_STR_HAS(error.text, "--no-sync");
        ASSERT_EQ(error.sys_errno, EACCES);
        ASSERT_EQ(write_to_drop("zero : head -c 10 : write --append @/sub/new"), LEAT_EIO);
        ASSERT(!is_there("sub/new"));
        ASSERT_EQ(write_to_drop("zero : head -c 10 : write --no-sync @/sub/a"), 0);
        ASSERT_EQ(write_to_drop("read @/in : write --append @/sub/grows"), 0);
    }
    ASSERT_EQ(chmod(path_of("sub"), 0700), 0);
    ASSERT(is_there("sub/a"));
    ASSERT(holds("sub/grows",
                 GROWS "moremoremoremoremoremoremoremoremoremoremoremoremoremoremoremore"));
    ASSERT_EQ(temporaries(NULL), 0);
}

/* --- a directory that is slow to list --------------------------------------------------------- */

static struct leat_directories directories;
static sem_t lists, go_on;

static void wait_in_list(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "list") != 0)
        return;
    disk.before = NULL; /* the first list only */
    ASSERT_EQ(sem_post(&lists), 0);
    ASSERT_EQ(sem_wait(&go_on), 0);
}

/* A thread: the directory of sub/NAME. */
static void *find_in_sub(void *name)
{
    struct leat_directory *d = NULL;
    char path[600];

    snprintf(path, sizeof path, "%s/sub/%s", test_tmp_dir(), (const char *)name);
    return leat_directories_find(&directories, path, &d) == 0 ? d : NULL;
}

TEST(test_a_directory_that_is_slow_to_list_holds_only_outputs_in_it)
{
    static char first[] = "a", second[] = "b";
    struct leat_directory *here;
    pthread_t threads[2];
    void *found[2];

    ASSERT_EQ(sem_init(&lists, 0, 0), 0);
    ASSERT_EQ(sem_init(&go_on, 0, 0), 0);
    ASSERT_EQ(leat_directories_init(&directories, NULL), 0);
    ASSERT_EQ(mkdir(path_of("sub"), 0777), 0);
    write_file("sub/.a.leat-000000000000000000123456789abcde", OLD);
    disk.before = wait_in_list;
    ASSERT_EQ(pthread_create(&threads[0], NULL, find_in_sub, first), 0);
    ASSERT_EQ(sem_wait(&lists), 0);
    ASSERT_EQ(pthread_create(&threads[1], NULL, find_in_sub, second), 0);
    ASSERT_EQ(leat_directories_find(&directories, path_of("c"), &here), 0);
    ASSERT_GE(leat_directory_pin(&directories, here), 0);
    leat_directory_unpin(&directories, here);
    ASSERT_EQ(sem_post(&go_on), 0);
    for (size_t i = 0; i < 2; i++)
        ASSERT_EQ(pthread_join(threads[i], &found[i]), 0);
    ASSERT(found[0] == found[1]);
    ASSERT_NOT_NULL(found[0]);
    ASSERT_EQ(leat_directory_stales(found[0])->n, 1);
    ASSERT_EQ(leat_directory_stales(here)->n, 0);
    leat_directories_done(&directories);
}
