/* test_commit_others.c - outputs while others make, replace and remove files of the same names. */
#include "commit_disk.h"

static struct leat_error error = LEAT_INIT(leat_error);
static char warnings[TEXT_MAX];

static int give_name(const char *from, const char *to)
{
    char old[512];

    snprintf(old, sizeof old, "%s", path_of(from));
    return rename(old, path_of(to));
}

/* --- what is left if the way back fails -------------------------------------------------------- */

/* The rename of the second output fails, and every one after it, so the first cannot be put back. */
TEST(test_an_old_file_that_cannot_be_put_back_is_kept_and_named)
{
    char name[NAME_MAX + 1];

    disk.lacks = NO_EXCHANGE;
    disk.kind = "rename";
    disk.error = ENOSPC;
    disk.fail_at = 2;
    disk.fails = 100;
    write_file("a", OLD);
    write_file("b", OLD);
    ASSERT_EQ(run_here("zero : head -c 10 : tee [ write @/a ] : write @/b", true, &error, warnings),
              LEAT_EIO);
    ASSERT(holds("a", OLD) || holds("b", OLD)); /* the one that was to be second */
    ASSERT_EQ(temporaries(name), 1);
    ASSERT_STR_HAS(warnings, name);
    ASSERT_STR_HAS(warnings, "cannot be put back: No space left on device");
    ASSERT(holds(name, OLD));
}

TEST(test_a_temporary_that_cannot_be_removed_is_told)
{
    char name[NAME_MAX + 1];

    disk.kind = "unlink";
    disk.error = EACCES;
    disk.fail_at = 1;
    write_file("a", OLD);
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
    ASSERT_EQ(temporaries(name), 1);
    ASSERT_STR_HAS(warnings, name);
}

/* The draft has got its name by a second link, and its first one stays. */
TEST(test_the_temporary_name_of_a_new_output_is_removed_or_told)
{
    char name[NAME_MAX + 1];

    for (unsigned fails = 0; fails <= 1; fails++) {
        disk.lacks = NO_TMPFILE | NO_NOREPLACE;
        disk.kind = "unlink";
        disk.error = EACCES;
        disk.fail_at = 1;
        disk.fails = fails;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), 0);
        ASSERT_EQ(temporaries(name), fails);
        if (fails)
            ASSERT_STR_HAS(warnings, name);
        else
            ASSERT_STREQ(warnings, "");
        ASSERT_EQ(unlink(path_of("a")), 0);
    }
}

/* --- answers that are lost -------------------------------------------------------------------- */

static bool is_new(const char *name)
{
    struct stat info;

    return stat(path_of(name), &info) == 0 && info.st_size == 10;
}

/* Returns false if there was no such step. */
static bool lose_answer(const char *kind, unsigned k, bool old)
{
    static const char *const names[] = {"a", "b"};
    int code;

    for (size_t i = 0; i < 2; i++) {
        (void)unlink(path_of(names[i]));
        if (old)
            write_file(names[i], OLD);
    }
    disk.kind = kind;
    disk.fail_at = k;
    code = run_here("zero : head -c 10 : tee [ write @/a ] : write @/b", old, &error, warnings);
    disk.fail_at = 0;
    if (!disk.failed)
        return false;
    if (code != 0)
        FAIL("%s", error.text);
    for (size_t i = 0; i < 2; i++)
        if (!is_new(names[i]))
            FAIL("%s is not the new file", names[i]);
    ASSERT_STREQ(warnings, "");
    ASSERT_EQ(temporaries(NULL), 0);
    return true;
}

/* A server renames, and the client is told that it has failed, or the error of the second try. */
TEST(test_a_step_that_was_done_has_not_failed_whatever_is_said)
{
    static const char *const kinds[] = {"link", "rename", "rename2", "unlink"};
    static const int errors[] = {ETIMEDOUT, EEXIST, ENOENT};
    unsigned n = 0;

    disk.done = true;
    for (unsigned i = 0; i < 4 * 3 * 2; i++)
        for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
            unsigned k = 1;

            disk.error = errors[i / 4 % 3];
            test_context("lacks %u, %s, %s", disk.lacks, kinds[i % 4], strerror(disk.error));
            while (lose_answer(kinds[i % 4], k, i >= 12))
                k++;
            n += k - 1;
        }
    ASSERT_GT(n, 100);
}

/* The way back, too: the directory cannot be synced, and the answer to each rename is lost. */
TEST(test_outputs_are_taken_back_whatever_is_said)
{
    static const char *const kinds[] = {"link", "rename", "rename2", "unlink"};

    disk.done = true;
    disk.error = EIO;
    for (unsigned i = 0; i < 4 * 2; i++)
        for (disk.lacks = 0; disk.lacks < LACKS_ALL; disk.lacks++) {
            test_context("lacks %u, %s", disk.lacks, kinds[i % 4]);
            (void)unlink(path_of("a"));
            if (i >= 4)
                write_file("a", OLD);
            disk.always = kinds[i % 4];
            disk.kind = "sync";
            disk.fail_at = 2;
            ASSERT_EQ(
                run_here("zero : head -c 10 : tee [ null ] : write @/a", i >= 4, &error, warnings),
                LEAT_EIO);
            ASSERT_STR_HAS(error.text, "cannot sync the directory");
            if (i < 4)
                ASSERT(!is_there("a"));
            else if (!(disk.lacks & NO_EXCHANGE) || !(disk.lacks & NO_LINKS))
                ASSERT(holds("a", OLD)); /* else there is no way to keep it */
            ASSERT_EQ(temporaries(NULL), 0);
        }
}

/* --- who else is there ------------------------------------------------------------------------ */

static const char *meddle_name;
static unsigned meddled;

/* The name is taken just before the output gets it. */
static void make_directory(const char *call, const char *name)
{
    if ((strcmp(call, "rename2") == 0 || strcmp(call, "rename") == 0) && meddled == 0 &&
        strcmp(name, meddle_name) == 0) {
        meddled++;
        (void)unlink(path_of(meddle_name));
        ASSERT_EQ(mkdir(path_of(meddle_name), 0777), 0);
        write_file("a/inside", OLD);
    }
}

TEST(test_a_directory_that_takes_the_name_stays_where_it_is)
{
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        test_context("lacks %u", disk.lacks);
        write_file("a", OLD);
        meddle_name = "a";
        meddled = 0;
        disk.before = make_directory;
        ASSERT_EQ(run_here("zero : head -c 10 : tee [ null ] : write @/a", true, &error, warnings),
                  LEAT_EIO);
        ASSERT_EQ(meddled, 1);
        disk.before = NULL;
        ASSERT(holds("a/inside", OLD));
        ASSERT_EQ(temporaries(NULL), 0);
        ASSERT_EQ(unlink(path_of("a/inside")), 0);
        ASSERT_EQ(rmdir(path_of("a")), 0);
    }
}

/* The first output that has its name gets that of the second, as if both were one. */
static void rename_first(const char *call, const char *name)
{
    bool is_a = is_there("a");

    (void)name;
    if (strcmp(call, "unlink") == 0 && meddled++ == 0)
        ASSERT_EQ(give_name(is_a ? "a" : "b", is_a ? "b" : "a"), 0);
}

TEST(test_an_output_does_not_replace_another_one_whose_name_is_the_same_for_the_file_system)
{
    for (int force = 0; force <= 1; force++) {
        disk.lacks = NO_TMPFILE | NO_NOREPLACE; /* the name comes by a link, and then an unlink */
        meddled = 0;
        disk.before = rename_first;
        ASSERT_EQ(
            run_here("zero : head -c 10 : tee [ write @/a ] : write @/b", force, &error, warnings),
            LEAT_EUSAGE);
        ASSERT_GT(meddled, 0);
        ASSERT_STR_HAS(error.text, "is the name of another output, too");
        ASSERT_EQ(temporaries(NULL), 0);
        (void)unlink(path_of("a"));
        (void)unlink(path_of("b"));
    }
}

static void make_fifo(const char *call, const char *name)
{
    if (strcmp(call, "create") != 0 && strcmp(call, "sync") == 0 && meddled == 0) {
        meddled++;
        (void)name;
        (void)unlink(path_of(meddle_name));
        ASSERT_EQ(mkfifo(path_of(meddle_name), 0666), 0);
    }
}

TEST(test_a_fifo_that_takes_the_name_stays_where_it_is)
{
    struct stat info;

    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        test_context("lacks %u", disk.lacks);
        write_file("a", OLD);
        meddle_name = "a";
        meddled = 0;
        disk.before = make_fifo;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), LEAT_EIO);
        ASSERT_STR_HAS(error.text, "has taken the name");
        ASSERT_EQ(lstat(path_of("a"), &info), 0);
        ASSERT(S_ISFIFO(info.st_mode));
        ASSERT_EQ(temporaries(NULL), 0);
        ASSERT_EQ(unlink(path_of("a")), 0);
    }
}

static void make_file(const char *call, const char *name)
{
    if (strcmp(call, "sync") == 0 && meddled++ == 0)
        write_file("a", OLD);
    (void)name;
}

TEST(test_a_file_that_takes_the_name_of_a_new_one_stays)
{
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        test_context("lacks %u", disk.lacks);
        meddled = 0;
        disk.before = make_file;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", false, &error, warnings), LEAT_EEXIST);
        ASSERT(holds("a", OLD));
        ASSERT_EQ(temporaries(NULL), 0);
        ASSERT_EQ(unlink(path_of("a")), 0);
    }
}

/* Somebody puts a file of theirs in the place of the temporary. */
static void replace_temporary(const char *call, const char *name)
{
    char temp[NAME_MAX + 1], *to;

    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    ASSERT_EQ(temporaries(temp), 1);
    write_file("theirs", OLD);
    to = strdup(path_of(temp));
    ASSERT_NOT_NULL(to);
    ASSERT_EQ(rename(path_of("theirs"), to), 0);
    free(to);
}

TEST(test_a_temporary_that_was_replaced_does_not_get_the_name)
{
    char temp[NAME_MAX + 1];

    disk.lacks = NO_TMPFILE;
    for (int force = 0; force <= 1; force++) {
        if (force)
            write_file("a", OLD);
        meddled = 0;
        disk.before = replace_temporary;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", force, &error, warnings), LEAT_EIO);
        ASSERT_STR_HAS(error.text, "temporary file has been removed or replaced");
        ASSERT_EQ(force ? holds("a", OLD) : !is_there("a"), 1);
        ASSERT_EQ(temporaries(temp), 1); /* theirs */
        ASSERT(holds(temp, OLD));
        ASSERT_EQ(unlink(path_of(temp)), 0);
    }
}

/* --- other runs ------------------------------------------------------------------------------- */

static unsigned before_inner;

/* In the middle of a run another one of the same name goes through. */
static void run_another(const char *call, const char *name)
{
    struct leat_error inner_error = LEAT_INIT(leat_error);
    char inner_warnings[TEXT_MAX];

    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    disk.before = NULL;
    before_inner = temporaries(NULL);
    ASSERT_EQ(run_here("zero : head -c 5 : write @/a", true, &inner_error, inner_warnings), 0);
    ASSERT_EQ(temporaries(NULL), before_inner);
}

TEST(test_the_temporaries_of_a_run_that_goes_on_are_not_removed)
{
    for (disk.lacks = 0; disk.lacks <= LACKS_ALL; disk.lacks++) {
        test_context("lacks %u", disk.lacks);
        write_file("a", OLD);
        meddled = 0;
        disk.before = run_another;
        ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
        ASSERT_EQ(before_inner, disk.lacks & NO_TMPFILE ? 1 : 0);
        ASSERT(is_there("a"));
        ASSERT_EQ(temporaries(NULL), 0);
    }
}

/* After the old file got its second name, and before the directory is synced. */
static void run_another_late(const char *call, const char *name)
{
    struct stat info;

    if (strcmp(call, "sync") == 0 && meddled == 0 && temporaries(NULL) > 0 &&
        stat(path_of("a"), &info) == 0 && info.st_size == 10)
        run_another(call, name);
}

TEST(test_an_old_file_that_may_be_put_back_is_not_removed_by_another_run)
{
    disk.lacks = 0;
    write_file("a", OLD);
    disk.before = run_another_late;
    ASSERT_EQ(run_here("zero : head -c 10 : write @/a", true, &error, warnings), 0);
    ASSERT_EQ(meddled, 1);
    ASSERT_EQ(before_inner, 1);
    ASSERT_EQ(temporaries(NULL), 0);
}

/* --- appending -------------------------------------------------------------------------------- */

static void append_more(const char *call, const char *name)
{
    FILE *file;

    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    file = fopen(path_of("grows"), "a");
    ASSERT_NOT_NULL(file);
    ASSERT_GE(fputs("theirs", file), 0);
    ASSERT_EQ(fclose(file), 0);
}

#define APPENDS "read @/in : tee [ write --append @/grows ] : write @/a"

TEST(test_what_others_append_is_not_cut_off)
{
    write_file("in", "ours ");
    disk.kind = "link"; /* of the other output, which gets its name last */
    disk.error = EIO;
    for (int created = 0; created <= 1; created++) {
        if (created)
            ASSERT_EQ(unlink(path_of("grows")), 0);
        else
            write_file("grows", GROWS);
        meddled = 0;
        disk.before = append_more;
        disk.fail_at = 1;
        ASSERT_EQ(run_here(APPENDS, false, &error, warnings), LEAT_EIO);
        ASSERT_STR_HAS(warnings, "others have written to it meanwhile");
        ASSERT(holds("grows", created ? "ours theirs" : GROWS "ours theirs"));
        ASSERT(!is_there("a"));
    }
}

/* Somebody renames another file over it, or renames it, at the last sync. */
static void replace_grows(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    write_file("theirs", OLD);
    ASSERT_EQ(give_name("theirs", "grows"), 0);
}

static void rotate_grows(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    ASSERT_EQ(give_name("grows", "grows.1"), 0);
    write_file("grows", "");
}

/* Its name was looked at before, and is looked at again. */
TEST(test_a_file_that_is_replaced_after_its_last_byte_is_an_error)
{
    write_file("in", "ours ");
    write_file("grows", GROWS);
    disk.before = replace_grows;
    ASSERT_EQ(run_here("read @/in : write --append @/grows", false, &error, warnings), LEAT_EIO);
    ASSERT_EQ(meddled, 1);
    ASSERT_STR_HAS(error.text, "grows: has been removed or replaced while it was appended to");
    ASSERT(holds("grows", OLD));
}

TEST(test_a_file_that_is_renamed_while_it_is_appended_to_is_told)
{
    write_file("in", "ours ");
    write_file("grows", GROWS);
    disk.before = rotate_grows;
    ASSERT_EQ(run_here("read @/in : write --append @/grows", false, &error, warnings), 0);
    ASSERT_EQ(meddled, 1);
    ASSERT_STR_HAS(warnings, "grows: was renamed during the append");
    ASSERT(holds("grows.1", GROWS "ours "));
    ASSERT(holds("grows", ""));
}

static int appender;

/* As a run that appends, and has not written yet. */
static void open_to_append(const char *call, const char *name)
{
    (void)name;
    if (strcmp(call, "sync") != 0 || meddled++ > 0)
        return;
    appender = open(path_of("grows"), O_WRONLY | O_APPEND | O_CLOEXEC);
    ASSERT_GE(appender, 0);
    ASSERT_EQ(__real_flock(appender, LOCK_SH | LOCK_NB), 0);
}

/* Its next write may come between the look at the size and the cut. */
TEST(test_a_file_that_another_run_appends_to_is_not_cut)
{
    write_file("in", "ours ");
    disk.kind = "link";
    disk.error = EIO;
    for (int created = 0; created <= 1; created++) {
        if (created)
            ASSERT_EQ(unlink(path_of("grows")), 0);
        else
            write_file("grows", GROWS);
        meddled = 0;
        disk.before = open_to_append;
        disk.fail_at = 1;
        ASSERT_EQ(run_here(APPENDS, false, &error, warnings), LEAT_EIO);
        ASSERT_STR_HAS(warnings, "others append to it at the same time");
        ASSERT(holds("grows", created ? "ours " : GROWS "ours "));
        ASSERT_EQ(close(appender), 0);
    }
}

TEST(test_what_several_outputs_appended_is_cut_off)
{
    static const char job[] =
        "read @/in : tee [ write -a @/grows ] [ write -a @/grows ] : write @/a";

    write_file("in", "ours ");
    write_file("grows", GROWS);
    ASSERT_EQ(run_here(job, false, &error, warnings), 0);
    ASSERT(holds("grows", GROWS "ours ours "));
    ASSERT_EQ(unlink(path_of("a")), 0);
    disk.kind = "link";
    disk.error = EIO;
    for (int created = 0; created <= 1; created++) {
        if (created)
            ASSERT_EQ(unlink(path_of("grows")), 0);
        else
            write_file("grows", GROWS);
        disk.fail_at = 1;
        ASSERT_EQ(run_here(job, false, &error, warnings), LEAT_EIO);
        ASSERT_STREQ(warnings, "");
        ASSERT(created ? !is_there("grows") : holds("grows", GROWS));
    }
}

TEST(test_a_file_that_cannot_be_cut_back_is_told)
{
    write_file("in", "ours ");
    write_file("grows", GROWS);
    disk.kind = "link";
    disk.always = "truncate";
    disk.error = EIO;
    disk.fail_at = 1;
    ASSERT_EQ(run_here(APPENDS, false, &error, warnings), LEAT_EIO);
    ASSERT_STR_HAS(warnings, "cannot be cut back to the 4 bytes that it had before: Input/output");
}
