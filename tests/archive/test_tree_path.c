/* test_tree_path.c - no name leaves the tree, directories stay open for their neighbours, and names that a
 * file system takes for the same. */
#include "tree_aid.h"

#define N_FILES 500u
#define NAME_SIZE 64u

/* --- names that lead outside ------------------------------------------------------------------ */

static const char *link_target, *wanted;

static int through_a_link(struct leat_tree_writer *t)
{
    int r = put_directory(t, "d", 0700);

    if (r == 0)
        r = put_symlink(t, "d/link", link_target);
    return r == 0 ? put_file(t, wanted, "x") : r;
}

static int through_a_file(struct leat_tree_writer *t)
{
    int r = put_file(t, "d", "a file");

    return r == 0 ? put_file(t, "d/f", "x") : r;
}

/* The kernel resolves the names, or each component is looked at. */
static const int resolvers[] = {0, ENOSYS, EPERM, EINVAL};
#define N_RESOLVERS (sizeof resolvers / sizeof resolvers[0])

TEST(test_nothing_is_written_through_a_link_or_a_file)
{
    static const char *const targets[] = {"../../out", "..", ".", "/", "nowhere", "../f"};

    for (size_t i = 0; i < N_RESOLVERS; i++)
        for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++)
            for (int deep = 0; deep <= 1; deep++) {
                begin();
                test_context("resolver %zu, link to %s", i, targets[k]);
                os.openat2_errno = resolvers[i];
                link_target = targets[k];
                wanted = deep ? "d/link/new/f" : "d/link/f";
                ASSERT_EQ(write_tree(through_a_link), LEAT_ECORRUPT);
                ASSERT_STR_HAS(job.error.text, "it would be written through d/link");
                ASSERT(is_empty("out") && !is_there("root/f") && !is_there("root/d/f"));
                begin();
                os.openat2_errno = resolvers[i];
                ASSERT_EQ(write_tree(through_a_file), LEAT_ECORRUPT);
                ASSERT_STR_HAS(job.error.text, "it would be written through d");
            }
}

/* A directory that was open is still the one that the archive has made. */
static void others_put_a_link(const char *call, const char *name)
{
    static bool busy;

    if (busy || strcmp(call, "openat") != 0 || strcmp(name, "second") != 0)
        return;
    busy = true;
    ASSERT_EQ(rename("root/d", "root/moved"), 0);
    ASSERT_EQ(symlink("../out", "root/d"), 0);
    busy = false;
}

static int two_files(struct leat_tree_writer *t)
{
    int r = put_file(t, "d/first", "1");

    return r == 0 ? put_file(t, "d/second", "2") : r;
}

TEST(test_a_directory_that_others_move_is_written_where_it_is)
{
    begin();
    os.before = others_put_a_link;
    ASSERT_EQ(write_tree(two_files), 0);
    ASSERT(holds("root/moved/second", "2") && is_empty("out"));
}

/* --- directories ------------------------------------------------------------------------------ */

static int without_directories(struct leat_tree_writer *t)
{
    return put_file(t, "a/b/c/d/e", "deep");
}

TEST(test_directories_without_an_entry_are_made)
{
    for (size_t i = 0; i < N_RESOLVERS; i++) {
        begin();
        os.openat2_errno = resolvers[i];
        ASSERT_EQ(write_tree(without_directories), 0);
        ASSERT(holds("root/a/b/c/d/e", "deep"));
        ASSERT_EQ(mode_of("root/a/b"), 0755);
        ASSERT_EQ(write_tree(without_directories), 0); /* they are there now */
    }
}

static void others_make_it(const char *call, const char *name)
{
    if (strcmp(call, "mkdirat") == 0 && strcmp(name, "b") == 0)
        ASSERT_EQ(mkdir("root/a/b", 0700), 0);
}

TEST(test_another_process_may_make_the_directory_meanwhile)
{
    begin();
    os.before = others_make_it;
    ASSERT_EQ(write_tree(without_directories), 0);
    ASSERT(holds("root/a/b/c/d/e", "deep"));
}

static int in_order(struct leat_tree_writer *t)
{
    static const char *const names[] = {"a/1", "a/2", "a/b/1", "a/b/2", "a/3", "a/c/1", "a/4"};
    int r = put_directory(t, "a", 0755);

    if (r == 0)
        r = put_directory(t, "a/b", 0755);
    if (r == 0)
        r = put_directory(t, "a/c", 0755);
    for (size_t i = 0; r == 0 && i < sizeof names / sizeof names[0]; i++)
        r = put_file(t, names[i], names[i]);
    return r;
}

/* For the files: a, a/b, a/c; and then the attributes of the directories. */
TEST(test_a_directory_is_resolved_once_for_the_files_in_it)
{
    begin();
    ASSERT_EQ(write_tree(in_order), 0);
    ASSERT_LE(os.resolved, 5);
    ASSERT(holds("root/a/4", "a/4") && holds("root/a/c/1", "a/c/1"));
    begin();
    os.openat2_errno = ENOSYS;
    ASSERT_EQ(write_tree(in_order), 0);
    ASSERT_EQ(os.resolved, 1); /* it is asked once */
}

/* A path of directories with short names, some of which begin like others. */
static void random_name(uint64_t *random, char to[NAME_SIZE])
{
    static const char *const parts[] = {"a", "ab", "b", "a.b"};
    size_t n = 0;

    for (uint64_t depth = test_random(random) % 4; depth > 0; depth--)
        n += (size_t)snprintf(to + n, NAME_SIZE - n, "%s/", parts[test_random(random) % 4]);
    snprintf(to + n, NAME_SIZE - n, "f%u", (unsigned)(test_random(random) % 20));
}

static uint64_t seed;

static int at_random(struct leat_tree_writer *t)
{
    char name[NAME_SIZE], content[2 * NAME_SIZE];
    uint64_t random = seed;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < N_FILES; i++) {
        random_name(&random, name);
        snprintf(content, sizeof content, "%s %u", name, i);
        r = put_file(t, name, content);
    }
    return r;
}

TEST(test_each_file_is_in_its_own_directory_in_any_order)
{
    for (seed = 1; seed <= 20; seed++) {
        static char names[N_FILES][NAME_SIZE];
        uint64_t random = seed;

        begin();
        os.openat2_errno = resolvers[seed % N_RESOLVERS];
        test_context("seed %ju", (uintmax_t)seed);
        ASSERT_EQ(write_tree(at_random), 0);
        for (unsigned i = 0; i < N_FILES; i++)
            random_name(&random, names[i]);
        for (unsigned i = 0; i < N_FILES; i++) {
            const char *name = names[i];
            char path[2 * NAME_SIZE], content[2 * NAME_SIZE];
            unsigned last = i;

            for (unsigned k = i + 1; k < N_FILES; k++)
                last = strcmp(name, names[k]) == 0 ? k : last;
            snprintf(path, sizeof path, "root/%.60s", name);
            snprintf(content, sizeof content, "%.60s %u", name, last);
            ASSERT(holds(path, content));
        }
    }
}

/* --- names that the file system takes for the same -------------------------------------------- */

static int twins(struct leat_tree_writer *t)
{
    int r = put_file(t, "name", "first");

    return r == 0 ? put_file(t, "NAME", "second") : r;
}

static int same(struct leat_tree_writer *t)
{
    int r = put_file(t, "name", "first");

    return r == 0 ? put_file(t, "name", "second") : r;
}

TEST(test_a_name_that_differs_in_case_does_not_replace_another_entry)
{
    begin();
    ASSERT_EQ(write_tree(twins), 0); /* here they are two */
    ASSERT(holds("root/name", "first") && holds("root/NAME", "second"));
    begin();
    os.folds = true;
    ASSERT_EQ(write_tree(twins), LEAT_ECORRUPT);
    ASSERT_STR_HAS(job.error.text, "is the same as that of another entry");
    ASSERT(holds("root/name", "first"));
    begin();
    os.folds = true;
    ASSERT_EQ(write_tree(same), 0); /* it is the same entry, again */
    ASSERT(holds("root/name", "second"));
    begin();
    os.folds = job.in_place = true; /* in place a name may be the user's */
    ASSERT_EQ(write_tree(same), 0);
    ASSERT(holds("root/name", "second"));
}

TEST(test_the_question_leaves_no_file)
{
    begin();
    ASSERT_EQ(write_tree(same), 0);
    ASSERT_EQ(unlink("root/name"), 0);
    ASSERT(is_empty("root"));
}

/* --- another process -------------------------------------------------------------------------- */

static void others_fill_the_name(const char *call, const char *name)
{
    int fd;

    if (strcmp(name, "f") != 0 || (strcmp(call, "openat") != 0 && strcmp(call, "linkat") != 0 &&
                                   strcmp(call, "symlinkat") != 0))
        return;
    os.active = false;
    fd = open("root/f", O_WRONLY | O_CREAT, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(close(fd), 0);
    os.active = true;
}

static int one_file(struct leat_tree_writer *t)
{
    return put_file(t, "f", "x");
}

static int one_link(struct leat_tree_writer *t)
{
    int r = put_file(t, "g", "x");

    return r == 0 ? leat_tree_link(t, "f", "g", false) : r;
}

static int one_symlink(struct leat_tree_writer *t)
{
    return put_symlink(t, "f", "x");
}

TEST(test_a_name_that_another_process_takes_again_and_again_is_an_error)
{
    begin();
    os.before = others_fill_the_name;
    ASSERT_EQ(write_tree(one_file), LEAT_EEXIST);
    ASSERT_STR_HAS(job.error.text, "cannot create the file: File exists");
    ASSERT_EQ(write_tree(one_link), LEAT_EEXIST);
    ASSERT_STR_HAS(job.error.text, "cannot make the hard link f: File exists");
    ASSERT_EQ(write_tree(one_symlink), LEAT_EEXIST);
    ASSERT_STR_HAS(job.error.text, "cannot create it: File exists");
}
