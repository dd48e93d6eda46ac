/* test_grep_diff.c - grep against GNU grep, byte for byte.
 *
 * Pairs of a pattern with options and a text are drawn from a seed; both tools get them, and must
 * give the same bytes, or both refuse the pattern. Each pair also draws its pieces, chunk, room and
 * threads. LEAT_GREP_PAIRS and LEAT_GREP_SEED ask for more or others.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../transforms/text/pattern/utf8.h"
#include "grep_words.h"
#include "memio.h"
#include "test.h"

#define PAIRS 2000u
#define PROCESSES 4u /* tests that share the pairs */
#define ARGS_MAX 24
#define TEXT_MAX 4096u

extern char **environ;

struct buffer {
    char *data;
    size_t len, room;
};

static void add(struct buffer *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    if (n > b->room - b->len) {
        b->room = 2 * (b->room + n);
        b->data = realloc(b->data, b->room);
        ASSERT_NOT_NULL(b->data);
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

static void add_text(struct buffer *b, const char *text)
{
    add(b, text, strlen(text));
}

/* --- drawing ---------------------------------------------------------------------------------- */

static unsigned draw(uint64_t *random, unsigned n)
{
    return (unsigned)(test_random(random) >> 33) % n;
}

static const char *pick(uint64_t *random, const char *const *from, size_t n)
{
    return from[draw(random, (unsigned)n)];
}
#define PICK(random, from) pick(random, from, sizeof(from) / sizeof *(from))

static void draw_words(uint64_t *random, char syntax, struct buffer *b)
{
    for (unsigned n = 1 + draw(random, 4); n > 0; n--) {
        if (syntax == 'F' || draw(random, 2))
            add_text(b, PICK(random, wordy));
        else
            add_text(b, PICK(random, wordy_sets));
    }
    add(b, "", 1);
}

/* No standard defines a reference to a group whose last round matched nothing. */
static void drop_undefined(char *pattern)
{
    char *reference;

    if (strstr(pattern, "*)+"))
        while ((reference = strstr(pattern, "\\1")))
            reference[0] = reference[1] = 'a';
}

static void draw_pattern(uint64_t *random, char syntax, bool unicode, struct buffer *b)
{
    unsigned n = draw(random, 12) == 0 ? 0 : 1 + draw(random, draw(random, 3) ? 3 : 7);

    for (; n > 0; n--) {
        if (unicode && draw(random, 2))
            add_text(b, PICK(random, wide_patterns));
        else if (syntax == 'F')
            add_text(b, PICK(random, plain));
        else if (syntax == 'P')
            add_text(b, PICK(random, perl));
        else if (draw(random, 5) < 3)
            add_text(b, PICK(random, common));
        else if (syntax == 'E')
            add_text(b, PICK(random, extended));
        else
            add_text(b, PICK(random, basic));
    }
    if (syntax != 'P' && draw(random, 20) == 0) {
        add_text(b, "\n");
        add_text(b, PICK(random, plain));
    }
    /* Many, for the searches that know many. */
    for (unsigned many = syntax == 'F' && draw(random, 2) ? draw(random, 60) : 0; many > 0;
         many--) {
        add_text(b, "\n");
        for (unsigned k = 2 + draw(random, 3); k > 0; k--)
            add_text(b, PICK(random, plain));
    }
    add(b, "", 1);
    drop_undefined(b->data);
}

static void draw_text(uint64_t *random, char end, bool unicode, struct buffer *b)
{
    unsigned n = draw(random, 30);

    for (; n > 0; n--) {
        for (unsigned k = draw(random, draw(random, 6) ? 6 : 40); k > 0; k--)
            if (unicode && draw(random, 3) == 0)
                add_text(b, PICK(random, wide_words));
            else
                add_text(b, PICK(random, words));
        if (draw(random, 40) == 0)
            add(b, end ? "" : "\n", 1);
        if (n > 1 || draw(random, 4))
            add(b, &end, 1);
    }
}

/* --- a pair ----------------------------------------------------------------------------------- */

struct pair {
    char *args[ARGS_MAX]; /* without the command's name */
    size_t n_args;
    struct buffer text;
    bool unicode; /* in C.UTF-8, else in C */
};

static void add_arg(struct pair *p, const char *arg)
{
    ASSERT_LT(p->n_args, ARGS_MAX - 1);
    p->args[p->n_args] = strdup(arg);
    ASSERT_NOT_NULL(p->args[p->n_args]);
    p->n_args++;
}

static void draw_context(uint64_t *random, struct pair *p, bool colors)
{
    static const char *const others[] = {"-b", "--no-group-separator",
                                         "--group-separator=", "--group-separator=<>"};
    char option[16];

    for (unsigned i = 0; i < 3; i++)
        if (draw(random, 6) == 0) {
            snprintf(option, sizeof option, "-%c%u", "ABC"[i],
                     draw(random, draw(random, 2) ? 4 : 20));
            add_arg(p, option);
        }
    if (draw(random, 5) == 0)
        add_arg(p, PICK(random, others));
    if (draw(random, 8) == 0 && colors)
        add_arg(p, "--color=always");
}

/* With -x GNU grep colours the newline of an empty line, and with -w places as it does for -o.
 *
 * Returns whether -w and -o are among them; then -x is not: GNU grep would give empty matches. */
static bool draw_options(uint64_t *random, char syntax, struct pair *p, bool *ret_nul)
{
    static const char often[] = "viwocnx";
    char option[16] = {'-', syntax};
    unsigned drawn = 0;

    add_arg(p, option);
    for (unsigned i = 0; often[i]; i++) {
        if (draw(random, 4) || (often[i] == 'x' && (drawn & 12) == 12))
            continue;
        option[1] = often[i];
        drawn |= 1u << i;
        add_arg(p, option);
    }
    if (draw(random, 8) == 0) {
        snprintf(option, sizeof option, "-m%u", 1 + draw(random, 4));
        add_arg(p, option);
    }
    draw_context(random, p, !(drawn & 68));
    *ret_nul = draw(random, 12) == 0;
    if (*ret_nul)
        add_arg(p, "-z");
    return (drawn & 12) == 12;
}

/* To select lines GNU grep reads a repetition of an assertion otherwise than to colour them. */
static void drop_repeated_assertions(char *pattern)
{
    for (char *c = pattern; *c; c++) {
        bool is_one = *c == '^' || *c == '$' || (*c == '\\' && c[1] && strchr("<>bB`'", c[1]));

        c += *c == '\\' && c[1];
        if (is_one && c[1] && strchr("*+?{\\", c[1]))
            *c = 'a';
    }
}

static bool has_colors(const struct pair *p)
{
    for (size_t i = 0; i < p->n_args; i++)
        if (strcmp(p->args[i], "--color=always") == 0)
            return true;
    return false;
}

/* A file with patterns, whose last line may lack its end; or an empty one. */
static const char *write_keys(uint64_t *random, const struct buffer *b)
{
    static char path[512];
    static unsigned number;
    FILE *f;

    snprintf(path, sizeof path, "%s/keys%u", test_tmp_dir(), number++ % 4);
    f = fopen(path, "w");
    ASSERT_NOT_NULL(f);
    if (draw(random, 8))
        fprintf(f, "%s%s", b->data, draw(random, 3) ? "\n" : "");
    ASSERT_EQ(fclose(f), 0);
    return path;
}

/* Replaces bytes that are no characters, and with `all` also the characters that are not ASCII. */
static void drop_bytes(struct buffer *text, bool all)
{
    for (size_t at = 0, n; at < text->len; at += n) {
        uint32_t code;

        n = leat_utf8_read((const uint8_t *)text->data + at, text->len - at, &code);
        if (n == 0 || (all && n > 1)) {
            text->data[at] = '?';
            n = 1;
        }
    }
}

/* GNU takes a byte that is no character for the letter of that code in some patterns, and finds an empty match
 * between two of them. */
static bool asks_for_words(const struct pair *p)
{
    for (size_t i = 0; i < p->n_args; i++)
        if (strcmp(p->args[i], "-w") == 0 || strcmp(p->args[i], "-f") == 0 ||
            strpbrk(p->args[i], "\\"))
            return true;
    return false;
}

/* With -w, GNU looks for an empty match between bytes, not characters. */
static bool looks_for_empty_words(const struct pair *p)
{
    bool words_option = false, empty = false;

    for (size_t i = 0; i < p->n_args; i++) {
        words_option = words_option || strcmp(p->args[i], "-w") == 0;
        empty = empty || p->args[i][0] == '\0' || strpbrk(p->args[i], "*?{|^$\\\n") ||
                strcmp(p->args[i], "-f") == 0;
    }
    return words_option && empty;
}

static void draw_pair(uint64_t seed, struct pair *p)
{
    uint64_t random = seed * 2654435761u + 1;
    char syntax = "GGGEEEEFFP"[draw(&random, 10)];
    unsigned patterns = syntax != 'P' && draw(&random, 8) == 0 ? 2 : 1;
    bool nul, words_only = draw_options(&random, syntax, p, &nul);

    p->unicode = syntax != 'P' && draw(&random, 2);
    for (; patterns > 0; patterns--) {
        struct buffer b = {0};

        if (words_only && syntax != 'P')
            draw_words(&random, syntax, &b);
        else
            draw_pattern(&random, syntax, p->unicode, &b);
        if (has_colors(p))
            drop_repeated_assertions(b.data);
        if (draw(&random, 6) == 0) {
            add_arg(p, "-f");
            add_arg(p, write_keys(&random, &b));
        } else {
            add_arg(p, "-e");
            add_arg(p, b.data);
        }
        free(b.data);
    }
    draw_text(&random, nul ? '\0' : '\n', p->unicode && draw(&random, 6), &p->text);
    if (p->unicode && asks_for_words(p))
        drop_bytes(&p->text, looks_for_empty_words(p));
}

static void pair_free(struct pair *p)
{
    for (size_t i = 0; i < p->n_args; i++)
        free(p->args[i]);
    free(p->text.data);
}

/* The command that repeats the case. */
static char *quoted(const struct pair *p)
{
    struct buffer b = {0};

    for (size_t i = 0; i < p->n_args; i++) {
        add_text(&b, " '");
        for (const char *c = p->args[i]; *c; c++) {
            if (*c == '\'')
                add_text(&b, "'\\''");
            else
                add(&b, c, 1);
        }
        add_text(&b, "'");
    }
    add(&b, "", 1);
    return b.data;
}

/* --- the other grep --------------------------------------------------------------------------- */

static char *const environment_c[] = {(char[]){"LC_ALL=C"},
                                      (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, NULL};
static char *const environment_utf8[] = {(char[]){"LC_ALL=C.UTF-8"},
                                         (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, NULL};

static void read_all(int fd, struct buffer *b)
{
    char part[65536];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        ASSERT_GT(n, 0);
        add(b, part, (size_t)n);
    }
}

/* Runs GNU grep on a file; returns its exit status. */
static int gnu_grep(char *const *args, size_t n_args, bool unicode, const char *file,
                    struct buffer *out)
{
    char *argv[ARGS_MAX + 4] = {(char[]){"grep"}, (char[]){"-a"}};
    posix_spawn_file_actions_t actions;
    int pipes[2], status;
    pid_t pid;

    for (size_t i = 0; i < n_args; i++)
        argv[2 + i] = args[i];
    ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
    ASSERT_EQ(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_addopen(&actions, 0, file, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    ASSERT_EQ(posix_spawnp(&pid, "grep", &actions, NULL, argv,
                           unicode ? environment_utf8 : environment_c),
              0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    read_all(pipes[0], out);
    close(pipes[0]);
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void need_gnu_grep(unsigned n)
{
    char *args[] = {(char[]){"--version"}};
    struct buffer out = {0};

    if (gnu_grep(args, 1, false, "/dev/null", &out) != 0)
        SKIP(n, "GNU grep is not installed");
    add(&out, "", 1);
    if (!strstr(out.data, "GNU grep"))
        SKIP(n, "grep is not GNU grep");
    out.data[strcspn(out.data, "\n")] = '\0';
    test_note("against %s", out.data);
    free(out.data);
}

static const char *write_text(const void *data, size_t n)
{
    static char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/text", test_tmp_dir());
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, data, n), (ssize_t)n);
    ASSERT_EQ(close(fd), 0);
    return path;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void draw_run(uint64_t seed, struct memio *io)
{
    static const size_t chunks[] = {0, 1, 7, 64, 4095, 65536};
    uint64_t random = seed + 77;

    io->piece = draw(&random, 3) ? MEMIO_RANDOM : 0;
    io->seed = seed;
    io->settings.chunk = chunks[draw(&random, 6)];
    io->settings.room = draw(&random, 3) ? 0 : 1 + draw(&random, 3);
    io->settings.threads = 1 + draw(&random, 4);
    io->settings.executor = draw(&random, 4) ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_AUTO;
    io->settings.seed = seed;
}

static void compare(struct pair *p, struct memio *io, const char *file, const char *name)
{
    char *options = quoted(p), *text;
    struct buffer gnu = {0};
    int status, r;

    test_context("%s: LC_ALL=C%s grep -a%s %s", name, p->unicode ? ".UTF-8" : "", options, file);
    status = gnu_grep(p->args, p->n_args, p->unicode, file, &gnu);
    ASSERT_NE(asprintf(&text, "grep%s%s", p->unicode ? "" : " --bytes", options), -1);
    r = memio_run(io, text);
    if (r == LEAT_EUSAGE && p->unicode && strstr(io->error.text, "not valid UTF-8")) {
        ASSERT_EQ(io->out_len, 0); /* GNU looks for the bytes, where it can */
    } else if (status > 1) {
        ASSERT_EQ(r, LEAT_EUSAGE);
    } else {
        if (r < 0)
            FAIL("%s", io->error.text);
        ASSERT_BYTES_EQ(io->out, io->out_len, gnu.data, gnu.len);
    }
    free(text);
    free(options);
    free(gnu.data);
}

static unsigned env_number(const char *name, unsigned otherwise)
{
    const char *value = getenv(name);

    return value ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

static void run_pairs(unsigned part)
{
    unsigned pairs = env_number("LEAT_GREP_PAIRS", PAIRS), base = env_number("LEAT_GREP_SEED", 1);

    need_gnu_grep(pairs / PROCESSES);
    for (unsigned i = part; i < pairs; i += PROCESSES) {
        struct memio io = {0};
        struct pair p = {.n_args = 0};
        char name[32];

        snprintf(name, sizeof name, "pair %u", base + i);
        draw_pair(base + i, &p);
        io.in = p.text.data;
        io.in_len = p.text.len;
        draw_run(base + i, &io);
        compare(&p, &io, write_text(p.text.data ? p.text.data : "", p.text.len), name);
        memio_free(&io);
        pair_free(&p);
    }
}

TEST(test_agrees_with_gnu_grep_on_the_first_quarter_of_the_pairs)
{
    run_pairs(0);
}

TEST(test_agrees_with_gnu_grep_on_the_second_quarter_of_the_pairs)
{
    run_pairs(1);
}

TEST(test_agrees_with_gnu_grep_on_the_third_quarter_of_the_pairs)
{
    run_pairs(2);
}

TEST(test_agrees_with_gnu_grep_on_the_last_quarter_of_the_pairs)
{
    run_pairs(3);
}

/* --- the corpora ------------------------------------------------------------------------------ */

/* Options and pattern, as words; NULL ends each. */
static const char *const searches[][10] = {
    {"-F", "the"},
    {"-F", "-v", "e"},
    {"-c", "-F", "and"},
    {"-i", "-F", "THE lord"},
    {"-w", "king"},
    {"-x", "[[:space:]]*"},
    {"-n", "^[A-Z][a-z]* [a-z]*$"},
    {"-E", "[Ee]rror|[Ww]arning|commit [0-9a-f]{8}"},
    {"-E", "-c", "(a|e|i|o|u){3}"},
    {"-E", "-o", "[0-9]+(\\.[0-9]+)?"},
    {"-E", "-o", "-i", "love|lo|lord"},
    {"-E", "\\b([a-z]+) \\1\\b"},
    {"-o", "\\([a-z]\\)\\1[a-z]*"},
    {"-v", "-c", "^$"},
    {"-P", "(?<=and )\\w+ing\\b"},
    {"-P", "-o", "\\d{3,}(?!\\d)"},
    {"-e", "God", "-e", "devil", "-e", "angel", "-n"},
    {"-m", "7", "-n", "-E", "[aeiou]{2}[^aeiou]{3}"},
    {"-F", "-e", "http", "-e", "\\\\", "-e", "<a ", "-e", "&amp;"},
    {"-z", "-c", "a"},
    {"-A", "2", "-B", "3", "-F", "king"},
    {"-C1", "-n", "-b", "[aeiou][aeiou][aeiou]"},
    {"-b", "-o", "-E", "[A-Z][a-z]+"},
    {"-m5", "-A3", "-F", "the"},
    {"-C2", "-v", "-E", "[a-m]"},
    {"--color=always", "-n", "-E", "the|and"},
};

static void search_file(const char *name, struct memio *io, const char *file)
{
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        struct pair p = {.n_args = 0};

        for (size_t k = 0; k < 10 && searches[i][k]; k++)
            add_arg(&p, searches[i][k]);
        io->settings.chunk = i % 2 ? 4095 : 0;
        io->settings.threads = 1 + (unsigned)i % 3;
        io->settings.record_max = 64u << 20;
        compare(&p, io, file, name);
        memio_free(io);
        pair_free(&p);
    }
}

static void search_corpus(const char *name)
{
    char path[512];
    size_t len;
    uint8_t *data;
    struct memio io = {0}, unpack = {0};

    snprintf(path, sizeof path, "corpora/%s", name);
    data = test_data_read(path, &len);
    if (strstr(name, ".zst")) {
        unpack.in = data;
        unpack.in_len = len;
        ASSERT_EQ(memio_run(&unpack, "unzstd"), 0);
        io.in = unpack.out;
        io.in_len = unpack.out_len;
    } else {
        io.in = data;
        io.in_len = len;
    }
    search_file(name, &io, write_text(io.in, io.in_len));
    memio_free(&unpack);
    free(data);
}

TEST(test_agrees_with_gnu_grep_on_the_corpora)
{
    const char *data = test_data_dir();
    const struct dirent *entry;
    char path[512];
    DIR *dir;

    if (!data)
        SKIP(sizeof searches / sizeof *searches, "no test data: set LEAT_TEST_DATA");
    need_gnu_grep(sizeof searches / sizeof *searches);
    snprintf(path, sizeof path, "%s/corpora", data);
    dir = opendir(path);
    ASSERT_NOT_NULL(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            search_corpus(entry->d_name);
    closedir(dir);
}
