/* test_named_parts.c - a stage that names its parts: files in directories, all of them or none.
 *
 * The stage `bag` reads records "@NAME LENGTH\n" and LENGTH bytes, and makes each record a part;
 * "!\n" ends the part before it. `pull` is the same with a thread of its own.
 */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts_aid.h"
#include "stage.h"
#include "test.h"

#define HEAD_MAX 8192u
#define TEXT_MAX 2048u
#define DATA_MAX 60000u

/* --- the stages ------------------------------------------------------------------------------- */

struct bag_params {
    const char *directory;
    struct leat_file_options file;
    int unnamed, twice, late, outside;
};

struct bag {
    char head[HEAD_MAX];
    size_t n;      /* bytes of the line until now */
    uint64_t left; /* bytes of the current part */
};

static int bag_plan(struct leat_stage *s)
{
    const struct bag_params *p = leat_params(s);
    const struct leat_part_options options = {
        .file = p->file, .named = !p->unnamed, .directory = p->directory};

    leat_plan_parts(s, &options);
    return 0;
}

/* A line is complete. */
static int bag_line(struct leat_stage *s, struct bag *b)
{
    char *space;
    int r;

    b->head[b->n] = '\0';
    if (b->head[0] == '!') {
        leat_part_end(s);
        return 0;
    }
    space = memrchr(b->head, ' ', b->n);
    b->left = strtoull(space + 1, NULL, 10);
    r = leat_part_begin(s, b->head + 1, (size_t)(space - b->head) - 1);
    b->n = 0;
    return r;
}

/* Add a byte to the line; returns whether it is complete. */
static bool bag_add(struct bag *b, uint8_t byte)
{
    if (byte != '\n')
        b->head[b->n++] = (char)byte;
    return byte == '\n';
}

static int bag_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct bag_params *p = leat_params(s);
    struct bag *b = leat_state(s);
    size_t n = in->len - in->pos;

    if (b->left > 0 && n > 0) {
        n = leat_pass(out, in, n < b->left ? n : (size_t)b->left);
        b->left -= n;
        if (b->left > 0 || n == 0 || in->pos < in->len)
            return LEAT_MORE;
    }
    while (b->left == 0 && in->pos < in->len)
        if (bag_add(b, in->data[in->pos++])) {
            bool begins = b->head[0] != '!';
            int r;

            if (p->late)
                leat_write(out, "x", 1);
            r = bag_line(s, b);
            b->n = 0;
            if (!begins)
                continue;
            if (r == 0 && p->twice)
                r = leat_part_begin(s, "twice", 5);
            if (r == 0 && p->outside) {
                leat_part_end(s);
                b->left = 0;
            }
            return r < 0 ? r : LEAT_MORE;
        }
    if (in->end && p->outside)
        leat_write(out, "x", 1);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int push_outside(struct leat_stage *s, struct leat_blocking *blocking)
{
    leat_part_end(s);
    return leat_push(blocking, "x", 1);
}

static int pull_run(struct leat_stage *s, struct leat_blocking *blocking)
{
    const struct bag_params *p = leat_params(s);
    struct bag *b = leat_state(s);
    const uint8_t *data;
    size_t n;
    int r;

    while ((r = leat_pull(blocking, &data, &n)) > 0)
        while (n > 0) {
            size_t some = b->left < n ? (size_t)b->left : n;

            if (some == 0) {
                some = 1;
                r = bag_add(b, *data) ? bag_line(s, b) : 0;
                if (*data == '\n' && p->outside)
                    r = push_outside(s, blocking);
                if (*data == '\n')
                    b->n = 0;
            } else {
                r = leat_push(blocking, data, some);
                b->left -= some;
            }
            if (r < 0)
                return r;
            data += some;
            n -= some;
        }
    return r < 0 ? r : LEAT_END;
}

#define AT(field) offsetof(struct bag_params, field)
static const struct leat_option options[] = {
    {.name = "directory", .kind = LEAT_OPT_STRING, .offset = AT(directory), .metavar = "DIR"},
    {.name = "unnamed", .kind = LEAT_OPT_FLAG, .offset = AT(unnamed)},
    {.name = "twice", .kind = LEAT_OPT_FLAG, .offset = AT(twice)},
    {.name = "late", .kind = LEAT_OPT_FLAG, .offset = AT(late)},
    {.name = "outside", .kind = LEAT_OPT_FLAG, .offset = AT(outside)},
    LEAT_FILE_OPTIONS(AT(file)),
    {0},
};

static const struct leat_stage_type bag = {
    .name = "bag",
    .kind = LEAT_SINK,
    .operands = "NAME",
    .operands_max = SIZE_MAX,
    .flags = LEAT_PARTS,
    .branches_max = 1,
    .params_size = sizeof(struct bag_params),
    .state_size = sizeof(struct bag),
    .options = options,
    .plan = bag_plan,
    .step = bag_step,
};

static const struct leat_stage_type pull = {
    .name = "pull",
    .kind = LEAT_SINK,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_PARTS,
    .branches_max = 1,
    .params_size = sizeof(struct bag_params),
    .state_size = sizeof(struct bag),
    .options = options,
    .plan = bag_plan,
    .run = pull_run,
};

static const struct leat_stage_type *const types[] = {&bag, &pull, NULL};

/* --- the directory ---------------------------------------------------------------------------- */

static struct {
    char text[DATA_MAX + 8192]; /* "NAME=CONTENT\n" of each file, "NAME/\n" of each directory */
    size_t n;
} seen;

static void see(const char *text, const char *end)
{
    seen.n += (size_t)snprintf(seen.text + seen.n, sizeof seen.text - seen.n, "%s%s", text, end);
    ASSERT_LT(seen.n, sizeof seen.text);
}

static int see_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    const char *name = path + strlen(test_tmp_dir());
    size_t len = 0;
    uint8_t *data;

    (void)info;
    if (ftw->level == 0)
        return 0;
    see(name + 1, kind == FTW_DP ? "/\n" : kind == FTW_SL ? "@\n" : "=");
    if (kind != FTW_F)
        return 0;
    data = test_file_read(path, &len);
    ASSERT_NOT_NULL(data);
    see((const char *)data, "\n");
    free(data);
    return 0;
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sort the lines, as the order in a directory is not fixed. */
static void sort_seen(void)
{
    static char *lines[1000], copy[sizeof seen.text];
    size_t n = 0;

    memcpy(copy, seen.text, seen.n + 1);
    for (char *at = strtok(copy, "\n"); at; at = strtok(NULL, "\n"))
        lines[n++] = at;
    qsort(lines, n, sizeof *lines, by_line);
    seen.n = 0;
    for (size_t i = 0; i < n; i++)
        see(lines[i], "\n");
}

/* Also finds temporaries that are left behind. */
static const char *look(void)
{
    seen.n = 0;
    seen.text[0] = '\0';
    ASSERT_EQ(nftw(test_tmp_dir(), see_one, 16, FTW_PHYS | FTW_DEPTH), 0);
    sort_seen();
    return seen.text;
}

static void put(const char *name, const char *content)
{
    FILE *f = fopen(test_path(name), "w");

    ASSERT_NOT_NULL(f);
    ASSERT_GE(fputs(content, f), 0);
    ASSERT_EQ(fclose(f), 0);
}

/* --- runs ------------------------------------------------------------------------------------- */

static void configure(struct memio *io, uint64_t seed)
{
    parts_configure(io, seed);
    io->types = types;
}

static const char *const stages[] = {"bag", "pull"};

/* Each stage under each seed: the code, a part of the message, and the directory after the run. */
static void check(const char *format, const char *in, size_t len, int code, const char *says,
                  const char *expected, void (*prepare)(void))
{
    for (uint64_t seed = 0; seed < 24; seed++)
        for (unsigned k = 0; k < 2; k++) {
            struct memio io = {.in = in, .in_len = len};

            test_context("%s of %s, seed %ju", format, stages[k], (uintmax_t)seed);
            configure(&io, seed);
            if (prepare)
                prepare();
            if (parts_run(&io, stages[k], format) != code)
                FAIL("code %d: %s", io.code, io.error.text);
            if (says)
                ASSERT_STR_HAS(io.error.text, says);
            ASSERT_STREQ(look(), expected);
            parts_clean();
            memio_free(&io);
        }
}

#define WITH(format, in, code, says, expected, prepare)                                            \
    check(format, in, sizeof in - 1, code, says, expected, prepare)
#define GOOD(format, in, expected) WITH(format, in, 0, NULL, expected, NULL)
#define BAD(in, code, says) WITH("$ --no-sync --directory=@", in, code, says, "", NULL)

TEST(test_each_part_gets_the_name_that_its_stage_sets)
{
    GOOD("$ --no-sync --directory=@", "@a 3\nabc@b 1\nx", "a=abc\nb=x\n");
    GOOD("$ --directory=@/", "@d/e/f 3\nabc@d/g 1\nx", "d/\nd/e/\nd/e/f=abc\nd/g=x\n");
    GOOD("$ --no-sync --directory=@", "@- 1\na@-- 1\nb@--force 1\nc", "--=b\n--force=c\n-=a\n");
}

TEST(test_a_part_without_output_is_an_empty_file)
{
    GOOD("$ --no-sync --directory=@", "@a 0\n", "a=\n");
    GOOD("$ --no-sync --directory=@", "@a 0\n@b 0\n@c 0\n", "a=\nb=\nc=\n");
    GOOD("$ --no-sync --directory=@", "@a 1\nx!\n!\n@b 0\n!\n@c 1\ny!\n", "a=x\nb=\nc=y\n");
    GOOD("$ --no-sync --directory=@", "", "");
}

TEST(test_a_branch_runs_for_each_named_part)
{
    GOOD("$ --no-sync --directory=@ [ gzip : gunzip ]", "@a 3\nabc@b 0\n", "a=abc\nb=\n");
    GOOD("$ --no-sync --directory=@ [ exec sed s/^/x/ ]", "@d/a 2\n1\n@b 0\n", "b=\nd/\nd/a=x1\n");
    GOOD("$ [ write --no-sync @/p-{n} ]", "@a 3\nabc@b 0\n", "p-0=abc\np-1=\n");
    GOOD("$ --no-sync --directory=@ [ head -c 1 ]", "@a 3\nabc@b 2\nxy", "a=a\nb=x\n");
    GOOD("$ --no-sync --directory=@ [ tee [ count -c : write --no-sync @/n{n} ] ]",
         "@a 3\nabc@b 2\nxy", "a=abc\nb=xy\nn0=3\nn1=2\n");
}

TEST(test_a_name_that_leads_out_of_the_directory_is_refused_and_nothing_appears)
{
    BAD("@d/a 1\nx@../b 1\ny", LEAT_ECORRUPT, "..");
    BAD("@d/a 1\nx@/b 1\ny", LEAT_ECORRUPT, "absolute");
    BAD("@d/a 1\nx@ 1\ny", LEAT_ECORRUPT, "empty");
    BAD("@d/a 1\nx@b\0c 1\ny", LEAT_ECORRUPT, "NUL");
    BAD("@d/a 1\nx@d/e/ 1\ny", LEAT_ECORRUPT, "directory");
}

TEST(test_two_outputs_cannot_have_one_name)
{
    BAD("@d/a 1\nx@d//a 1\ny", LEAT_EUSAGE, "another");
    BAD("@d 1\nx@d/a 1\ny", LEAT_EUSAGE, "another");
    BAD("@e/d 0\n@e/d/f/a 1\ny", LEAT_EUSAGE, "another");
    BAD("@d/a 1\nx@d 1\ny", LEAT_EEXIST, "no regular file");
    WITH("tee [ write --no-sync @/a ] : $ --no-sync --directory=@", "@d/b 1\nx@a 1\ny", LEAT_EUSAGE,
         "another", "", NULL);
}

TEST(test_a_directory_that_is_not_there_is_an_error)
{
    WITH("$ --directory=@/no", "@a 1\nx", LEAT_ENOENT, "no", "", NULL);
    WITH("$ --directory=''", "@a 1\nx", LEAT_EUSAGE, "empty", "", NULL);
}

/* --- what is there already -------------------------------------------------------------------- */

static void put_links(void)
{
    ASSERT_EQ(mkdir(test_path("real"), 0777), 0);
    put("real/old", "o");
    ASSERT_EQ(symlink("real", test_path("link")), 0);
    ASSERT_EQ(symlink("real/old", test_path("file")), 0);
    ASSERT_EQ(symlink("nowhere", test_path("dangling")), 0);
}

#define LINKS "dangling@\nfile@\nlink@\nreal/\nreal/old=o\n"

TEST(test_no_symbolic_link_is_followed)
{
    WITH("$ --no-sync --force --directory=@", "@link/a 1\nx", LEAT_EEXIST, "link", LINKS,
         put_links);
    WITH("$ --no-sync --force --directory=@", "@b 1\nx@link/c/a 1\nx", LEAT_EEXIST, "link", LINKS,
         put_links);
    WITH("$ --no-sync --force --directory=@", "@file 1\nx", LEAT_EEXIST, "regular", LINKS,
         put_links);
    WITH("$ --no-sync --force --directory=@", "@dangling 1\nx", LEAT_EEXIST, "regular", LINKS,
         put_links);
    /* The user may name the directory by a link. */
    WITH("$ --no-sync --directory=@/link", "@b 1\nx", 0, NULL,
         "dangling@\nfile@\nlink@\nreal/\nreal/b=x\nreal/old=o\n", put_links);
}

static void put_old(void)
{
    ASSERT_EQ(mkdir(test_path("d"), 0777), 0);
    put("d/a", "old");
}

TEST(test_a_file_is_replaced_with_force_only)
{
    WITH("$ --no-sync --directory=@", "@b 1\nx@d/a 1\nx", LEAT_EEXIST, "--force", "d/\nd/a=old\n",
         put_old);
    WITH("$ --no-sync --force --directory=@", "@b 1\nx@d/a 1\nx", 0, NULL, "b=x\nd/\nd/a=x\n",
         put_old);
    WITH("$ --no-sync --force --directory=@", "@d/a 1\nx@d/b 1\ny@../b 1\ny", LEAT_ECORRUPT, "..",
         "d/\nd/a=old\n", put_old);
}

/* --- all or nothing --------------------------------------------------------------------------- */

TEST(test_a_failure_removes_files_and_the_directories_that_were_made)
{
    WITH("$ --directory=@", "@d/e/f/g 1\nx@d/h/i 1\ny@k 0\n@l/../m 1\n", LEAT_ECORRUPT, "..",
         "d/\nd/a=old\n", put_old);
    WITH("$ --directory=@ [ require --max-lines=1 ]", "@d/e/f/g 2\nx\n@n/h/i 4\ny\nz\n",
         LEAT_ELIMIT, NULL, "d/\nd/a=old\n", put_old);
}

TEST(test_a_failed_commit_of_another_output_takes_all_back)
{
    static const char in[] = "@d/a 1\nx@d/e/f/g 1\nx@h/i 0\n";

    for (uint64_t seed = 0; seed < 24; seed++)
        for (unsigned k = 0; k < 2; k++)
            for (unsigned kind = 0; kind < 2; kind++) {
                struct memio io = {.in = in, .in_len = sizeof in - 1};
                char text[TEXT_MAX];

                test_context("%s, seed %ju, kind %u", stages[k], (uintmax_t)seed, kind);
                configure(&io, seed);
                put_old();
                *(kind ? &io.sink.fail_commit : &io.sink.fail_prepare) = LEAT_EIO;
                snprintf(text, sizeof text, "tee [ $ --force --directory=@ ] : memsink --at=%lld",
                         memio_at(&io));
                ASSERT_EQ(parts_run(&io, stages[k], text), LEAT_EIO);
                ASSERT_STREQ(look(), "d/\nd/a=old\n");
                parts_clean();
                memio_free(&io);
            }
}

/* --- system calls that fail --------------------------------------------------------------------- */

static struct {
    unsigned at;    /* the call that fails, from 1; 0: none */
    unsigned calls; /* until now */
    int kind;
} fault;

enum { MKDIRAT, OPENAT, FSTAT, N_KINDS };

static bool fails(int kind)
{
    if (fault.at == 0 || kind != fault.kind || ++fault.calls != fault.at)
        return false;
    errno = EIO;
    return true;
}

int __real_mkdirat(int at, const char *path, mode_t mode);
int __wrap_mkdirat(int at, const char *path, mode_t mode);
int __wrap_mkdirat(int at, const char *path, mode_t mode)
{
    return fails(MKDIRAT) ? -1 : __real_mkdirat(at, path, mode);
}

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, mode_t mode);
int __wrap_openat(int at, const char *path, int flags, mode_t mode)
{
    return fails(OPENAT) ? -1 : __real_openat(at, path, flags, mode);
}

int __real_fstat(int fd, struct stat *info);
int __wrap_fstat(int fd, struct stat *info);
int __wrap_fstat(int fd, struct stat *info)
{
    return fails(FSTAT) ? -1 : __real_fstat(fd, info);
}

/* Returns whether the run had so many calls. */
static bool run_with_fault(const char *stage, int kind, unsigned at)
{
    struct memio io = {.in = "@d/a 1\nx@d/e/f/g 1\ny@h/i 0\n", .in_len = 27};

    test_context("%s, call %u of kind %d", stage, at, kind);
    configure(&io, 1);
    put_old();
    fault.kind = kind;
    fault.calls = 0;
    fault.at = at;
    (void)parts_run(&io, stage, "$ --force --directory=@");
    fault.at = 0;
    ASSERT_STREQ(look(),
                 io.code == 0 ? "d/\nd/a=x\nd/e/\nd/e/f/\nd/e/f/g=y\nh/\nh/i=\n" : "d/\nd/a=old\n");
    parts_clean();
    memio_free(&io);
    return fault.calls >= at;
}

TEST(test_a_system_call_that_fails_leaves_all_files_or_none)
{
    for (int kind = 0; kind < N_KINDS; kind++)
        for (unsigned k = 0; k < 2; k++) {
            unsigned at = 1;

            while (run_with_fault(stages[k], kind, at))
                at++;
            ASSERT_GT(at, 3);
        }
}

/* --- a stage that breaks the rules ------------------------------------------------------------- */

TEST(test_a_stage_that_breaks_the_rules_fails)
{
    static const struct {
        const char *stage, *format, *in, *says;
    } rows[] = {
        {"bag", "$ --unnamed --no-sync @/p{n}", "@a 1\nx", "plan"},
        {"bag", "$ --late --no-sync --directory=@", "@a 1\nx", "same step"},
        {"bag", "$ --twice --no-sync --directory=@", "@a 1\nx", "same step"},
        {"bag", "$ --outside --no-sync --directory=@", "@a 0\n", "no part"},
        {"pull", "$ --outside --no-sync --directory=@", "@a 0\n", "no part"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct memio io = {.in = rows[i].in, .in_len = strlen(rows[i].in)};

        test_context("%s: %s", rows[i].stage, rows[i].format);
        configure(&io, 1);
        ASSERT_EQ(parts_run(&io, rows[i].stage, rows[i].format), LEAT_EINTERNAL);
        ASSERT_STR_HAS(io.error.text, rows[i].says);
        ASSERT_STREQ(look(), "");
        memio_free(&io);
    }
}

/* --- many names -------------------------------------------------------------------------------- */

/* Records with a name of their own each, in directories that some share. */
static size_t make(uint64_t *random, char *in, char *expected)
{
    unsigned parts = (unsigned)(test_random(random) % 30);
    size_t n = 0, m = 0;

    for (unsigned i = 0; i < parts; i++) {
        unsigned depth = (unsigned)(test_random(random) % 4), len;
        char name[100] = "";

        for (unsigned k = 0; k < depth; k++)
            snprintf(name + strlen(name), sizeof name - strlen(name), "d%u/",
                     (unsigned)(test_random(random) % 3));
        snprintf(name + strlen(name), sizeof name - strlen(name), "f%u", i);
        len = test_random(random) % 3 == 0 ? 0 : (unsigned)(test_random(random) % 900);
        n += (size_t)sprintf(in + n, "@%s %u\n", name, len);
        m += (size_t)sprintf(expected + m, "%s=", name);
        for (unsigned k = 0; k < len; k++)
            in[n++] = expected[m++] = (char)('a' + (i + k) % 26);
        n += test_random(random) % 4 == 0 ? (size_t)sprintf(in + n, "!\n") : 0;
        expected[m++] = '\n';
    }
    expected[m] = '\0';
    return n;
}

/* Without the lines of directories. */
static const char *files_of(const char *lines)
{
    static char files[sizeof seen.text];
    size_t n = 0;

    for (const char *end; (end = strchr(lines, '\n')); lines = end + 1)
        if (end[-1] != '/') {
            memcpy(files + n, lines, (size_t)(end + 1 - lines));
            n += (size_t)(end + 1 - lines);
        }
    files[n] = '\0';
    return files;
}

TEST(test_many_named_parts_hold_the_bytes_that_the_stage_wrote)
{
    static char in[DATA_MAX], expected[DATA_MAX];
    unsigned rounds = test_under_sanitizer() ? 60 : 200;
    uint64_t random = 5;

    for (uint64_t seed = 0; seed < rounds; seed++) {
        size_t n = make(&random, in, expected);
        struct memio io = {.in = in, .in_len = n};

        test_context("seed %ju", (uintmax_t)seed);
        configure(&io, seed);
        if (parts_run(&io, stages[seed / 2 % 2],
                      seed % 3 ? "$ --no-sync --directory=@"
                               : "$ --no-sync --directory=@ [ gzip : gunzip ]") < 0)
            FAIL("%s", io.error.text);
        seen.n = 0;
        see(expected, "");
        sort_seen();
        memcpy(expected, seen.text, seen.n + 1);
        ASSERT_STREQ(files_of(look()), expected);
        parts_clean();
        memio_free(&io);
    }
}

TEST(test_the_digests_of_named_parts_are_listed_by_name)
{
    struct memio io = {.in = "@d/a 3\nabc@b 0\n", .in_len = 15};
    char sums[TEXT_MAX], *list;
    size_t len = 0;

    snprintf(sums, sizeof sums, "%s", test_path("sums"));
    configure(&io, 1);
    io.settings.sums = sums;
    ASSERT_EQ(parts_run(&io, "bag", "$ --no-sync --directory=@"), 0);
    list = (char *)test_file_read(sums, &len);
    ASSERT_NOT_NULL(list);
    ASSERT_STR_HAS(list, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ASSERT_STR_HAS(list, "/d/a\n");
    ASSERT_STR_HAS(list, "/b\n");
    free(list);
    memio_free(&io);
}
