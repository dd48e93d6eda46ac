/* test_text_uutils.c - the uutils cases of text stages and sums, through the command leat.
 *
 * A file operand becomes `read FILE : STAGE`. What makes a case none of a stage's is said by
 * out_of_scope, and shown as the reason why it is skipped. LEAT names the command, else ./leat.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "uutils.h"

#define ARGV_MAX (UUTILS_ARGS_MAX + 8)

struct command {
    const char *util, *stage;
    const char *with_value; /* options whose value is the next word; NULL: operands follow */
};

static const struct command commands[] = {
    {"fold", "fold", " -w "},
    {"nl", "nl", " -b -d -f -h -i -l -n -s -v -w "},
    {"tac", "tac", " -s "},
    {"head", "head", " -n -c --lines --bytes "},
    {"tail", "tail", " -n -c --lines --bytes -s --pid "},
    {"wc", "wc", ""},
    {"tr", "tr", NULL},
    {"uniq", "uniq", ""},
    {"sort", "sort", " -k -t -S --compress-program "},
    {"cut", "cut", " -d -f -b -c --delimiter "},
    {"md5sum", "md5", ""},
    {"sha1sum", "sha1", ""},
    {"sha256sum", "sha256", ""},
    {"sha512sum", "sha512", ""},
    {"b2sum", "blake2b", ""},
    {"base64", "base64", " -w --wrap "},
    {"base32", NULL, ""},
    {"basenc", NULL, ""},
    {"cksum", NULL, " -a -l --algorithm --length "},
};

static const struct command *command_of(const struct uutils_case *c)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].util, c->util) == 0)
            return &commands[i];
    return NULL;
}

/* --- arguments -------------------------------------------------------------------------------- */

/* The case as a stage would have it. */
struct plan {
    const char *stage;
    const char *options[UUTILS_ARGS_MAX]; /* and operands */
    size_t n_options;
    const char *file; /* NULL: standard input */
    size_t n_files;
};

static bool has_value(const struct command *k, const char *option)
{
    char padded[64];

    snprintf(padded, sizeof padded, " %.60s ", option);
    return k->with_value && strstr(k->with_value, padded);
}

static void sort_arguments(const struct command *k, const struct uutils_case *c, struct plan *p)
{
    p->stage = k->stage;
    for (size_t i = 0; i < c->n_args; i++) {
        const char *arg = c->args[i];

        if (!k->with_value && (arg[0] != '-' || arg[1] == '\0')) {
            while (i < c->n_args)
                p->options[p->n_options++] = c->args[i++];
        } else if (arg[0] != '-' || arg[1] == '\0') {
            p->file = arg;
            p->n_files++;
        } else {
            p->options[p->n_options++] = arg;
            if (has_value(k, arg) && i + 1 < c->n_args)
                p->options[p->n_options++] = c->args[++i];
        }
    }
}

static bool has(const struct plan *p, const char *option)
{
    for (size_t i = 0; i < p->n_options; i++)
        if (strncmp(p->options[i], option, strlen(option)) == 0)
            return true;
    return false;
}

/* A short option, alone or in a bundle. */
static bool has_letter(const struct plan *p, char letter)
{
    for (size_t i = 0; i < p->n_options; i++)
        if (p->options[i][0] == '-' && p->options[i][1] != '-' && strchr(p->options[i], letter))
            return true;
    return false;
}

/* cksum stands for many: with -a md5 it is our md5, in BSD form unless --untagged comes last. */
static const char *plan_cksum(struct plan *p)
{
    bool md5 = has(p, "--algorithm=md5"), tag = true;

    for (size_t i = 0; i + 1 < p->n_options; i++)
        md5 = md5 || (strcmp(p->options[i], "-a") == 0 && strcmp(p->options[i + 1], "md5") == 0);
    if (!md5)
        return "cksum's own CRC, and BLAKE2b of other lengths, are no stages";
    if (has(p, "--length") || has(p, "--check") || has(p, "-c"))
        return "options of cksum that no stage has";
    for (size_t i = 0; i < p->n_options; i++)
        tag = strcmp(p->options[i], "--untagged") == 0 ? false
              : strcmp(p->options[i], "--tag") == 0    ? true
                                                       : tag;
    p->stage = "md5";
    p->options[0] = "--tag";
    p->n_options = tag;
    return NULL;
}

/* Encoding and decoding are two stages. */
static const char *plan_encoding(struct plan *p, const char *encode, const char *decode)
{
    bool decodes = has(p, "--decode") || has_letter(p, 'd');
    size_t n = 0;

    for (size_t i = 0; i < p->n_options; i++)
        if (strcmp(p->options[i], "-d") != 0 && strcmp(p->options[i], "--decode") != 0)
            p->options[n++] = p->options[i];
    p->n_options = n;
    p->stage = decodes ? decode : encode;
    return p->stage ? NULL : "hex writes lower-case digits";
}

/* basenc stands for many; the last of its encodings counts. */
static const char *plan_basenc(struct plan *p)
{
    const char *encoding = "";
    size_t n = 0;

    for (size_t i = 0; i < p->n_options; i++)
        if (strncmp(p->options[i], "--base", 6) == 0 || strcmp(p->options[i], "--z85") == 0)
            encoding = p->options[i];
        else
            p->options[n++] = p->options[i];
    p->n_options = n;
    if (strcmp(encoding, "--base64") == 0)
        return plan_encoding(p, "base64", "unbase64");
    if (strcmp(encoding, "--base16") == 0)
        return plan_encoding(p, NULL, "unhex");
    return "there is no stage for this encoding";
}

/* Options that change how much memory sort uses, not its output, are those of the command. */
static const char *plan_sort(struct plan *p)
{
    size_t n = 0;

    if (has(p, "--files0-from"))
        return "names of files as the input are not for a stage";
    if (has_letter(p, 'm'))
        return "branches are merged by the stage merge";
    for (size_t i = 0; i < p->n_options; i++) {
        const char *o = p->options[i];

        if (strncmp(o, "--sort=", 7) == 0 && strlen(o) < strlen("--sort=month"))
            return "the words of options are written in full";
        if (strcmp(o, "-S") == 0 || strcmp(o, "--compress-program") == 0)
            i++;
        else if (strncmp(o, "-S", 2) != 0 && strncmp(o, "--batch-size", 12) != 0)
            p->options[n++] = o;
    }
    p->n_options = n;
    return NULL;
}

/* Why the case is not one of a stage that turns one stream into another; NULL if it is. */
static const char *out_of_scope(const struct uutils_case *c, struct plan *p)
{
    if (p->n_files > 1)
        return "several files, with headings or a line each, are not one stream";
    if (p->file && strcmp(p->file, ".") == 0)
        return "a directory is not read at all, whatever is asked for";
    if (strcmp(c->util, "cksum") == 0)
        return plan_cksum(p);
    if (strcmp(c->util, "sort") == 0)
        return plan_sort(p);
    if (strcmp(c->util, "base64") == 0)
        return plan_encoding(p, "base64", "unbase64");
    if (strcmp(c->util, "basenc") == 0)
        return plan_basenc(p);
    if (strcmp(c->util, "base32") == 0)
        return "there is no stage for this encoding";
    if (has(p, "--files0-from"))
        return "names of files as the input are not for a stage";
    if (strcmp(c->util, "tac") == 0 && has(p, "-r"))
        return "separators are texts, not regular expressions";
    if (strcmp(c->util, "head") == 0 && (has_letter(p, 'v') || has_letter(p, 'q')))
        return "headings are not for a stage";
    if (strcmp(c->util, "tail") == 0 && has_letter(p, 'f'))
        return "a stage does not follow a file; a stream ends when it ends";
    if (strstr(c->util, "sum") && (has(p, "--check") || has(p, "-c")))
        return "lists of digests are not read by a stage";
    return NULL;
}

/* wc names the file that it was given, and makes the columns as wide as its size needs; a stage
 * counts a stream. Then only the numbers are compared: every run of digits up to the name. */
static bool numbers_only(const struct uutils_case *c, const struct plan *p)
{
    return strcmp(c->util, "wc") == 0 && p->file;
}

static void assert_same_numbers(const char *got, const char *expected)
{
    char *got_end, *expected_end;

    for (;;) {
        got += strspn(got, " ");
        expected += strspn(expected, " ");
        if (*got == '\n')
            break;
        ASSERT_EQ(strtoul(got, &got_end, 10), strtoul(expected, &expected_end, 10));
        got = got_end;
        expected = expected_end;
    }
    ASSERT(*expected < '0' || *expected > '9');
}

/* --- running ---------------------------------------------------------------------------------- */

/* An absolute path, because the command runs in the directory of the fixtures; NULL: there is no
 * command, as when only the tests were built. */
static const char *leat_path(void)
{
    static char path[4096];
    const char *leat = getenv("LEAT");

    return realpath(leat ? leat : "./leat", path) && access(path, X_OK) == 0 ? path : NULL;
}

static int file_of(const char *name, const struct uutils_bytes *content)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", test_tmp_dir(), name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    if (content && content->len > 0)
        ASSERT_EQ(write(fd, content->data, content->len), (ssize_t)content->len);
    ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Returns the exit status. */
static int run(const struct uutils_case *c, char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    int status;
    pid_t pid;

    ASSERT_EQ(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (access(c->directory, X_OK) == 0)
        posix_spawn_file_actions_addchdir_np(&actions, c->directory);
    ASSERT_EQ(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The word as it is written in a pipeline: those that join stages are literal after a backslash. */
static const char *literal(const char *word)
{
    static const char *const joiners[] = {"\\:", "\\|", "\\[", "\\]"};

    for (size_t i = 0; i < sizeof joiners / sizeof *joiners; i++)
        if (strcmp(word, joiners[i] + 1) == 0)
            return joiners[i];
    return word;
}

/* The words are not changed, though exec takes them as if they could be. */
static void make_argv(const struct plan *p, char **argv)
{
    const char *words[ARGV_MAX] = {leat_path()};
    size_t n = 1;

    if (p->file && strcmp(p->file, "-") != 0) {
        words[n++] = "read";
        words[n++] = p->file;
        words[n++] = ":";
    }
    words[n++] = p->stage;
    for (size_t i = 0; i < p->n_options; i++)
        words[n++] = literal(p->options[i]);
    memcpy(argv, words, sizeof words);
}

static void run_case(void)
{
    const struct uutils_case *c = test_argument();
    struct plan p = {.n_options = 0};
    char *argv[ARGV_MAX] = {0};
    const char *reason;
    uint8_t *got;
    char path[512];
    size_t len;
    int in, out, status;

    sort_arguments(command_of(c), c, &p);
    reason = out_of_scope(c, &p);
    if (reason)
        SKIP(1, reason);
    make_argv(&p, argv);
    in = file_of("in", &c->in);
    out = file_of("out", NULL);
    status = run(c, argv, in, out);
    close(in);
    close(out);
    if (c->status < 0)
        ASSERT_NE(status, 0);
    else
        ASSERT_EQ(status, c->status);
    snprintf(path, sizeof path, "%s/out", test_tmp_dir());
    got = test_file_read(path, &len);
    ASSERT_NOT_NULL(got);
    if (c->out.data && numbers_only(c, &p))
        assert_same_numbers((const char *)got, (const char *)c->out.data);
    else if (c->out.data)
        ASSERT_BYTES_EQ(got, len, c->out.data, c->out.len);
    free(got);
}

static void no_data(void)
{
    SKIP(1, "no test data: set LEAT_TEST_DATA");
}

static void no_command(void)
{
    SKIP(1, "the command is not built here");
}

__attribute__((constructor)) static void register_cases(void)
{
    size_t n;
    const struct uutils_case *cases = uutils_cases(&n);
    char name[256];

    if (n == 0)
        test_register_with(__FILE__, "uutils_cases", no_data, NULL);
    else if (!leat_path())
        test_register_with(__FILE__, "uutils_cases", no_command, NULL);
    if (!leat_path())
        return;
    for (size_t i = 0; i < n; i++)
        if (command_of(&cases[i])) {
            snprintf(name, sizeof name, "uutils_%s_%s", cases[i].util, cases[i].test);
            test_register_with(__FILE__, name, run_case, &cases[i]);
        }
}
