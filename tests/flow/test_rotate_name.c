/* test_rotate_name.c - names of parts with a time and a number. */
#include "../../transforms/flow/rotate_name.h"

#include "test.h"

static const struct tm day = {.tm_year = 126, .tm_mon = 10, .tm_mday = 30, .tm_hour = 7};

TEST(test_a_name_has_the_time_and_the_number)
{
    char name[ROTATE_NAME_MAX];

    ASSERT(leat_rotate_name("app-{time:%Y%m%dT%H}-{n:04}.zst", &day, 12, name));
    ASSERT_STREQ(name, "app-20261130T07-0012.zst");
    ASSERT(leat_rotate_name("{n}", &day, 0, name));
    ASSERT_STREQ(name, "0");
    ASSERT(leat_rotate_name("{time}{n:1}", &day, UINT64_MAX, name));
    ASSERT_STREQ(name, "20261130T07000018446744073709551615");
}

TEST(test_a_template_is_checked)
{
    ASSERT_NULL(leat_rotate_name_check("app-{n}"));
    ASSERT_NULL(leat_rotate_name_check("{time:%F}{n:20}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("app"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{n}{n}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{n:21}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{n"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{time:}{n}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{time:%Y/%m}{n}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("a/{n}"));
    ASSERT_NOT_NULL(leat_rotate_name_check("{other}{n}"));
}

TEST(test_a_name_that_does_not_fit_in_a_directory_is_refused)
{
    char name[ROTATE_NAME_MAX], long_template[ROTATE_NAME_MAX + 8];

    memset(long_template, 'x', sizeof long_template);
    memcpy(long_template + sizeof long_template - 4, "{n}", 4);
    ASSERT(!leat_rotate_name(long_template, &day, 1, name));
    ASSERT(!leat_rotate_name("{time:%D}{n}", &day, 1, name)); /* it has slashes */
}

static bool fits(const char *template, const char *name, const struct tm *time, uint64_t n)
{
    uint64_t got = UINT64_MAX;

    return leat_rotate_name_fits(template, name, time, &got) && got == n;
}

TEST(test_names_of_the_template_are_known_again)
{
    ASSERT(fits("app-{n:04}.zst", "app-0012.zst", NULL, 12));
    ASSERT(fits("app-{n:04}.zst", "app-123456.zst", NULL, 123456));
    ASSERT(!fits("app-{n:04}.zst", "app-012.zst", NULL, 12));
    ASSERT(!fits("app-{n}", "app-", NULL, 0));
    ASSERT(!fits("app-{n}", "app-1x", NULL, 1));
    ASSERT(!fits("app-{n}", "app-99999999999999999999999", NULL, 0));
    ASSERT(fits("{time:%Y}-{n}", "2026-3", &day, 3));
    ASSERT(!fits("{time:%Y}-{n}", "2025-3", &day, 3));
    ASSERT(fits("{time:%Y}-{n}", "2025-3", NULL, 3));
    ASSERT(fits("{n}{time:%Y}", "122026", &day, 12));
    ASSERT(!fits("{time:%Y}-{n}", "-3", NULL, 3));
    ASSERT(fits("web-{time}-{n}", "web-20261130T070000-3", NULL, 3));
    ASSERT(!fits("web-{time}-{n}", "web-api-20261130T070000-3", NULL, 3));
    ASSERT(!fits("web-{time:%F}-{n}", "web-2026-13-30-3", NULL, 3));
    ASSERT(!fits("{time:%Y}-{n}", "old-3", NULL, 3));
}
