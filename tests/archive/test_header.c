/* test_header.c - headers that lie in many pieces of the input, and what libarchive does not tell of them. */
#include "../../transforms/archive/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "memio.h"
#include "test.h"

#define PATH_SIZE 512u
#define ENTRIES 40u

/* --- an archive of cpio with NULs after its names --------------------------------------------- */

struct text {
    char data[ENTRIES * 512];
    size_t n;
};

static void put_entry(struct text *t, const char *name, size_t name_n, unsigned mode,
                      const char *content)
{
    size_t n = strlen(content);

    t->n += (size_t)sprintf(t->data + t->n,
                            "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u,
                            mode, 0u, 0u, 1u, 0u, n, 0u, 0u, 0u, 0u, name_n, 0u);
    memcpy(t->data + t->n, name, strlen(name)); /* zeros follow */
    t->n = (t->n + name_n + 3) & ~(size_t)3;
    memcpy(t->data + t->n, content, n);
    t->n = (t->n + n + 3) & ~(size_t)3;
}

static void make_cpio(struct text *t)
{
    char name[16];

    memset(t, 0, sizeof *t);
    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        int n = sprintf(name, "f%u", i);

        put_entry(t, name, (size_t)n + 1 + i % 9, S_IFREG | 0644, "abc");
    }
    put_entry(t, "link", 9, S_IFLNK | 0777, "target");
    put_entry(t, "TRAILER!!!", 11, 0, "");
    t->n = (t->n + 511) & ~(size_t)511;
}

static int list(struct memio *io, const char *options, const struct text *t, size_t piece)
{
    char line[PATH_SIZE];

    *io = (struct memio){.in = t->data, .in_len = t->n, .piece = piece};
    snprintf(line, sizeof line, "memsource --at=%lld | list %s | memsink --at=%lld", memio_at(io),
             options, memio_at(io));
    return memio_run_text(io, line);
}

TEST(test_names_of_cpio_may_have_several_nuls)
{
    static const size_t pieces[] = {0, 1, 7, 100, 512};
    struct text t;

    make_cpio(&t);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct memio io;

        test_context("pieces of %zu", pieces[i]);
        ASSERT_EQ(list(&io, "", &t, pieces[i]), 0);
        ASSERT_EQ(io.warnings, 0);
        ASSERT_EQ(io.out_len, 10 * 3 + 10 * 4 + 5);
        memio_free(&io);
    }
}

TEST(test_bytes_between_entries_of_cpio_are_an_error)
{
    struct memio io;
    struct text t;

    make_cpio(&t);
    memmove(t.data + 128, t.data + 120, t.n - 120); /* after the first entry */
    memset(t.data + 120, 'x', 8);
    t.n += 8;
    ASSERT_LT(list(&io, "", &t, 0), 0);
    memio_free(&io);
    ASSERT_EQ(leat_header_cpio((const uint8_t *)t.data + 120, t.n - 120, false), 0);
}

/* --- times before 1970 in pax ----------------------------------------------------------------- */

/* An archive of pack, with a file whose time is this. */
static void make_pax(struct memio *io, const char *mtime)
{
    char line[PATH_SIZE], path[PATH_SIZE];
    FILE *f;

    snprintf(path, sizeof path, "%s/f", test_tmp_dir());
    f = fopen(path, "w");
    ASSERT_NOT_NULL(f);
    ASSERT_EQ(fclose(f), 0);
    *io = (struct memio){.piece = 0};
    snprintf(line, sizeof line, "pack --mtime=%s -C %s f | memsink --at=%lld", mtime,
             test_tmp_dir(), memio_at(io));
    ASSERT_EQ(memio_run_text(io, line), 0);
}

TEST(test_a_time_less_than_a_second_before_1970)
{
    static const size_t pieces[] = {0, 1, 7, 512, 600};
    static const struct {
        const char *mtime;
        bool before;
    } rows[] = {{"@-0.5", true}, {"@0.5", false}, {"@-0.000000001", true}, {"@0", false}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct memio from, io;
        char line[PATH_SIZE];

        make_pax(&from, rows[i].mtime);
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            test_context("%s, pieces of %zu", rows[i].mtime, pieces[k]);
            io = (struct memio){.in = from.out, .in_len = from.out_len, .piece = pieces[k]};
            snprintf(line, sizeof line, "memsource --at=%lld | list --json | memsink --at=%lld",
                     memio_at(&io), memio_at(&io));
            ASSERT_EQ(memio_run_text(&io, line), 0);
            ASSERT_EQ(memmem(io.out, io.out_len, "\"mtime\":-", 9) != NULL, rows[i].before);
            memio_free(&io);
        }
        memio_free(&from);
    }
}
