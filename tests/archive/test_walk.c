/* test_walk.c - the walk: its order, what it leaves out, how many files and directories are open. */
#include "../../transforms/archive/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define PATH_SIZE 512u
#define DEPTH 100u

/* --- a stage that walks and outputs a line for each entry ------------------------------------- */

static struct {
    struct leat_walk_options options;
    const char *const *roots; /* NULL after the last */
    size_t next;
    struct leat_match exclude;
    const char *pattern; /* NULL: none */
    int open_most;       /* descriptors at an entry */
    unsigned entries, cancel_at;
} walk;

static const char *next_root(void *arg, size_t *ret_n)
{
    const char *root = walk.roots[walk.next];

    (void)arg;
    if (!root)
        return NULL;
    walk.next++;
    *ret_n = strlen(root);
    return root;
}

static bool is_cancelled(void *arg)
{
    (void)arg;
    return walk.cancel_at && walk.entries >= walk.cancel_at;
}

static int put_entry(struct leat_blocking *b, const struct leat_walk_entry *e)
{
    char line[DEPTH * 8 + PATH_SIZE];
    const char *type = e->error                 ? "?"
                       : S_ISREG(e->st.st_mode) ? "f"
                       : S_ISDIR(e->st.st_mode) ? "d"
                       : S_ISLNK(e->st.st_mode) ? "l"
                                                : "o";
    int n = snprintf(line, sizeof line, "%s %s%s%s\n", type, e->name, e->target ? " " : "",
                     e->target ? e->target : "");

    ASSERT_EQ(e->fd >= 0, *type == 'f');
    return leat_push(b, line, (size_t)n);
}

static int walks_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct leat_walk_entry *e;
    struct leat_walk *w;
    int r = 0;

    if (walk.pattern)
        r = leat_match_add(s, &walk.exclude, walk.pattern, strlen(walk.pattern));
    walk.options.exclude = &walk.exclude;
    walk.options.next_root = next_root;
    walk.options.is_cancelled = is_cancelled;
    w = r == 0 ? leat_walk_new(s, &walk.options) : NULL;
    r = w ? leat_walk_next(w, &e) : LEAT_ENOMEM;
    while (r == 1) {
        int open = test_fd_count();

        walk.open_most = open > walk.open_most ? open : walk.open_most;
        walk.entries++;
        r = put_entry(b, e);
        if (r == 0)
            r = leat_walk_next(w, &e);
    }
    leat_walk_free(w);
    leat_match_free(s, &walk.exclude);
    if (r == LEAT_ECANCELLED && walk.cancel_at)
        r = 0;
    return r < 0 ? r : LEAT_END;
}

static const struct leat_stage_type walks = {
    .name = "walks",
    .summary = "walk",
    .kind = LEAT_SOURCE,
    .nature = LEAT_BLOCKING,
    .run = walks_run,
};

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &walks), 0);
}

/* Run it; the output is one text. */
static char *walk_text(const char *const *roots, int *ret_code)
{
    struct memio io = {.registered = add_types};
    char text[PATH_SIZE], *out;

    walk.roots = roots;
    walk.next = 0;
    walk.entries = 0;
    walk.open_most = 0;
    snprintf(text, sizeof text, "walks | memsink --at=%lld", memio_at(&io));
    *ret_code = memio_run_text(&io, text);
    out = calloc(1, io.out_len + 1);
    ASSERT_NOT_NULL(out);
    if (io.out_len > 0)
        memcpy(out, io.out, io.out_len);
    memio_free(&io);
    return out;
}

static void walks_to(const char *const *roots, const char *expected)
{
    int code;
    char *out = walk_text(roots, &code);

    ASSERT_EQ(code, 0);
    ASSERT_STREQ(out, expected);
    free(out);
}

/* --- trees ------------------------------------------------------------------------------------ */

static void begin(void)
{
    memset(&walk, 0, sizeof walk);
    walk.options.base = AT_FDCWD;
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
}

static void make_dir(const char *path)
{
    ASSERT_EQ(mkdir(path, 0755), 0);
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(close(fd), 0);
}

static void make_tree(void)
{
    begin();
    make_dir("t");
    make_dir("t/b");
    make_file("t/b.");
    make_file("t/b/x");
    make_file("t/B");
    make_file("t/\xff");
    make_file("t/a");
    ASSERT_EQ(symlink("../nowhere", "t/b/l"), 0);
    ASSERT_EQ(mkfifo("t/p", 0600), 0);
}

TEST(test_entries_come_in_the_order_of_the_bytes_of_their_names)
{
    make_tree();
    walks_to((const char *const[]){"t", NULL},
             "d t\nf t/B\nf t/a\nd t/b\nl t/b/l ../nowhere\nf t/b/x\nf t/b.\no t/p\nf t/\xff\n");
    walks_to((const char *const[]){"t/b/x", "./t//b/", "none", NULL},
             "f t/b/x\nd ./t/b\nl ./t/b/l ../nowhere\nf ./t/b/x\n? none\n");
    walks_to((const char *const[]){NULL}, "");
}

TEST(test_names_have_no_slash_at_the_begin_and_no_parent)
{
    make_tree();
    ASSERT_EQ(chdir("t/b"), 0);
    walks_to((const char *const[]){"../b", "..", "../../t/b/x", NULL},
             "d b\nl b/l ../nowhere\nf b/x\n"
             "d .\nf B\nf a\nd b\nl b/l ../nowhere\nf b/x\nf b.\no p\nf \xff\nf t/b/x\n");
    walk.options.no_recursion = true;
    walks_to((const char *const[]){"/", "/usr", NULL}, "d .\nd usr\n");
}

TEST(test_what_is_excluded_is_not_opened)
{
    make_tree();
    walk.pattern = "t/b";
    walks_to((const char *const[]){"t", "t/b", NULL},
             "d t\nf t/B\nf t/a\nf t/b.\no t/p\nf t/\xff\n");
    walk.pattern = "*";
    walks_to((const char *const[]){"t", NULL}, "");
}

TEST(test_a_tree_of_any_depth_needs_a_bounded_number_of_descriptors)
{
    int before, code;
    char *out;

    begin();
    make_dir("t");
    ASSERT_EQ(chdir("t"), 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        make_dir("d");
        for (char name[] = "a"; name[0] < 'd'; name[0]++)
            make_file(name);
        make_file("e");
        ASSERT_EQ(chdir("d"), 0);
    }
    ASSERT_EQ(chdir(test_tmp_dir()), 0);
    before = test_fd_count();
    out = walk_text((const char *const[]){"t", NULL}, &code);
    ASSERT_EQ(code, 0);
    ASSERT_EQ(walk.entries, 1 + DEPTH * 5);
    /* and some of the pipeline itself */
    ASSERT_LE(walk.open_most, before + (int)(LEAT_WALK_OPEN_MAX + LEAT_WALK_AHEAD) + 16);
    free(out);
}

TEST(test_a_cancel_ends_the_walk)
{
    int code;
    char *out;

    make_tree();
    walk.cancel_at = 2;
    out = walk_text((const char *const[]){"t", "t", "t", "t", NULL}, &code);
    ASSERT_EQ(code, 0);
    ASSERT_LE(walk.entries, 3);
    free(out);
}

TEST(test_a_path_that_is_too_long_is_an_error)
{
    static char root[LEAT_WALK_PATH_MAX + 10];
    int code;
    char *out;

    begin();
    memset(root, '/', sizeof root - 1);
    out = walk_text((const char *const[]){root, NULL}, &code);
    ASSERT_EQ(code, LEAT_ELIMIT);
    free(out);
}
