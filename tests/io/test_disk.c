/* test_disk.c - what is synced, when, and what is left when a sync fails.
 *
 * The program is linked with --wrap=fsync: no disk is waited for, and any sync can be made to fail.
 */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

#define TEXT_MAX 1024
#define PARTS 300u /* each has ten bytes */
#define SOURCE "zero : head -c 3000 : "

static struct {
    atomic_uint files, directories;     /* synced */
    ino_t first;                        /* the first directory */
    unsigned names;                     /* that were there when the first directory was */
    unsigned fail_file, fail_directory; /* the how manieth fails; 0: none */
} disk;

/* --- the directory of the test ---------------------------------------------------------------- */

/* Names in it or in its `sub`; with `hidden` only temporaries, else all but those. */
static unsigned count(const char *sub, bool hidden)
{
    DIR *dir = opendir(test_path(sub));
    struct dirent *entry;
    unsigned n = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        n += entry->d_type == DT_REG && (entry->d_name[0] == '.') == hidden;
    closedir(dir);
    return n;
}

static unsigned names(void)
{
    return count("", false) + count("sub", false);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(test_path(name), "w");

    ASSERT_NOT_NULL(file);
    ASSERT_GE(fputs(text, file), 0);
    ASSERT_EQ(fclose(file), 0);
}

static void holds(const char *name, const char *text)
{
    size_t len = 0;
    uint8_t *data = test_file_read(test_path(name), &len);

    ASSERT_NOT_NULL(data);
    ASSERT_BYTES_EQ(data, len, text, strlen(text));
    free(data);
}

/* --- the disk --------------------------------------------------------------------------------- */

static int fails(int code)
{
    errno = code;
    return -1;
}

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return -1;
    if (!S_ISDIR(info.st_mode))
        return atomic_fetch_add(&disk.files, 1) + 1 == disk.fail_file ? fails(ENOSPC) : 0;
    if (atomic_fetch_add(&disk.directories, 1) == 0) {
        disk.first = info.st_ino;
        disk.names = names();
    }
    return atomic_load(&disk.directories) == disk.fail_directory ? fails(EIO) : 0;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* Runs the text, in which @ is the test's directory. Returns the code. */
static int run(const char *format, struct leat_settings settings, struct leat_error *ret_error)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *p = NULL;
    char text[TEXT_MAX];
    size_t n = 0;
    int code;

    for (const char *c = format; *c && n < sizeof text; c++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", *c == '@' ? 400 : 1,
                              *c == '@' ? test_tmp_dir() : c);
    ASSERT_LT(n, sizeof text);
    ASSERT_NOT_NULL(registry);
    atomic_store(&disk.files, 0);
    atomic_store(&disk.directories, 0);
    disk.names = 0;
    settings.fixed_default_io = true;
    *ret_error = (struct leat_error)LEAT_INIT(leat_error);
    if (leat_pipeline_from_text(registry, text, &settings, &p, ret_error) < 0)
        FAIL("%s: %s", ret_error->stage_name, ret_error->text);
    code = leat_pipeline_run(p);
    if (leat_pipeline_error(p))
        *ret_error = *leat_pipeline_error(p);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    ASSERT_EQ(count("", true) + count("sub", true), 0);
    return code;
}

static void make_sub(void)
{
    ASSERT_EQ(mkdir(test_path("sub"), 0777), 0);
}

/* --- names ------------------------------------------------------------------------------------ */

TEST(test_a_directory_is_synced_once_when_all_names_are_there)
{
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_error error = LEAT_INIT(leat_error);

    make_sub();
    settings.sums = test_path("sums");
    ASSERT_EQ(run(SOURCE "tee [ write @/a ] [ sha256 --to=@/sub/d : null ] : "
                         "split -b 10 [ tee [ write @/sub/c{n} ] : write @/p{n} ]",
                  settings, &error),
              0);
    ASSERT_EQ(names(), 2 * PARTS + 3);
    ASSERT_EQ(disk.names, 2 * PARTS + 3);
    ASSERT_EQ(atomic_load(&disk.files), 2 * PARTS + 3);
    ASSERT_EQ(atomic_load(&disk.directories), 2);
}

TEST(test_the_current_directory_is_synced_too)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct stat here;

    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    ASSERT_EQ(stat(".", &here), 0);
    ASSERT_EQ(run(SOURCE "tee [ write b ] : write a",
                  (struct leat_settings)LEAT_INIT(leat_settings), &error),
              0);
    ASSERT_EQ(atomic_load(&disk.directories), 1);
    ASSERT_EQ(disk.first, here.st_ino);
}

TEST(test_without_sync_nothing_is_synced)
{
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(run(SOURCE "tee [ split --no-sync -b 10 @/p{n} ] : write --no-sync @/a",
                  (struct leat_settings)LEAT_INIT(leat_settings), &error),
              0);
    ASSERT_EQ(atomic_load(&disk.files) + atomic_load(&disk.directories), 0);
    ASSERT_EQ(names(), PARTS + 1);
}

TEST(test_a_directory_that_cannot_be_synced_leaves_what_was_there)
{
    struct leat_settings settings = {.size = sizeof settings, .force = true};
    struct leat_error error = LEAT_INIT(leat_error);

    make_sub();
    write_file("a", "old");
    for (disk.fail_directory = 1; disk.fail_directory <= 2; disk.fail_directory++) {
        ASSERT_EQ(run(SOURCE "tee [ write @/a ] [ split -b 10 @/sub/p{n} ] : write --append @/b",
                      settings, &error),
                  LEAT_EIO);
        ASSERT_STR_HAS(error.text, "cannot sync the directory");
        ASSERT_STR_HAS(error.text, test_tmp_dir());
        ASSERT_EQ(disk.names, PARTS + 2);
        ASSERT_EQ(names(), 1);
        holds("a", "old");
    }
}

/* A name that was there before needs no sync of its directory. */
TEST(test_what_is_appended_is_synced)
{
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(
        run(SOURCE "write --append @/a", (struct leat_settings)LEAT_INIT(leat_settings), &error),
        0);
    ASSERT_EQ(atomic_load(&disk.files), 1);
    ASSERT_EQ(atomic_load(&disk.directories), 1);
    ASSERT_EQ(
        run(SOURCE "write --append @/a", (struct leat_settings)LEAT_INIT(leat_settings), &error),
        0);
    ASSERT_EQ(atomic_load(&disk.files), 1);
    ASSERT_EQ(atomic_load(&disk.directories), 0);
    ASSERT_EQ(run(SOURCE "write --append --no-sync @/b",
                  (struct leat_settings)LEAT_INIT(leat_settings), &error),
              0);
    ASSERT_EQ(atomic_load(&disk.files) + atomic_load(&disk.directories), 0);
}

TEST(test_what_is_appended_and_cannot_be_synced_is_cut_off)
{
    struct leat_error error = LEAT_INIT(leat_error);

    disk.fail_file = 1;
    for (int created = 0; created <= 1; created++) {
        if (created)
            ASSERT_EQ(unlink(test_path("a")), 0);
        else
            write_file("a", "old");
        ASSERT_EQ(run(SOURCE "write --append @/a", (struct leat_settings)LEAT_INIT(leat_settings),
                      &error),
                  LEAT_EIO);
        ASSERT_STR_HAS(error.text, "cannot sync");
        if (!created)
            holds("a", "old");
    }
    ASSERT_EQ(names(), 0);
}

/* --- contents --------------------------------------------------------------------------------- */

/* The data of a part may reach a full disk when it is synced, while others are made. */
TEST(test_a_disk_that_is_full_leaves_no_part)
{
    static const unsigned which[] = {1, 2, 32, 64, 65, 150, PARTS - 1, PARTS};
    static const char *const texts[] = {"split -b 10 @/p{n}", "split -b 10 @/p{n} [ gzip ]",
                                        "split -b 10 @/p{n} [ tee [ null ] : pass ]"};
    struct leat_error error = LEAT_INIT(leat_error);

    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof which / sizeof *which; i++)
            for (unsigned threads = 1; threads <= 3; threads += 2) {
                char text[TEXT_MAX];

                test_context("%s, sync %u, %u threads", texts[t], which[i], threads);
                disk.fail_file = which[i];
                snprintf(text, sizeof text, SOURCE "%s", texts[t]);
                ASSERT_EQ(run(text,
                              (struct leat_settings){.size = sizeof(struct leat_settings),
                                                     .threads = threads},
                              &error),
                          LEAT_EIO);
                ASSERT_STR_HAS(error.text, "cannot sync");
                ASSERT_STR_HAS(error.text, "No space left");
                ASSERT_EQ(names(), 0);
                snprintf(text, sizeof text, SOURCE "tee --on-error=detach [ %s ] : null", texts[t]);
                ASSERT_EQ(run(text,
                              (struct leat_settings){.size = sizeof(struct leat_settings),
                                                     .threads = threads},
                              &error),
                          LEAT_EBATCH);
                ASSERT_EQ(names(), 0);
            }
}

TEST(test_a_side_output_that_does_not_fit_is_its_branchs_failure)
{
    static const char text[] =
        SOURCE "tee --on-error=detach [ sha256 --to=@/d : tee [ write @/x ] : write @/y ] : "
               "write @/a";
    struct leat_error error = LEAT_INIT(leat_error);
    unsigned of_stream = 0;

    for (disk.fail_file = 1; disk.fail_file <= 4; disk.fail_file++) {
        int code = run(text, (struct leat_settings)LEAT_INIT(leat_settings), &error);

        test_context("sync %u", disk.fail_file);
        ASSERT_STR_HAS(error.text, "cannot sync");
        if (strstr(error.text, "/a:")) {
            ASSERT_EQ(code, LEAT_EIO);
            ASSERT_EQ(names(), 0);
            of_stream++;
        } else {
            ASSERT_EQ(code, LEAT_EBATCH);
            ASSERT_EQ(names(), 1);
            ASSERT_EQ(unlink(test_path("a")), 0);
        }
    }
    ASSERT_EQ(of_stream, 1);
}
