/* gnu.c - runs standard tools, and compares pipelines with them. */
#include "gnu.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memio.h"
#include "test.h"

#define LINES_MAX 60u
#define LINE_WORDS_MAX 8u
#define LONG_WORDS 200u

/* --- the words of a pair ---------------------------------------------------------------------- */

static void append(char **words, size_t *n, size_t most, char *word)
{
    ASSERT_NOT_NULL(word);
    ASSERT_LT(*n, most);
    words[(*n)++] = word;
}

static char *quoted(const char *word)
{
    char *text = leat_quote(word);

    ASSERT_NOT_NULL(text);
    return text;
}

static char *format_word(const char *format, va_list args)
{
    char *word = NULL;

    ASSERT_NE(vasprintf(&word, format, args), -1);
    return word;
}

void gnu_tool(struct gnu_pair *pair, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append(pair->tool, &pair->n_tool, GNU_WORDS_MAX, format_word(format, args));
    va_end(args);
}

void gnu_stage(struct gnu_pair *pair, const char *format, ...)
{
    va_list args;
    char *word;

    va_start(args, format);
    word = format_word(format, args);
    va_end(args);
    append(pair->stage, &pair->n_stage, GNU_WORDS_MAX, quoted(word));
    free(word);
}

void gnu_both(struct gnu_pair *pair, const char *format, ...)
{
    va_list args;
    char *word;

    va_start(args, format);
    word = format_word(format, args);
    va_end(args);
    append(pair->stage, &pair->n_stage, GNU_WORDS_MAX, quoted(word));
    append(pair->tool, &pair->n_tool, GNU_WORDS_MAX, word);
}

void gnu_text(struct gnu_pair *pair, const char *text)
{
    append(pair->stage, &pair->n_stage, GNU_WORDS_MAX, strdup(text));
}

static void pair_done(struct gnu_pair *pair)
{
    for (size_t i = 0; i < pair->n_tool; i++)
        free(pair->tool[i]);
    for (size_t i = 0; i < pair->n_stage; i++)
        free(pair->stage[i]);
    free(pair->in.data);
}

static char *join(char *const *words, size_t n)
{
    struct gnu_bytes text = {0};

    for (size_t i = 0; i < n; i++) {
        gnu_add(&text, " ", i > 0);
        gnu_add(&text, words[i], strlen(words[i]));
    }
    return (char *)text.data;
}

/* --- drawing ---------------------------------------------------------------------------------- */

void gnu_add(struct gnu_bytes *to, const void *data, size_t n)
{
    if (n == 0)
        return;
    to->data = realloc(to->data, to->len + n + 1);
    ASSERT_NOT_NULL(to->data);
    memcpy(to->data + to->len, data, n);
    to->len += n;
    to->data[to->len] = '\0';
}

unsigned gnu_draw(uint64_t *random, unsigned n)
{
    ASSERT_GT(n, 0);
    return (unsigned)(test_random(random) >> 33) % n;
}

const char *gnu_pick(uint64_t *random, const char *const *from, size_t n)
{
    return from[gnu_draw(random, (unsigned)n)];
}

static void draw_line(uint64_t *random, struct gnu_bytes *to, const char *const *words, size_t n)
{
    unsigned count = gnu_draw(random, 50) ? gnu_draw(random, LINE_WORDS_MAX) : LONG_WORDS;

    for (unsigned i = 0; i < count; i++) {
        const char *word = gnu_pick(random, words, n);

        gnu_add(to, word, strlen(word));
        if (gnu_draw(random, 100) == 0)
            gnu_add(to, "\0\r\xff" + gnu_draw(random, 3), 1);
    }
}

void gnu_draw_lines(uint64_t *random, struct gnu_pair *pair, const char *const *words)
{
    static const char *const usual[] = {"a",  "b",   "ab", "B",        "x",  "10", "9",
                                        "-1", "0.5", " ",  "  ",       "\t", " ",  ",",
                                        ":",  "  a", "z",  "\xc3\xa9", "_",  ";",  NULL};
    unsigned lines = gnu_draw(random, LINES_MAX + 1);
    struct gnu_bytes line = {0};
    size_t n = 0;

    if (!words)
        words = usual;
    while (words[n])
        n++;
    for (unsigned i = 0; i < lines; i++) {
        if (gnu_draw(random, 4) || i == 0) { /* else the line before, again */
            free(line.data);
            line = (struct gnu_bytes){0};
            draw_line(random, &line, words, n);
        }
        gnu_add(&pair->in, line.data, line.len);
        gnu_add(&pair->in, "\n", i + 1 < lines || gnu_draw(random, 3));
    }
    free(line.data);
}

/* --- running ---------------------------------------------------------------------------------- */

static void read_all(int fd, struct gnu_bytes *to)
{
    char part[65536];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        ASSERT_GT(n, 0);
        gnu_add(to, part, (size_t)n);
    }
}

/* An unnamed file, so that the program can read and write at its own pace. */
static int file_of(struct gnu_bytes in)
{
    int fd = open(test_tmp_dir(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    ASSERT_GE(fd, 0);
    for (size_t done = 0; done < in.len;) {
        ssize_t n = write(fd, in.data + done, in.len - done);

        ASSERT_GT(n, 0);
        done += (size_t)n;
    }
    ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

int gnu_run(char *const *argv, const char *locale, struct gnu_bytes in, struct gnu_bytes *ret_out)
{
    char language[64];
    char *environment[] = {language, (char[]){"TZ=UTC0"},
                           (char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, NULL};
    posix_spawn_file_actions_t actions;
    int pipes[2], status, from = file_of(in), r;
    pid_t pid;

    snprintf(language, sizeof language, "LC_ALL=%s", locale ? locale : "C");
    ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
    ASSERT_EQ(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_adddup2(&actions, from, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    close(from);
    *ret_out = (struct gnu_bytes){0};
    if (r == 0)
        read_all(pipes[0], ret_out);
    close(pipes[0]);
    if (r == ENOENT)
        return 127;
    ASSERT_EQ(r, 0);
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void gnu_need(const char *program, const char *text, unsigned n)
{
    char *argv[] = {strdup(program), (char[]){"--version"}, NULL};
    struct gnu_bytes out, none = {0};
    int status = gnu_run(argv, NULL, none, &out);
    char why[160];

    free(argv[0]);
    snprintf(why, sizeof why, "%s of %s is not installed", program, text);
    if (status != 0 || !out.data || !strstr((char *)out.data, text))
        SKIP(n, why);
    out.data[strcspn((char *)out.data, "\n")] = '\0';
    test_note("against %s", (char *)out.data);
    free(out.data);
}

static void draw_settings(uint64_t seed, struct memio *io)
{
    static const size_t chunks[] = {0, 1, 7, 64, 4095, 65536};
    uint64_t random = seed + 77;

    io->piece = gnu_draw(&random, 3) ? MEMIO_RANDOM : 0;
    io->gulp = gnu_draw(&random, 3) ? 0 : MEMIO_RANDOM;
    io->seed = seed;
    io->settings.chunk = chunks[gnu_draw(&random, 6)];
    io->settings.room = gnu_draw(&random, 3) ? 0 : 1 + gnu_draw(&random, 3);
    io->settings.threads = 1 + gnu_draw(&random, 4);
    io->settings.executor = gnu_draw(&random, 4) ? LEAT_EXECUTOR_SEEDED : LEAT_EXECUTOR_AUTO;
    io->settings.seed = seed;
}

void gnu_compare(const struct gnu_pair *pair, uint64_t seed)
{
    char *stage = join(pair->stage, pair->n_stage), *tool = join(pair->tool, pair->n_tool);
    struct memio io = {.in = pair->in.data, .in_len = pair->in.len};
    struct gnu_bytes expected;
    int status;

    draw_settings(seed, &io);
    io.settings.memory = pair->memory;
    test_context("LEAT_TEXT_SEED=%ju LEAT_TEXT_PAIRS=1: LC_ALL=%s %s, and: %s; %zu bytes: %.2000s",
                 (uintmax_t)seed, pair->locale ? pair->locale : "C", tool, stage, pair->in.len,
                 pair->in.data ? (char *)pair->in.data : "");
    status = gnu_run(pair->tool, pair->locale, pair->in, &expected);
    if (memio_run(&io, stage) < 0 && status == 0)
        FAIL("%s", io.error.text);
    if (status != 0 && !pair->any_failure)
        ASSERT_NE(io.code, 0);
    if (status == 0 && !pair->any_output)
        ASSERT_BYTES_EQ(io.out, io.out_len, expected.data, expected.len);
    memio_free(&io);
    free(expected.data);
    free(stage);
    free(tool);
}

static unsigned number_of(const char *name, unsigned otherwise)
{
    const char *value = getenv(name);

    return value ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

void gnu_pairs(unsigned n, void (*draw)(uint64_t *random, struct gnu_pair *pair))
{
    unsigned first = number_of("LEAT_TEXT_SEED", 1);

    n = number_of("LEAT_TEXT_PAIRS", test_under_sanitizer() ? n / 10 : n);
    test_note("%u pairs from seed %u", n, first);
    for (unsigned seed = first; seed - first < n; seed++) {
        struct gnu_pair pair = {.n_tool = 0};
        uint64_t random = (uint64_t)seed * 1000003u;

        draw(&random, &pair);
        gnu_compare(&pair, seed);
        pair_done(&pair);
    }
}
