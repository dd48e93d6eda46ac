/* test_attributes.c - what a file that is replaced passes on: mode, owner, ACL, user attributes; and
 * what nobody may come to do by it.
 *
 * The program is linked with --wrap=fsetxattr, so that an attribute can be refused.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define SOMEBODY 12345u
#define THEIR_GROUP 23456u

static const char *refused; /* attributes with this prefix; NULL: none */

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_fsetxattr(int fd, const char *name, const void *value, size_t n, int flags);
int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t n, int flags);

int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
    if (refused && strncmp(name, refused, strlen(refused)) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return __real_fsetxattr(fd, name, value, n, flags);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void make_old(mode_t mode)
{
    FILE *file = fopen(test_path("out"), "w");

    ASSERT_NOT_NULL(file);
    ASSERT_GE(fputs("old", file), 0);
    ASSERT_EQ(fclose(file), 0);
    ASSERT_EQ(chmod(test_path("out"), mode), 0);
}

static int replace(struct leat_error *ret_error)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {
        .size = sizeof settings, .force = true, .fixed_default_io = true, .threads = 1};
    struct leat_pipeline *p = NULL;
    char text[1024];
    int code;

    *ret_error = (struct leat_error)LEAT_INIT(leat_error);
    snprintf(text, sizeof text, "zero : head -c 9 : write %s", test_path("out"));
    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(leat_pipeline_from_text(registry, text, &settings, &p, ret_error), 0);
    code = leat_pipeline_run(p);
    if (leat_pipeline_error(p))
        *ret_error = *leat_pipeline_error(p);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    return code;
}

/* Replaces the file; as somebody who may do little, if we are root. Returns its new state. */
static struct stat replaced(bool as_somebody)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct stat info;
    int status;
    pid_t pid = fork();

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        if (as_somebody && geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 ||
             setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0))
            test_exit(2);
        test_exit(replace(&error) == 0 ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
    ASSERT_EQ(stat(test_path("out"), &info), 0);
    ASSERT_EQ(info.st_size, 9);
    return info;
}

/* The directory is somebody's; the file has an owner and a group. */
static void give_away(uid_t uid, gid_t gid, mode_t mode)
{
    if (geteuid() != 0)
        SKIP(1, "not root");
    ASSERT_EQ(chown(test_tmp_dir(), SOMEBODY, SOMEBODY), 0);
    (void)unlink(test_path("out"));
    make_old(mode);
    ASSERT_EQ(chown(test_path("out"), uid, gid), 0);
    ASSERT_EQ(chmod(test_path("out"), mode), 0);
}

/* --- mode ------------------------------------------------------------------------------------- */

TEST(test_every_bit_of_the_mode_is_kept)
{
    static const mode_t modes[] = {0600, 0644, 0444, 0751, 04755, 02755, 06751, 01644};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        for (int as_somebody = 0; as_somebody <= 1; as_somebody++) {
            test_context("mode %o", (unsigned)modes[i]);
            if (geteuid() == 0)
                give_away(SOMEBODY, SOMEBODY, modes[i]);
            else
                make_old(modes[i]);
            ASSERT_EQ(replaced(as_somebody != 0).st_mode & 07777, modes[i]);
            ASSERT_EQ(unlink(test_path("out")), 0);
        }
}

/* Its members may do what the others could, and the old group what all could. */
TEST(test_a_group_that_cannot_be_kept_gives_nobody_more)
{
    static const mode_t modes[][2] = {{0664, 0644}, {0660, 0600}, {0604, 0600},  {0674, 0644},
                                      {0606, 0600}, {0755, 0755}, {02771, 0711}, {04775, 04755}};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct stat info;

        test_context("mode %o", (unsigned)modes[i][0]);
        give_away(SOMEBODY, THEIR_GROUP, modes[i][0]);
        info = replaced(true);
        ASSERT_EQ(info.st_gid, SOMEBODY);
        ASSERT_EQ(info.st_mode & 07777, modes[i][1]);
    }
}

TEST(test_an_owner_that_cannot_be_kept_lends_nobody_rights)
{
    struct stat info;

    give_away(0, SOMEBODY, 06755);
    info = replaced(true);
    ASSERT_EQ(info.st_uid, SOMEBODY);
    ASSERT_EQ(info.st_mode & 07777, 02755);
    give_away(THEIR_GROUP, THEIR_GROUP, 06755);
    info = replaced(true);
    ASSERT_EQ(info.st_mode & 07777, 0755);
}

/* --- ACL -------------------------------------------------------------------------------------- */

enum { OWNER = 1, USER = 2, GROUP = 4, MASK = 0x10, OTHER = 0x20 };

struct entry {
    uint16_t tag, perm;
    uint32_t id;
};

struct acl {
    uint32_t version;
    struct entry entries[5];
};

/* u::rw u:SOMEBODY:named g::group m::rw o::other; this machine is little-endian, as the format is. */
static struct acl acl_of(uint16_t named, uint16_t group, uint16_t other)
{
    return (struct acl){.version = 2,
                        .entries = {{OWNER, 6, UINT32_MAX},
                                    {USER, named, SOMEBODY},
                                    {GROUP, group, UINT32_MAX},
                                    {MASK, 6, UINT32_MAX},
                                    {OTHER, other, UINT32_MAX}}};
}

static void set_acl(const char *path, const char *attribute, const struct acl *acl)
{
    if (setxattr(path, attribute, acl, sizeof *acl, 0) < 0) {
        ASSERT_EQ(errno, EOPNOTSUPP);
        SKIP(1, "the file system has no access control lists");
    }
}

TEST(test_an_access_control_list_is_kept)
{
    struct acl want = acl_of(6, 0, 0), got;

    make_old(0600);
    set_acl(test_path("out"), ACCESS, &want);
    ASSERT_EQ(replaced(false).st_mode & 07777, 0660);
    ASSERT_EQ(getxattr(test_path("out"), ACCESS, &got, sizeof got), sizeof got);
    ASSERT_MEM_EQ(&got, &want, sizeof got);
}

TEST(test_a_list_that_cannot_be_kept_leaves_what_all_in_it_may_do)
{
    static const uint16_t cases[][4] = {/* named, group, other; the mode */
                                        {6, 0, 0, 0600},
                                        {6, 4, 4, 0644},
                                        {0, 4, 4, 0600},
                                        {4, 6, 6, 0644},
                                        {6, 6, 0, 0660}};

    refused = ACCESS;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct acl acl = acl_of(cases[i][0], cases[i][1], cases[i][2]);

        test_context("case %zu", i);
        make_old(0600);
        set_acl(test_path("out"), ACCESS, &acl);
        ASSERT_EQ(replaced(false).st_mode & 07777, cases[i][3]);
        ASSERT_LT(getxattr(test_path("out"), ACCESS, NULL, 0), 0);
        ASSERT_EQ(errno, ENODATA);
        ASSERT_EQ(unlink(test_path("out")), 0);
    }
}

TEST(test_a_list_of_the_directory_is_for_new_files_only)
{
    struct acl acl = acl_of(6, 6, 0);

    make_old(0600);
    set_acl(test_tmp_dir(), DEFAULT, &acl);
    ASSERT_EQ(replaced(false).st_mode & 07777, 0600);
    ASSERT_LT(getxattr(test_path("out"), ACCESS, NULL, 0), 0);
    ASSERT_EQ(unlink(test_path("out")), 0);
    ASSERT_EQ(replaced(false).st_mode & 07777, 0660);
    ASSERT_GT(getxattr(test_path("out"), ACCESS, NULL, 0), 0);
}

/* --- user attributes -------------------------------------------------------------------------- */

static void set_user(const char *attribute, const char *value)
{
    if (setxattr(test_path("out"), attribute, value, strlen(value), 0) < 0) {
        ASSERT_EQ(errno, EOPNOTSUPP);
        SKIP(1, "the file system has no user attributes");
    }
}

TEST(test_user_attributes_are_kept)
{
    char value[64];

    for (int as_somebody = 0; as_somebody <= 1; as_somebody++) {
        make_old(0644);
        set_user("user.one", "1");
        set_user("user.empty", "");
        ASSERT_EQ(chmod(test_path("out"), 0444), 0);
        if (geteuid() == 0) {
            ASSERT_EQ(chown(test_tmp_dir(), SOMEBODY, SOMEBODY), 0);
            ASSERT_EQ(chown(test_path("out"), SOMEBODY, SOMEBODY), 0);
        }
        ASSERT_EQ(replaced(as_somebody != 0).st_mode & 07777, 0444);
        ASSERT_EQ(getxattr(test_path("out"), "user.one", value, sizeof value), 1);
        ASSERT_EQ(value[0], '1');
        ASSERT_EQ(getxattr(test_path("out"), "user.empty", value, sizeof value), 0);
        ASSERT_EQ(unlink(test_path("out")), 0);
    }
}

TEST(test_a_user_attribute_that_cannot_be_kept_is_an_error)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct stat info;

    make_old(0644);
    set_user("user.one", "1");
    refused = "user.";
    ASSERT_EQ(replace(&error), LEAT_EIO);
    ASSERT_STR_HAS(error.text, "cannot keep the extended attributes of");
    ASSERT_EQ(stat(test_path("out"), &info), 0);
    ASSERT_EQ(info.st_size, 3);
}
