/* test_commit.c - all or nothing, whatever step of a commit fails, or is the last one before a kill.
 *
 * Each step is tried until a run has fewer of them.
 */
#include "commit_disk.h"

#define STEPS_MAX 2000u

static struct leat_error error = LEAT_INIT(leat_error);
static char warnings[TEXT_MAX];

/* --- a job of every kind of output ------------------------------------------------------------ */

/* There is no list of checksums of a file that is appended to. */
static const char *const outputs[] = {"a", "sub/b", "d", "p0", "p1", "sums"};
static bool with_sums;

static size_t n_outputs(void)
{
    return sizeof outputs / sizeof *outputs - !with_sums;
}

#define JOB                                                                                        \
    "zero : head -c 200 : sha256 --to=@/d : tee [ write @/a ] [ gzip : write @/sub/b ] "           \
    "[ %s ] : split -b 100 @/p{n}"

static void make_room(void)
{
    ASSERT(mkdir(path_of("sub"), 0777) == 0 || errno == EEXIST);
}

/* As if the job had never run; with the old files. */
static void restore(bool old)
{
    for (size_t i = 0; i < n_outputs(); i++) {
        (void)unlink(path_of(outputs[i]));
        if (old)
            write_file(outputs[i], OLD);
    }
    write_file("grows", GROWS);
}

static int run_job(bool force)
{
    struct leat_settings settings = {.size = sizeof settings, .force = force};
    char sums[512], job[TEXT_MAX];

    snprintf(sums, sizeof sums, "%s", path_of("sums"));
    snprintf(job, sizeof job, JOB, with_sums ? "null" : "head -c 4 : write --append @/grows");
    settings.sums = with_sums ? sums : NULL;
    return run(job, settings, &error, warnings);
}

static bool is_as_before(size_t i, bool old)
{
    return old ? holds(outputs[i], OLD) : !is_there(outputs[i]);
}

static bool is_whole(size_t i)
{
    static const off_t sizes[] = {200, 0, 0, 100, 100, 0}; /* 0: any but none */
    struct stat info;

    if (lstat(path_of(outputs[i]), &info) < 0 || info.st_size == 0 || holds(outputs[i], OLD))
        return false;
    return sizes[i] == 0 || info.st_size == sizes[i];
}

static void all_are_as_before(bool old)
{
    for (size_t i = 0; i < n_outputs(); i++)
        if (!is_as_before(i, old))
            FAIL("%s is not what it was; after %s: %s; %s", outputs[i], disk.failed, error.text,
                 warnings);
    if (!holds("grows", GROWS))
        FAIL("what was appended is still there; after %s: %s", disk.failed, error.text);
}

static void all_are_whole(void)
{
    for (size_t i = 0; i < n_outputs(); i++)
        if (!is_whole(i))
            FAIL("%s is not whole", outputs[i]);
}

/* Each file system, new files and old ones. */
static void for_each_disk(void (*test)(bool old))
{
    make_room();
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++)
        for (int old = 0; old <= 1; old++) {
            if (!old &&
                (disk.lacks & NO_EXCHANGE)) /* there is nothing to exchange a new file with */
                continue;
            with_sums = ((disk.lacks & 1) != 0) == (old != 0);
            test(old != 0);
        }
}

/* --- a step fails ----------------------------------------------------------------------------- */

static void fail_each_step(bool old)
{
    unsigned k;

    disk.error = EIO;
    for (k = 1; k < STEPS_MAX; k++) {
        int code;

        test_context("lacks %u, %s files, step %u", disk.lacks, old ? "old" : "new", k);
        restore(old);
        disk.fail_at = k;
        code = run_job(old);
        disk.fail_at = 0;
        if (!disk.failed)
            break;
        if (code < 0)
            all_are_as_before(old);
        else
            all_are_whole();
        if (code == 0 && strcmp(disk.failed, "unlink") != 0)
            FAIL("nobody was told that %s has failed", disk.failed);
        if (temporaries(NULL) > 0 && strcmp(disk.failed, "unlink") != 0)
            FAIL("a temporary is left after %s has failed: %s", disk.failed, error.text);
        if (k % 4 != disk.lacks % 4) /* over all the disks each step has its turn */
            continue;
        restore(old);
        ASSERT_EQ(run_job(old), 0);
        ASSERT_EQ(temporaries(NULL), 0);
    }
    ASSERT_LT(k, STEPS_MAX);
    ASSERT_GT(k, 10);
}

TEST(test_whatever_step_fails_all_outputs_are_as_before)
{
    for_each_disk(fail_each_step);
}

/* --- a kill ----------------------------------------------------------------------------------- */

/* Returns false if the job ended before that step. */
static bool kill_job(bool old, unsigned at)
{
    int status;
    pid_t pid = fork();

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        disk.kill_at = at;
        test_exit(run_job(old) == 0 ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        ASSERT_EQ(WTERMSIG(status), SIGKILL);
        return true;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    return false;
}

/* Where a file can neither be exchanged nor linked, the old one may be beside its name, whole. */
static bool is_old_beside(size_t i)
{
    return (disk.lacks & NO_EXCHANGE) && (disk.lacks & NO_LINKS) && !is_there(outputs[i]);
}

static void kill_each_step(bool old)
{
    unsigned k, left = 0;

    restore(old);
    for (k = 1; k < STEPS_MAX && kill_job(old, k); k++) {
        test_context("lacks %u, %s files, step %u", disk.lacks, old ? "old" : "new", k);
        for (size_t i = 0; i < n_outputs(); i++)
            if (!is_as_before(i, old) && !is_whole(i) && !is_old_beside(i))
                FAIL("%s is neither the old file nor the new one", outputs[i]);
        left += temporaries(NULL);
        /* The same job; without old files it needs --force for those that have got their names. */
        ASSERT_EQ(run_job(true), 0);
        all_are_whole();
        ASSERT_EQ(temporaries(NULL), 0);
        restore(old);
    }
    ASSERT_LT(k, STEPS_MAX);
    ASSERT_GT(k, 10);
    if (old || disk.lacks & NO_TMPFILE)
        ASSERT_GT(left, 0); /* or the test shows nothing */
    else
        ASSERT_EQ(left, 0); /* files without a name leave nothing */
}

TEST(test_a_kill_at_any_step_leaves_whole_files_and_the_next_run_removes_the_rest)
{
    for_each_disk(kill_each_step);
}
