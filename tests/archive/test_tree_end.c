/* test_tree_end.c - the end of a tree: hard links, and the attributes of its directories. */
#include "tree_aid.h"

#define N_DIRECTORIES 3000u

/* --- hard links ------------------------------------------------------------------------------- */

static bool is_one_file(const char *a, const char *b)
{
    return stat_of(a).st_ino == stat_of(b).st_ino;
}

static int simple_links(struct leat_tree_writer *t)
{
    int r = put_file(t, "d/f", "content");

    if (r == 0)
        r = leat_tree_link(t, "l", "d/f", false);
    if (r == 0)
        r = leat_tree_link(t, "e/l", "l", false);
    if (r == 0)
        r = leat_tree_link(t, "l", "l", false); /* it is one already */
    if (r == 0)
        r = put_file(t, "other", "other");
    if (r == 0)
        r = leat_tree_link(t, "other", "d/f", false); /* a later entry replaces it */
    if (r == 0)
        r = put_symlink(t, "s", "nowhere");
    return r == 0 ? leat_tree_link(t, "d/s", "s", false) : r;
}

TEST(test_a_link_is_a_second_name_of_its_file)
{
    for (int in_place = 0; in_place <= 1; in_place++) {
        begin();
        job.in_place = in_place != 0;
        ASSERT_EQ(write_tree(simple_links), 0);
        ASSERT(holds("root/d/f", "content"));
        ASSERT(is_one_file("root/d/f", "root/l") && is_one_file("root/l", "root/e/l"));
        ASSERT(is_one_file("root/d/f", "root/other"));
        ASSERT(S_ISLNK(stat_of("root/d/s").st_mode) && is_one_file("root/s", "root/d/s"));
        ASSERT(is_empty("unfinished"));
    }
}

static int link_to_nothing(struct leat_tree_writer *t)
{
    return leat_tree_link(t, "l", "nothing", false);
}

static int link_over_a_directory(struct leat_tree_writer *t)
{
    int r = put_file(t, "f", "x");

    if (r == 0)
        r = put_directory(t, "d", 0700);
    return r == 0 ? leat_tree_link(t, "d", "f", false) : r;
}

static int data_through_a_link(struct leat_tree_writer *t)
{
    int r = put_symlink(t, "s", "../out/x");

    if (r == 0)
        r = put_file(t, "l", "data");
    return r == 0 ? leat_tree_link(t, "l", "s", true) : r;
}

TEST(test_links_that_cannot_be_are_damage)
{
    for (int in_place = 0; in_place <= 1; in_place++) {
        begin();
        job.in_place = in_place != 0;
        ASSERT_EQ(write_tree(link_to_nothing), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "l is a hard link to nothing, which is not there");
        ASSERT_EQ(write_tree(link_over_a_directory), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "a directory has this name already");
        ASSERT_EQ(write_tree(data_through_a_link), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "is a hard link to s, which is no file, but has data");
        ASSERT(is_empty("out"));
    }
}

/* --- links with data, as cpio archives have them ---------------------------------------------- */

static int put_link(struct leat_tree_writer *t, const char *name, const char *target,
                    const char *data)
{
    int r = put_file(t, name, data);

    return r == 0 ? leat_tree_link(t, name, target, true) : r;
}

/* The content comes with the last name of each file; before it, the names are links to an empty file. */
static int data_last(struct leat_tree_writer *t)
{
    int r = put_file(t, "f", "");

    if (r == 0)
        r = put_file(t, "d/g", "");
    if (r == 0)
        r = leat_tree_link(t, "f2", "f", false);
    if (r == 0)
        r = leat_tree_link(t, "d/g2", "d/g", false);
    if (r == 0)
        r = leat_tree_link(t, "d/f3", "f", false);
    if (r == 0)
        r = put_link(t, "f4", "f", "content of f");
    if (r == 0)
        r = put_link(t, "g3", "d/g", "content of g");
    if (r == 0)
        r = put_file(t, "empty", "");
    return r == 0 ? leat_tree_link(t, "empty2", "empty", false) : r;
}

TEST(test_content_that_comes_with_the_last_name_is_that_of_all)
{
    static const char *const f[] = {"root/f", "root/f2", "root/d/f3", "root/f4"};
    static const char *const g[] = {"root/d/g", "root/d/g2", "root/g3"};

    for (int in_place = 0; in_place <= 1; in_place++) {
        begin();
        job.in_place = in_place != 0;
        ASSERT_EQ(write_tree(data_last), 0);
        for (size_t i = 0; i < 4; i++)
            ASSERT(holds(f[i], "content of f") && is_one_file(f[0], f[i]));
        for (size_t i = 0; i < 3; i++)
            ASSERT(holds(g[i], "content of g") && is_one_file(g[0], g[i]));
        ASSERT(holds("root/empty", "") && is_one_file("root/empty", "root/empty2"));
        ASSERT_EQ(stat_of("root/empty").st_nlink, 2);
        ASSERT(is_empty("unfinished"));
    }
}

/* A name that has got another file meanwhile is no link any more. */
static int replaced_link(struct leat_tree_writer *t)
{
    int r = put_file(t, "f", "");

    if (r == 0)
        r = leat_tree_link(t, "f2", "f", false);
    if (r == 0)
        r = leat_tree_link(t, "f3", "f", false);
    if (r == 0)
        r = put_file(t, "f2", "another file");
    return r == 0 ? put_link(t, "f4", "f", "content") : r;
}

static int each_with_data(struct leat_tree_writer *t)
{
    int r = put_file(t, "f", "content");

    if (r == 0)
        r = put_link(t, "f2", "f", "content");
    return r == 0 ? put_link(t, "f3", "not wanted", "alone") : r;
}

TEST(test_links_that_are_none_any_more_keep_their_content)
{
    begin();
    ASSERT_EQ(write_tree(replaced_link), 0);
    ASSERT(holds("root/f2", "another file"));
    ASSERT(holds("root/f", "content") && is_one_file("root/f", "root/f3"));
    ASSERT_EQ(write_tree(each_with_data), 0);
    ASSERT(holds("root/f2", "content") && is_one_file("root/f", "root/f2"));
    ASSERT(holds("root/f3", "alone"));
}

/* --- directories ------------------------------------------------------------------------------ */

static unsigned mode_for(unsigned i)
{
    return i % 3 == 0 ? 0755 : i % 3 == 1 ? 0700 : 0511;
}

static void name_for(unsigned i, char to[PATH_SIZE])
{
    snprintf(to, PATH_SIZE, "%u/%u/d%u", i % 7, i % 11, i * 7919 % N_DIRECTORIES);
}

static int many_directories(struct leat_tree_writer *t)
{
    char name[PATH_SIZE];
    int r = 0;

    for (unsigned i = 0; r == 0 && i < 7 * 11; i++) {
        snprintf(name, sizeof name, "%u", i % 7);
        r = put_directory(t, name, 0700);
        snprintf(name, sizeof name, "%u/%u", i % 7, i % 11);
        if (r == 0)
            r = put_directory(t, name, 0500);
    }
    for (unsigned i = 0; r == 0 && i < N_DIRECTORIES; i++) {
        name_for(i, name);
        r = put_directory(t, name, mode_for(i));
    }
    return r;
}

TEST(test_all_directories_get_their_modes_and_times_when_nothing_is_written_to_them)
{
    begin();
    ASSERT_EQ(write_tree(many_directories), 0);
    for (unsigned i = 0; i < N_DIRECTORIES; i++) {
        char name[PATH_SIZE], path[PATH_SIZE + 8];

        name_for(i, name);
        snprintf(path, sizeof path, "root/%s", name);
        test_context("%s", path);
        ASSERT_EQ(mode_of(path), mode_for(i));
        ASSERT(has_mtime(path));
    }
    ASSERT_EQ(mode_of("root/3/4"), 0500);
    ASSERT_EQ(mode_of("root/3"), 0700);
    ASSERT(has_mtime("root/3/4") && has_mtime("root/3"));
}

static int directory_of_two_entries(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_DIRECTORY, 0711);
    int r = put_directory(t, "d", 0700);

    if (r == 0)
        r = put_file(t, "d/f", "x");
    e.mtime.tv_sec++;
    return r == 0 ? leat_tree_directory(t, "d", &e) : r;
}

TEST(test_the_last_entry_of_a_directory_counts)
{
    begin();
    ASSERT_EQ(write_tree(directory_of_two_entries), 0);
    ASSERT_EQ(mode_of("root/d"), 0711);
    ASSERT_EQ(stat_of("root/d").st_mtim.tv_sec, MTIME + 1);
}

static int without_a_time(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_DIRECTORY, 0755);

    e.has_mtime = false;
    return leat_tree_directory(t, "d", &e);
}

TEST(test_a_directory_without_a_time_has_the_present_one)
{
    begin();
    ASSERT_EQ(write_tree(without_a_time), 0);
    ASSERT_GT(stat_of("root/d").st_mtim.tv_sec, MTIME);
}
