/* test_s3_place.c - where an object of S3 is, and the settings that say so. */
#include <stdlib.h>

#include "../transforms/net/s3_credentials.h"
#include "../transforms/net/s3_place.h"
#include "test.h"

TEST(test_a_url_has_a_bucket_and_a_key)
{
    static const char *const good[] = {"s3://abc/k", "S3://a.b-1/k/", "s3://abc//",
                                       "s3://abc/a b%\xc3\xa9?#"};
    static const char *const bad[] = {"s3:/abc/k",  "http://abc/k",  "s3://",     "s3://abc",
                                      "s3://abc/",  "s3:///k",       "s3://ab/k", "s3://Abc/k",
                                      "s3://a_b/k", "s3://abc/a\x01"};
    char url[1200];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ASSERT_NULL(leat_s3_check_url(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context("%s", bad[i]);
        ASSERT_NOT_NULL(leat_s3_check_url(bad[i]));
    }
    memset(url, 'k', sizeof url);
    memcpy(url, "s3://abc/", 9);
    url[9 + 1024] = '\0';
    ASSERT_NULL(leat_s3_check_url(url));
    url[9 + 1024] = 'k';
    url[9 + 1025] = '\0';
    ASSERT_NOT_NULL(leat_s3_check_url(url));
}

TEST(test_an_object_is_found_at_amazon_or_at_an_endpoint)
{
    static const struct {
        const char *url, *endpoint, *region, *origin, *host, *path;
    } cases[] = {
        {"s3://abc/a b", "", "", "https://abc.s3.us-east-1.amazonaws.com",
         "abc.s3.us-east-1.amazonaws.com", "/a%20b"},
        {"s3://abc/k", "", "cn-north-1", "https://abc.s3.cn-north-1.amazonaws.com.cn",
         "abc.s3.cn-north-1.amazonaws.com.cn", "/k"},
        {"s3://a.c/k", "", "eu-west-1", "https://s3.eu-west-1.amazonaws.com",
         "s3.eu-west-1.amazonaws.com", "/a.c/k"},
        {"s3://abc/k/l", "http://127.0.0.1:9000", "r", "http://127.0.0.1:9000", "127.0.0.1:9000",
         "/abc/k/l"},
        {"s3://abc/k", "https://host/base/", "r", "https://host", "host", "/base/abc/k"},
        {"s3://abc/k", "http://host:80/", "r", "http://host:80", "host", "/abc/k"},
        {"s3://abc/k", "https://host:443", "r", "https://host:443", "host", "/abc/k"},
        {"s3://abc/k", "https://host:80", "r", "https://host:80", "host:80", "/abc/k"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_s3_place p;

        test_context("%s %s", cases[i].url, cases[i].endpoint);
        ASSERT(leat_s3_locate(cases[i].url, cases[i].endpoint, cases[i].region, &p));
        ASSERT_STREQ(p.origin, cases[i].origin);
        ASSERT_STREQ(p.host, cases[i].host);
        ASSERT_STREQ(p.path, cases[i].path);
        ASSERT_STREQ(p.region, *cases[i].region ? cases[i].region : "us-east-1");
    }
}

TEST(test_an_endpoint_that_is_no_url_is_refused)
{
    static const char *const bad[] = {"host", "ftp://host", "http://", "https:///x",
                                      "http://user@host"};
    struct leat_s3_place p;
    char region[100];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context("%s", bad[i]);
        ASSERT(!leat_s3_locate("s3://abc/k", bad[i], "r", &p));
    }
    memset(region, 'r', sizeof region - 1);
    region[sizeof region - 1] = '\0';
    ASSERT(!leat_s3_locate("s3://abc/k", "", region, &p));
}

TEST(test_a_setting_is_that_of_its_profile)
{
    static const char config[] =
        "# a comment\nkey = outside\n[default]\nkey=first\n[profile x]\r\nother = 1\r\n"
        "s3 =\n  key = nested\n key2 = nested\n; key = no\nkey =  spaces at its ends \t\r\n"
        "[profile  y ]\nkey==\n[z]\nkey=bare\n[profile x2]\nkey=long value\n[profile e]\nkey=";
    static const struct {
        const char *prefix, *profile, *value; /* NULL: there is none */
    } cases[] = {
        {"profile", "default", "first"},
        {"", "default", "first"},
        {"profile", "x", "spaces at its ends"},
        {"profile", "y", "="},
        {"profile", "z", NULL},
        {"", "z", "bare"},
        {"profile", "none", NULL},
        {"", "x", NULL},
        {"profile", "e", ""},
    };
    char to[32];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_context("%s %s", cases[i].prefix, cases[i].profile);
        ASSERT_EQ(leat_s3_setting(config, sizeof config - 1, cases[i].prefix, cases[i].profile,
                                  "key", to, sizeof to),
                  cases[i].value != NULL);
        ASSERT_STREQ(to, cases[i].value ? cases[i].value : "");
    }
    ASSERT(!leat_s3_setting(config, sizeof config - 1, "profile", "x2", "key", to,
                            10)); /* it does not fit */
    ASSERT(leat_s3_setting(config, sizeof config - 1, "profile", "x2", "key", to, 11));
    ASSERT(!leat_s3_setting("", 0, "", "default", "key", to, sizeof to));
}

#if HAVE_CURL
TEST(test_a_string_of_json_is_found)
{
    static const struct {
        const char *json, *value;
        bool found;
    } cases[] = {
        {"{\"Code\":\"x\",\"Token\" : \"a\\/b\\\"c\"}", "a/b\"c", true},
        {"{\"a\":\"Token\",\"Token\":\"y\"}", "y", true},
        {"{\"Tokens\":\"y\"}", "", false},
        {"{\"Token\":5}", "", false},
        {"{\"Token\":\"cut", "cut", true},
        {"{\"Token\":\"12345678\"}", "", false}, /* it does not fit */
        {"", "", false},
    };
    char to[8];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_context("%s", cases[i].json);
        ASSERT_EQ(leat_json_string(cases[i].json, "Token", to, sizeof to), cases[i].found);
        ASSERT_STREQ(to, cases[i].value);
    }
}

TEST(test_a_time_of_a_service_is_read)
{
    ASSERT_EQ(leat_s3_time("2013-05-24T00:00:00Z"), 1369353600);
    ASSERT_EQ(leat_s3_time("soon"), 0);
}
#endif
