/* test_flow.c - require and limit: what is let through, and what is not. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../transforms/flow/bucket.h"
#include "memio.h"
#include "test.h"

/* Runs `text` over the input, in pieces and whole, on the loop and on threads, and compares the output. */
static void gives(const char *text, const char *in, int code, const char *out)
{
    size_t piece;

    for (piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = strlen(in), .piece = piece};

        io.settings.threads = 1 + (unsigned)piece % 2;
        io.settings.room = piece == 2;
        test_context("%s, piece %zu", text, piece);
        ASSERT_EQ(memio_run(&io, text), code);
        ASSERT_EQ(io.commits, code == 0);
        if (out)
            ASSERT_BYTES_EQ(io.out, io.out_len, out, strlen(out));
        memio_free(&io);
    }
}

/* The failure's text and place. */
static void says(const char *text, const char *in, int code, const char *words, uint64_t offset)
{
    struct memio io = {.in = in, .in_len = strlen(in), .piece = 3};

    test_context("%s", text);
    ASSERT_EQ(memio_run(&io, text), code);
    ASSERT_STR_HAS(io.error.text, words);
    ASSERT(io.error.has_offset);
    ASSERT_EQ(io.error.offset, offset);
    memio_free(&io);
}

/* --- require ------------------------------------------------------------------------------- */

TEST(test_what_is_as_required_goes_on_unchanged)
{
    static const char text[] = "one\ntwo\n\nfour";

    gives("require", text, 0, text);
    gives("require", "", 0, "");
    gives("require --min-bytes=13 --max-bytes=13 --min-lines=4 --max-lines=4", text, 0, text);
    gives("require --max-bytes=0 --max-lines=0", "", 0, "");
    gives("require --match '^f.*r$' --match '^$' --match TWO -i", text, 0, text);
    gives("require -F --match o", text, 0, text);
}

TEST(test_too_few_bytes_or_lines_are_truncation)
{
    gives("require --min-bytes=14", "one\ntwo\n\nfour", LEAT_ETRUNCATED, NULL);
    gives("require --min-lines=5", "one\ntwo\n\nfour", LEAT_ETRUNCATED, NULL);
    gives("require --min-lines=1", "", LEAT_ETRUNCATED, NULL);
    says("require --min-bytes=10", "one\n", LEAT_ETRUNCATED, "has 4 bytes, --min-bytes is 10", 4);
    says("require --min-lines=9", "1\n2\n3", LEAT_ETRUNCATED, "has 3 lines, --min-lines is 9", 5);
}

TEST(test_too_many_bytes_or_lines_are_over_a_limit_where_it_is_crossed)
{
    gives("require --max-bytes=12", "one\ntwo\n\nfour", LEAT_ELIMIT, NULL);
    gives("require --max-lines=3", "one\ntwo\n\nfour", LEAT_ELIMIT, NULL);
    gives("require --max-bytes=0", "x", LEAT_ELIMIT, NULL);
    says("require --max-bytes=5", "one\ntwo\n", LEAT_ELIMIT, "at least 6 bytes, --max-bytes is 5",
         5);
    says("require --max-lines=2", "a\nbc\nd", LEAT_ELIMIT, "at least 3 lines, --max-lines is 2", 5);
}

TEST(test_a_pattern_that_no_line_matches_is_an_error)
{
    gives("require --match 'e.t'", "one\ntwo\n", LEAT_ECORRUPT, NULL);
    gives("require --match one --match three", "one\ntwo\n", LEAT_ECORRUPT, NULL);
    says("require --match two --match three", "one\ntwo\n", LEAT_ECORRUPT, "'three'", 8);
}

TEST(test_what_a_later_stage_does_not_want_counts_all_the_same)
{
    gives("require --min-lines=3 : head -n 1", "1\n2\n3\n", 0, "1\n");
    gives("require --min-lines=4 : head -n 1", "1\n2\n3\n", LEAT_ETRUNCATED, NULL);
    gives("require --match 3 : head -n 1", "1\n2\n3\n", 0, "1\n");
}

TEST(test_wrong_options_of_require_are_usage_errors)
{
    gives("require --min-bytes=2 --max-bytes=1", "", LEAT_EUSAGE, NULL);
    gives("require --min-lines=2 --max-lines=1", "", LEAT_EUSAGE, NULL);
    gives("require --match '('", "", LEAT_EUSAGE, NULL);
}

TEST(test_a_pattern_that_costs_too_much_is_an_error_and_no_hang)
{
    char *line = malloc(30001);
    struct memio io = {.in = line, .in_len = 30000};

    ASSERT_NOT_NULL(line);
    memset(line, 'a', 30000);
    ASSERT_EQ(memio_run(&io, "require --match '(a+)+(a+)+(a+)+$(?<=b)'"), LEAT_ELIMIT);
    ASSERT_STR_HAS(io.error.text, "steps");
    free(line);
}

/* --- limit --------------------------------------------------------------------------------- */

TEST(test_a_limit_ends_the_stream_and_that_is_success)
{
    gives("limit --bytes=5", "one\ntwo\n", 0, "one\nt");
    gives("limit --bytes=0", "one\ntwo\n", 0, "");
    gives("limit --bytes=100", "one\ntwo\n", 0, "one\ntwo\n");
    gives("limit --lines=1", "one\ntwo\n", 0, "one\n");
    gives("limit --lines=2", "one\ntwo", 0, "one\ntwo");
    gives("limit --lines=0", "one\ntwo\n", 0, "");
    gives("limit --lines=2 --bytes=6 --rate=1M", "one\ntwo\n", 0, "one\ntw");
    gives("limit", "one\ntwo\n", 0, "one\ntwo\n");
}

TEST(test_a_limit_ends_an_endless_source)
{
    struct memio io = {.in = "abc\n", .in_len = 4, .in_repeat = UINT64_MAX / 8};

    ASSERT_EQ(memio_run(&io, "limit --lines=100000"), 0);
    ASSERT_EQ(io.out_len, 400000);
    memio_free(&io);
}

TEST(test_wrong_options_of_limit_are_usage_errors)
{
    gives("limit --rate=fast", "", LEAT_EUSAGE, NULL);
    gives("limit --rate=0/s", "", LEAT_EUSAGE, NULL);
    gives("limit --rate=/s", "", LEAT_EUSAGE, NULL);
    gives("limit --burst=1K", "", LEAT_EUSAGE, NULL);
}

/* A hundred virtual seconds of a reader that takes all it may, late by a random time. */
TEST(test_a_bucket_keeps_its_rate_over_any_time)
{
    static const uint64_t rates[] = {1, 7, 1000, 1234567, (uint64_t)40 << 30};
    uint64_t random = 1, i;

    for (i = 0; i < 5; i++) {
        struct leat_bucket b = {.rate = rates[i], .burst = rates[i] / 10 + 4};
        uint64_t now = 5000000000u, start = now, sent = 0, n;

        if (b.burst > LEAT_BUCKET_BURST_MAX)
            b.burst = LEAT_BUCKET_BURST_MAX;
        while (now - start < 100 * LEAT_BUCKET_PARTS) {
            n = leat_bucket_room(&b, now);
            ASSERT_LE(n, b.burst);
            leat_bucket_take(&b, n);
            sent += n;
            ASSERT_LE(sent, b.burst + (test_int)(now - start) * b.rate / LEAT_BUCKET_PARTS);
            n = b.burst / 4 ? b.burst / 4 : 1;
            now += leat_bucket_wait_ms(&b, n) * 1000000;
            ASSERT_GE(leat_bucket_room(&b, now), n);
            now += test_random(&random) % 5000000;
        }
        test_context("rate %ju, sent %ju", (uintmax_t)rates[i], (uintmax_t)sent);
        ASSERT_GE(sent, (test_int)b.rate * 99);
    }
}

TEST(test_a_pause_is_caught_up_by_one_burst_only)
{
    struct leat_bucket b = {.rate = 1000, .burst = 50};

    ASSERT_EQ(leat_bucket_room(&b, 1), 50);
    leat_bucket_take(&b, 50);
    ASSERT_EQ(leat_bucket_room(&b, 1), 0);
    ASSERT_EQ(leat_bucket_wait_ms(&b, 50), 50);
    ASSERT_EQ(leat_bucket_wait_ms(&b, 1), 1);
    ASSERT_EQ(leat_bucket_room(&b, 1 + 49999999), 49);
    ASSERT_EQ(leat_bucket_room(&b, 1 + 50000000), 50);
    ASSERT_EQ(leat_bucket_room(&b, UINT64_MAX), 50);
    ASSERT_EQ(leat_bucket_room(&b, 7), 50); /* a clock that goes back */
}

/* It can only be too slow on a busy machine, never too fast: that is what is asked. */
TEST(test_a_rate_is_kept)
{
    struct memio io = {.in = "0123456789", .in_len = 10, .in_repeat = 1000};
    size_t i;

    for (i = 0; i < 3; i++) {
        io.settings.executor = (enum leat_executor_kind[]){LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                           LEAT_EXECUTOR_SEEDED}[i];
        ASSERT_EQ(memio_run(&io, "limit --rate=100KB/s --burst=1000"), 0);
        ASSERT_EQ(io.out_len, 10000);
        ASSERT_GE(io.stats.elapsed_ns, 90000000);
        memio_free(&io);
    }
}

/* --- route --------------------------------------------------------------------------------- */

#define SINKS 3

/* Runs `text`, in which @1 … @3 stand for sinks in memory, and compares what they got. */
static void routes(const char *text, const char *in, const char *onward, const char *const *outs)
{
    for (size_t piece = 0; piece < 4; piece++) {
        struct memio io = {.in = in, .in_len = strlen(in), .piece = piece};
        struct memio sinks[SINKS] = {0};
        char whole[512];
        size_t n = 0;

        for (const char *c = text; *c; c++)
            if (*c == '@')
                n += (size_t)snprintf(whole + n, sizeof whole - n, "memsink --at=%lld",
                                      memio_at(&sinks[*++c - '1']));
            else
                whole[n++] = *c;
        whole[n] = '\0';
        io.settings.threads = 1 + (unsigned)piece % 2;
        io.settings.room = piece == 2;
        test_context("%s, piece %zu", text, piece);
        if (memio_run(&io, whole) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, onward, strlen(onward));
        for (size_t i = 0; i < SINKS && outs[i]; i++) {
            test_context("%s, piece %zu, branch %zu", text, piece, i + 1);
            ASSERT_BYTES_EQ(sinks[i].out, sinks[i].out_len, outs[i], strlen(outs[i]));
            memio_free(&sinks[i]);
        }
        memio_free(&io);
    }
}

#define OUTS(...)                                                                                  \
    (const char *const[SINKS + 1])                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

TEST(test_each_line_goes_to_the_first_branch_that_takes_it)
{
    static const char in[] = "apple\nbanana\nAvocado\n\ncherry\nblueberry";

    routes("route [ -e ^a : @1 ] [ -e an -e rr : @2 ]", in, "Avocado\n\n",
           OUTS("apple\n", "banana\ncherry\nblueberry"));
    routes("route [ -i -e ^a : @1 ] [ --match='^$' : @2 ] [ @3 ]", in, "",
           OUTS("apple\nAvocado\n", "\n", "banana\ncherry\nblueberry"));
    routes("route [ -v -e a : @1 ] [ -F -e . : @2 ]", in, "apple\nbanana\nAvocado\n",
           OUTS("\ncherry\nblueberry", ""));
    routes("route [ -e a : grep n : @1 ]", in, "\ncherry\nblueberry", OUTS("banana\n"));
    routes("route [ -e x : @1 ]", "", "", OUTS(""));
    routes("route -z [ -e '^a' : @1 ]", "b\na", "b\na", OUTS(""));
}

TEST(test_a_route_branch_that_ends_early_leaves_the_others_running)
{
    routes("route [ -e a : head -n 1 : @1 ] [ -e b : @2 ]", "a1\nb1\na2\nc\na3\nb2\n", "c\n",
           OUTS("a1\n", "b1\nb2\n"));
    routes("route [ -e a : @1 ] : head -n 1", "c1\na1\nc2\na2\n", "c1\n", OUTS("a1\na2\n"));
}

TEST(test_wrong_branches_of_route_are_usage_errors)
{
    gives("route [ -e '(' : null ]", "", LEAT_EUSAGE, NULL);
    gives("route [ -v : null ]", "", LEAT_EUSAGE, NULL);
    gives("route [ -e a ]", "", LEAT_EUSAGE, NULL);
    gives("route", "", LEAT_EUSAGE, NULL);
}

/* --- split --size-compressed --------------------------------------------------------------- */

#define PARTS_MAX 4096

/* How a stream is cut, and what each part then begins with. */
struct cut {
    const char *options, *record, *header; /* a record; before those of every part, or "" */
    char begins; /* the first byte of a record, nowhere at its other lines */
    size_t most; /* records in a part */
};

static const struct cut cuts[] = {
    {"", "Rabcdefghijklmnopqrstuvwxyz\n", "", 'R', SIZE_MAX},
    {"--csv", "R,\"a\n\"\"b\"\",\n\",\"c\"\n", "", 'R', SIZE_MAX},
    {"--csv --header -t ;", "R;\"a\n\"\"b\"\";\n\";c\n", "H;\"\n\";x\n", 'R', SIZE_MAX},
    {"--records=40", "R,\"a\n\"\"b\"\",\n\",\"c\"\n", "", 'R', 40},
    {"--lines=30 --header", "Rabcdefghijklmnopqrstuvwxyz\n", "Header\n", 'R', 30},
};
#define N_CUTS (sizeof cuts / sizeof *cuts)

/* One part, without its header: whole records, so many at most. Returns whether it
 * is as large as it is to be; the last one need not be. */
static bool gather_part(const struct cut *c, FILE *f, size_t least, char *to, size_t room)
{
    size_t header = strlen(c->header), record = strlen(c->record), got;
    char head[64];

    ASSERT_EQ(fread(head, 1, header, f), header);
    ASSERT_MEM_EQ(head, c->header, header);
    got = fread(to, 1, room, f);
    ASSERT_GT(got, 0);
    ASSERT_EQ(to[0], c->begins);
    ASSERT_EQ(got % record, 0);
    ASSERT_LE(got / record, c->most);
    return header + got >= least || got / record == c->most;
}

/* The records of all parts, which go away. Returns how many there were. */
static size_t gather(const struct cut *c, const char *dir, size_t least, char *to, size_t room,
                     size_t *ret_len)
{
    size_t n, len = 0;
    bool large = true;

    for (n = 0; n < PARTS_MAX; n++) {
        char path[300];
        FILE *f;

        snprintf(path, sizeof path, "%s/%zu", dir, n);
        f = fopen(path, "r");
        if (!f)
            break;
        ASSERT(large);
        large = gather_part(c, f, least, to + len, room - len);
        len += ftell(f) - strlen(c->header);
        ASSERT_EQ(fclose(f), 0);
        ASSERT_EQ(unlink(path), 0);
    }
    *ret_len = len;
    return n;
}

static size_t fill(const struct cut *c, char *to, size_t room)
{
    size_t n = strlen(c->header), record = strlen(c->record);

    memcpy(to, c->header, n);
    for (; n + record <= room; n += record)
        memcpy(to + n, c->record, record);
    return n;
}

/* Returns how many parts there were. */
static size_t cut_once(const struct cut *c, const char *dir, unsigned seed)
{
    static char in[60000], out[sizeof in + 1];
    struct memio io = {.in = in, .piece = MEMIO_RANDOM, .seed = seed};
    bool fails = seed % 5 == 4;
    size_t n, len, header = strlen(c->header);
    char text[400];

    test_context("%s, seed %u", c->options, seed);
    io.in_len = fill(c, in, sizeof in);
    io.settings.seed = seed;
    io.settings.chunk = 300;
    io.settings.threads = 1 + seed % 4;
    io.settings.executor = seed % 8 == 7 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
    io.source.fail_at = fails ? 2 + seed : 0;
    snprintf(text, sizeof text,
             "memsource --at=%lld : split --no-sync --size-compressed=700 %s %s/{n} [ %s ]",
             memio_at(&io), c->options, dir, seed % 3 ? "pass" : "gzip : gunzip : pass");
    ASSERT_EQ(memio_run_text(&io, text), fails ? LEAT_EIO : 0);
    n = gather(c, dir, 700, out, sizeof out, &len);
    if (fails)
        ASSERT_EQ(n, 0);
    else
        ASSERT_BYTES_EQ(out, len, in + header, io.in_len - header);
    memio_free(&io);
    return n;
}

TEST(test_parts_cut_by_what_comes_out_are_the_whole_input_under_any_schedule)
{
    unsigned seeds = test_under_sanitizer() ? 10 : 60;
    char dir[200];

    snprintf(dir, sizeof dir, "%s/parts", test_tmp_dir());
    ASSERT_EQ(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < N_CUTS; i++) {
        size_t most = 0;

        for (unsigned seed = 0; seed < seeds; seed++) {
            size_t n = cut_once(&cuts[i], dir, seed);

            most = n > most ? n : most;
        }
        ASSERT_GT(most, 10);
    }
    ASSERT_EQ(rmdir(dir), 0);
}

/* The error of building `zero : TEXT`. */
static void is_refused(const char *text, const char *words)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p = NULL;
    char whole[300];

    test_context("%s", text);
    ASSERT_NOT_NULL(registry);
    snprintf(whole, sizeof whole, "zero : %s", text);
    ASSERT_EQ(leat_pipeline_from_text(registry, whole, &settings, &p, &error), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, words);
    ASSERT_GT(error.stage, 0);
    leat_registry_free(registry);
}

TEST(test_wrong_options_of_split_are_usage_errors)
{
    is_refused("split part-{n}", "needs one of");
    is_refused("split -n 1 -b 1 part-{n}", "needs one of");
    is_refused("split -n 1 --records=1 part-{n}", "needs one of");
    is_refused("split --size-compressed=1 -b 1 part-{n} [ pass ]", "needs one of");
    is_refused("split --size-compressed=1 -n 1 --records=1 part-{n} [ pass ]", "needs one of");
    is_refused("split --size-compressed=1 part-{n}", "without a branch use");
    is_refused("split --header -b 1 part-{n}", "cuts anywhere");
    is_refused("split --csv -b 1 part-{n}", "--csv cannot be used");
    is_refused("split --csv -C 1 part-{n}", "--csv cannot be used");
    is_refused("split -t , -n 1 part-{n}", "--separator must be");
    is_refused("split --csv -t ,, -n 1 part-{n}", "--separator must be");
    is_refused("split -n 1", "needs a name");
    is_refused("split -n 1 [ gzip ]", "needs a name");
    is_refused("split -n 1 part", "needs {n}");
    is_refused("split -n 1 part-{n [ gzip ]", "needs {n}");
    is_refused("split -n 1 part-{n:21}", "20 are the most");
    is_refused("split -n 1 [ write part-{x} ]", "needs {n}");
}
