/* test_sigv4.c - the signature of AWS: the published vectors (aws-sig-v4-test-suite, and the examples of the S3 manual). */
#include <stdlib.h>

#include "../transforms/net/fixed.h"
#include "../transforms/net/sigv4.h"
#include "run/pipeline.h"
#include "test.h"

#define HEADERS 8
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct vector {
    const char *name, *method, *path, *query;
    const char *headers[HEADERS];
    const char *body_hash, *signature;
};

static const struct vector suite[] = {
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     {"Host:example.amazonaws.com", "My-Header1: value1", "My-Header2: \"a   b   c\"",
      "x-amz-date:20150830T123600Z"},
     EMPTY,
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-relative-normalized",
     "GET",
     "/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-relative-relative-unnormalized",
     "GET",
     "/example1/example2/../..",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"},
    {"get-relative-unnormalized",
     "GET",
     "/example/..",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"},
    {"get-slash-dot-slash-unnormalized",
     "GET",
     "/./",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"},
    {"get-slash-pointless-dot-normalized",
     "GET",
     "/example",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-slash-pointless-dot-unnormalized",
     "GET",
     "/./example",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff"},
    {"get-slash-unnormalized",
     "GET",
     "//",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"},
    {"get-slashes-normalized",
     "GET",
     "/example/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-slashes-unnormalized",
     "GET",
     "//example//",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
    {"get-space-normalized",
     "GET",
     "/example%20space/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/%E1%88%B4",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=value1",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-encoded",
     "GET",
     "/",
     "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     "%E1%88%B4=bar",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-vanilla-with-session-token",
     "GET",
     "/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z",
      "x-amz-security-token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
     EMPTY,
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
    {"post-header-key-case",
     "POST",
     "/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-key-sort",
     "POST",
     "/",
     "",
     {"Host:example.amazonaws.com", "My-Header1:value1", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST",
     "/",
     "",
     {"Host:example.amazonaws.com", "My-Header1:VALUE1", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-sts-header-before",
     "POST",
     "/",
     "",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z",
      "x-amz-security-token:AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="},
     EMPTY,
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"post-vanilla-empty-query-value",
     "POST",
     "/",
     "Param1=value1",
     {"Host:example.amazonaws.com", "x-amz-date:20150830T123600Z"},
     EMPTY,
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     {"Content-Type:application/x-www-form-urlencoded", "Host:example.amazonaws.com",
      "Content-Length:13",
      "x-amz-content-sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
      "x-amz-date:20150830T123600Z"},
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
    {"post-x-www-form-urlencoded-parameters",
     "POST",
     "/",
     "",
     {"Content-Type:application/x-www-form-urlencoded; charset=utf-8", "Host:example.amazonaws.com",
      "Content-Length:13",
      "x-amz-content-sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
      "x-amz-date:20150830T123600Z"},
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

/* https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
static const struct vector manual[] = {
    {"get",
     "GET",
     "/test.txt",
     "",
     {"Host: examplebucket.s3.amazonaws.com", "Range: bytes=0-9", "x-amz-content-sha256: " EMPTY,
      "x-amz-date: 20130524T000000Z"},
     EMPTY,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put",
     "PUT",
     "/test%24file.text",
     "",
     {"Date: Fri, 24 May 2013 00:00:00 GMT", "Host: examplebucket.s3.amazonaws.com",
      "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "x-amz-date: 20130524T000000Z", "x-amz-storage-class: REDUCED_REDUNDANCY"},
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"lifecycle",
     "GET",
     "/",
     "lifecycle",
     {"Host: examplebucket.s3.amazonaws.com", "x-amz-content-sha256: " EMPTY,
      "x-amz-date: 20130524T000000Z"},
     EMPTY,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list",
     "GET",
     "/",
     "prefix=J&max-keys=2",
     {"Host: examplebucket.s3.amazonaws.com", "x-amz-content-sha256: " EMPTY,
      "x-amz-date: 20130524T000000Z"},
     EMPTY,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

/* A stage that may charge memory and load a library. */
struct subject {
    struct leat_pipeline pipeline;
    struct leat_stage_info info;
    struct leat_stage stage;
    struct leat_evp *sha;
};

static struct subject *begin(void)
{
    struct subject *s = calloc(1, sizeof *s);

    ASSERT_NOT_NULL(s);
    s->info = (struct leat_stage_info){.name = "put", .number = 1};
    s->stage = (struct leat_stage){.pipeline = &s->pipeline, .info = &s->info};
    ASSERT_EQ(leat_pool_init(&s->pipeline.pool, 1 << 20, 1 << 16), 0);
    ASSERT_EQ(leat_evp_new(&s->stage, LEAT_SHA256, &s->sha), 0);
    return s;
}

static void end(struct subject *s)
{
    leat_evp_free(s->sha);
    leat_pool_done(&s->pipeline.pool);
    free(s);
}

static int sign(struct subject *s, const struct vector *v, const struct leat_sigv4_keys *keys,
                const char *time, char *to, size_t size)
{
    struct leat_sigv4_request q = {.method = v->method,
                                   .path = v->path,
                                   .query = v->query,
                                   .headers = v->headers,
                                   .body_hash = v->body_hash,
                                   .time = time};

    return leat_sigv4_sign(s->sha, keys, &q, to, size);
}

static void check(const struct vector *v, size_t n, const struct leat_sigv4_keys *keys,
                  const char *time)
{
    struct subject *s = begin();

    for (size_t i = 0; i < n; i++) {
        char value[1024];
        const char *at;

        test_context("%s", v[i].name);
        ASSERT_EQ(sign(s, &v[i], keys, time, value, sizeof value), 0);
        at = strstr(value, ", Signature=");
        ASSERT_NOT_NULL(at);
        ASSERT_STREQ(at + strlen(", Signature="), v[i].signature);
    }
    end(s);
}

TEST(test_the_signatures_of_the_suite_are_right)
{
    const struct leat_sigv4_keys keys = {.id = "AKIDEXAMPLE",
                                         .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                         .region = "us-east-1",
                                         .service = "service"};

    check(suite, sizeof suite / sizeof *suite, &keys, "20150830T123600Z");
}

static const struct leat_sigv4_keys s3_keys = {.id = "AKIAIOSFODNN7EXAMPLE",
                                               .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                               .region = "us-east-1",
                                               .service = "s3"};

TEST(test_the_signatures_of_the_s3_manual_are_right)
{
    check(manual, sizeof manual / sizeof *manual, &s3_keys, "20130524T000000Z");
}

TEST(test_the_header_names_what_is_signed)
{
    struct subject *s = begin();
    char value[1024];

    ASSERT_EQ(sign(s, &manual[0], &s3_keys, "20130524T000000Z", value, sizeof value), 0);
    ASSERT_STREQ(value,
                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                 "aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                 "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    end(s);
}

TEST(test_a_request_that_is_too_long_is_refused)
{
    struct subject *s = begin();
    struct vector v = manual[0];
    char value[1024], *path = calloc(1, 20001);

    ASSERT_NOT_NULL(path);
    memset(path, 'a', 20000);
    v.path = path;
    ASSERT_EQ(sign(s, &v, &s3_keys, "20130524T000000Z", value, sizeof value), LEAT_ELIMIT);
    ASSERT_EQ(sign(s, &manual[0], &s3_keys, "20130524T000000Z", value, 100), LEAT_ELIMIT);
    free(path);
    end(s);
}

TEST(test_a_time_is_written_as_aws_wants_it)
{
    char time[LEAT_SIGV4_TIME];

    leat_sigv4_time(1369353600, time);
    ASSERT_STREQ(time, "20130524T000000Z");
    leat_sigv4_time(INT64_MAX, time);
    ASSERT_STREQ(time, "19700101T000000Z");
}
