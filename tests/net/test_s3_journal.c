/* test_s3_journal.c - the file of an upload: it is found when its run has ended without removing it. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../transforms/net/s3_journal.h"
#include "test.h"

#define MOST 16u

struct seen {
    char text[256];
    bool gone;
};

static bool look(void *arg, const char *origin, const char *path, const char *upload)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);

    snprintf(s->text + n, sizeof s->text - n, "%s %s %s\n", origin, path, upload);
    return s->gone;
}

/* The records are in a directory of the test. */
static void begin(char *home)
{
    ASSERT_NOT_NULL(mkdtemp(home));
    ASSERT_EQ(setenv("XDG_STATE_HOME", home, 1), 0);
}

static void end(const char *home)
{
    char path[512];

    snprintf(path, sizeof path, "%s/leat/uploads", home);
    ASSERT_EQ(rmdir(path), 0); /* no record is left */
    snprintf(path, sizeof path, "%s/leat", home);
    ASSERT_EQ(rmdir(path), 0);
    ASSERT_EQ(rmdir(home), 0);
}

TEST(test_an_upload_that_runs_is_not_found_and_one_that_was_killed_is)
{
    char home[] = "/tmp/leat-journal.XXXXXX";
    struct leat_s3_journal one = {0}, two = {0};
    struct seen seen = {.gone = false};

    begin(home);
    ASSERT(leat_s3_journal_add(&one, "https://host", "/a", "id-1"));
    ASSERT(leat_s3_journal_add(&two, "https://host", "/b", "id 2"));
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 0);
    ASSERT_STREQ(seen.text, "");
    leat_s3_journal_leave(&two); /* as a kill does */
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 0);
    ASSERT_STREQ(seen.text,
                 "https://host /b id 2\n"); /* the server does not abort it now: it stays */
    seen.gone = true;
    ASSERT_EQ(leat_s3_journal_each(0, look, &seen), 0);
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 1);
    ASSERT_STREQ(seen.text, "https://host /b id 2\nhttps://host /b id 2\n");
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 0);
    leat_s3_journal_remove(&one);
    leat_s3_journal_remove(&one); /* nothing happens */
    end(home);
}

TEST(test_a_record_is_for_its_owner_only)
{
    char home[] = "/tmp/leat-journal.XXXXXX";
    struct leat_s3_journal one = {0};
    struct stat st;

    begin(home);
    ASSERT(leat_s3_journal_add(&one, "https://host", "/a", "id"));
    ASSERT_EQ(stat(one.path, &st), 0);
    ASSERT_EQ(st.st_mode & 077u, 0);
    leat_s3_journal_remove(&one);
    end(home);
}

TEST(test_other_files_and_cut_records_are_no_uploads)
{
    static const char *const names[] = {"note", "empty.upload", "cut.upload", "other.upload"};
    static const char *const texts[] = {"x", "", "host\nhttps://host\n",
                                        "another.host\nhttps://host\n/a\nid\n"};
    char home[] = "/tmp/leat-journal.XXXXXX", path[512];
    struct leat_s3_journal one = {0};
    struct seen seen = {.gone = true};

    begin(home);
    ASSERT(leat_s3_journal_add(&one, "https://host", "/a", "id")); /* it makes the directory */
    leat_s3_journal_remove(&one);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        FILE *file;

        snprintf(path, sizeof path, "%s/leat/uploads/%s", home, names[i]);
        file = fopen(path, "w");
        ASSERT_NOT_NULL(file);
        ASSERT(fputs(texts[i], file) >= 0);
        ASSERT_EQ(fclose(file), 0);
    }
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 0);
    ASSERT_STREQ(seen.text, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/leat/uploads/%s", home, names[i]);
        ASSERT_EQ(unlink(path), 0);
    }
    end(home);
}

TEST(test_without_a_home_nothing_is_kept)
{
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
    struct leat_s3_journal one = {0};
    struct seen seen = {.gone = true};

    ASSERT_NOT_NULL(home);
    ASSERT_EQ(unsetenv("XDG_STATE_HOME"), 0);
    ASSERT_EQ(unsetenv("HOME"), 0);
    ASSERT(!leat_s3_journal_add(&one, "https://host", "/a", "id"));
    ASSERT_EQ(leat_s3_journal_each(MOST, look, &seen), 0);
    leat_s3_journal_remove(&one);
    ASSERT_EQ(setenv("HOME", home, 1), 0);
    free(home);
}
