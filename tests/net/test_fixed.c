/* test_fixed.c - text of requests and answers: percent-encoding and XML. */
#include "../transforms/net/fixed.h"
#include "test.h"

TEST(test_a_path_and_a_value_are_encoded)
{
    char to[64];
    struct leat_fixed t = leat_fixed_in(to, sizeof to);

    leat_fixed_add_encoded(&t, "a/b c~\xc3\xa9+&", true);
    leat_fixed_add(&t, "?x=");
    leat_fixed_add_encoded(&t, "a/b=", false);
    ASSERT_STREQ(to, "a/b%20c~%C3%A9%2B%26?x=a%2Fb%3D");
    ASSERT(!t.is_full);
}

TEST(test_a_text_that_is_full_stays_as_it_was)
{
    char to[6];
    struct leat_fixed t = leat_fixed_in(to, sizeof to);

    leat_fixed_add(&t, "%s", "abcde");
    ASSERT(!t.is_full);
    leat_fixed_add(&t, "f");
    ASSERT(t.is_full);
    ASSERT_STREQ(to, "abcde");
    leat_fixed_add(&t, "%s", "");
    ASSERT(t.is_full);
}

TEST(test_an_element_is_found_and_decoded)
{
    static const struct {
        const char *xml, *text;
        bool found;
    } cases[] = {
        {"<?xml version=\"1.0\"?>\n<Error><CodeX>no</CodeX><Code>Slow&amp;Down</Code></Error>",
         "Slow&Down", true},
        {"<Error><Code xmlns=\"x\">a&lt;b&gt;&quot;&apos;&#10;</Code>", "a<b>\"'&#10;", true},
        {"<Code>two\nlines", "two lines", true},
        {"<Code></Code>", "", true},
        {"<Code", "", false},
        {"<Error><Message>Code</Message>", "", false},
        {"", "", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char to[64];

        test_context("%s", cases[i].xml);
        ASSERT_EQ(leat_xml_element(cases[i].xml, "Code", to, sizeof to), cases[i].found);
        ASSERT_STREQ(to, cases[i].text);
    }
}

TEST(test_a_text_of_xml_comes_back)
{
    static const char text[] = "a<b>&\"c\" 'd' &amp;";
    char xml[128], to[64];
    struct leat_fixed t = leat_fixed_in(xml, sizeof xml);

    leat_fixed_add(&t, "<Key>");
    leat_fixed_add_xml(&t, text);
    leat_fixed_add(&t, "</Key>");
    ASSERT(leat_xml_element(xml, "Key", to, sizeof to));
    ASSERT_STREQ(to, text);
}
