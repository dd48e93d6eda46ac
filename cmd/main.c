/* main.c - the command: global options, then a pipeline or a subcommand, then an exit status. */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

const struct subcommand subcommands[] = {
    {.name = "help",
     .operands = "[NAME...]",
     .help = "show this help, or the help of a stage or subcommand",
     .main = help_main,
     .manual = "Without a name, shows the global options and lists all stages."},
    {.name = "stages",
     .operands = "",
     .help = "list the stages; with --json, as data",
     .main = stages_main,
     .manual =
         "Writes one line per stage; with --json an array of objects with names, kind, summary, usage "
         "and options."},
    {.name = "explain",
     .operands = "PIPELINE",
     .help = "show the canonical text and how the pipeline would run",
     .main = explain_main,
     .manual =
         "Shows the segments and threads that would run the pipeline, and the most memory that it "
         "would use, and what --sandbox would allow. Draws branches and inputs with line characters; "
         "with --dot, writes the graph for Graphviz instead. Opens no input or output."},
    {.name = "test",
     .operands = "[--all[=DEPTH]] FILE...",
     .help = "check whether compressed files are intact",
     .main = test_main,
     .option = test_option,
     .manual =
         "Decodes each file, discards the output, and writes one line about the file: OK to standard "
         "output, or the error to standard error. As many files are tested in parallel as there are "
         "threads. - is standard input. The format is detected from the first bytes, or from the end "
         "of the name: .br, .zz, .zlib, .deflate, .lzma.\n\n"
         "With --all, or -a, nested compressed data is decoded as well, to a depth of "
         "8 or DEPTH. -q writes no lines about intact files; --json writes an object per file. The "
         "files that are tested in parallel share --memory; --timeout applies to each file.\n\n"
         "The status is 0 if all files are intact. If the only file is damaged, the status is that of "
         "its error, such as 3. If some of several files are damaged, the status is 8."},
    {.name = "check",
     .operands = "[options] SUMS...",
     .help = "check files against lists of digests, or a directory against a manifest",
     .main = check_main,
     .manual = check_manual,
     .options = check_options,
     .n_options = &n_check_options,
     .mixes = true},
    {.name = "serve",
     .operands = "--route=ROUTE...",
     .help = "receive and send files by HTTP, each through a pipeline",
     .main = serve_main,
     .manual = serve_manual,
     .options = serve_options,
     .n_options = &n_serve_options},
    {.name = "each",
     .operands = "[options] INPUT... -- PIPELINE",
     .help = "run a pipeline for each of many files",
     .main = each_main,
     .manual = each_manual,
     .options = each_options,
     .n_options = &n_each_options,
     .mixes = true},
    {.name = "convert",
     .operands = "[options] SRC... [DST]",
     .help = "write compressed files in another format",
     .main = convert_main,
     .manual = convert_manual,
     .options = each_options,
     .n_options = &n_convert_options,
     .mixes = true},
    {.name = "completion",
     .operands = "SHELL",
     .help = "write the completion for bash, zsh or fish",
     .main = completion_main,
     .manual = "Writes a script; source it in the shell."},
    {.name = "man",
     .operands = "stages",
     .help = "write the manual page leat-stages(7)",
     .main = man_main,
     .manual = "Writes the source of the page, for man or mandoc."},
};
const size_t n_subcommands = sizeof subcommands / sizeof *subcommands;

/* If descriptor 0, 1 or 2 is closed, the next opened file would get its number and be read or
 * written by mistake. Open /dev/null there in the wrong direction: its use fails, like that of a
 * closed one. */
static bool guard_standard_fds(void)
{
    static const int wrong_way[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        if (open("/dev/null", wrong_way[fd]) != fd)
            return false;
    }
    return true;
}

static int print_version(void)
{
    struct buf out = {.n = 0};
    int status;

    buf_add(&out, "leat %s\n", LEAT_VERSION);
    status = out_write(&out);
    buf_free(&out);
    return status;
}

static int short_usage(const struct config *c)
{
    if (c->json)
        return message_fail(c, LEAT_EUSAGE, "there is no pipeline");
    fputs("usage: leat [options] STAGE [: STAGE]...\n"
          "       leat [options] 'STAGE | STAGE ...'\n"
          "       leat [options] -f FILE\n"
          "for example: leat read big.log.gz : gunzip : grep -v DEBUG : zstd : write out.zst\n"
          "`leat help` lists options and stages; `leat help STAGE` describes a stage.\n",
          stderr);
    return leat_exit_status(LEAT_EUSAGE);
}

const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < n_subcommands; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

/* Remove the subcommand's own options from the words, up to `--`. Returns the number of words
 * left, or -1 after a message. */
static int take_options(struct config *c, const struct subcommand *sub, int argc, char **argv)
{
    bool ended = false;
    int n = 0;

    for (int i = 0, taken; i<argc; i += taken> 0 ? taken : 1) {
        ended = ended || strcmp(argv[i], "--") == 0;
        taken = ended ? 0 : sub->option ? sub->option(c, argv[i]) : own_option(c, sub, argv + i);
        if (taken < 0)
            return -1;
        if (taken == 0)
            argv[n++] = argv[i];
    }
    argv[n] = NULL;
    return n;
}

static bool is_separator(const char *word)
{
    return strcmp(word, "--") == 0 || strcmp(word, ":") == 0 || strcmp(word, "|") == 0;
}

/* Take all options before the separator, those of the subcommand and global ones. Returns the number of words left, the first of which is the
 * name of the subcommand; or -1 after a message. */
static int take_mixed(struct config *c, const struct subcommand *sub, int argc, char **argv)
{
    int end = 1, n = 1;

    while (end < argc && !is_separator(argv[end]))
        end++;
    for (int i = 1, taken; i < end; i += taken) {
        char *words[] = {argv[0], argv[i], i + 1 < end ? argv[i + 1] : NULL, NULL};

        taken = own_option(c, sub, argv + i);
        if (taken == 0 && argv[i][0] == '-' && argv[i][1]) {
            taken = config_words(argv + i, end - i);
            words[1 + taken] = NULL;
            taken = config_parse(c, 1 + taken, words) < 0 ? -1 : taken;
        } else if (taken == 0) {
            argv[n++] = argv[i];
            taken = 1;
        }
        if (taken < 0)
            return -1;
    }
    while (end < argc)
        argv[n++] = argv[end++];
    argv[n] = NULL;
    return n;
}

/* Global options are also allowed after the name of a subcommand. */
static int run_subcommand(struct config *c, const struct subcommand *sub, int argc, char **argv)
{
    int first = 1;

    if (sub->mixes)
        argc = take_mixed(c, sub, argc, argv);
    else if (sub->option || sub->options)
        argc = take_options(c, sub, argc, argv);
    if (argc < 0)
        first = argc;
    else if (!sub->mixes)
        first = config_parse(c, argc, argv);

    if (first < 0)
        return leat_exit_status(LEAT_EUSAGE);
    if (c->help)
        return help_subcommand(c, sub);
    return sub->main(c, argc - first, argv + first);
}

static int run_pipeline(const struct config *c, int n_words, char **words)
{
    struct job job = {.text = NULL};
    int status;

    if (c->dot)
        return message_fail(c, LEAT_EUSAGE,
                            "--dot is an option of explain: leat explain --dot ...");
    if (n_words == 2 && (strcmp(words[1], "--help") == 0)) /* leat STAGE --help */
        return help_main(c, 1, words);
    status = job_open(&job, c, n_words, words);
    if (status == 0)
        status = run_job(c, &job);
    job_close(&job);
    return status;
}

static int dispatch(struct config *c, int argc, char **argv)
{
    const struct subcommand *sub = NULL;
    int first = config_parse(c, argc, argv);

    if (first < 0)
        return leat_exit_status(LEAT_EUSAGE);
    if (c->help)
        return help_usage(c);
    if (c->version)
        return print_version();
    if (first < argc && !c->file)
        sub = find_subcommand(argv[first]);
    if (sub)
        return run_subcommand(c, sub, argc - first, argv + first);
    if (first == argc && !c->file)
        return short_usage(c);
    return run_pipeline(c, argc - first, argv + first);
}

int main(int argc, char **argv)
{
    struct config config;
    int status;

    if (!guard_standard_fds())
        return 1;
    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN); /* the write fails with an error instead */
    (void)signal(SIGXFSZ, SIG_IGN);
    config_init(&config);
    status = dispatch(&config, argc, argv);
    config_done(&config);
    return status;
}
