/* test_hash.c - digests: known answers, the forms of the line, --to and --expect. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define LARGE 300000u

struct known {
    const char *stage, *tag, *of_nothing, *of_abc;
};

static const struct known known[] = {
    {"md5", "MD5", "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"},
    {"sha1", "SHA1", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
     "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"sha256", "SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha512", "SHA512",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"blake2b", "BLAKE2b",
     "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
     "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce",
     "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
     "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
    {"crc32", "CRC32", "00000000", "352441c2"},
    {"xxh64", "XXH64", "ef46db3751d8e999", "44bc2cf5ad770999"},
};
#define KNOWN (sizeof known / sizeof *known)

static void expect(struct memio *io, const char *text, const char *expected)
{
    test_context("%s", text);
    if (memio_run(io, text) < 0)
        FAIL("%s", io->error.text);
    ASSERT_BYTES_EQ(io->out, io->out_len, expected, strlen(expected));
    memio_free(io);
}

TEST(test_digests_are_the_known_ones)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio nothing = {.in = "", .in_len = 0},
                     abc = {.in = "abc", .in_len = 3, .piece = 1};
        char line[256];

        snprintf(line, sizeof line, "%s  -\n", known[i].of_nothing);
        expect(&nothing, known[i].stage, line);
        snprintf(line, sizeof line, "%s  -\n", known[i].of_abc);
        abc.settings.room = 1;
        expect(&abc, known[i].stage, line);
    }
}

TEST(test_the_digest_does_not_depend_on_the_pieces)
{
    static uint8_t data[LARGE];
    uint64_t random = 1;

    for (size_t i = 0; i < LARGE; i++)
        data[i] = (uint8_t)test_random(&random);
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio whole = {.in = data, .in_len = LARGE},
                     pieces = {.in = data, .in_len = LARGE, .piece = MEMIO_RANDOM, .seed = i};
        char line[256];

        ASSERT_EQ(memio_run(&whole, known[i].stage), 0);
        snprintf(line, sizeof line, "%.*s", (int)whole.out_len, (const char *)whole.out);
        pieces.settings.chunk = 777;
        pieces.settings.threads = 2;
        expect(&pieces, known[i].stage, line);
        memio_free(&whole);
    }
}

/* Runs `read FILE | TEXT` on a file of that name in a directory of the test's own. */
static void run_on_file(const char *name, const char *text, struct memio *io)
{
    char path[512], whole[1024];
    int fd;

    snprintf(path, sizeof path, "%s/%s", test_tmp_dir(), name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, "abc", 3), 3);
    close(fd);
    snprintf(whole, sizeof whole, "read '%s' | %s | memsink --at=%lld", path, text, memio_at(io));
    if (memio_run_text(io, whole) < 0)
        FAIL("%s: %s", whole, io->error.text);
    ASSERT_EQ(unlink(path), 0);
}

TEST(test_the_line_names_the_file_that_was_read)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio io = {.in_len = 0};
        char line[1024];

        run_on_file("a", known[i].stage, &io);
        snprintf(line, sizeof line, "%s  %s/a\n", known[i].of_abc, test_tmp_dir());
        ASSERT_BYTES_EQ(io.out, io.out_len, line, strlen(line));
        memio_free(&io);
    }
}

TEST(test_the_line_can_have_the_bsd_form)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio io = {.in_len = 0};
        char line[1024], text[64];

        snprintf(text, sizeof text, "%s --tag", known[i].stage);
        run_on_file("a", text, &io);
        snprintf(line, sizeof line, "%s (%s/a) = %s\n", known[i].tag, test_tmp_dir(),
                 known[i].of_abc);
        ASSERT_BYTES_EQ(io.out, io.out_len, line, strlen(line));
        memio_free(&io);
    }
}

TEST(test_a_name_with_a_newline_a_return_or_a_backslash_is_escaped)
{
    static const char *const names[][2] = {
        {"a\nb", "a\\nb"}, {"a\rb", "a\\rb"}, {"a\\b", "a\\\\b"}};

    for (size_t i = 0; i < 3; i++) {
        struct memio io = {.in_len = 0};
        char line[1024];

        run_on_file(names[i][0], "md5", &io);
        snprintf(line, sizeof line, "\\%s  %s/%s\n", known[0].of_abc, test_tmp_dir(), names[i][1]);
        ASSERT_BYTES_EQ(io.out, io.out_len, line, strlen(line));
        memio_free(&io);
    }
}

TEST(test_with_to_the_stream_goes_on_and_the_line_goes_to_a_file)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio io = {.in = "abc", .in_len = 3};
        char path[512], text[1024], line[256];
        size_t len;
        uint8_t *side;

        snprintf(path, sizeof path, "%s/sum%zu", test_tmp_dir(), i);
        snprintf(text, sizeof text, "%s --to='%s' | pass", known[i].stage, path);
        expect(&io, text, "abc");
        side = test_file_read(path, &len);
        ASSERT_NOT_NULL(side);
        snprintf(line, sizeof line, "%s  -\n", known[i].of_abc);
        ASSERT_BYTES_EQ(side, len, line, strlen(line));
        free(side);
    }
}

TEST(test_the_expected_digest_lets_the_stream_pass)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio io = {.in = "abc", .in_len = 3};
        char text[512];

        snprintf(text, sizeof text, "%s --expect=%s", known[i].stage, known[i].of_abc);
        expect(&io, text, "abc");
    }
}

TEST(test_another_digest_is_a_checksum_error_and_nothing_is_committed)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct memio io = {.in = "abd", .in_len = 3};
        char text[512];

        snprintf(text, sizeof text, "%s --expect=%s", known[i].stage, known[i].of_abc);
        test_context("%s", text);
        ASSERT_EQ(memio_run(&io, text), LEAT_ECHECKSUM);
        ASSERT_STR_HAS(io.error.text, known[i].of_abc);
        ASSERT_EQ(io.commits, 0);
        memio_free(&io);
    }
}

static void write_list(const char *text, size_t n, char *ret_path, size_t size)
{
    FILE *file;

    snprintf(ret_path, size, "%s/list", test_tmp_dir());
    file = fopen(ret_path, "wb");
    ASSERT_NOT_NULL(file);
    ASSERT_EQ(fwrite(text, 1, n, file), n);
    ASSERT_EQ(fclose(file), 0);
}

/* Every digit counts, those of --check too. */
TEST(test_a_digest_that_differs_in_one_digit_is_another_one)
{
    for (size_t i = 0; i < KNOWN; i++) {
        size_t n = strlen(known[i].of_abc);
        char hex[2 * 64 + 2], text[600], path[512];

        for (size_t at = 0; at < n; at++) {
            struct memio io = {.in = "abc", .in_len = 3};

            snprintf(hex, sizeof hex, "%s", known[i].of_abc);
            hex[at] = hex[at] == '0' ? '1' : '0';
            snprintf(text, sizeof text, "%s --expect=%s", known[i].stage, hex);
            test_context("%s", text);
            ASSERT_EQ(memio_run(&io, text), LEAT_ECHECKSUM);
            memio_free(&io);
            write_list(hex, n, path, sizeof path);
            snprintf(text, sizeof text, "%s --check='%s'", known[i].stage, path);
            test_context("%s: %s", text, hex);
            ASSERT_EQ(memio_run(&io, text), LEAT_ECHECKSUM);
            memio_free(&io);
        }
    }
}

TEST(test_the_digest_is_of_all_the_input_though_downstream_has_enough)
{
    struct memio io = {.in = "abc", .in_len = 3};
    char text[512];

    snprintf(text, sizeof text, "md5 --expect=%s | head -c 1", known[0].of_abc);
    expect(&io, text, "a");
    io.in = "abd";
    ASSERT_EQ(memio_run(&io, text), LEAT_ECHECKSUM);
    memio_free(&io);
}

TEST(test_an_expected_digest_of_wrong_length_is_refused)
{
    static const char *const texts[] = {"md5 --expect=12", "crc32 --expect=1234567x",
                                        "sha256 --expect="};

    for (size_t i = 0; i < 3; i++) {
        struct memio io = {.in = "", .in_len = 0};

        test_context("%s", texts[i]);
        ASSERT_EQ(memio_run(&io, texts[i]), LEAT_EUSAGE);
        ASSERT_STR_HAS(io.error.text, "hexadecimal digits");
        memio_free(&io);
    }
}

/* --- lists of checksums ---------------------------------------------------------------------- */

/* The sha256 of "abc" and of nothing. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NIL "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NIL_UPPER "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"

/* `sha256 --check=LIST OPTIONS` on "abc". Returns the code. */
static int check_abc(const char *list, const char *options, const char *words)
{
    struct memio io = {.in = "abc", .in_len = 3};
    char path[512], text[1024];
    int code;

    write_list(list, strlen(list), path, sizeof path);
    snprintf(text, sizeof text, "sha256 --check='%s' %s", path, options);
    test_context("%s: %s", text, list);
    code = memio_run(&io, text);
    if (words)
        ASSERT_STR_HAS(io.error.text, words);
    ASSERT_EQ(io.commits, code == 0);
    if (code == 0)
        ASSERT_BYTES_EQ(io.out, io.out_len, "abc", 3);
    memio_free(&io);
    return code;
}

TEST(test_a_list_of_one_line_is_of_any_form_and_needs_no_name)
{
    static const char *const lists[] = {
        ABC,
        ABC "\n",
        ABC "  x\n",
        ABC " *x\n",
        ABC " x\r\n",
        "\\" ABC "  a\\nb\n",
        "SHA256 (x) = " ABC "\n",
        "SHA256(x)= " ABC "\n",
        "# sums\n\nMD5 (x) = 900150983cd24fb0d6963f7d28e17f72\nSHA256 (x (2)) = " ABC "\n",
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        ASSERT_EQ(check_abc(lists[i], "", NULL), 0);
    ASSERT_EQ(check_abc(NIL_UPPER "\n", "", "says " NIL_UPPER), LEAT_ECHECKSUM);
}

TEST(test_a_list_of_several_is_searched_for_the_name)
{
    static const char list[] = NIL "  no\n" ABC "  some/where/yes\n" NIL "  yesno\n"
                                   "SHA256 (tagged) = " ABC "\n\\" ABC "  a\\nb\\\\\n";

    ASSERT_EQ(check_abc(list, "--name=yes", NULL), 0);
    ASSERT_EQ(check_abc(list, "--name=some/where/yes", NULL), 0);
    ASSERT_EQ(check_abc(list, "--name=./yes", NULL), 0);
    ASSERT_EQ(check_abc(list, "--name=tagged", NULL), 0);
    ASSERT_EQ(check_abc(list, "--name='a\nb\\'", NULL), 0);
    ASSERT_EQ(check_abc(list, "--name=no", NIL), LEAT_ECHECKSUM);
    ASSERT_EQ(check_abc(list, "--name=ye", "none for 'ye'"), LEAT_ECHECKSUM);
    ASSERT_EQ(check_abc(list, "", "has 5 digests, and none for '-'"), LEAT_ECHECKSUM);
}

TEST(test_the_exact_name_goes_before_the_one_without_directories)
{
    ASSERT_EQ(check_abc(NIL "  d/x\n" ABC "  x\n" NIL "  e/x\n", "--name=x", NULL), 0);
    ASSERT_EQ(check_abc(NIL "  d/x\n" ABC "  e/x\n", "--name=x", "different digests for 'x'"),
              LEAT_ECHECKSUM);
    ASSERT_EQ(check_abc(ABC "  d/x\n" ABC "  e/x\n", "--name=x", NULL), 0);
    ASSERT_EQ(check_abc(ABC "  x\n" NIL "  x\n", "--name=x", "different digests"), LEAT_ECHECKSUM);
}

TEST(test_a_list_without_a_digest_is_corrupt)
{
    static const char *const lists[] = {
        "", "\n", ABC "0  x\n", "SHA256 (x) =\n", ABC "x\n", "SHA512 (x) = " ABC "\n"};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        ASSERT_EQ(check_abc(lists[i], "", "no line with a SHA256 digest"), LEAT_ECORRUPT);
}

TEST(test_no_list_is_an_error_before_the_stream_begins)
{
    struct memio io = {.in = "abc", .in_len = 3};

    ASSERT_EQ(memio_run(&io, "sha256 --check=/nowhere/to/be/found"), LEAT_ENOENT);
    ASSERT_EQ(io.source_calls, 0);
    memio_free(&io);
}

/* Whatever is in it: no crash, and no wrong digest is let pass. */
TEST(test_a_list_of_random_bytes_does_no_harm)
{
    static const char piece[][8] = {"SHA256", " (",   ") = ", "\\", "\n", "  ",
                                    " *",     "\r\n", "x",    "-",  "0f", "SHA256("};
    uint64_t random = 7;

    for (unsigned i = 0; i < 300; i++) {
        struct memio io = {.in = "abc", .in_len = 3};
        char list[2048], path[512], text[600];
        size_t n = 0;

        while (n < 1500 && test_random(&random) % 40) {
            uint64_t k = test_random(&random) % 14;

            n += (size_t)snprintf(list + n, sizeof list - n, "%s", k < 12 ? piece[k] : NIL);
        }
        write_list(list, n, path, sizeof path);
        snprintf(text, sizeof text, "sha256 --check='%s'", path);
        test_context("round %u: %.*s", i, (int)n, list);
        ASSERT_NE(memio_run(&io, text), 0);
        memio_free(&io);
    }
}
