/* fuzz_archive.c - extract, list, entries and repack read archives of all formats, whole or mutated.
 *
 * Byte 0 chooses the stage and its options; with LEAT_FUZZ_STAGE=list, repack, entries or extract in the environment it
 * chooses only the options. If byte 1 is less than 224, the rest of the input mutates one of a few archives:
 * each 4 bytes are a place (2), what to do there, and a value. Else the rest is the archive itself. It is
 * extracted below a directory of the fuzzer's own. Afterwards no temporary is left beside it, and
 * nothing else has appeared. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"

#define PLAIN 224u
#define ARCHIVE_MAX ((size_t)1 << 20)
#define TREE_DEPTH 16
#define PATH_SIZE 256u
#define N_SEEDS 7u
#define N_SMALL 20u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    uint8_t *data;
    size_t n, given;
};
static struct bytes *current;
static struct bytes seeds[N_SEEDS];
static char top[PATH_SIZE];

static int from_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = current->n - current->given;

    (void)stage;
    (void)in;
    if (n > room)
        n = room;
    if (n > 0)
        memcpy(to, current->data + current->given, n);
    leat_commit(out, n);
    current->given += n;
    return current->given == current->n ? LEAT_END : LEAT_MORE;
}

static int into_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    size_t n = in->len - in->pos;

    (void)stage;
    (void)out;
    if (n > 0) {
        uint8_t *more = realloc(current->data, current->n + n);

        if (!more)
            abort();
        memcpy(more + current->n, in->data + in->pos, n);
        current->data = more;
        current->n += n;
        in->pos += n;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type from_type = {
    .name = "from", .summary = "the input", .kind = LEAT_SOURCE, .step = from_step};
static const struct leat_stage_type into_type = {
    .name = "into", .summary = "the output", .kind = LEAT_SINK, .step = into_step};

static int run(const char *text)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {.size = sizeof settings,
                                     .threads = 2,
                                     .memory = (uint64_t)128 << 20,
                                     .fixed_default_io = true};
    struct leat_pipeline *pipeline = NULL;
    int r;

    if (!registry || leat_registry_add_plain(registry, &from_type) < 0 ||
        leat_registry_add_plain(registry, &into_type) < 0)
        abort();
    r = leat_pipeline_from_text(registry, text, &settings, &pipeline, NULL);
    if (r < 0)
        abort();
    r = leat_pipeline_run(pipeline);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    return r;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_top(void)
{
    (void)nftw(top, remove_one, TREE_DEPTH, FTW_PHYS | FTW_DEPTH);
}

static void put(const char *name, size_t n)
{
    char path[2 * PATH_SIZE];
    FILE *file;

    snprintf(path, sizeof path, "%s/t/%s", top, name);
    file = fopen(path, "wb");
    for (size_t i = 0; file && i < n; i++)
        (void)fputc((int)(i * 7 % 251), file);
    if (!file || fclose(file) != 0)
        abort();
}

static void begin(void)
{
    static const char *const formats[] = {"pax", "ustar", "gnutar", "cpio", "zip", "7z"};
    char text[2 * PATH_SIZE];
    const char *tmp = getenv("TMPDIR");

    snprintf(top, sizeof top, "%s/fuzz-archive-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(top))
        abort();
    (void)atexit(remove_top);
    snprintf(text, sizeof text, "%s/t", top);
    if (mkdir(text, 0700) < 0)
        abort();
    put("a", 1000);
    put("b", 0);
    put("c", 20);
    for (size_t i = 0; i < N_SMALL; i++) { /* so many that extract has a helper */
        snprintf(text, sizeof text, "s%zu", i);
        put(text, i);
    }
    snprintf(text, sizeof text, "%s/t/l", top);
    if (symlink("a", text) < 0)
        abort();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        current = &seeds[i];
        snprintf(text, sizeof text, "pack --format=%s -C %s/t . : into", formats[i], top);
        if (run(text) < 0)
            abort();
    }
    seeds[N_SEEDS - 1] =
        (struct bytes){.data = (uint8_t *)strdup("!<arch>\n"
                                                 "a/              0           0     "
                                                 "0     100644  5         `\nhello\n"),
                       .n = 74};
}

/* The archive that the input stands for. */
static struct bytes make(const uint8_t *data, size_t size)
{
    const struct bytes *seed = data[1] < PLAIN ? &seeds[data[1] % N_SEEDS] : NULL;
    struct bytes made = {.n = seed ? seed->n : size - 2};

    made.data = malloc(made.n ? made.n : 1);
    if (!made.data)
        abort();
    memcpy(made.data, seed ? seed->data : data + 2, made.n);
    for (size_t i = 2; seed && i + 4 <= size && made.n > 0; i += 4) {
        size_t at = ((size_t)data[i] << 8 | data[i + 1]) % made.n;

        switch (data[i + 2] % 4) {
        case 0:
            made.data[at] = data[i + 3];
            break;
        case 1:
            made.data[at] ^= (uint8_t)(1 << data[i + 3] % 8);
            break;
        case 2:
            if (data[i + 3] < 16)
                made.n = at;
            break;
        default: /* copy a piece of it */
            for (size_t k = 0; k < data[i + 3] && at + k < made.n; k++)
                made.data[at + k] = made.data[k];
        }
    }
    return made;
}

/* Nothing but the tree of the seeds and DIR is there. */
static void check_top(void)
{
    DIR *dir = opendir(top);
    const struct dirent *entry;

    if (!dir)
        abort();
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "t") != 0 && strcmp(entry->d_name, "out") != 0) {
            fprintf(stderr, "left over: %s\n", entry->d_name);
            abort();
        }
    closedir(dir);
}

static void make_repack(uint8_t options, char *to, size_t size)
{
    static const char *const formats[] = {"ustar", "pax", "zip", "cpio"};

    snprintf(to, size, "from : repack --format=%s%s%s --exclude=c : null", formats[options & 3],
             options & 4 ? " --lenient" : "", options & 8 ? " --from=iso" : "");
}

static void make_extraction(uint8_t options, char *to, size_t size)
{
    snprintf(
        to, size,
        "from : extract --no-sync --special=skip --max-bytes=1M --max-entries=1000%s%s%s%s %s/out",
        options & 1 ? " --in-place" : "", options & 2 ? " --lenient" : "",
        options & 4 ? " --sparse -p --xattrs" : "", options & 8 ? " --format=iso" : "", top);
}

static unsigned stage_of(const uint8_t *data)
{
    static const char *const stages[] = {"list", "repack", "entries", "extract"};
    const char *only = getenv("LEAT_FUZZ_STAGE");

    for (unsigned i = 0; only && i < sizeof stages / sizeof stages[0]; i++)
        if (strcmp(only, stages[i]) == 0)
            return i;
    if (only)
        abort();
    return data[0] >> 4 & 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes archive;
    char text[2 * PATH_SIZE];

    if (size < 2 || size > ARCHIVE_MAX)
        return 0;
    if (!*top)
        begin();
    archive = make(data, size);
    current = &archive;
    switch (stage_of(data)) {
    case 0:
        snprintf(text, sizeof text, "from : list%s : null", data[0] & 1 ? " --json" : "");
        break;
    case 1:
        make_repack(data[0], text, sizeof text);
        break;
    case 2:
        snprintf(text, sizeof text, "from : entries%s%s %s : null", data[0] & 1 ? " --lenient" : "",
                 data[0] & 2 ? " --format=iso" : "", data[0] & 4 ? "'*'" : "a l");
        break;
    default:
        make_extraction(data[0], text, sizeof text);
    }
    (void)run(text);
    check_top();
    snprintf(text, sizeof text, "%s/out", top);
    (void)nftw(text, remove_one, TREE_DEPTH, FTW_PHYS | FTW_DEPTH);
    free(archive.data);
    return 0;
}
