/* options.c - the options of `leat check`, and which of its two forms the operands mean. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sums.h"

enum {
    CHECK_IGNORE_MISSING,
    CHECK_STRICT,
    CHECK_STATUS,
    CHECK_WARN,
    CHECK_JOURNAL,
    CHECK_RESUME,
    CHECK_N,
};

const struct global_option check_options[] = {
    [CHECK_IGNORE_MISSING] = {.name = "ignore-missing",
                              .help = "no line and no failure for files that do not exist"},
    [CHECK_STRICT] = {.name = "strict",
                      .help = "have a status other than 0 if a line is improperly formatted"},
    [CHECK_STATUS] = {.name = "status", .help = "output nothing: the status tells the result"},
    [CHECK_WARN] = {.name = "warn",
                    .short_name = 'w',
                    .help = "write a message about each improperly formatted line"},
    [CHECK_JOURNAL] = {.name = "journal",
                       .metavar = "FILE",
                       .help = "record in FILE which files are OK, as JSON lines"},
    [CHECK_RESUME] = {.name = "resume",
                      .help = "do not read files that are OK according to the journal and have "
                              "the same size and time"},
};
const size_t n_check_options = CHECK_N;

const char check_manual[] =
    "With lists of digests, as of sha256sum, reads the files that they name, and writes a line about each as `sha256sum -c` "
    "does, in the order of the lists: NAME: OK, NAME: FAILED or NAME: FAILED open or read. - is a list from standard input. "
    "Several files are read at once, and nothing is decoded.\n\n"
    "The algorithm of a line is that of its tag, as in SHA512 (NAME) = DIGEST (MD5, SHA1, SHA256, SHA512, BLAKE2b), or the one "
    "with so many digits: md5 has 32, sha1 40, sha256 64. 128 digits are those of sha512 or blake2b: the one that matched "
    "last is tried first, and at first blake2b if the name of the list contains b2sum or blake2.\n\n"
    "The status is 4 if a file does not have its digest, else 1 if a file or a list cannot be read or if with "
    "--ignore-missing no file matched, else 3 if a list has no properly formatted line, or with --strict one that is "
    "improper. -q writes no lines about files that are OK; --json writes an object per file.\n\n"
    "With MANIFEST and a directory, writes a line about each file, directory or link in DIR that differs from the manifest, is "
    "missing, or is not in it, and has status 4 if there is one. The stage `manifest` makes the manifest of an "
    "archive. Contents, types, permissions and the targets of links are compared; times and owners are "
    "not. Permissions that the umask takes away, and set-ID bits, may be missing, as `extract` does not "
    "set them.";

static void take(struct sum_options *o, const struct own_word *w)
{
    switch (w->option) {
    case CHECK_IGNORE_MISSING:
        o->ignore_missing = true;
        break;
    case CHECK_STRICT:
        o->strict = true;
        break;
    case CHECK_STATUS:
        o->status = true;
        break;
    case CHECK_WARN:
        o->warn = true;
        break;
    case CHECK_JOURNAL:
        o->journal = w->value;
        break;
    default:
        o->resume = true;
    }
}

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int check_main(const struct config *c, int argc, char **argv)
{
    const char *unwanted = run_only_option(c);
    struct sum_options options = {.journal = NULL};
    int n = 0;

    for (int i = 0; i < argc; i++) /* a first -- ends the options */
        if (strcmp(argv[i], "--") != 0 || n < i)
            argv[n++] = argv[i];
    for (size_t i = 0; i < c->n_own; i++)
        take(&options, &c->own[i]);
    if (n == 2 && is_directory(argv[1])) {
        if (c->n_own > 0)
            return message_fail(
                c, LEAT_EUSAGE,
                "check: --%s is an option for lists of digests, and %s is a directory",
                check_options[c->own[0].option].name, argv[1]);
        return check_manifest(c, argv[0], argv[1]);
    }
    if (unwanted)
        return message_fail(c, LEAT_EUSAGE, "leat check has no option --%s", unwanted);
    if (n == 0)
        return message_fail(c, LEAT_EUSAGE,
                            "check: the list is missing; usage: leat check SUMS..., or leat check "
                            "MANIFEST DIR");
    if (options.resume && !options.journal)
        return message_fail(c, LEAT_EUSAGE,
                            "check: --resume needs --journal=FILE, the journal of the run that was "
                            "interrupted");
    return sums_main(c, &options, (size_t)n, argv);
}
