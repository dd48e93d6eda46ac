/* test_sftp.c - names of files as words of commands of SFTP. */
#include "../transforms/net/sftp.h"
#include "test.h"

#if HAVE_CURL
TEST(test_a_path_becomes_a_word)
{
    static const struct {
        const char *path, *word; /* NULL: it cannot be one */
    } cases[] = {
        {"/a", "\"/a\""},
        {"a b", "\"a b\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
        {"a\nb", NULL},
        {"", NULL},
        {"12345678901", NULL},
    };
    char to[14];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = leat_sftp_quote(cases[i].path, strlen(cases[i].path), to, sizeof to);

        test_context("%s", cases[i].path);
        ASSERT_EQ(ok, cases[i].word != NULL);
        if (ok)
            ASSERT_STREQ(to, cases[i].word);
    }
}

TEST(test_a_url_of_sftp_is_known)
{
    ASSERT(leat_sftp_is_url("SFTP://a/b"));
    ASSERT(!leat_sftp_is_url("ftp://a/b"));
}
#endif
