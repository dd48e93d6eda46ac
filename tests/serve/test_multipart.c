/* test_multipart.c - forms that are cut anywhere, whose content looks like a boundary, and whose reader has no room. */

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/serve/multipart.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define SEEN_MAX 4096u

/* All that the parser has said, as one text: "[field|file:content]". */
struct seen {
    char text[SEEN_MAX];
    size_t n;
    uint64_t random; /* 0: the reader always has room */
};

static uint64_t draw(uint64_t *state, uint64_t below)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static void say(struct seen *s, const void *data, size_t n)
{
    ASSERT_LE(s->n + n, SEEN_MAX);
    memcpy(s->text + s->n, data, n);
    s->n += n;
}

static bool busy(struct seen *s)
{
    return s->random != 0 && draw(&s->random, 3) == 0;
}

static int on_begin(void *arg, const char *field, const char *file)
{
    struct seen *s = arg;

    if (busy(s))
        return MULTIPART_WAIT;
    say(s, "[", 1);
    say(s, field, strlen(field));
    say(s, "|", 1);
    say(s, file ? file : "-", file ? strlen(file) : 1);
    say(s, ":", 1);
    return 0;
}

static ssize_t on_data(void *arg, const uint8_t *data, size_t n)
{
    struct seen *s = arg;

    if (s->random != 0)
        n = (size_t)draw(&s->random, n + 1);
    say(s, data, n);
    return (ssize_t)n;
}

static int on_end(void *arg)
{
    struct seen *s = arg;

    if (busy(s))
        return MULTIPART_WAIT;
    say(s, "]", 1);
    return 0;
}

static const struct multipart_events events = {on_begin, on_data, on_end};

/* Parse a form in pieces of `piece` bytes; 0: of any. Returns the code of the parser. */
static int parse(struct seen *s, const char *boundary, const char *form, size_t n, size_t piece,
                 uint64_t seed)
{
    struct multipart *m = multipart_new(boundary, &events, s);
    uint64_t random = seed + 1;
    int r = 0;

    s->n = 0;
    s->random = seed;
    ASSERT_NOT_NULL(m);
    for (size_t at = 0; at < n && r == 0;) {
        size_t some = piece > 0 ? piece : 1 + (size_t)draw(&random, 20);
        uint8_t *copy;
        ssize_t used;

        some = some < n - at ? some : n - at;
        copy = malloc(some); /* of the exact size, so that a sanitizer sees a read beyond it */
        ASSERT_NOT_NULL(copy);
        memcpy(copy, form + at, some);
        used = multipart_push(m, copy, some);
        free(copy);
        r = used < 0 ? (int)used : 0;
        if (used > 0)
            ASSERT_LE((size_t)used, some);
        if (seed == 0 && r == 0)
            ASSERT_EQ((size_t)used, some);
        at += used > 0 ? (size_t)used : 0;
    }
    if (r == 0)
        while ((r = multipart_finish(m)) == MULTIPART_WAIT)
            ;
    if (r < 0)
        ASSERT_NE(multipart_reason(m)[0], '\0');
    multipart_free(m);
    return r;
}

static void expect(const char *form, size_t n, const char *wanted, int code)
{
    struct seen s;

    for (size_t piece = 0; piece < 80; piece++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            test_context("pieces of %zu, seed %llu", piece, (unsigned long long)seed);
            ASSERT_EQ(parse(&s, "xyz", form, n, piece, seed), code);
            if (code == 0)
                ASSERT_BYTES_EQ(s.text, s.n, wanted, strlen(wanted));
        }
    test_context_clear();
}

#define EXPECT(form, wanted) expect(form, sizeof(form) - 1, wanted, 0)
#define REFUSE(form, code) expect(form, sizeof(form) - 1, "", code)
#define PART(disposition) "--xyz\r\nContent-Disposition: form-data; " disposition "\r\n\r\n"

TEST(test_fields_and_files_are_told_apart)
{
    EXPECT(PART("name=a") "1\r\n" PART("name=\"b\"; filename=\"f.txt\"") "22\r\n--xyz--\r\n",
           "[a|-:1][b|f.txt:22]");
    EXPECT("preamble\r\n" PART("name=a; filename=f") "\r\n--xyz--epilogue\r\n--xyz\r\n", "[a|f:]");
    EXPECT("--xyz--", "");
    EXPECT("\r\n--xyz--", "");
    EXPECT("--xyz \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xyz--", "[a|-:1]");
}

TEST(test_content_that_looks_like_a_boundary_is_content)
{
    EXPECT(PART("name=a") "\r\r\n\r\n-\r\n--\r\n--x\r\n--xy\r--xyz\n--xyz--xyz\r\r\n--xyz--",
           "[a|-:\r\r\n\r\n-\r\n--\r\n--x\r\n--xy\r--xyz\n--xyz--xyz\r]");
    EXPECT(PART("name=a") "\n\r\n--xyz--", "[a|-:\n]");
    EXPECT(PART("name=a") "\r\n\r\n--xyz--", "[a|-:\r\n]");
    EXPECT(PART("name=a") "-\r\n--xyz--", "[a|-:-]");
    EXPECT(PART("name=a") "--xy\r\n--xyz--", "[a|-:--xy]");
}

TEST(test_a_part_without_content_may_have_no_line_end_of_its_own)
{
    EXPECT(PART("name=a; filename=f") "--xyz--", "[a|f:]");
    EXPECT(PART("name=a; filename=f") "\r\n--xyz--", "[a|f:]");
}

TEST(test_the_last_part_of_a_path_is_the_name_of_the_file)
{
    EXPECT(PART("name=a; filename=\"/tmp/x.dat\"") "\r\n--xyz--", "[a|x.dat:]");
    EXPECT(PART("name=a; filename=\"C:\\files\\x.dat\"") "\r\n--xyz--", "[a|x.dat:]");
    EXPECT(PART("name=a; filename=\"../../etc/passwd\"") "\r\n--xyz--", "[a|passwd:]");
    EXPECT(PART("name=a; filename=\"q\\\"q;r\"") "\r\n--xyz--", "[a|q\"q;r:]");
    EXPECT(PART("name=a; filename*=utf-8''n%C3%A4me") "\r\n--xyz--", "[a|n\xc3\xa4me:]");
    EXPECT(PART("name=a; filename*=iso-8859-1'de'n%E4me; filename=n") "\r\n--xyz--",
           "[a|n\xc3\xa4me:]");
    EXPECT(PART("name=a; filename*=utf-8''..%2f..%2fx") "\r\n--xyz--", "[a|x:]");
}

TEST(test_parts_of_no_form_are_skipped)
{
    EXPECT("--xyz\r\n\r\n1\r\n" PART("name=a") "2\r\n--xyz--", "[a|-:2]");
    EXPECT("--xyz\r\nContent-Type: text/plain\r\n\r\n1\r\n--xyz--", "");
    EXPECT("--xyz\r\nContent-Disposition: \r\n\r\n1\r\n--xyz--", "");
    EXPECT(PART("filename=f") "1\r\n--xyz--", "");
    EXPECT(PART("name=a; filename=\"\"") "1\r\n--xyz--", "");
    EXPECT(
        "--xyz\r\nContent-Disposition: form-data;\r\n name=a;\r\n\tfilename=f\r\n\r\n1\r\n--xyz--",
        "[a|f:1]");
}

TEST(test_a_form_that_is_cut_is_truncated)
{
    static const char form[] = PART("name=a; filename=f") "1\r\n--xyz--";

    for (size_t n = 0; n < sizeof form - 1; n++) {
        test_context("%zu bytes", n);
        expect(form, n, "", LEAT_ETRUNCATED);
    }
}

TEST(test_a_malformed_form_is_refused)
{
    REFUSE("--xyzz\r\n", LEAT_ECORRUPT);
    REFUSE("--xyz\n", LEAT_ETRUNCATED);
    REFUSE("--xyz\r\nno colon\r\n\r\n", LEAT_ECORRUPT);
    REFUSE("--xyz\r\n:) a: b\r\n\r\n", LEAT_ECORRUPT);
    REFUSE("--xyz\r\na: \0b\r\n\r\n", LEAT_ECORRUPT);
    REFUSE(PART("name=\"a"), LEAT_ECORRUPT);
    REFUSE(PART("name"), LEAT_ECORRUPT);
    REFUSE(PART("=a"), LEAT_ECORRUPT);
    REFUSE(PART("name=a; filename*=utf-8''%zz"), LEAT_ECORRUPT);
    REFUSE(PART("name=a; filename*=utf-8''%00"), LEAT_ECORRUPT);
    REFUSE(PART("name=a; filename*=iso-8859-1''\xe4\xe4\xe4\xe4\xe4"), LEAT_ECORRUPT);
    REFUSE(PART("name=a; filename*=koi8-r''a"), LEAT_ECORRUPT);
    REFUSE(PART("name=a") "1\r\n--xyzww", LEAT_ECORRUPT);
}

TEST(test_a_head_that_is_too_long_is_refused)
{
    static char form[MULTIPART_HEAD_MAX + 100] = "--xyz\r\na: ";
    struct seen s;
    size_t n = strlen(form);

    memset(form + n, 'a', sizeof form - n);
    ASSERT_EQ(parse(&s, "xyz", form, sizeof form, 1000, 0), LEAT_ECORRUPT);
}

TEST(test_the_boundary_is_read_from_the_type)
{
    char b[MULTIPART_BOUNDARY_MAX + 1];

    ASSERT_EQ(multipart_boundary("multipart/form-data; boundary=abc", b), 1);
    ASSERT_STREQ(b, "abc");
    ASSERT_EQ(multipart_boundary("Multipart/Form-Data ; charset=x; BOUNDARY=\"a b\" ", b), 1);
    ASSERT_STREQ(b, "a b");
    ASSERT_EQ(multipart_boundary(NULL, b), 0);
    ASSERT_EQ(multipart_boundary("text/plain; boundary=a", b), 0);
    ASSERT_EQ(multipart_boundary("multipart/form-datax; boundary=a", b), 0);
    ASSERT_EQ(multipart_boundary("multipart/form-data", b), -1);
    ASSERT_EQ(multipart_boundary("multipart/form-data; boundary=", b), -1);
    ASSERT_EQ(multipart_boundary("multipart/form-data; boundary=\"a", b), -1);
    ASSERT_EQ(
        multipart_boundary("multipart/form-data; boundary=01234567890123456789012345678901234567"
                           "890123456789012345678901234567890",
                           b),
        -1);
}

TEST(test_mutated_forms_never_hang_or_read_too_far)
{
    static const char form[] = "pre\r\n" PART("name=a; filename=\"f\"") "1\r\n2\r\n" PART(
        "name=b; filename*=utf-8''%41") "\r--xyz\r\n--xyz\r\nContent-Type: a\r\n\r\n\r\n--xyz--\r\n";
    char mutated[2 * sizeof form];
    struct seen s;

    for (uint64_t seed = 1; seed <= 5000; seed++) {
        uint64_t random = seed;
        size_t n = sizeof form - 1;

        memcpy(mutated, form, n);
        for (size_t k = 1 + (size_t)draw(&random, 4); k > 0; k--) {
            size_t at = (size_t)draw(&random, n), some = (size_t)draw(&random, n - at);

            switch (draw(&random, 4)) {
            case 0:
                mutated[at] = (char)draw(&random, 256);
                break;
            case 1: /* lose some */
                memmove(mutated + at, mutated + at + some, n - at - some);
                n -= some;
                break;
            case 2: /* double some */
                some = some < sizeof mutated - n ? some : sizeof mutated - n;
                memmove(mutated + at + some, mutated + at, n - at);
                n += some;
                break;
            default:
                mutated[at] = "\r\n-:;=\"%"[draw(&random, 8)];
            }
            if (n == 0)
                break;
        }
        test_context("seed %llu", (unsigned long long)seed);
        (void)parse(&s, "xyz", mutated, n, 0, seed);
    }
}
