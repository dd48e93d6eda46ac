/* convert.c - leat convert SRC... [DST]: compressed files in another format. It is `leat each` with a pipeline that the
 * suffixes make: `read {} : {decoder} : zstd : write {plain}.zst`.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"
#include "suffix.h"

const char convert_manual[] =
    "Decodes each SRC by its suffix and encodes it by that of DST: `leat convert a.gz b.zst`. A SRC without the suffix of a "
    "codec is read as it is, and a DST without one is written decoded. DST may be a directory, or - for standard output. With "
    "--to, all operands are sources and their outputs stand beside them, unless the last one is a directory: "
    "`leat convert '*.gz' --to=zst` makes a.zst of a.gz.\n\n"
    "The suffixes are .gz .zst .xz .bz2 .lz4 .br .lz .lzma .zz .zlib .deflate .Z; .tgz .tzst .txz .tbz2 .tbz stand for .tar.gz "
    "and so on, also in --to, which then takes tar archives only. A SRC that does not have the format of its suffix fails.\n\n"
    "It is `leat each` with a pipeline that is made, and has its options: --remove-source removes a source whose content is in "
    "the output, --journal and --resume go on with an interrupted run, --keep-times, --jobs, -r, --dry-run to see the pipelines.";

struct convert {
    const struct config *config;
    const char *to, *level;      /* the options, or NULL */
    const char *dst;             /* or NULL: beside the source */
    bool directory;              /* it is one */
    const struct suffix *suffix; /* of the outputs; NULL: none */
    struct buf output;           /* the template */
};

static bool is_directory(const char *path)
{
    struct stat info;
    size_t n = strlen(path);

    return (n > 0 && path[n - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

static int no_suffix(const struct config *c, const char *what)
{
    struct buf known = {.n = 0};
    char shown[SHOWN_MAX];
    int status;

    suffix_list(&known);
    status = message_fail(c, LEAT_EUSAGE,
                          "convert: %s has no suffix of a codec that leat knows; there are %s",
                          leat_show(what, shown, sizeof shown), buf_text(&known));
    buf_free(&known);
    return status;
}

/* --to=SUFFIX, also with a dot before it or .tar. */
static int read_to(struct convert *v, bool *ret_tars)
{
    const char *to = v->to + (*v->to == '.');
    bool tar = strncmp(to, "tar.", 4) == 0, plain_tar = strcmp(to, "tar") == 0;

    v->suffix = suffix_find(to + (tar ? 4 : 0), strlen(to + (tar ? 4 : 0)));
    if (!plain_tar && (!v->suffix || (tar && v->suffix->tar)))
        return no_suffix(v->config, v->to);
    *ret_tars = tar || plain_tar || v->suffix->tar;
    if (v->dst) {
        template_quote(&v->output, v->dst);
        buf_add(&v->output, "%s", v->dst[strlen(v->dst) - 1] == '/' ? "" : "/");
    }
    buf_add(&v->output, "{%s%s}.%s", v->dst ? "rel." : "", *ret_tars ? "untar" : "plain", to);
    return 0;
}

/* Without --to the last operand is a directory for decoded files, or the output itself. */
static int read_dst(struct convert *v, const char *src)
{
    template_quote(&v->output, v->dst);
    if (v->directory) {
        buf_add(&v->output, "%s{rel.plain}", v->dst[strlen(v->dst) - 1] == '/' ? "" : "/");
        return 0;
    }
    v->suffix = suffix_of(v->dst);
    if (!v->suffix && !suffix_of(src) && strcmp(v->dst, "-") != 0)
        return no_suffix(v->config, v->dst);
    return 0;
}

/* Which operands are sources, and what is made of them? */
static int read_operands(struct convert *v, int *n, char **operands, bool *ret_tars)
{
    const char *last = *n > 0 ? operands[*n - 1] : "";

    v->directory = *n > 1 && is_directory(last);
    if (v->directory || (!v->to && *n > 1)) {
        v->dst = last;
        (*n)--;
    }
    if (*n == 0 || (!v->dst && !v->to))
        return message_fail(
            v->config, LEAT_EUSAGE,
            "convert: needs a source and an output; usage: leat convert SRC DST, or "
            "leat convert SRC... --to=SUFFIX [DIR]");
    if (v->dst && !v->directory && *n > 1)
        return message_fail(v->config, LEAT_EUSAGE,
                            "convert: several sources need a directory as the last operand, or "
                            "--to=SUFFIX for outputs beside them; %s is neither",
                            last);
    return v->to ? read_to(v, ret_tars) : read_dst(v, operands[0]);
}

/* The words of `leat each`: the sources, --, the pipeline. */
static int run(struct convert *v, int n, char **operands, bool tars)
{
    char read[] = "read", path[] = "{}", decoder[] = "{decoder}", write[] = "write";
    char joint[] = ":", end[] = "--", level[16], encoder[16];
    char **words = calloc((size_t)n + 16, sizeof *words);
    int status, k = n;

    if (!words || v->output.failed) {
        free(words);
        return message_fail(v->config, LEAT_ENOMEM, "out of memory");
    }
    memcpy(words, operands, (size_t)n * sizeof *words);
    words[k++] = end;
    words[k++] = read;
    words[k++] = end;
    words[k++] = path;
    words[k++] = joint;
    words[k++] = decoder;
    if (v->suffix) {
        (void)snprintf(encoder, sizeof encoder, "%s", v->suffix->encoder);
        words[k++] = joint;
        words[k++] = encoder;
        (void)snprintf(level, sizeof level, "-%s", v->level ? v->level : "");
        if (v->level)
            words[k++] = level;
    }
    if (!v->dst || strcmp(v->dst, "-") != 0) {
        words[k++] = joint;
        words[k++] = write;
        words[k++] = end;
        words[k++] = v->output.data;
    }
    status = each_run(v->config, k, words, tars);
    free(words);
    return status;
}

static bool is_level(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n < 3 && text[n] == '\0';
}

int convert_main(const struct config *c, int argc, char **argv)
{
    struct convert v = {.config = c};
    bool tars = false;
    int n = 0, status;

    for (int i = 0; i < argc; i++) /* a first -- ends the options */
        if (strcmp(argv[i], "--") != 0 || n < i)
            argv[n++] = argv[i];
    for (size_t i = 0; i < c->n_own; i++) {
        const char *name = each_options[c->own[i].option].name;

        if (strcmp(name, "to") == 0)
            v.to = c->own[i].value;
        if (strcmp(name, "level") == 0)
            v.level = c->own[i].value;
    }
    if (v.level && !is_level(v.level))
        return message_fail(c, LEAT_EUSAGE, "convert: option --level: '%s' is not a number",
                            v.level);
    status = read_operands(&v, &n, argv, &tars);
    if (status == 0 && v.level && !v.suffix)
        status =
            message_fail(c, LEAT_EUSAGE, "convert: --level needs an output that is compressed");
    if (status == 0)
        status = run(&v, n, argv, tars);
    buf_free(&v.output);
    return status;
}
