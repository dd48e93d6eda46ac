/* test_version.c - the version as a number and as text. */
#include "leat.h"
#include "test.h"

TEST(test_the_version_number_is_that_of_the_text)
{
    unsigned n = leat_version_number();
    char text[32];

    ASSERT_EQ(n, LEAT_VERSION_NUMBER);
    snprintf(text, sizeof text, "%u.%u.%u", n >> 16, n >> 8 & 255, n & 255);
    ASSERT_STREQ(text, LEAT_VERSION);
}
