/* test_made.c - the directories that a run has made: synced if it succeeds, removed if not. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/draft.h"
#include "test.h"

static struct leat_directories ds;

/* Make it, and tell so. */
static struct leat_directory *make(const char *name)
{
    struct leat_directory *parent;
    int fd;

    ASSERT_EQ(leat_directories_find(&ds, test_path(name), &parent), 0);
    ASSERT_EQ(mkdir(test_path(name), 0777), 0);
    fd = open(test_path(name), O_PATH | O_DIRECTORY);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(leat_directories_made(&ds, parent, test_path(name), fd), 0);
    ASSERT_EQ(close(fd), 0);
    return parent;
}

static bool is_there(const char *name)
{
    struct stat info;

    return lstat(test_path(name), &info) == 0;
}

TEST(test_the_parents_are_synced_once_an_output_is_in_place)
{
    struct leat_stage *stage = (struct leat_stage *)&ds; /* only compared */
    struct leat_directory *top, *a;

    ASSERT_EQ(leat_directories_init(&ds, NULL), 0);
    top = make("a");
    a = make("a/b");
    ASSERT(!top->changed && !a->changed);
    leat_directories_made_changed(&ds, stage);
    ASSERT(top->changed && a->changed);
    ASSERT(top->stage == stage && a->stage == stage);
    a->changed = false;
    make("c");
    top->changed = false;
    leat_directories_made_changed(&ds, stage);
    ASSERT(top->changed);
    ASSERT(!a->changed); /* it was told of before */
    leat_directories_done(&ds);
}

TEST(test_empty_directories_are_removed_and_no_others)
{
    int fd;

    ASSERT_EQ(leat_directories_init(&ds, NULL), 0);
    make("a");
    make("a/b");
    make("a/b/c");
    make("d");
    make("d/e");
    make("f");
    make("g");
    fd = open(test_path("d/file"), O_CREAT | O_WRONLY, 0666);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(close(fd), 0);
    ASSERT_EQ(mkdir(test_path("other"), 0777), 0);
    ASSERT_EQ(rename(test_path("g"), test_path("moved")), 0); /* another process takes its name */
    ASSERT_EQ(mkdir(test_path("g"), 0777), 0);
    leat_directories_unmake(&ds);
    ASSERT(!is_there("a"));
    ASSERT(is_there("d/file"));
    ASSERT(!is_there("d/e"));
    ASSERT(!is_there("f"));
    ASSERT(is_there("g") && is_there("moved") && is_there("other"));
    leat_directories_done(&ds);
}

TEST(test_a_run_that_exits_at_once_removes_the_directories_that_it_has_made)
{
    ASSERT_EQ(leat_directories_init(&ds, NULL), 0);
    make("a");
    make("a/b");
    leat_drafts_discard(&ds);
    ASSERT(!is_there("a"));
    leat_directories_done(&ds);
}
