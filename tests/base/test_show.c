/* test_show.c - text from outside as a terminal may see it. */

#include "leat.h"
#include "test.h"

static void shows(const char *text, size_t size, const char *expected)
{
    char buf[200];

    memset(buf, 'x', sizeof buf);
    test_context("'%s' in %zu bytes", text, size);
    ASSERT_STREQ(leat_show(text, buf, size), expected);
    ASSERT_EQ(buf[size], 'x');
}

TEST(test_what_a_terminal_obeys_is_escaped)
{
    shows("", 100, "");
    shows("plain, 'quoted' \\ text", 100, "plain, 'quoted' \\ text");
    shows("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 100, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    shows("a\nb\tc\rd", 100, "a\\nb\\tc\\rd");
    shows("\x1b]0;x\a\x7f\x01", 100, "\\x1b]0;x\\x07\\x7f\\x01");
    shows("\xc2\x9b"
          "2J\xc2\xa0",
          100, "\\xc2\\x9b2J\xc2\xa0");
    // NOLINTBEGIN(misc-misleading-bidirectional): what turns the text is what is shown
    shows("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf\xe2\x80\xa8", 100,
          "\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xd8\\x9c\\xef\\xbb\\xbf\\xe2\\x80\\xa8");
    shows("\xe2\x80\xad|\xe2\x80\x8f|\xe2\x81\xa9|\xe2\x80\x90", 100,
          "\\xe2\\x80\\xad|\\xe2\\x80\\x8f|\\xe2\\x81\\xa9|\xe2\x80\x90");
    // NOLINTEND(misc-misleading-bidirectional)
}

TEST(test_the_password_of_a_url_is_not_shown)
{
    shows("http://u:secret@h/x", 100, "http://u:***@h/x");
    shows("get https://u:p@w@h:80/x|s3://:k@b : write", 100,
          "get https://u:***@h:80/x|s3://:***@b : write");
    shows("http://u:p/w@h/x y@z", 100, "http://u:***@h/x y@z");
    shows("http://u:p\n@h", 100, "http://u:***@h");
    shows("http://u:secret@h", 11, "http://\xe2\x80\xa6");
    shows("http://h:80/x@y", 100, "http://h:80/x@y");
    shows("http://h/a:b@c u:p@w", 100, "http://h/a:b@c u:p@w");
    shows("http://u@h:80/ http://u:@h http://[::1]:80/", 100,
          "http://u@h:80/ http://u:@h http://[::1]:80/");
    shows("://", 100, "://");
    shows("a://:", 100, "a://:");
}

TEST(test_bytes_that_are_not_utf8_are_escaped)
{
    shows("\xff\x80\xc0\xaf", 100, "\\xff\\x80\\xc0\\xaf");
    shows("\xed\xa0\x80", 100, "\\xed\\xa0\\x80");
    shows("\xe0\x80\xaf|\xf4\x90\x80\x80", 100, "\\xe0\\x80\\xaf|\\xf4\\x90\\x80\\x80");
    shows("\xc3", 100, "\\xc3");
    shows("\xe2\x82", 100, "\\xe2\\x82");
}

TEST(test_what_is_too_long_is_cut_between_characters)
{
    shows("12345678", 9, "12345678");
    shows("123456789", 9, "12345\xe2\x80\xa6");
    shows("1234\xe2\x82\xac"
          "9",
          9,
          "1234\xe2\x82\xac"
          "9");
    shows("1234\xe2\x82\xac"
          "90",
          9, "1234\xe2\x80\xa6");
    shows("12345\n", 8, "12345\\n");
    shows("12\x1b"
          "67",
          8, "12\xe2\x80\xa6");
    shows("1234", 4, "\xe2\x80\xa6");
    shows("123", 3, "");
    shows("123", 1, "");
}

TEST(test_a_character_is_told_with_its_length_and_whether_it_stays)
{
    static const struct {
        const char *text;
        size_t n;
        bool plain;
    } rows[] = {
        {"", 0, false},
        {"a", 1, true},
        {"\n", 1, false},
        {"\xc3\xa9x", 2, true},
        {"\xc2\x9b", 2, false},
        {"\xe2\x80\xa8", 3, false},
        {"\xf0\x9f\x98\x80", 4, true},
        {"\xff", 0, false},
        {"\xe2\x82", 0, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool plain = !rows[i].plain;

        test_context("row %zu", i);
        ASSERT_EQ(leat_show_char(rows[i].text, &plain), rows[i].n);
        ASSERT_EQ(plain, rows[i].plain);
        ASSERT_EQ(leat_show_char(rows[i].text, NULL), rows[i].n);
    }
    ASSERT_EQ(leat_show_char(NULL, NULL), 0);
}
