/* test_line.c - names as text: what is escaped, and that each name comes back. */
#include "../../transforms/archive/line.h"

#include "test.h"

TEST(test_an_escaped_name_comes_back)
{
    static const struct {
        const char *text, *expected; /* NULL: the escape is wrong */
    } rows[] = {
        {"a b", "a b"},
        {"\\\\n", "\\n"},
        {"\\n\\t\\r", "\n\t\r"},
        {"\\xe9\\x1b", "\xe9\x1b"},
        {"gr\xc3\xb6\xc3\x9f"
         "e",
         "gr\xc3\xb6\xc3\x9f"
         "e"},
        {"\\", NULL},
        {"\\q", NULL},
        {"\\x1", NULL},
        {"\\xE9", NULL}, /* only as it is written */
        {"\\x00", NULL}, /* no name has a NUL */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];

        snprintf(text, sizeof text, "%s", rows[i].text);
        test_context("'%s'", rows[i].text);
        ASSERT_EQ(leat_line_unescape(text), rows[i].expected != NULL);
        if (rows[i].expected)
            ASSERT_EQ(strcmp(text, rows[i].expected), 0);
    }
}
