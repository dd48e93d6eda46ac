/* test_siblings.c - which files had a followed name before. */
#include "../../transforms/follow/siblings.h"

#include "test.h"

static enum leat_follow_kin kin(const char *base, const char *file, uint64_t number)
{
    uint64_t got;
    enum leat_follow_kin k = leat_follow_kin(base, file, &got);

    ASSERT_EQ(got, number);
    return k;
}

TEST(test_names_of_rotations_are_known)
{
    ASSERT_EQ(kin("app.log", "app.log.1", 1), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app.log-20261130", 20261130), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app.log.2026-11-30", UINT64_MAX), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app.log.old", UINT64_MAX), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app-2026.log", 2026), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app.12.log", 12), FOLLOW_KIN);
    ASSERT_EQ(kin("app.log", "app.log.2.gz", UINT64_MAX), FOLLOW_COMPRESSED_KIN);
    ASSERT_EQ(kin("app", "app.1", 1), FOLLOW_KIN);
}

TEST(test_other_names_are_not)
{
    ASSERT_EQ(kin("app.log", "app.log", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "app.log.", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "app.log.tmp", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "app.log2", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "my-app.log.1", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "app-x.log", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app.log", "app1.log", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin("app", "apple", UINT64_MAX), FOLLOW_NO_KIN);
    ASSERT_EQ(kin(".log", ".1.log", UINT64_MAX), FOLLOW_NO_KIN);
}
