/* test_azblob.c - blobs of Azure without a server: places and keys, the signature, the names of blocks and the list of them. */
#include <stdlib.h>

#include "../transforms/net/azblob_blocks.h"
#include "../transforms/net/azblob_place.h"
#include "../transforms/net/azblob_sign.h"
#include "../transforms/net/part_sizes.h"
#include "run/pipeline.h"
#include "test.h"

/* The published account of the emulators. */
#define EMULATOR_KEY                                                                               \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

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
    s->info = (struct leat_stage_info){.name = "azblob-put", .number = 1};
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

/* --- HMAC and base64 -------------------------------------------------------------------------- */

/* RFC 4231, cases 1, 2 and 6, whose key is longer than a block. */
TEST(test_the_vectors_of_rfc_4231_are_right)
{
    struct subject *s = begin();
    uint8_t key[131], digest[LEAT_SHA256_BYTES];
    char code[LEAT_BASE64_SIZE(LEAT_SHA256_BYTES)];

    memset(key, 0x0b, 20);
    ASSERT_EQ(leat_hmac_sha256(s->sha, key, 20, "Hi There", 8, digest), 0);
    leat_base64_encode(digest, sizeof digest, code);
    ASSERT_STREQ(code, "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=");
    ASSERT_EQ(leat_hmac_sha256(s->sha, "Jefe", 4, "what do ya want for nothing?", 28, digest), 0);
    leat_base64_encode(digest, sizeof digest, code);
    ASSERT_STREQ(code, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    memset(key, 0xaa, sizeof key);
    ASSERT_EQ(leat_hmac_sha256(s->sha, key, sizeof key,
                               "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                               digest),
              0);
    leat_base64_encode(digest, sizeof digest, code);
    ASSERT_STREQ(code, "YOQxWR7gtn8Niiaqy/W3f44LxiE3KMUUBUYEDw7jf1Q=");
    end(s);
}

TEST(test_the_vectors_of_rfc_4648_are_right)
{
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Z===", "====", "Zm9v=", "Zg==Zg==", "Zm!v", "Zm9vYmFyZm9v"};
    char code[16];
    uint8_t data[8];
    size_t n;

    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++) {
        leat_base64_encode((const uint8_t *)"foobar", i, code);
        ASSERT_STREQ(code, coded[i]);
        ASSERT(leat_base64_decode(coded[i], data, sizeof data, &n));
        ASSERT_EQ(n, i);
        ASSERT_EQ(memcmp(data, "foobar", n), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context("%s", bad[i]);
        ASSERT(!leat_base64_decode(bad[i], data, sizeof data, &n));
    }
}

/* --- the signature ---------------------------------------------------------------------------- */

/* From the tests of Microsoft's first library for Node, whose resource has no slash after the account. */
TEST(test_the_signature_of_a_published_vector_is_right)
{
    static const char *const headers[] = {"x-ms-version: 2011-08-18",
                                          "x-ms-date: Fri, 23 Sep 2011 01:37:34 GMT", NULL};
    const struct leat_azblob_signed q = {.method = "GET",
                                         .account = "devstoreaccount1",
                                         .path = "container",
                                         .query = "restype=container",
                                         .headers = headers};
    struct subject *s = begin();
    uint8_t key[128];
    char value[128];
    size_t n;

    ASSERT(leat_base64_decode(EMULATOR_KEY, key, sizeof key, &n));
    ASSERT_EQ(n, 64);
    ASSERT_EQ(leat_azblob_sign(s->sha, key, n, &q, value, sizeof value), 0);
    ASSERT_STREQ(value, "SharedKey devstoreaccount1:Y5R86+6XE5MH602SIyjeTwlJuQjbawv20PT4kb/F/04=");
    ASSERT_EQ(leat_azblob_sign(s->sha, key, n, &q, value, 20), LEAT_ELIMIT);
    end(s);
}

static void signs(const struct leat_azblob_signed *q, const char *want)
{
    char text[1024];
    struct leat_fixed t = leat_fixed_in(text, sizeof text);

    leat_azblob_text(q, &t);
    ASSERT(!t.is_full);
    ASSERT_STREQ(text, want);
}

/* The first is the example of "Authorize with Shared Key" in the manual of the service. */
TEST(test_the_text_that_is_signed_has_all_that_the_service_signs)
{
    static const char *const simple[] = {"x-ms-date: Fri, 26 Jun 2015 23:39:12 GMT",
                                         "x-ms-version:2015-02-21", NULL};
    static const char *const all[] = {
        "X-MS-Meta-B:  two  words ", "Range: bytes=5-9", "content-md5: bQ==",
        "If-Match: \"e\"",           "x-ms-meta-a:1",    "If-None-Match: *",
        "Content-Type: text/plain",  "Other: x",         NULL};

    signs(&(struct leat_azblob_signed){.method = "GET",
                                       .account = "myaccount",
                                       .path = "/mycontainer",
                                       .query = "comp=metadata&restype=container&timeout=20",
                                       .headers = simple},
          "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
          "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
          "timeout:20");
    signs(&(struct leat_azblob_signed){.method = "PUT",
                                       .account = "a",
                                       .path = "/a/c/b%20d",
                                       .query = "comp=block&blockid=x%2B%2f%3D",
                                       .headers = all,
                                       .size = 12},
          "PUT\n\n\n12\nbQ==\ntext/plain\n\n\n\"e\"\n*\n\nbytes=5-9\nx-ms-meta-a:1\n"
          "x-ms-meta-b:two  words\n/a/a/c/b%20d\nblockid:x+/=\ncomp:block");
}

TEST(test_a_time_is_that_of_http)
{
    char text[LEAT_AZBLOB_TIME];

    leat_azblob_time(1316741854, text);
    ASSERT_STREQ(text, "Fri, 23 Sep 2011 01:37:34 GMT");
    leat_azblob_time(INT64_MAX, text);
    ASSERT_STREQ(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

/* --- blocks ----------------------------------------------------------------------------------- */

TEST(test_names_of_blocks_have_one_length_and_differ_by_run)
{
    uint8_t mark[LEAT_AZBLOB_MARK] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15", other[LEAT_AZBLOB_MARK];
    char id[LEAT_AZBLOB_ID], last[LEAT_AZBLOB_ID];

    leat_azblob_id(mark, 1, id);
    ASSERT_STREQ(id, "AAECAwQFBgcICQoLDA0AAAAB");
    leat_azblob_id(mark, LEAT_AZBLOB_BLOCKS_MAX, last);
    ASSERT_STREQ(last, "AAECAwQFBgcICQoLDA0AAMNQ");
    ASSERT_LE(sizeof mark + 3, 64); /* what the service accepts before the coding */
    ASSERT(leat_azblob_mark(mark));
    ASSERT(leat_azblob_mark(other));
    ASSERT_NE(memcmp(mark, other, sizeof mark), 0);
}

TEST(test_the_list_names_all_blocks_in_order)
{
    static const uint8_t mark[LEAT_AZBLOB_MARK];
    char text[256];
    struct leat_fixed t = leat_fixed_in(text, sizeof text);

    leat_azblob_list(mark, 2, &t);
    ASSERT_STREQ(text, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
                       "<Latest>AAAAAAAAAAAAAAAAAAAAAAAB</Latest>"
                       "<Latest>AAAAAAAAAAAAAAAAAAAAAAAC</Latest></BlockList>");
    ASSERT_EQ(t.n, leat_azblob_list_size(2) - 1);
}

TEST(test_the_longest_list_fits_in_its_size)
{
    static const uint8_t mark[LEAT_AZBLOB_MARK];
    size_t size = leat_azblob_list_size(LEAT_AZBLOB_BLOCKS_MAX);
    char *text = malloc(size);
    struct leat_fixed t;

    ASSERT_NOT_NULL(text);
    t = leat_fixed_in(text, size);
    leat_azblob_list(mark, LEAT_AZBLOB_BLOCKS_MAX, &t);
    ASSERT(!t.is_full);
    ASSERT_EQ(t.n, size - 1);
    free(text);
}

/* --- places ----------------------------------------------------------------------------------- */

TEST(test_a_url_has_a_container_and_a_blob)
{
    static const char *const good[] = {"azblob://abc/k", "AZBLOB://a-1/k/", "azblob://$root/k",
                                       "azblob://$web/a b%\xc3\xa9?#"};
    static const char *const bad[] = {"azblob:/abc/k",   "http://abc/k",      "azblob://",
                                      "azblob://abc",    "azblob://abc/",     "azblob:///k",
                                      "azblob://ab/k",   "azblob://Abc/k",    "azblob://a_b/k",
                                      "azblob://-ab/k",  "azblob://ab-/k",    "azblob://a--b/k",
                                      "azblob://a.bc/k", "azblob://abc/a\x01"};
    char url[4200];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        test_context("%s", good[i]);
        ASSERT_NULL(leat_azblob_check_url(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context("%s", bad[i]);
        ASSERT_NOT_NULL(leat_azblob_check_url(bad[i]));
    }
    memcpy(url, "azblob://abc/", 13);
    for (size_t i = 0; i < 1025; i++) /* characters of two bytes */
        memcpy(url + 13 + 2 * i, "\xc3\xa9", 2);
    url[13 + 2 * 1024] = '\0';
    ASSERT_NULL(leat_azblob_check_url(url));
    url[13 + 2 * 1024] = '\xc3';
    url[13 + 2 * 1025] = '\0';
    ASSERT_NOT_NULL(leat_azblob_check_url(url));
}

static const struct leat_azblob_settings none = {
    .connection = "", .account = "", .key = "", .sas = "", .endpoint = ""};

TEST(test_a_blob_is_found_by_an_account_an_endpoint_or_a_connection_string)
{
    static const struct {
        const char *connection, *account, *key, *sas, *endpoint, *origin, *path, *want_sas;
        size_t key_n;
    } cases[] = {
        {"", "acct", "a2V5", "", "", "https://acct.blob.core.windows.net", "/abc/a%20b", "", 3},
        {"", "acct", "", "?sv=1&sig=x%2F", "", "https://acct.blob.core.windows.net", "/abc/a%20b",
         "sv=1&sig=x%2F", 0},
        {"", "acct", "a2V5", "sv=1", "http://127.0.0.1:10000/acct/", "http://127.0.0.1:10000",
         "/acct/abc/a%20b", "", 3},
        {"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5Zg==;EndpointSuffix=core."
         "chinacloudapi.cn",
         "other", "!", "!", "!", "https://acct.blob.core.chinacloudapi.cn", "/abc/a%20b", "", 4},
        {"defaultendpointsprotocol=http;accountname=acct;accountkey=a2V5", "", "", "", "",
         "http://acct.blob.core.windows.net", "/abc/a%20b", "", 3},
        {"BlobEndpoint=https://h;SharedAccessSignature=sv=1&sig=y", "", "", "", "", "https://h",
         "/abc/a%20b", "sv=1&sig=y", 0},
        {"UseDevelopmentStorage=true", "", "", "", "", "http://127.0.0.1:10000",
         "/devstoreaccount1/abc/a%20b", "", 64},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct leat_azblob_settings s = {.connection = cases[i].connection,
                                               .account = cases[i].account,
                                               .key = cases[i].key,
                                               .sas = cases[i].sas,
                                               .endpoint = cases[i].endpoint};
        struct leat_azblob_place p;

        test_context("%zu %s", i, cases[i].connection);
        ASSERT_NULL(leat_azblob_locate("azblob://abc/a b", &s, &p));
        ASSERT_STREQ(p.origin, cases[i].origin);
        ASSERT_STREQ(p.path, cases[i].path);
        ASSERT_STREQ(p.sas, cases[i].want_sas);
        ASSERT_EQ(p.key_n, cases[i].key_n);
    }
}

TEST(test_settings_that_do_not_suffice_are_refused)
{
    struct leat_azblob_settings bad[9];
    struct leat_azblob_place p;

    for (size_t i = 0; i < 9; i++) {
        bad[i] = none;
        bad[i].account = "acct";
        bad[i].key = "a2V5";
    }
    bad[0].key = ""; /* and no token */
    bad[1].key = "no base64";
    bad[2].account = "";    /* of a key */
    bad[3].account = "a/b"; /* it is a part of a host */
    bad[4].endpoint = "ftp://h";
    bad[5].endpoint = "http://u@h";
    bad[6].endpoint = "http://h/?sv=1";
    bad[7].connection = "AccountName=acct";
    bad[8] = none;
    bad[8].sas = "sv=1"; /* of which account? */
    for (size_t i = 0; i < 9; i++) {
        test_context("%zu", i);
        ASSERT_NOT_NULL(leat_azblob_locate("azblob://abc/k", &bad[i], &p));
    }
    bad[8].account = "acct";
    bad[8].sas = "sv=1\r\nX: y";
    ASSERT_NOT_NULL(leat_azblob_locate("azblob://abc/k", &bad[8], &p));
}
