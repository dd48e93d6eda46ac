/* test_checkpoint.c - a position is kept only with what was committed, whatever is the last step that is done. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome/checkpoint.h"
#include "test.h"

static struct leat_checkpoint *new (void)
{
    struct leat_checkpoint *c = leat_checkpoint_new(test_path("checkpoint"));

    ASSERT_NOT_NULL(c);
    return c;
}

static void assert_kept(const char *text)
{
    struct leat_checkpoint *c = new ();
    const uint8_t *data;
    size_t n;

    ASSERT_EQ(leat_checkpoint_read(c), 0);
    n = leat_checkpoint_kept(c, &data);
    ASSERT_BYTES_EQ(data, n, text, strlen(text));
    leat_checkpoint_free(c);
}

static struct leat_checkpoint_proof make_output(const char *name)
{
    const char *path = test_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    struct stat info;

    ASSERT_GE(fd, 0);
    ASSERT_EQ(fstat(fd, &info), 0);
    ASSERT_EQ(close(fd), 0);
    return (struct leat_checkpoint_proof){.dev = info.st_dev, .ino = info.st_ino, .path = path};
}

TEST(test_nothing_is_kept_without_a_file)
{
    assert_kept("");
}

TEST(test_the_last_position_that_was_committed_is_kept)
{
    const struct leat_checkpoint_proof none = {.path = NULL};
    struct leat_checkpoint *c = new ();

    ASSERT_EQ(leat_checkpoint_last(c), 0);
    ASSERT_EQ(leat_checkpoint_add(c, "one", 3), 1);
    ASSERT_EQ(leat_checkpoint_add(c, "two\n2", 5), 2);
    ASSERT_EQ(leat_checkpoint_add(c, "three", 5), 3);
    ASSERT_EQ(leat_checkpoint_last(c), 3);
    ASSERT_EQ(leat_checkpoint_begin(c, 2, &none), 0);
    assert_kept("");
    ASSERT_EQ(leat_checkpoint_end(c, 2), 0);
    assert_kept("two\n2");
    ASSERT_EQ(leat_checkpoint_end(c, 3), 0);
    ASSERT_EQ(leat_checkpoint_end(c, 3), 0); /* once more is no harm */
    assert_kept("three");
    leat_checkpoint_free(c);
}

TEST(test_a_crash_in_a_commit_is_decided_by_the_output)
{
    struct leat_checkpoint *c = new ();
    struct leat_checkpoint_proof proof;
    char later[4096];

    ASSERT_EQ(leat_checkpoint_add(c, "", 0), 1);
    ASSERT_EQ(leat_checkpoint_add(c, "after", 5), 2);
    ASSERT_EQ(leat_checkpoint_end(c, 1), 0);
    proof = make_output("draft");
    snprintf(later, sizeof later, "%s", test_path("out"));
    proof.path = later;
    ASSERT_EQ(leat_checkpoint_begin(c, 2, &proof), 0);
    assert_kept(""); /* the output has not its name yet */
    ASSERT_EQ(close(open(later, O_WRONLY | O_CREAT, 0600)), 0);
    assert_kept(""); /* another file has it */
    ASSERT_EQ(rename(test_path("draft"), later), 0);
    assert_kept("after");
    ASSERT_EQ(leat_checkpoint_end(c, 2), 0);
    ASSERT_EQ(unlink(later), 0);
    assert_kept("after");
    leat_checkpoint_free(c);
}

TEST(test_a_file_that_is_no_checkpoint_is_refused)
{
    static const char *const texts[] = {"",
                                        "hello\n",
                                        "leat checkpoint 2\n0\n\n",
                                        "leat checkpoint 1\n",
                                        "leat checkpoint 1\n5\nabc\n",
                                        "leat checkpoint 1\nx\nabc\n",
                                        "leat checkpoint 1\n3\nabcd\n",
                                        "leat checkpoint 1\n99999999999999999999\nabc\n",
                                        "leat checkpoint 1\n3\nabc\n3\n",
                                        "leat checkpoint 1\n3\nabc\n3\ndef\n",
                                        "leat checkpoint 1\n3\nabc\n3\ndef\n1 2\n",
                                        "leat checkpoint 1\n3\nabc\n3\ndef\nx\n/a\n",
                                        "leat checkpoint 1\n3\nabc\n3\ndef\n1 2\n/a\nmore"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        FILE *f = fopen(test_path("checkpoint"), "w");
        struct leat_checkpoint *c = new ();

        test_context("text %zu", i);
        ASSERT_NOT_NULL(f);
        ASSERT_EQ(fputs(texts[i], f) >= 0, 1);
        ASSERT_EQ(fclose(f), 0);
        ASSERT_EQ(leat_checkpoint_read(c), -EBADMSG);
        leat_checkpoint_free(c);
    }
}

TEST(test_a_directory_that_is_not_there_is_an_error)
{
    struct leat_checkpoint *c = leat_checkpoint_new(test_path("nowhere/checkpoint"));

    ASSERT_NOT_NULL(c);
    ASSERT_EQ(leat_checkpoint_read(c), 0);
    ASSERT_EQ(leat_checkpoint_add(c, "a", 1), 1);
    ASSERT_EQ(leat_checkpoint_end(c, 1), -ENOENT);
    leat_checkpoint_free(c);
}
