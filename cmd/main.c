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
    {"help", "[NAME...]", "this help, or that of a stage or one of these", help_main, NULL,
     "Without a name: the options, and all the stages there are."},
    {"stages", "", "the stages there are; with --json, as data", stages_main, NULL,
     "A line each; with --json an array of objects: names, kind, summary, usage and options."},
    {"explain", "PIPELINE", "the canonical text, and how it would run", explain_main, NULL,
     "The segments and threads that would run it, and the most memory that it would use; branches "
     "and inputs are drawn in lines, or with --dot as a graph for Graphviz. Nothing is opened."},
    {"test", "[--all[=DEPTH]] FILE...", "whether compressed files are sound", test_main,
     test_option,
     "Decodes each file to nothing, as many at a time as there are threads, and writes a line about "
     "it: OK to standard output, or what is wrong to standard error. - is standard input. The format "
     "is known by the first bytes, or by the name: .br, .zz, .zlib, .deflate, .lzma.\n\n"
     "With --all, or -a, compressed data in compressed data is decoded as well, to a depth of 8 or "
     "DEPTH. -q leaves out the lines about sound files; --json makes an object of each. --memory is "
     "shared by the files that are tested at a time, and --timeout is for each.\n\n"
     "The status is 0 if all are sound; that of the error, such as 3, if the only file is not; and 8 "
     "if some of several are not."},
    {"completion", "SHELL", "completion for bash, zsh or fish", completion_main, NULL,
     "Writes the script that the shell is to source."},
    {"man", "stages", "the manual page leat-stages(7), from the tables", man_main, NULL,
     "Writes the page's source, for man or mandoc."},
};
const size_t n_subcommands = sizeof subcommands / sizeof *subcommands;

/* If 0, 1 or 2 is closed, the next file opened would take its place and be read or written by
 * mistake. What is put there fails when it is used, as the closed one would. */
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
          "`leat help` says more, `leat help STAGE` all about a stage.\n",
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

/* Takes its own options out of the words, up to `--`. Returns how many words are left. */
static int take_options(struct config *c, const struct subcommand *sub, int argc, char **argv)
{
    bool ended = false;
    int n = 0;

    for (int i = 0; i < argc; i++) {
        ended = ended || strcmp(argv[i], "--") == 0;
        if (ended || !sub->option(c, argv[i]))
            argv[n++] = argv[i];
    }
    argv[n] = NULL;
    return n;
}

/* Global options are allowed after the name of a subcommand as well. */
static int run_subcommand(struct config *c, const struct subcommand *sub, int argc, char **argv)
{
    int first;

    if (sub->option)
        argc = take_options(c, sub, argc, argv);
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
        return message_fail(c, LEAT_EUSAGE, "--dot goes with explain: leat explain --dot ...");
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
    (void)signal(SIGPIPE, SIG_IGN); /* what they are about is an error of the write */
    (void)signal(SIGXFSZ, SIG_IGN);
    config_init(&config);
    status = dispatch(&config, argc, argv);
    config_done(&config);
    return status;
}
