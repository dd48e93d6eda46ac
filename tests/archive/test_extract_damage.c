/* test_extract_damage.c - archives that are cut, or have a flipped byte: never a part of a file under its name,
 * and never success where a checksum says otherwise.
 *
 * ARCHIVE_DAMAGE=N: so many flips of each format, and 200 cuts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define PATH_SIZE 512u
#define CUTS 30u
#define CUTS_ALL 200u
#define FLIPS 150u
#define FLIPS_SANITIZED 20u
#define TREE_DEPTH 8

/* The damage that a format can prove. */
enum proof {
    PROOF_CONTENTS = 1, /* a file that is there has its content */
    PROOF_NAMES = 2,    /* the names are there, and no others */
    PROOF_END = 4,      /* a cut is noticed wherever it is */
};

struct format {
    const char *name, *pipeline; /* NULL: made by make_ar */
    unsigned flipped, cut;       /* what holds after success: enum proof */
};

static const struct format formats[] = {
    {"pax", "", 0, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"ustar", "", 0, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"gnutar", "", 0, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"cpio", "", 0, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"zip", "", PROOF_CONTENTS, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"7z", "", PROOF_CONTENTS | PROOF_NAMES, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"pax", " : gzip", PROOF_CONTENTS | PROOF_NAMES, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"ustar", " : zstd", PROOF_CONTENTS | PROOF_NAMES, PROOF_CONTENTS | PROOF_NAMES | PROOF_END},
    {"ar", NULL, 0, PROOF_CONTENTS},
};

/* The files of the tree. */
static const struct {
    const char *name;
    size_t n;
} files[] = {{"text", 3000}, {"nothing", 0}, {"small", 7}, {"sub/block", 512}, {"sub/more", 700}};
#define N_FILES (sizeof files / sizeof files[0])
#define CONTENT_MAX 3000u

static void content(size_t i, uint8_t to[CONTENT_MAX])
{
    uint64_t state = i + 1;

    for (size_t k = 0; k < files[i].n; k++)
        to[k] = i % 2 ? (uint8_t)test_random(&state) : (uint8_t)('a' + (k / 7 + i) % 23);
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, data, n), (ssize_t)n);
    ASSERT_EQ(close(fd), 0);
}

static void make_tree(bool flat)
{
    char path[PATH_SIZE];
    uint8_t data[CONTENT_MAX];

    snprintf(path, sizeof path, "%s/t", test_tmp_dir());
    ASSERT_EQ(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/t/sub", test_tmp_dir());
    ASSERT(flat || mkdir(path, 0755) == 0);
    for (size_t i = 0; i < N_FILES; i++) {
        if (flat && strchr(files[i].name, '/'))
            continue;
        snprintf(path, sizeof path, "%s/t/%s", test_tmp_dir(), files[i].name);
        content(i, data);
        write_file(path, data, files[i].n);
    }
}

/* ar cannot be packed. */
static void make_ar(struct memio *io)
{
    size_t size = 8192, n = 8;

    io->out = malloc(size);
    ASSERT_NOT_NULL(io->out);
    memcpy(io->out, "!<arch>\n", n);
    for (size_t i = 0; i < N_FILES; i++) {
        if (strchr(files[i].name, '/'))
            continue;
        n += (size_t)snprintf((char *)io->out + n, size - n,
                              "%s/%*s0           0     0     100644  %-10zu`\n", files[i].name,
                              15 - (int)strlen(files[i].name), "", files[i].n);
        content(i, io->out + n);
        n += files[i].n;
        if (n % 2)
            io->out[n++] = '\n';
    }
    io->out_len = n;
}

static void make(const struct format *f, struct memio *io)
{
    char text[PATH_SIZE];

    make_tree(!f->pipeline);
    if (!f->pipeline) {
        make_ar(io);
        return;
    }
    snprintf(text, sizeof text, "pack --format=%s -C '%s/t' .%s : memsink --at=%lld", f->name,
             test_tmp_dir(), f->pipeline, memio_at(io));
    ASSERT_EQ(memio_run_text(io, text), 0);
    ASSERT_GT(io->out_len, 0);
}

/* --- what came out ---------------------------------------------------------------------------- */

static struct {
    unsigned found, others, changed; /* files of the tree, with their contents; names besides */
    bool flat;
} seen;

/* Is the file one of the tree's, whatever its name? */
static bool has_a_content(const char *path)
{
    uint8_t want[CONTENT_MAX];
    size_t n;
    uint8_t *data = test_file_read(path, &n);
    bool found = false;

    ASSERT_NOT_NULL(data);
    for (size_t i = 0; i < N_FILES && !found; i++) {
        content(i, want);
        found = n == files[i].n && memcmp(data, want, n) == 0;
    }
    free(data);
    return found;
}

static int look(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    const char *name = path + strlen(test_tmp_dir()) + strlen("/out");

    if (S_ISREG(info->st_mode) && !has_a_content(path))
        seen.changed++;
    for (size_t i = 0; i < N_FILES; i++)
        if (S_ISREG(info->st_mode) && *name && strcmp(name + 1, files[i].name) == 0 &&
            (size_t)info->st_size == files[i].n) {
            seen.found++;
            return 0;
        }
    if (*name && strcmp(name, "/sub") != 0)
        seen.others++;
    (void)kind;
    (void)at;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static const char *out(void)
{
    return test_path("out");
}

/* Nothing but these names is in the directory of the test. */
static void nothing_left(bool with_out)
{
    DIR *dir = opendir(test_tmp_dir());
    const struct dirent *entry;

    ASSERT_NOT_NULL(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] == '.' && entry->d_name[1] && entry->d_name[1] != '.')
            FAIL("left over: %s", entry->d_name);
        else if (!with_out && strcmp(entry->d_name, "out") == 0)
            FAIL("a directory after a failure");
    closedir(dir);
}

/* Returns the result. */
static int extract(const uint8_t *data, size_t n, unsigned proof)
{
    struct memio io = {.in = data, .in_len = n};
    char text[PATH_SIZE];
    int code;

    io.settings.memory = (uint64_t)64 << 20;
    snprintf(text, sizeof text, "memsource --at=%lld : extract --no-sync '%s'", memio_at(&io),
             out());
    code = memio_run_text(&io, text);
    memio_free(&io);
    nothing_left(code == 0);
    if (code != 0)
        return code;
    seen.found = seen.others = seen.changed = 0;
    ASSERT_EQ(nftw(out(), look, TREE_DEPTH, FTW_PHYS), 0);
    if (proof & PROOF_CONTENTS)
        ASSERT_EQ(seen.changed, 0);
    if (proof & PROOF_NAMES) {
        ASSERT_EQ(seen.found, N_FILES);
        ASSERT_EQ(seen.others, 0);
    }
    ASSERT_EQ(nftw(out(), remove_one, TREE_DEPTH, FTW_PHYS | FTW_DEPTH), 0);
    return 0;
}

/* --- damage ----------------------------------------------------------------------------------- */

static unsigned wanted(unsigned usual, unsigned all)
{
    const char *n = getenv("ARCHIVE_DAMAGE");

    if (n)
        return all ? all : (unsigned)strtoul(n, NULL, 10);
    return usual;
}

static void begin(const struct format *f, struct memio *io)
{
    ASSERT_EQ(setenv("TMPDIR", test_tmp_dir(), 1), 0);
    make(f, io);
    test_context("%s%s", f->name, f->pipeline ? f->pipeline : "");
    ASSERT_EQ(
        extract(io->out, io->out_len, f->pipeline ? PROOF_CONTENTS | PROOF_NAMES : PROOF_CONTENTS),
        0);
}

static void test_cuts(void)
{
    const struct format *f = test_argument();
    struct memio io = {.in_len = 0};
    unsigned n = wanted(test_under_sanitizer() ? CUTS / 3 : CUTS, CUTS_ALL);

    begin(f, &io);
    for (unsigned i = 0; i < n; i++) {
        size_t at = io.out_len * i / n;
        uint8_t *copy = malloc(at ? at : 1);

        ASSERT_NOT_NULL(copy);
        memcpy(copy, io.out, at);
        test_context("%s%s cut at %zu of %zu", f->name, f->pipeline ? f->pipeline : "", at,
                     io.out_len);
        (void)extract(copy, at, f->cut); /* the padding of a tar may be missing */
        free(copy);
    }
    memio_free(&io);
}

static void test_flips(void)
{
    const struct format *f = test_argument();
    struct memio io = {.in_len = 0};
    unsigned n = wanted(test_under_sanitizer() ? FLIPS_SANITIZED : FLIPS, 0);
    uint64_t state = 7;

    begin(f, &io);
    for (unsigned i = 0; i < n; i++) {
        size_t at = (size_t)(test_random(&state) % io.out_len);
        uint8_t bit = (uint8_t)(1 + test_random(&state) % 255);

        io.out[at] ^= bit;
        test_context("%s%s, byte %zu of %zu xor %02x", f->name, f->pipeline ? f->pipeline : "", at,
                     io.out_len, bit);
        (void)extract(io.out, io.out_len, f->flipped);
        io.out[at] ^= bit;
    }
    memio_free(&io);
}

__attribute__((constructor)) static void add_tests(void)
{
    static char names[2 * sizeof formats / sizeof formats[0]][64];

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const char *codec =
            formats[i].pipeline && *formats[i].pipeline ? formats[i].pipeline + 3 : "";

        snprintf(names[2 * i], sizeof names[0], "test_cuts_of_%s%s%s", formats[i].name,
                 *codec ? "_" : "", codec);
        test_register_with(__FILE__, names[2 * i], test_cuts, &formats[i]);
        snprintf(names[2 * i + 1], sizeof names[0], "test_flips_of_%s%s%s", formats[i].name,
                 *codec ? "_" : "", codec);
        test_register_with(__FILE__, names[2 * i + 1], test_flips, &formats[i]);
    }
}
