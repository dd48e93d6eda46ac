/* test_http_head.c - the fields of HTTP that get understands. */
#include "../transforms/net/http.h"
#include "test.h"

TEST(test_a_content_range_is_parsed)
{
    uint64_t from = 7, last = 7, total = 7;

    ASSERT(leat_http_content_range("bytes 5-9/10", &from, &last, &total));
    ASSERT_EQ(from, 5u);
    ASSERT_EQ(last, 9u);
    ASSERT_EQ(total, 10u);
    ASSERT(leat_http_content_range("Bytes  0-0/*", &from, &last, &total));
    ASSERT_EQ(from, 0u);
    ASSERT_EQ(total, LEAT_HTTP_UNKNOWN);
}

TEST(test_a_malformed_content_range_is_none)
{
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes ",
        "bytes 5",
        "bytes 5-",
        "bytes 5-9",
        "bytes 5-9/",
        "bytes 9-5/10",
        "bytes 5-9/9",
        "bytes 5-9/10x",
        "bytes */10",
        "bytes -5-9/10",
        "bytes +5-9/10",
        "lines 5-9/10",
        "bytes 5-9/*x",
        "bytes 5-99999999999999999999/*",
    };
    uint64_t from = 7, last = 7, total = 7;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (leat_http_content_range(bad[i], &from, &last, &total))
            FAIL("'%s' was accepted", bad[i]);
    ASSERT_EQ(from, 7u);
    ASSERT_EQ(last, 7u);
    ASSERT_EQ(total, 7u);
}

TEST(test_only_a_strong_validator_identifies_the_bytes)
{
    ASSERT_STREQ(leat_http_strong("\"a\"", "x", 1000, 5000), "\"a\"");
    ASSERT_STREQ(leat_http_strong("W/\"a\"", "x", 1000, 5000), "");
    ASSERT_STREQ(leat_http_strong("a", "x", 1000, 5000), "");
    ASSERT_STREQ(leat_http_strong("", "x", 1000, 1060), "x");
    ASSERT_STREQ(leat_http_strong("", "x", 1000, 1059), "");
    ASSERT_STREQ(leat_http_strong("", "x", -1, 5000), "");
    ASSERT_STREQ(leat_http_strong("", "x", 1000, -1), "");
    ASSERT_STREQ(leat_http_strong("", "", 1000, 5000), "");
    ASSERT_STREQ(leat_http_strong("\"\"", "", -1, -1), "\"\"");
    ASSERT_STREQ(leat_http_strong("\"", "", -1, -1), "");
    ASSERT_STREQ(leat_http_strong("\"a", "", -1, -1), "");
    ASSERT_STREQ(leat_http_strong("\"a\"b\"", "", -1, -1), "");
    ASSERT_STREQ(leat_http_strong("\"a\rRange: x\"", "", -1, -1), "");
    ASSERT_STREQ(leat_http_strong("", "x\ry", 1000, 5000), "");
}

TEST(test_retry_after_is_seconds)
{
    ASSERT_EQ(leat_http_retry_ms("0"), 0u);
    ASSERT_EQ(leat_http_retry_ms("120"), 120000u);
    ASSERT_EQ(leat_http_retry_ms("100000000000000"), UINT64_C(1000000000000));
    ASSERT_EQ(leat_http_retry_ms("1.5"), LEAT_HTTP_UNKNOWN);
    ASSERT_EQ(leat_http_retry_ms("-1"), LEAT_HTTP_UNKNOWN);
    ASSERT_EQ(leat_http_retry_ms(""), LEAT_HTTP_UNKNOWN);
}

TEST(test_a_url_of_http_is_recognised)
{
    ASSERT(leat_http_is_url("http://a"));
    ASSERT(leat_http_is_url("HTTPS://a"));
    ASSERT(!leat_http_is_url("http:/a"));
    ASSERT(!leat_http_is_url("ftp://a"));
    ASSERT(!leat_http_is_url("./http://a"));
}

TEST(test_a_header_is_a_name_and_a_value)
{
    ASSERT(leat_http_header_ok("Authorization: Bearer x"));
    ASSERT(leat_http_header_ok("A:"));
    ASSERT(!leat_http_header_ok(""));
    ASSERT(!leat_http_header_ok(": b"));
    ASSERT(!leat_http_header_ok("a b: c"));
    ASSERT(!leat_http_header_ok("A"));
    ASSERT(!leat_http_header_ok("A: b\r\nC: d"));
    ASSERT(!leat_http_header_ok("range: bytes=0-"));
    ASSERT(!leat_http_header_ok("If-Range: x"));
    ASSERT(!leat_http_header_ok("Accept-Encoding: gzip"));
}

TEST(test_only_some_answers_may_change)
{
    ASSERT(leat_http_transient(503));
    ASSERT(leat_http_transient(429));
    ASSERT(!leat_http_transient(404));
    ASSERT(!leat_http_transient(501));
    ASSERT(!leat_http_transient(200));
}

TEST(test_progress_is_a_piece_or_a_share_of_the_rest)
{
    ASSERT(leat_http_is_progress(0, 65536, LEAT_HTTP_UNKNOWN));
    ASSERT(!leat_http_is_progress(0, 65535, LEAT_HTTP_UNKNOWN));
    ASSERT(!leat_http_is_progress(7, 7, 7));
    ASSERT(!leat_http_is_progress(0, 1, 4));
    ASSERT(leat_http_is_progress(0, 2, 4));
    ASSERT(leat_http_is_progress(999, 1000, 1000));
    ASSERT(!leat_http_is_progress(1000, 1010, 2000));
    ASSERT(leat_http_is_progress(1000, 1251, 2000));
}
