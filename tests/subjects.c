/* subjects.c - the table of stages with inputs, the defaults for new stages, and one run. */
#include "subjects.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec_same.h"
#include "stage.h"
#include "subjects_server.h"

#define SUBJECTS_MAX 512
#define TEXT_MAX 1024
#define YIELDS_MAX 100000u
#define LOOK_EVERY 16 /* runs */

/* Lines that matter. Every line of the manual's option lists that changes how bytes move through
 * a stage belongs here. */
static const struct subject table[] = {
    /* endpoints */
    {.stage = "read", .text = "read @IN@", .place = PLACE_FIRST},
    {.stage = "read", .text = "read --offset=100 --length=500 @IN@", .place = PLACE_FIRST},
    {.stage = "read", .text = "read @IN@ @IN@", .place = PLACE_FIRST},
    {.stage = "follow", .text = "follow --once @IN@ @IN@", .place = PLACE_FIRST},
    {.stage = "follow", .text = "follow --from=end --idle=1ms @IN@", .place = PLACE_FIRST},
    {.stage = "get", .text = "get http://127.0.0.1:@PORT@/a", .place = PLACE_FIRST},
    {.stage = "get",
     .text = "get --resume=verify --max-redirects=0 http://127.0.0.1:@PORT@/a",
     .place = PLACE_FIRST},
    {.stage = "get", .text = "get --connections=3 http://127.0.0.1:@PORT@/a", .place = PLACE_FIRST},
    {.stage = "get",
     .text = "get --size=1 http://127.0.0.1:@PORT@/a",
     .place = PLACE_FIRST,
     .any_outcome = true},
    {.stage = "write", .text = "write @SIDE@", .place = PLACE_LAST},
    {.stage = "write", .text = "write --no-sync @SIDE@", .place = PLACE_LAST},
    {.stage = "write", .text = "write --sparse --drop-cache @SIDE@", .place = PLACE_LAST},
    {.stage = "read", .text = "read --drop-cache @IN@", .place = PLACE_FIRST},
    {.stage = "read", .text = "read --direct --offset=5000 @IN@ @IN@", .place = PLACE_FIRST},
    {.stage = "write", .text = "write --direct --sparse @SIDE@", .place = PLACE_LAST},
    {.stage = "null", .text = "null", .place = PLACE_LAST},
    {.stage = "extract", .text = "extract @SIDE@", .place = PLACE_LAST, .expect = LEAT_ECORRUPT},
    {.stage = "zero", .text = "zero : head -c 3000", .place = PLACE_FIRST},
    {.stage = "connect",
     .text = "connect unix:@SIDE@",
     .expect = LEAT_ENETWORK,
     .no_seeds = true}, /* nothing listens there */
    {.stage = "listen",
     .text = "listen --wait=1ms unix:@SIDE@",
     .place = PLACE_FIRST,
     .expect = LEAT_ENETWORK,
     .no_seeds = true},
    {.stage = "exec", .text = "exec cat", .no_seeds = true},
    {.stage = "exec", .text = "exec tr a-z A-Z", .no_seeds = true},
    {.stage = "exec", .text = "exec head -n 3", .no_seeds = true},
    {.stage = "exec", .text = "exec cat @IN@", .place = PLACE_FIRST, .no_seeds = true},
    {.stage = "exec", .text = "exec false", .expect = LEAT_ECHILD, .no_seeds = true},
    /* archives */
    {.stage = "pack", .text = "pack --mtime=@0 @IN@", .place = PLACE_FIRST},
    {.stage = "pack",
     .text = "pack --mtime=@0 --on-change=retry=1 --format=cpio @IN@ @IN@ : gzip : gunzip",
     .place = PLACE_FIRST},
    {.stage = "pack", .text = "pack --reproducible --format=zip @IN@", .place = PLACE_FIRST},
    {.stage = "list", .text = "pack --mtime=@0 @IN@ : gzip : list --json", .place = PLACE_FIRST},
    {.stage = "list", .text = "list", .expect = LEAT_ECORRUPT},
    {.stage = "entries", .text = "pack @IN@ @IN@ : entries '*'", .place = PLACE_FIRST},
    {.stage = "manifest", .text = "pack @IN@ : manifest", .place = PLACE_FIRST},
    {.stage = "manifest", .text = "manifest", .expect = LEAT_ECORRUPT},
    {.stage = "repack", .text = "pack --mtime=@0 @IN@ : repack", .place = PLACE_FIRST},
    {.stage = "repack", .text = "repack --format=cpio", .expect = LEAT_ECORRUPT},
    {.stage = "split-entries",
     .text = "split-entries @SIDE@",
     .place = PLACE_LAST,
     .expect = LEAT_ECORRUPT},
    /* codecs */
    {.stage = "gzip", .text = "gzip"},
    {.stage = "gzip", .text = "gzip -1"},
    {.stage = "gzip", .text = "gzip -9"},
    {.stage = "gzip", .text = "gzip --blocks"},
    {.stage = "gunzip", .text = "gunzip", .prepare = "gzip"},
    {.stage = "gunzip", .text = "gunzip", .prepare = "gzip --blocks"},
    {.stage = "gunzip",
     .text = "gunzip",
     .prepare = "gzip",
     .after = "garbage",
     .expect = LEAT_ECORRUPT},
    {.stage = "gunzip", .text = "gunzip", .prepare = "gzip", .cut = 1, .expect = LEAT_ETRUNCATED},
    {.stage = "gunzip", .text = "gunzip", .prepare = "gzip", .cut = 9, .expect = LEAT_ETRUNCATED},
    {.stage = "gunzip", .text = "gzip : gunzip"},
    {.stage = "zlib", .text = "zlib"},
    {.stage = "unzlib", .text = "unzlib", .prepare = "zlib"},
    {.stage = "unzlib", .text = "unzlib", .prepare = "zlib", .cut = 1, .expect = LEAT_ETRUNCATED},
    {.stage = "deflate", .text = "deflate"},
    {.stage = "inflate", .text = "inflate", .prepare = "deflate"},
    {.stage = "inflate",
     .text = "inflate",
     .prepare = "deflate",
     .cut = 1,
     .expect = LEAT_ETRUNCATED},
    {.stage = "zstd", .text = "zstd"},
    {.stage = "zstd", .text = "zstd -1"},
    {.stage = "zstd", .text = "zstd -5"},
    {.stage = "zstd", .text = "zstd --fast=9 --no-check"},
    {.stage = "zstd", .text = "zstd -1 --long=20"},
    {.stage = "zstd", .text = "zstd --seekable=1K"},
    {.stage = "zstd", .text = "head -c 9000 : zstd --ultra -22 --seekable=1K"},
    {.stage = "unzstd", .text = "unzstd", .prepare = "zstd"},
    {.stage = "unzstd", .text = "unzstd", .prepare = "zstd", .cut = 1, .expect = LEAT_ETRUNCATED},
    {.stage = "unzstd", .text = "unzstd", .prepare = "zstd --seekable=1K"},
    {.stage = "unzstd", .text = "unzstd", .prepare = "zstd -1 --long=20"},
    {.stage = "decode", .text = "decode", .prepare = "gzip"},
    {.stage = "decode", .text = "decode", .prepare = "zstd"},
    {.stage = "decode", .text = "decode", .prepare = "zlib"},
    {.stage = "decode", .text = "decode", .prepare = "gzip --blocks"},
    {.stage = "decode", .text = "decode", .prepare = "zstd --seekable=1K"},
    {.stage = "decode",
     .text = "decode",
     .prepare = "zstd --seekable=1K",
     .after = "garbage",
     .expect = LEAT_ECORRUPT},
    {.stage = "decode", .text = "decode", .prepare = "gzip", .cut = 3, .expect = LEAT_ETRUNCATED},
    {.stage = "decode", .text = "decode --strict", .prepare = "zlib", .expect = LEAT_ECORRUPT},
    {.stage = "decode", .text = "decode"},
    {.stage = "bunzip2", .text = "bunzip2", .prepare = "bzip2"},
    {.stage = "bunzip2", .text = "decode", .prepare = "bzip2"},
    {.stage = "bunzip2", .text = "decode", .prepare = "bzip2", .cut = 1, .expect = LEAT_ETRUNCATED},
    {.stage = "unlz4", .text = "unlz4", .prepare = "lz4"},
    {.stage = "unlz4", .text = "decode", .prepare = "lz4"},
    {.stage = "unlz4", .text = "decode", .prepare = "lz4", .cut = 1, .expect = LEAT_ETRUNCATED},
    {.stage = "unlz4",
     .text = "decode",
     .prepare = "lz4",
     .after = "garbage",
     .expect = LEAT_ECORRUPT},
    {.stage = "xz", .text = "head -c 9000 : xz -0 -e --block-size=4K"},
    /* a low level: the tables of the default one are of a hundred MiB */
    {.stage = "unxz", .text = "unxz", .prepare = "xz -0"},
    {.stage = "unxz", .text = "decode", .prepare = "xz -0"},
    {.stage = "lzma", .text = "lzma -0"},
    {.stage = "unlzma", .text = "unlzma", .prepare = "lzma -0"},
    {.stage = "unlzip", .text = "unlzip", .prepare = "lzip -0"},
    {.stage = "decode", .text = "decode --all", .prepare = "gzip : zstd : compress"},
    {.stage = "decode",
     .text = "decode --all=2",
     .prepare = "gzip : zstd : gzip",
     .expect = LEAT_ELIMIT},
    {.stage = "decode",
     .text = "decode --all",
     .prepare = "zstd : gzip",
     .cut = 1,
     .expect = LEAT_ETRUNCATED},
    {.stage = "gunzip",
     .text = "gunzip --max-output=1000",
     .prepare = "gzip",
     .expect = LEAT_ELIMIT},
    /* checks */
    {.stage = "md5", .text = "md5 --to=@SIDE@"},
    {.stage = "sha1", .text = "sha1 --to=@SIDE@"},
    {.stage = "sha256", .text = "sha256 --to=@SIDE@"},
    {.stage = "sha256", .text = "sha256"},
    {.stage = "sha256", .text = "sha256 --check=/dev/null", .expect = LEAT_ECORRUPT},
    {.stage = "sha256", .text = "sha256 : write @SIDE@", .place = PLACE_LAST},
    {.stage = "sha512", .text = "sha512 --to=@SIDE@"},
    {.stage = "blake2b", .text = "blake2b --to=@SIDE@"},
    {.stage = "crc32", .text = "crc32 --to=@SIDE@"},
    {.stage = "xxh64", .text = "xxh64 --to=@SIDE@"},
    /* flow, and rows of stages */
    {.stage = "merge",
     .text = "merge -k 2 [ read @IN@ ] [ read @IN@ : head -n 5 ] [ read @IN@ ]",
     .prepare = "exec env LC_ALL=C sort -k 2",
     .place = PLACE_FIRST},
    {.stage = "merge",
     .text = "merge -u [ read @IN@ ] [ read @IN@ : tail -n 9 ]",
     .prepare = "exec env LC_ALL=C sort",
     .place = PLACE_FIRST},
    {.stage = "merge",
     .text = "merge [ read @IN@ ] [ read @IN@ ]",
     .expect = LEAT_ECORRUPT,
     .place = PLACE_FIRST},
    {.stage = "paste",
     .text = "paste -d ,x [ read @IN@ ] [ read @IN@ : tail -n +9 ] [ read @IN@ : head -n 3 ]",
     .place = PLACE_FIRST},
    {.stage = "paste", .text = "paste -s [ read @IN@ ] [ read @IN@ ]", .place = PLACE_FIRST},
    {.stage = "route", .text = "route [ -e ERROR : write @SIDE@ ]"},
    {.stage = "route", .text = "route [ -e DEBUG : write @SIDE@ ] [ -v -e WARN -e INFO : null ]"},
    {.stage = "route", .text = "route [ -F -e 7 : head -n 2 : write @SIDE@ ] : head -n 30"},
    {.stage = "rotate",
     .text = "rotate --size=7000 [ grep -v WARN : gzip : null ]",
     .place = PLACE_LAST},
    {.stage = "rotate",
     .text = "rotate --size-compressed=300 [ gzip : null ]",
     .place = PLACE_LAST},
    {.stage = "split", .text = "split -b 7000 [ grep -v WARN : gzip : null ]", .place = PLACE_LAST},
    {.stage = "split",
     .text = "split --header -n 9 [ tee [ count -l : null ] : head -n 2 : null ]",
     .place = PLACE_LAST},
    {.stage = "split", .text = "split --records=3 -t = [ null ]", .place = PLACE_LAST},
    {.stage = "split",
     .text = "split --size-compressed=200 --header [ gzip : null ]",
     .place = PLACE_LAST},
    {.stage = "split",
     .text = "split --size-compressed=1K --records=400 --header -t = [ gzip : null ]",
     .place = PLACE_LAST},
    {.stage = "limit", .text = "limit --rate=1G/s"},
    {.stage = "limit", .text = "limit --rate=1G/s --burst=300K --bytes=2K --lines=1000"},
    {.stage = "limit", .text = "limit --lines=20"},
    {.stage = "limit", .text = "limit --time=1h"},
    {.stage = "timeout", .text = "timeout 1h --idle=1h"},
    {.stage = "require", .text = "require --min-bytes=1"},
    {.stage = "require", .text = "require --max-lines=20", .expect = LEAT_ELIMIT},
    {.stage = "require", .text = "require --max-bytes=1000", .expect = LEAT_ELIMIT},
    {.stage = "require", .text = "require --min-bytes=1G : head -n 1", .expect = LEAT_ETRUNCATED},
    {.stage = "require", .text = "require --min-lines=3 --match 'ERROR worker-\\d+'"},
    {.stage = "require", .text = "require --match DEBUG --match nowhere", .expect = LEAT_ECORRUPT},
    {.stage = "buffer", .text = "buffer"},
    {.stage = "buffer", .text = "buffer --size=700 --start-at=80%"},
    {.stage = "buffer", .text = "buffer --spill= --start-at=10%"},
    {.stage = "flush", .text = "flush"},
    {.stage = "flush", .text = "flush --time=1h --lines=3 --bytes=200"},
    {.stage = "flush", .text = "flush --bytes=700 : gzip"},
    {.stage = "flush", .text = "flush --lines=9 : gzip -1"},
    {.stage = "flush", .text = "flush --lines=9 : gzip --blocks"},
    {.stage = "flush", .text = "flush --bytes=500 : zlib : flush --bytes=99 : deflate"},
    {.stage = "flush", .text = "flush --bytes=700 : zstd"},
    {.stage = "flush", .text = "flush --lines=5 : zstd --seekable=1K"},
    {.stage = "flush", .text = "flush --lines=5 : grep -v DEBUG : flush --lines=9 : zstd -1"},
    {.stage = "flush",
     .text = "flush --bytes=300 : tee [ grep WARN : gzip : write @SIDE@ ] : zlib"},
    {.stage = "xz", .text = "flush --lines=40 : xz -0"},
    {.stage = "lzip", .text = "flush --lines=40 : lzip -0"},
    {.stage = "bzip2", .text = "flush --lines=9 : bzip2 -1"},
    {.stage = "lz4", .text = "flush --lines=9 : lz4 -B4"},
    {.stage = "brotli", .text = "brotli -0"},
    {.stage = "brotli", .text = "flush --bytes=700 : brotli -4"},
    {.stage = "bunzip2", .text = "flush --bytes=99 : bunzip2", .prepare = "bzip2 -1"},
    {.stage = "unlz4", .text = "flush --bytes=99 : unlz4", .prepare = "lz4 -B4"},
    {.stage = "decode", .text = "flush --bytes=3 : decode", .prepare = "bzip2 -1"},
    {.stage = "decode", .text = "flush --bytes=5 : decode", .prepare = "lz4"},
    {.stage = "flush",
     .text = "flush --bytes=300 : split -n 300 [ gzip : null ]",
     .place = PLACE_LAST},
    {.stage = "flush",
     .text = "merge [ read @IN@ : flush --lines=2 ] [ read @IN@ ] : gzip",
     .prepare = "exec env LC_ALL=C sort",
     .place = PLACE_FIRST},
    {.stage = "flush",
     .text = "concat [ read @IN@ : flush --lines=6 ] [ read @IN@ ] : gzip",
     .place = PLACE_FIRST},
    {.stage = "flush", .text = "flush --bytes=900 : gzip : gunzip : zstd : head -c 700"},
    {.stage = "tee", .text = "tee --slow=spill [ gzip : gunzip : write @SIDE@ ]"},
    {.stage = "pass", .text = "pass"},
    {.stage = "pass", .text = "pass : pass : pass"},
    {.stage = "pass", .text = "gzip : pass : gunzip : grep -v DEBUG : zstd : unzstd"},
    {.stage = "pass", .text = "grep -v DEBUG : head -n 20 : sha256 --to=@SIDE@ : tail -n +5"},
};

static struct subject subjects[SUBJECTS_MAX];
static size_t n_subjects;

static bool in_table(const char *stage)
{
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].stage, stage) == 0)
            return true;
    for (i = 0; subjects_text[i].stage; i++)
        if (strcmp(subjects_text[i].stage, stage) == 0)
            return true;
    return false;
}

static void add(const struct subject *subject)
{
    struct subject *to = &subjects[n_subjects++];
    size_t i;

    ASSERT_LE(n_subjects, SUBJECTS_MAX);
    *to = *subject;
    snprintf(to->name, sizeof(to->name), "%s%s%s%s%s%s", to->text, to->prepare ? " of " : "",
             to->prepare ? to->prepare : "", to->cut ? " cut" : "", to->flip ? " flipped" : "",
             to->after ? " and more" : "");
    for (i = 0; to->name[i]; i++)
        if (strchr(" #|:", to->name[i]))
            to->name[i] = '_';
}

/* A line for a stage that the table does not know. */
static void add_default(const struct leat_registry *registry, const struct leat_stage_type *type)
{
    struct subject subject = {.stage = type->name, .any_outcome = true, .no_seeds = true};
    char *text = calloc(1, TEXT_MAX);
    size_t i, n;

    ASSERT_NOT_NULL(text);
    n = (size_t)snprintf(text, TEXT_MAX, "%s", type->name);
    for (i = 0; i < type->operands_min && n < TEXT_MAX - 4; i++)
        n += (size_t)snprintf(text + n, TEXT_MAX - n, " 1");
    for (i = 0; i < type->branches_min && n < TEXT_MAX - 16; i++)
        n += (size_t)snprintf(text + n, TEXT_MAX - n, " [ pass : null ]");
    subject.text = text;
    if (strncmp(type->name, "un", 2) == 0 && leat_registry_find(registry, type->name + 2))
        subject.prepare = type->name + 2;
    add(&subject);
}

static void add_known(const struct leat_registry *registry, const struct subject *subject)
{
    const struct leat_stage_type *type = leat_registry_find(registry, subject->stage);

    if (type && !type->missing && !(subject->prepare && codec_missing(subject->prepare)))
        add(subject);
}

static bool is_middle(const struct leat_stage_type *type)
{
    return type->kind == LEAT_TRANSFORM || (type->kind == LEAT_BY_PLACE && type->middle_in);
}

static void make_subjects(void)
{
    struct leat_registry *registry = leat_registry_new();
    const struct leat_stage_type *type;
    size_t i;

    ASSERT_NOT_NULL(registry);
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        add_known(registry, &table[i]);
    for (i = 0; subjects_text[i].stage; i++)
        add_known(registry, &subjects_text[i]);
    for (i = 0; i < leat_registry_count(registry); i++) {
        type = leat_registry_at(registry, i);
        if (!type->missing && !in_table(type->name) && is_middle(type))
            add_default(registry, type);
    }
    leat_registry_free(registry);
}

size_t subjects_count(void)
{
    if (!n_subjects)
        make_subjects();
    return n_subjects;
}

const struct subject *subjects_at(size_t i)
{
    ASSERT_LT(i, subjects_count());
    return &subjects[i];
}

void subjects_register(const char *file, const char *prefix, test_function function)
{
    char name[256];
    size_t i;

    for (i = 0; i < subjects_count(); i++) {
        snprintf(name, sizeof(name), "%s_%s", prefix, subjects_at(i)->name);
        test_register_with(file, name, function, subjects_at(i));
    }
}

/* One line of the sample; returns its length. */
static int sample_line(char *to, size_t size, unsigned i)
{
    static const char *const level[] = {"DEBUG", "INFO", "WARN", "ERROR", "INFO"};

    if (i % 17 == 5)
        return snprintf(to, size, "\n");
    if (i % 23 == 7)
        return snprintf(to, size, "%c%c %u\n", 0, 0xe9, i);
    if (i % 31 == 9)
        return snprintf(to, size, "%0200u %s\n", i, level[i % 5]);
    return snprintf(to, size, "2026-11-22T10:%02u %s worker-%u id=%u%s\n", i % 60, level[i % 5],
                    i * 7919 % 13, i * 2654435761u % 100003, i % 11 == 3 ? "\r" : "");
}

struct bytes subject_sample(size_t size)
{
    struct bytes sample = {malloc(size + 512), 0};
    unsigned i = 0;

    ASSERT_NOT_NULL(sample.data);
    while (sample.len < size)
        sample.len += (size_t)sample_line((char *)sample.data + sample.len, 512, i++);
    sample.len = size;
    if (size && sample.data[size - 1] == '\n')
        sample.data[size - 1] = '$';
    return sample;
}

struct bytes subject_input(const struct subject *subject, size_t size)
{
    struct bytes in = subject_sample(size);
    size_t n = subject->after ? strlen(subject->after) : 0;

    if (subject->prepare) {
        struct memio io = {.in = in.data, .in_len = in.len, .settings = {.threads = 1}};

        if (memio_run(&io, subject->prepare) < 0)
            FAIL("%s: %s", subject->prepare, io.error.text);
        free(in.data);
        in = (struct bytes){io.out, io.out_len};
    }
    in.data = realloc(in.data, in.len + n + 1);
    ASSERT_NOT_NULL(in.data);
    if (n)
        memcpy(in.data + in.len, subject->after, n);
    in.len += n;
    in.len -= subject->cut < in.len ? subject->cut : in.len;
    if (subject->flip && subject->flip <= in.len)
        in.data[subject->flip - 1] ^= 0xff;
    return in;
}

static void side_path(char *to, size_t size)
{
    snprintf(to, size, "%s/side", test_tmp_dir());
}

static void in_path(char *to, size_t size)
{
    snprintf(to, size, "%s/in", test_tmp_dir());
}

/* The whole text, with memory ends where the subject has none and files for @IN@ and @SIDE@. */
static void whole_text(const struct subject *subject, const struct memio *io, char *to)
{
    char in[128], side[128];
    const char *from = subject->text;
    size_t n = 0;

    in_path(in, sizeof(in));
    side_path(side, sizeof(side));
    if (subject->place != PLACE_FIRST)
        n = (size_t)snprintf(to, TEXT_MAX, "memsource --at=%lld | ", memio_at(io));
    while (*from && n < TEXT_MAX - 256) {
        if (strncmp(from, "@IN@", 4) == 0) {
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "%s", in);
            from += 4;
        } else if (strncmp(from, "@SIDE@", 6) == 0) {
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "%s", side);
            from += 6;
        } else if (strncmp(from, "@PORT@", 6) == 0) {
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "%d", subject_server_port(in));
            from += 6;
        } else {
            to[n++] = *from++;
        }
    }
    to[n] = '\0';
    if (subject->place != PLACE_LAST)
        snprintf(to + n, TEXT_MAX - n, " | memsink --at=%lld", memio_at(io));
}

static void write_in(struct bytes in)
{
    char path[128];
    FILE *file;

    in_path(path, sizeof(path));
    file = fopen(path, "wb");
    ASSERT_NOT_NULL(file);
    ASSERT_EQ(fwrite(in.data, 1, in.len, file), in.len);
    ASSERT_EQ(fclose(file), 0);
}

/* Only what is expected is in the directory: in, and side if all went well. */
static void check_directory(int code)
{
    DIR *dir = opendir(test_tmp_dir());
    struct dirent *entry;

    ASSERT_NOT_NULL(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
            continue;
        if (strcmp(entry->d_name, "in") != 0 && (strcmp(entry->d_name, "side") != 0 || code != 0))
            FAIL("left behind: %s after code %d", entry->d_name, code);
    }
    closedir(dir);
}

/* A joined thread is in /proc for a moment more. */
static void check_threads(int expected)
{
    unsigned i;

    for (i = 0; i < YIELDS_MAX && test_thread_count() != expected; i++)
        sched_yield();
    ASSERT_EQ(test_thread_count(), expected);
}

void subject_run(const struct subject *subject, struct memio *io, struct bytes in,
                 struct outcome *ret)
{
    static int threads, runs;
    bool has_side = strstr(subject->text, "@SIDE@") != NULL;
    char text[TEXT_MAX], side[128];
    int code;

    if (!threads)
        threads = test_thread_count();
    side_path(side, sizeof(side));
    if (has_side)
        unlink(side);
    if (strstr(subject->text, "@IN@") || strstr(subject->text, "@PORT@"))
        write_in(in);
    whole_text(subject, io, text);
    io->in = in.data;
    io->in_len = in.len;
    code = memio_run_text(io, text);
    ASSERT_LE(io->stats.memory_peak, io->stats.memory_limit);
    /* A thread or a file that a run leaves is still there after the next runs. */
    if (io->settings.executor == LEAT_EXECUTOR_POOL || ++runs % LOOK_EVERY == 0)
        check_threads(threads);
    if (has_side || runs % LOOK_EVERY == 0)
        check_directory(code);
    ret->error = io->error;
    ret->out = (struct bytes){io->out, io->out_len};
    io->out = NULL;
    memio_free(io);
    ret->side.len = 0;
    ret->side.data = has_side ? test_file_read(side, &ret->side.len) : NULL;
}

void outcome_free(struct outcome *outcome)
{
    free(outcome->out.data);
    free(outcome->side.data);
    outcome->out = outcome->side = (struct bytes){NULL, 0};
}

void outcome_assert_same(const struct outcome *a, const struct outcome *expected)
{
    if (a->error.code != expected->error.code)
        FAIL("code %d (%s %s), expected %d (%s)", a->error.code, a->error.stage_name, a->error.text,
             expected->error.code, expected->error.text);
    ASSERT_EQ(a->error.stage, expected->error.stage);
    ASSERT_EQ(a->error.has_offset, expected->error.has_offset);
    if (a->error.code != 0)
        return;
    ASSERT_EQ(a->side.data != NULL, expected->side.data != NULL);
    ASSERT_BYTES_EQ(a->out.data, a->out.len, expected->out.data, expected->out.len);
    ASSERT_BYTES_EQ(a->side.data, a->side.len, expected->side.data, expected->side.len);
}
