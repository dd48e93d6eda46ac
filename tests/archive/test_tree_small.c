/* test_tree_small.c - small files that a helper makes: the tree is as without one, whatever their order is. */
#include <sys/resource.h>

#include "tree_aid.h"

#define FILES 400u
#define BEFORE 20u /* files until there is a helper */
#define STEPS_MAX 400u

/* --- entries ---------------------------------------------------------------------------------- */

/* As the stage does it. */
static int put_small(struct leat_tree_writer *t, const char *name, const char *content)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0640);
    uint8_t *to;
    int r;

    e.has_size = true;
    e.size = strlen(content);
    r = leat_tree_small_begin(t, name, &e, strlen(content), &to);
    if (r == 0)
        return put_file(t, name, content);
    if (r < 0)
        return r;
    memcpy(to, content, strlen(content));
    leat_tree_small_end(t);
    return 0;
}

static int put_before(struct leat_tree_writer *t)
{
    char name[32];
    int r = put_directory(t, "before", 0755);

    for (unsigned i = 0; r == 0 && i < BEFORE; i++) {
        snprintf(name, sizeof name, "before/%u", i);
        r = put_small(t, name, "before");
    }
    return r;
}

static void begin_small(void)
{
    begin();
    job.threads = 2;
}

/* --- contents --------------------------------------------------------------------------------- */

static const char *name_of(unsigned i)
{
    static char name[64];

    snprintf(name, sizeof name, "root/d%u/%u/f", i % 7, i / 3);
    return name;
}

static const char *content_of(unsigned i)
{
    static char content[64];

    snprintf(content, sizeof content, i % 5 ? "%u" : "", i);
    return content;
}

static int many(struct leat_tree_writer *t)
{
    int r = put_before(t);

    for (unsigned i = 0; r == 0 && i < FILES; i++)
        r = put_small(t, name_of(i) + 5, content_of(i));
    ASSERT_EQ(t->small != NULL, job.threads > 1);
    return r;
}

TEST(test_many_files_in_many_directories_have_contents_modes_and_times)
{
    begin_small();
    ASSERT_EQ(write_tree(many), 0);
    for (unsigned i = 0; i < FILES; i++) {
        if (!holds(name_of(i), content_of(i)))
            FAIL("%s", name_of(i));
        ASSERT_EQ(mode_of(name_of(i)), 0640);
        ASSERT(has_mtime(name_of(i)));
    }
}

static int few(struct leat_tree_writer *t)
{
    int r = put_small(t, "a", "1");

    ASSERT(!t->small);
    return r;
}

static int no_helper(struct leat_tree_writer *t)
{
    int r = put_before(t);

    ASSERT(!t->small);
    return r;
}

TEST(test_there_is_no_helper_for_few_files_one_thread_and_attributes)
{
    begin_small();
    ASSERT_EQ(write_tree(few), 0);
    begin_small();
    job.threads = 1;
    ASSERT_EQ(write_tree(no_helper), 0);
    begin_small();
    job.in_place = true;
    ASSERT_EQ(write_tree(no_helper), 0);
    for (unsigned i = 0; i < 5; i++) {
        begin_small();
        job.options = (struct leat_tree_options){.mask = 022,
                                                 .same_permissions = i == 0,
                                                 .same_owner = i == 1 && geteuid() == 0,
                                                 .xattrs = i == 2 || (i == 1 && geteuid() != 0),
                                                 .acls = i == 3,
                                                 .sparse = i == 4};
        ASSERT_EQ(write_tree(no_helper), 0);
    }
}

/* --- names that come again -------------------------------------------------------------------- */

static int again(struct leat_tree_writer *t)
{
    char name[32];
    int r = put_before(t);

    for (unsigned i = 0; r == 0 && i < FILES; i++) {
        snprintf(name, sizeof name, "f%u", i % 3);
        r = i % 4 == 3 ? put_file(t, name, content_of(i)) : put_small(t, name, content_of(i));
    }
    return r;
}

TEST(test_the_last_entry_of_a_name_counts)
{
    for (unsigned i = 0; i < 10; i++) {
        begin_small();
        ASSERT_EQ(write_tree(again), 0);
        ASSERT(holds("root/f0", content_of(FILES - 1)));
        ASSERT(holds("root/f2", content_of(FILES - 2)));
        ASSERT(holds("root/f1", content_of(FILES - 3)));
    }
}

static int links(struct leat_tree_writer *t)
{
    int r = put_before(t);

    if (r == 0)
        r = put_small(t, "f", "file");
    if (r == 0)
        r = leat_tree_link(t, "hard", "f", false);
    if (r == 0)
        r = put_small(t, "g", "file");
    if (r == 0)
        r = put_symlink(t, "g", "f");
    if (r == 0)
        r = put_symlink(t, "h", "f");
    return r == 0 ? put_small(t, "h", "no link") : r;
}

TEST(test_links_see_the_files_before_them)
{
    for (unsigned i = 0; i < 10; i++) {
        char target[8];

        begin_small();
        ASSERT_EQ(write_tree(links), 0);
        ASSERT_EQ(stat_of("root/hard").st_ino, stat_of("root/f").st_ino);
        ASSERT_EQ(readlink("root/g", target, sizeof target), 1);
        ASSERT(holds("root/h", "no link") && S_ISREG(stat_of("root/h").st_mode));
    }
}

/* --- errors ----------------------------------------------------------------------------------- */

static int file_then_below(struct leat_tree_writer *t)
{
    int r = put_before(t);

    if (r == 0)
        r = put_small(t, "a", "file");
    return r == 0 ? put_small(t, "a/b/c", "below") : r;
}

static int file_then_directory(struct leat_tree_writer *t)
{
    int r = put_before(t);

    if (r == 0)
        r = put_small(t, "a", "file");
    return r == 0 ? put_directory(t, "a", 0755) : r;
}

static int directory_then_file(struct leat_tree_writer *t)
{
    int r = put_before(t);

    if (r == 0)
        r = put_directory(t, "a", 0755);
    return r == 0 ? put_small(t, "a", "file") : r;
}

static int through_a_link(struct leat_tree_writer *t)
{
    int r = put_before(t);

    if (r == 0)
        r = put_symlink(t, "l", "../out");
    return r == 0 ? put_small(t, "l/f", "out") : r;
}

static int two_failures(struct leat_tree_writer *t)
{
    int r = directory_then_file(t);

    if (r == 0)
        r = put_small(t, "b", "");
    if (r == 0)
        r = put_directory(t, "c", 0755);
    if (r == 0)
        r = put_small(t, "c", "also a directory");
    return r == 0 ? leat_tree_link(t, "d", "missing", false) : r;
}

TEST(test_messages_are_those_without_a_helper)
{
    int (*const scripts[])(struct leat_tree_writer * t) = {
        file_then_below, file_then_directory, directory_then_file, through_a_link, two_failures};

    for (unsigned i = 0; i < 5; i++) {
        char text[512];

        begin_small();
        job.threads = 1;
        ASSERT_EQ(write_tree(scripts[i]), LEAT_ECORRUPT);
        snprintf(text, sizeof text, "%s", job.error.text);
        for (unsigned k = 0; k < 8; k++) {
            begin_small();
            ASSERT_EQ(write_tree(scripts[i]), LEAT_ECORRUPT);
            ASSERT_STREQ(job.error.text, text);
            ASSERT(is_empty("out"));
        }
    }
}

/* Descriptors for two directories and a file, as without a helper. */
static int many_with_few_descriptors(struct leat_tree_writer *t)
{
    struct rlimit was, few;
    int low = dup(0), r;

    ASSERT_GE(low, 0);
    ASSERT_EQ(close(low), 0);
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = (rlim_t)low + 3;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    r = many(t);
    if (r == 0)
        r = leat_tree_link(t, "hard", name_of(FILES - 1) + 5, false);
    if (r == 0)
        r = leat_tree_finish(t);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
    return r;
}

TEST(test_files_that_wait_keep_no_descriptors_from_others)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        begin_small();
        job.threads = threads;
        ASSERT_EQ(write_tree(many_with_few_descriptors), 0);
        for (unsigned i = 0; i < FILES; i++)
            ASSERT(holds(name_of(i), content_of(i)));
    }
}

static int some(struct leat_tree_writer *t)
{
    int r = put_before(t);

    for (unsigned i = 0; r == 0 && i < BEFORE; i++)
        r = put_small(t, name_of(i) + 5, "content");
    return r;
}

TEST(test_no_failed_call_is_forgotten)
{
    unsigned k = 3 * BEFORE; /* the calls before that are those of test_tree */

    for (; k < STEPS_MAX; k++) {
        begin_small();
        os.fail_at = k;
        (void)write_tree(some);
        if (!os.failed)
            break;
        test_context("%s, call %u", os.failed, k);
        ASSERT_EQ(job.code, LEAT_EIO);
        ASSERT_STR_HAS(job.error.text, "Input/output error");
    }
    ASSERT_EQ(job.code, 0);
    ASSERT_LT(k, STEPS_MAX);
    ASSERT_GT(k, 4 * BEFORE);
}
