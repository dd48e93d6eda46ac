/* test_outdir.c - an output directory: it appears whole or not at all, and the way back.
 *
 * The stage `dirs` makes one, with the file `new` in it. */
#include "../commit_disk.h"
#include "io/tree_remove.h"
#include "memio.h"
#include "stage.h"

#define STEPS_MAX 200u
#define NEW "the new content\n"

/* --- calls that fail, besides those of commit_disk.h ------------------------------------------- */

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_mkdirat(int at, const char *path, mode_t mode);
int __wrap_mkdirat(int at, const char *path, mode_t mode);
int __real_fstat(int fd, struct stat *ret);
int __wrap_fstat(int fd, struct stat *ret);
int __real_fstatat(int at, const char *path, struct stat *ret, int flags);
int __wrap_fstatat(int at, const char *path, struct stat *ret, int flags);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
int __wrap_syncfs(int fd);

static bool looks_fail; /* calls that change nothing are steps, too */

int __wrap_mkdirat(int at, const char *path, mode_t mode)
{
    return step("mkdir", path) ? -1 : __real_mkdirat(at, path, mode);
}

int __wrap_fstat(int fd, struct stat *ret)
{
    return looks_fail && step("fstat", "") ? -1 : __real_fstat(fd, ret);
}

int __wrap_fstatat(int at, const char *path, struct stat *ret, int flags)
{
    return looks_fail && step("fstatat", path) ? -1 : __real_fstatat(at, path, ret, flags);
}

DIR *__wrap_opendir(const char *path)
{
    return looks_fail && step("opendir", path) ? NULL : __real_opendir(path);
}

int __wrap_syncfs(int fd)
{
    (void)fd;
    return step("syncfs", "") ? -1 : 0;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* --- the stage -------------------------------------------------------------------------------- */

static struct {
    struct leat_outdir_options options;
    bool sets_mode;
    unsigned mode;
    void (*filled)(void);    /* before prepare; or NULL */
    void (*committed)(void); /* after a commit that went well; or NULL */
    bool fails;              /* the step, when the directory has its files */
    unsigned commits, reverts;
    unsigned umask; /* as the stage is told */
} job;

static struct leat_outdir **outdir_of(struct leat_stage *s)
{
    return leat_state(s);
}

static int dirs_open(struct leat_stage *s)
{
    int r = leat_outdir_open(s, leat_operands(s)->v[0], &job.options, outdir_of(s));

    if (r < 0)
        return r;
    job.umask = leat_outdir_umask(*outdir_of(s));
    if (job.sets_mode)
        leat_outdir_set_mode(*outdir_of(s), job.mode);
    return 0;
}

static void make_file(int at, const char *name)
{
    int fd = __real_openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, NEW, strlen(NEW)), strlen(NEW));
    ASSERT_EQ(close(fd), 0);
}

static int dirs_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_outdir *d = *outdir_of(s);

    (void)out;
    in->pos = in->len;
    if (!in->end)
        return LEAT_MORE;
    if (job.options.in_place)
        make_file(leat_outdir_unfinished(d), "unfinished");
    make_file(leat_outdir_root(d), "new");
    if (job.filled)
        job.filled();
    return job.fails ? leat_fail(s, LEAT_EIO, "planned failure") : LEAT_END;
}

static int dirs_prepare(struct leat_stage *s)
{
    return leat_outdir_prepare(s, *outdir_of(s));
}

static int dirs_commit(struct leat_stage *s)
{
    int r = leat_outdir_commit(s, *outdir_of(s));

    job.commits += r == 0;
    if (r == 0 && job.committed)
        job.committed();
    return r;
}

static void dirs_revert(struct leat_stage *s)
{
    job.reverts++;
    leat_outdir_revert(*outdir_of(s));
}

static void dirs_close(struct leat_stage *s)
{
    leat_outdir_close(*outdir_of(s));
}

static const struct leat_stage_type dirs_type = {.name = "dirs",
                                                 .kind = LEAT_SINK,
                                                 .operands = "DIR",
                                                 .operands_min = 1,
                                                 .operands_max = 1,
                                                 .state_size = sizeof(struct leat_outdir *),
                                                 .open = dirs_open,
                                                 .step = dirs_step,
                                                 .prepare = dirs_prepare,
                                                 .commit = dirs_commit,
                                                 .revert = dirs_revert,
                                                 .close = dirs_close};

static int refuses_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int refuses_commit(struct leat_stage *s)
{
    return leat_fail(s, LEAT_EIO, "planned failure");
}

/* A sink without it would commit last. */
static void refuses_revert(struct leat_stage *s)
{
    (void)s;
    FAIL("it was never committed");
}

static const struct leat_stage_type refuses_type = {.name = "refuses",
                                                    .kind = LEAT_SINK,
                                                    .step = refuses_step,
                                                    .commit = refuses_commit,
                                                    .revert = refuses_revert};

static const struct leat_stage_type *const types[] = {&dirs_type, &refuses_type, NULL};

static struct leat_error error = LEAT_INIT(leat_error);
static unsigned warnings;

/* The text with the directory of the test for each @, after a source if it has none. Returns the code. */
static int run_text(const char *format)
{
    struct memio io = {.in = "x", .in_len = 1, .types = types, .settings = {.threads = 1}};
    char text[TEXT_MAX];
    int n = 0, code;

    if (strncmp(format, "read ", 5) != 0)
        n = snprintf(text, sizeof text, "memsource --at=%lld | ", memio_at(&io));
    for (const char *c = format; *c && n < TEXT_MAX; c++)
        n += snprintf(text + n, (size_t)(TEXT_MAX - n), "%.*s", *c == '@' ? 400 : 1,
                      *c == '@' ? test_tmp_dir() : c);
    ASSERT_LT(n, TEXT_MAX);
    disk.step = 0;
    disk.failed = NULL;
    job.commits = job.reverts = 0;
    code = memio_run_text(&io, text);
    error = io.error;
    warnings = io.warnings;
    memio_free(&io);
    return code;
}

/* --- the directory ---------------------------------------------------------------------------- */

static void begin(void)
{
    memset(&job, 0, sizeof job);
    (void)umask(022);
}

/* Temporary directories; the name of one of them. */
static unsigned drafts_in(const char *name, char ret_name[NAME_MAX + 1])
{
    DIR *dir = __real_opendir(path_of(name));
    const struct dirent *entry;
    unsigned n = 0;

    ASSERT_NOT_NULL(dir);
    while ((entry = readdir(dir)))
        if (strstr(entry->d_name, ".leat-")) {
            n++;
            if (ret_name)
                snprintf(ret_name, NAME_MAX + 1, "%s", entry->d_name);
        }
    ASSERT_EQ(closedir(dir), 0);
    return n;
}

static unsigned mode_of(const char *name)
{
    struct stat info;

    ASSERT_EQ(stat(path_of(name), &info), 0);
    return info.st_mode & 07777;
}

enum old { NONE, EMPTY, FULL, N_OLD };

/* Make `t` as it is before the run. */
static void make_old(enum old old)
{
    ASSERT_EQ(leat_tree_remove(AT_FDCWD, path_of("t")), 0);
    if (old == NONE)
        return;
    ASSERT_EQ(mkdir(path_of("t"), 0700), 0);
    ASSERT_EQ(chmod(path_of("t"), 0750), 0);
    if (old == FULL)
        write_file("t/old", OLD);
}

static bool is_as_before(enum old old)
{
    if (old == NONE)
        return !is_there("t");
    return is_there("t") && !is_there("t/new") && mode_of("t") == 0750 &&
           (old == FULL ? holds("t/old", OLD) : !is_there("t/old"));
}

static bool is_new(void)
{
    return holds("t/new", NEW) && !is_there("t/old");
}

/* --- it appears ------------------------------------------------------------------------------- */

static void is_not_there_yet(void)
{
    char draft[NAME_MAX + 1];

    ASSERT(!is_there("t"));
    ASSERT_EQ(drafts_in("", draft), 1);
    ASSERT_EQ(mode_of(draft), 0700);
}

TEST(test_a_new_directory_appears_when_all_has_succeeded)
{
    begin();
    job.filled = is_not_there_yet;
    (void)umask(026);
    ASSERT_EQ(run_text("dirs @/t"), 0);
    ASSERT_EQ(job.umask, 026);
    ASSERT(is_new());
    ASSERT_EQ(mode_of("t"), 0751);
    ASSERT_EQ(drafts_in("", NULL), 0);
    job.sets_mode = true;
    job.mode = 0500;
    make_old(NONE);
    ASSERT_EQ(run_text("dirs @/t///"), 0);
    ASSERT_EQ(mode_of("t"), 0500);
}

TEST(test_a_failed_run_leaves_everything_as_it_was)
{
    begin();
    job.fails = true;
    for (enum old old = NONE; old < N_OLD; old++) {
        make_old(old);
        job.options.force = old == FULL;
        ASSERT_EQ(run_text("dirs @/t"), LEAT_EIO);
        ASSERT(is_as_before(old));
        ASSERT_EQ(drafts_in("", NULL), 0);
    }
}

TEST(test_a_directory_that_is_replaced_keeps_its_mode)
{
    begin();
    job.sets_mode = true;
    job.mode = 0711;
    for (enum old old = EMPTY; old < N_OLD; old++) {
        make_old(old);
        job.options.force = old == FULL;
        ASSERT_EQ(run_text("dirs @/t"), 0);
        ASSERT(is_new());
        ASSERT_EQ(mode_of("t"), 0750);
        ASSERT_EQ(drafts_in("", NULL), 0);
    }
}

TEST(test_a_link_is_followed_to_the_directory)
{
    begin();
    make_old(EMPTY);
    ASSERT_EQ(symlink("t", path_of("link")), 0);
    ASSERT_EQ(run_text("dirs @/link"), 0);
    ASSERT(is_new());
    make_old(NONE);
    ASSERT_EQ(run_text("dirs @/link/"), 0);
    ASSERT(is_new());
}

/* --- it is refused ---------------------------------------------------------------------------- */

static void refuses(int code, const char *text, const char *why)
{
    test_context("%s", text);
    ASSERT_EQ(run_text(text), code);
    ASSERT_STR_HAS(error.text, why);
    ASSERT_EQ(drafts_in("", NULL), 0);
}

TEST(test_a_directory_with_files_is_not_replaced_without_force)
{
    begin();
    make_old(FULL);
    refuses(LEAT_EEXIST, "dirs @/t", "exists and is not empty; use --in-place");
    ASSERT(is_as_before(FULL));
}

TEST(test_names_that_cannot_become_a_directory_are_refused)
{
    begin();
    write_file("file", OLD);
    refuses(LEAT_EUSAGE, "dirs ''", "empty");
    refuses(LEAT_EEXIST, "dirs @/file", "exists, and is no directory");
    refuses(LEAT_ENOENT, "dirs @/no/t", "No such file");
    refuses(LEAT_EIO, "dirs @/file/t", "Not a directory");
    refuses(LEAT_EEXIST, "dirs /", "cannot be replaced; use --in-place");
    job.options.force = true;
    refuses(LEAT_EEXIST, "dirs /proc", "is a mount point");
    make_old(FULL);
    ASSERT_EQ(chdir(path_of("t")), 0);
    refuses(LEAT_EEXIST, "dirs .", "is the current directory");
    refuses(LEAT_EEXIST, "dirs @/t", "is the current directory");
    job.options = (struct leat_outdir_options){.in_place = true};
    refuses(LEAT_EIO, "dirs @/file", "Not a directory");
    refuses(LEAT_ENOENT, "dirs @/no/t", "No such file");
    ASSERT(holds("file", OLD) && is_as_before(FULL));
}

TEST(test_two_stages_do_not_have_one_directory)
{
    begin();
    refuses(LEAT_EUSAGE, "tee [ dirs @/t ] | dirs @/t", "is the output of another stage");
    ASSERT(!is_there("t"));
}

TEST(test_a_directory_is_not_replaced_with_an_output_or_the_input_in_it)
{
    begin();
    job.options.force = true;
    make_old(FULL);
    ASSERT_EQ(mkdir(path_of("t/sub"), 0700), 0);
    refuses(LEAT_EUSAGE, "tee [ write @/t/sub/out ] | dirs @/t", "another output of the pipeline");
    refuses(LEAT_EUSAGE, "read @/t/old | dirs @/t", "the input");
    ASSERT_EQ(rmdir(path_of("t/sub")), 0);
    ASSERT(is_as_before(FULL));
    /* Beside it they may be. */
    write_file("in", OLD);
    ASSERT_EQ(run_text("read @/in | tee [ write @/out ] | dirs @/t"), 0);
    ASSERT(is_new() && holds("out", OLD));
}

/* --- in place --------------------------------------------------------------------------------- */

static void has_unfinished(void)
{
    char draft[NAME_MAX + 1], name[NAME_MAX + 40];

    ASSERT_EQ(drafts_in("t", draft), 1);
    snprintf(name, sizeof name, "t/%s", draft);
    ASSERT_EQ(mode_of(name), 0700);
    snprintf(name, sizeof name, "t/%s/unfinished", draft);
    ASSERT(holds(name, NEW));
}

TEST(test_in_place_files_are_added_and_stay_after_a_failure)
{
    begin();
    job.options.in_place = true;
    job.filled = has_unfinished;
    for (int fails = 0; fails <= 1; fails++)
        for (enum old old = NONE; old < N_OLD; old++) {
            make_old(old);
            job.fails = fails != 0;
            ASSERT_EQ(run_text("dirs @/t"), fails ? LEAT_EIO : 0);
            ASSERT(holds("t/new", NEW));
            ASSERT_EQ(mode_of("t"), old == NONE ? 0755 : 0750);
            ASSERT(old != FULL || holds("t/old", OLD));
            ASSERT_EQ(drafts_in("t", NULL), 0);
        }
}

/* --- others meanwhile ------------------------------------------------------------------------- */

static void others_make_files(void)
{
    if (!is_there("t"))
        ASSERT_EQ(mkdir(path_of("t"), 0700), 0);
    write_file("t/theirs", OLD);
}

static void others_make_a_file(void)
{
    write_file("t", OLD);
}

static void others_replace_it(void)
{
    char from[TEXT_MAX];

    snprintf(from, sizeof from, "%s", path_of("t"));
    ASSERT_EQ(rename(from, path_of("moved")), 0);
    others_make_files();
}

static void others_take_the_draft(void)
{
    char draft[NAME_MAX + 1], from[TEXT_MAX];

    ASSERT_EQ(drafts_in("", draft), 1);
    snprintf(from, sizeof from, "%s", path_of(draft));
    ASSERT_EQ(rename(from, path_of("moved")), 0);
    ASSERT_EQ(mkdir(from, 0700), 0);
}

TEST(test_files_that_appear_meanwhile_are_kept)
{
    begin();
    for (enum old old = NONE; old < FULL; old++) {
        make_old(old);
        job.filled = others_make_files;
        refuses(LEAT_EEXIST, "dirs @/t", "files have appeared in it meanwhile");
        ASSERT(holds("t/theirs", OLD) && !is_there("t/new"));
        ASSERT_EQ(unlink(path_of("t/theirs")), 0);
    }
    make_old(NONE);
    job.filled = others_make_a_file;
    refuses(LEAT_EIO, "dirs @/t", "cannot put");
    ASSERT(holds("t", OLD));
}

TEST(test_with_force_only_the_directory_that_was_there_is_replaced)
{
    begin();
    make_old(FULL);
    job.options.force = true;
    job.filled = others_replace_it;
    refuses(LEAT_EEXIST, "dirs @/t", "files have appeared in it meanwhile");
    ASSERT(holds("t/theirs", OLD) && !is_there("t/new"));
    ASSERT(holds("moved/old", OLD));
}

TEST(test_a_draft_that_others_have_taken_is_neither_placed_nor_removed)
{
    begin();
    make_old(NONE);
    job.filled = others_take_the_draft;
    ASSERT_EQ(run_text("dirs @/t"), LEAT_EIO);
    ASSERT_STR_HAS(error.text, "cannot put");
    ASSERT(!is_there("t") && holds("moved/new", NEW));
    ASSERT_EQ(drafts_in("", NULL), 1); /* theirs */
    ASSERT_EQ(warnings, 0);
}

/* --- the way back ----------------------------------------------------------------------------- */

TEST(test_a_directory_that_was_put_in_place_is_taken_back)
{
    static const char *const texts[] = {"tee [ refuses ] | dirs @/t", "tee [ dirs @/t ] | refuses"};

    begin();
    for (enum old old = NONE; old < N_OLD; old++) {
        unsigned commits = 0;

        job.options.force = old == FULL;
        for (size_t i = 0; i < 2; i++) {
            make_old(old);
            test_context("%s, old %d", texts[i], (int)old);
            ASSERT_EQ(run_text(texts[i]), LEAT_EIO);
            ASSERT(is_as_before(old));
            ASSERT_EQ(drafts_in("", NULL), 0);
            ASSERT_EQ(warnings, 0);
            commits += job.commits;
        }
        ASSERT_EQ(commits, 1); /* or the test shows nothing */
    }
}

static void others_remove_it(void)
{
    char from[TEXT_MAX];

    snprintf(from, sizeof from, "%s", path_of("t"));
    ASSERT_EQ(rename(from, path_of("moved")), 0);
}

TEST(test_a_directory_that_cannot_be_taken_back_is_told)
{
    begin();
    job.committed = others_remove_it;
    ASSERT_EQ(run_text("tee [ dirs @/t ] | refuses"), LEAT_EIO);
    if (job.commits == 0)
        ASSERT_EQ(run_text("tee [ refuses ] | dirs @/t"), LEAT_EIO);
    ASSERT_EQ(job.commits, 1);
    ASSERT_EQ(warnings, 1);
    ASSERT(holds("moved/new", NEW));
}

/* --- a step fails, or is the last one before a kill ------------------------------------------- */

static void fail_each_step(enum old old, bool in_place)
{
    unsigned k, codes = 0;

    disk.error = EIO;
    for (k = 1; k < STEPS_MAX; k++) {
        const char *failed;
        int code;

        begin();
        job.options.force = old == FULL && !in_place;
        job.options.in_place = in_place;
        make_old(old);
        test_context("old %d, step %u", (int)old, k);
        looks_fail = true;
        disk.fail_at = k;
        code = run_text("dirs @/t");
        disk.fail_at = 0;
        looks_fail = false;
        failed = disk.failed;
        if (!failed)
            break;
        codes += code < 0;
        if (in_place ? code == 0 && !holds("t/new", NEW)
                     : !(code < 0 ? is_as_before(old) : is_new()))
            FAIL("%s has failed: %s", failed, error.text);
        /* The next run removes the rest. */
        if (in_place)
            (void)unlink(path_of("t/new"));
        else
            make_old(NONE);
        ASSERT_EQ(run_text("dirs @/t"), 0);
        if (drafts_in(in_place ? "t" : "", NULL) > 0)
            FAIL("a temporary is left after %s", failed);
    }
    ASSERT_GT(codes, 4);
    ASSERT_LT(k, STEPS_MAX);
}

TEST(test_whatever_step_fails_the_directory_is_whole_or_as_before)
{
    for (enum old old = NONE; old < N_OLD; old++)
        fail_each_step(old, false);
}

TEST(test_in_place_the_rest_of_a_failed_step_is_removed_by_the_next_run)
{
    fail_each_step(NONE, true);
    fail_each_step(FULL, true);
}

/* Returns false if the job ended before that step. */
static bool kill_job(unsigned at)
{
    int status;
    pid_t pid = fork();

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        disk.kill_at = at;
        test_exit(run_text("dirs @/t") == 0 ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        ASSERT_EQ(WTERMSIG(status), SIGKILL);
        return true;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    return false;
}

TEST(test_a_kill_at_any_step_leaves_a_whole_directory_and_the_next_run_removes_the_rest)
{
    unsigned left = 0;

    begin();
    for (enum old old = NONE; old < N_OLD; old++) {
        job.options.force = old == FULL;
        make_old(old);
        for (unsigned k = 1; k < STEPS_MAX && kill_job(k); k++) {
            test_context("old %d, step %u", (int)old, k);
            ASSERT(is_as_before(old) || is_new());
            left += drafts_in("", NULL);
            make_old(NONE);
            ASSERT_EQ(run_text("dirs @/t"), 0);
            ASSERT_EQ(drafts_in("", NULL), 0);
            make_old(old);
        }
    }
    ASSERT_GT(left, 0); /* or the test shows nothing */
}

/* --- a run that removes stale temporaries is faster ------------------------------------------- */

static unsigned races; /* that the other run wins */
static int other_fd = -1;

static void other_run_locks(const char *call, const char *name)
{
    char draft[NAME_MAX + 1];

    (void)name;
    if (strcmp(call, "lock") != 0 || races == 0 || drafts_in("", draft) == 0)
        return;
    races--;
    if (other_fd >= 0)
        ASSERT_EQ(close(other_fd), 0);
    other_fd = open(path_of(draft), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(other_fd, 0);
    ASSERT_EQ(__real_flock(other_fd, LOCK_EX | LOCK_NB), 0);
}

TEST(test_a_draft_that_another_run_holds_for_stale_is_made_again)
{
    begin();
    disk.before = other_run_locks;
    races = 3;
    ASSERT_EQ(run_text("dirs @/t"), 0);
    ASSERT_EQ(races, 0);
    ASSERT(is_new());
    ASSERT_EQ(drafts_in("", NULL), 0);
    races = 1000;
    make_old(NONE);
    refuses(LEAT_EEXIST, "dirs @/t", "cannot make a temporary directory");
    ASSERT_GT(races, 800); /* it gives up */
    ASSERT(!is_there("t"));
    ASSERT_EQ(close(other_fd), 0);
}
