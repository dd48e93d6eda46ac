/* test_reply.c - the first line of an answer's body, for a message. */
#include "../transforms/net/client.h"
#include "test.h"

TEST(test_the_first_line_of_a_text_is_shown_without_its_spaces)
{
    static const struct {
        const char *reply, *line;
    } cases[] = {
        {"", ""},
        {"\r\n \n", ""},
        {"no", "no"},
        {"\r\n  more than\tthe \x01 quota \nand more", "more than the quota"},
        {"<html>\n<head><title>500 full</title></head>\n<body>x", "500 full"},
        {"<unfinished", ""},
        {"a < b > c\n", "a < b > c"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[64];

        leat_reply_line(cases[i].reply, line, sizeof line);
        ASSERT_STREQ(line, cases[i].line);
    }
}

TEST(test_a_long_line_is_cut)
{
    char line[5];

    leat_reply_line("123456", line, sizeof line);
    ASSERT_STREQ(line, "1234");
}
