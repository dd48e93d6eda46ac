/* options.c - the options of `leat each`, among its inputs, and the pipeline after `--` or the first ` : `. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "batch.h"
#include "join.h"

enum {
    EACH_RECURSIVE,
    EACH_FILES_FROM,
    EACH_NULL,
    EACH_MANIFEST,
    EACH_INCLUDE,
    EACH_EXCLUDE,
    EACH_NEWER,
    EACH_SIZE,
    EACH_ONE_FS,
    EACH_JOBS,
    EACH_ORDER,
    EACH_ON_ERROR,
    EACH_RETRIES,
    EACH_RETRY_ON,
    EACH_JOURNAL,
    EACH_RESUME,
    EACH_SAME,
    EACH_REMOVE,
    EACH_KEEP_TIMES,
    EACH_KEEP_MODE,
    EACH_DRY_RUN,
    EACH_SHARDS,
    EACH_PLAN,
    EACH_SHARD,
    EACH_SPLIT,
    EACH_JOIN,
    EACH_RESUBMIT,
    EACH_REDUCE,
    EACH_VERIFY,
    EACH_ENGINE,
    EACH_ENGINE_OPTIONS,
    EACH_ENGINE_IMAGE,
    EACH_ENGINE_VOLUME,
    EACH_ENGINE_HOSTS,
    EACH_THROTTLE,
    EACH_N,
    /* leat convert has these besides; convert.c reads them. */
    CONVERT_TO = EACH_N,
    CONVERT_LEVEL,
    CONVERT_N,
};

const struct global_option each_options[] = {
    [EACH_RECURSIVE] = {.name = "recursive",
                        .short_name = 'r',
                        .help = "take all files below a directory"},
    [EACH_FILES_FROM] =
        {.name = "files-from",
         .metavar = "FILE",
         .help = "also take the names in FILE, one a line; - is standard input; can be repeated"},
    [EACH_NULL] = {.name = "null",
                   .short_name = '0',
                   .help = "names of --files-from end with a NUL"},
    [EACH_MANIFEST] =
        {.name = "manifest",
         .metavar = "FILE",
         .help = "also take the names in FILE, of sha256sum, or JSON lines with path, size and "
                 "sha256; each input must have that digest; can be repeated"},
    [EACH_INCLUDE] =
        {.name = "include",
         .metavar = "PATTERN",
         .help = "only files whose name matches; with a slash, the part below the directory; "
                 "can be repeated"},
    [EACH_EXCLUDE] = {.name = "exclude",
                      .metavar = "PATTERN",
                      .help = "no files or directories whose name matches; can be repeated"},
    [EACH_NEWER] = {.name = "newer",
                    .metavar = "FILE|DATE",
                    .help = "only files that were changed after FILE was, or after a date such as "
                            "2026-01-31 or '2026-01-31 12:00'"},
    [EACH_SIZE] = {.name = "size",
                   .metavar = "[+-]SIZE",
                   .help = "only files of more than (+) or less than (-) SIZE, or of that size"},
    [EACH_ONE_FS] = {.name = "one-file-system", .help = "with -r: do not enter other file systems"},
    [EACH_JOBS] = {.name = "jobs",
                   .metavar = "N|auto",
                   .help =
                       "pipelines at once; auto, the default: as many as keep the workers busy"},
    [EACH_ORDER] =
        {.name = "order",
         .metavar = "HOW",
         .choices = "size|name|given",
         .help = "which input begins first; size, the default: the largest, so that it is not "
                 "left for the end"},
    [EACH_ON_ERROR] =
        {.name = "on-error",
         .metavar = "WHAT",
         .help = "continue, the default: go on with other inputs; stop: cancel them; stop-new: "
                 "begin no more; N%: begin no more once N in a hundred inputs failed"},
    [EACH_RETRIES] =
        {.name = "retries",
         .metavar = "N",
         .help = "try an input N times more after a fault of input or output, the network or "
                 "time; corrupt data is never tried again; default: 0"},
    [EACH_RETRY_ON] = {.name = "retry-on",
                       .metavar = "LIST",
                       .help = "the faults to try again, of io,net,timeout; default: all"},
    [EACH_JOURNAL] = {.name = "journal",
                      .metavar = "FILE",
                      .help = "record in FILE what is done, as JSON lines"},
    [EACH_RESUME] =
        {.name = "resume",
         .help = "skip inputs that are done according to the journal and whose outputs are there"},
    [EACH_SAME] =
        {.name = "same",
         .metavar = "HOW",
         .choices = "size+mtime|sha256|etag",
         .help =
             "an input is the one of the journal if these are the same; default: size+mtime, and for "
             "URLs the ETag, if it is a strong one"},
    [EACH_REMOVE] =
        {.name = "remove-source",
         .help =
             "remove an input when its output is on the disk and, decoded, has the same content"},
    [EACH_KEEP_TIMES] = {.name = "keep-times", .help = "an output gets the time of its input"},
    [EACH_KEEP_MODE] = {.name = "keep-mode", .help = "an output gets the permissions of its input"},
    [EACH_DRY_RUN] = {.name = "dry-run",
                      .help = "print the pipeline of each input, and do nothing"},
    [EACH_SHARDS] = {.name = "shards",
                     .metavar = "N",
                     .help = "with --plan: deal the inputs to N shards by size"},
    [EACH_PLAN] =
        {.name = "plan",
         .metavar = "FILE",
         .help = "with inputs: write the plan of the batch to FILE, and run nothing; with --shard: "
                 "run a shard of that plan"},
    [EACH_SHARD] =
        {.name = "shard",
         .metavar = "I|I/N|auto",
         .help = "run only shard I, from 0, of the plan, or of N shards that the inputs are dealt "
                 "to; auto: the number that a scheduler has set in the environment"},
    [EACH_SPLIT] =
        {.name = "split",
         .metavar = "WHERE",
         .choices = "lines",
         .help = "with --plan: give each shard a range of whole lines of the one input, a plain "
                 "file, zstd in the seekable format or BGZF"},
    [EACH_JOIN] = {.name = "join",
                   .metavar = "FILE",
                   .help = "are all shards of the plan in FILE done, and their outputs there?"},
    [EACH_RESUBMIT] = {.name = "resubmit",
                       .help =
                           "with --join: print the commands that run the missing shards, or with "
                           "--engine run them"},
    [EACH_REDUCE] =
        {.name = "reduce",
         .metavar = "HOW:FILE",
         .help = "with --join: write to FILE what all outputs hold (concat), in the order of the "
                 "inputs, or their sorted lines (merge), their digests (sums), or a list of them "
                 "as JSON lines (manifest)"},
    [EACH_VERIFY] = {.name = "verify",
                     .help = "with --join: read the outputs and compare their SHA-256 digests"},
    [EACH_ENGINE] =
        {.name = "engine",
         .metavar = "ENGINE",
         .choices = ENGINE_CHOICES,
         .help =
             "with --plan: run the shards that are not done: as a job array of Slurm, an Indexed "
             "Job of Kubernetes, with GNU parallel, or one after another on this machine; wait "
             "for the end; with --dry-run, print the script"},
    [EACH_ENGINE_OPTIONS] =
        {.name = "engine-options",
         .metavar = "WORDS",
         .help = "more options for sbatch or parallel, such as '--partition=p --time=60'"},
    [EACH_ENGINE_IMAGE] = {.name = "engine-image",
                           .metavar = "IMAGE",
                           .help =
                               "Kubernetes: the image of the containers, with leat in its PATH"},
    [EACH_ENGINE_VOLUME] =
        {.name = "engine-volume",
         .metavar = "CLAIM[:PATH]",
         .help = "Kubernetes: mount this claim at PATH; default: at the working directory"},
    [EACH_ENGINE_HOSTS] = {.name = "engine-hosts",
                           .metavar = "FILE",
                           .help = "parallel: run on the hosts in FILE, one a line, over ssh"},
    [EACH_THROTTLE] = {.name = "throttle",
                       .metavar = "N",
                       .help = "shards at once; parallel: on each host, default: 1"},
    [CONVERT_TO] = {.name = "to",
                    .metavar = "SUFFIX",
                    .help = "the suffix of the outputs, such as zst or tar.xz"},
    [CONVERT_LEVEL] = {.name = "level",
                       .short_name = LEAT_DIGITS,
                       .metavar = "N",
                       .help = "the level of the encoder"},
};
const size_t n_each_options = EACH_N, n_convert_options = CONVERT_N;

const char each_manual[] =
    "Runs the pipeline once for each INPUT, all in one process, with one pool of workers and one --memory for all. INPUT is "
    "a file, a directory with -r, or a quoted pattern such as 'logs/**/*.gz', which each matches itself. A pipeline that "
    "begins with no source reads the input; one that ends with no sink writes to standard output, in the order of the inputs.\n\n"
    "In the words of the pipeline {} is the path of the input, {.} without its suffix, {/} its base name, {//} its "
    "directory, {/.} the base name without its suffix; or {path}, {dir}, {base}, {stem}, {stem2} (without two suffixes), "
    "{ext}, {rel} (the part below the directory that was named), {rel.}, {n} (its number in the sorted list; {n:04} with four "
    "digits), {shard}, {plain} (the path without the suffix of a codec) and {decoder} (the stage that decodes it, by its suffix). {{name}} stands for {name}. A name is put into the word, and never parsed.\n\n"
    "Two inputs with one output, and an output that is an input, are refused before the first byte. Directories of outputs are "
    "made below the part of the name that is the same for all inputs.\n\n"
    "An input that fails leaves no output, and the others go on: see --on-error. The status is then 8, or that of the error if "
    "it was the only input.\n\n"
    "INPUT may also be a URL of http, https or s3, which get reads, with the options of a first stage such as get --netrc {}. "
    "{} is the URL, and the other names are those of its path. Each server is asked for size, ETag and time first.\n\n"
    "With --journal, a batch that was killed goes on with --resume: what is done is skipped, whatever the order or the number of "
    "inputs now. Two runs with one journal at once are refused. --remove-source needs one output an input. It decodes input and output, compares their "
    "SHA-256 digests, and removes the input after its output and the journal are on the disk, and if it is still the same file.\n\n"
    "--report=FILE writes an HTML page with a summary and a table of the inputs, which can be searched and sorted.\n\n"
    "With --plan and --engine, the shards of a plan run as a job array of Slurm, as an Indexed Job of Kubernetes, with GNU "
    "parallel over ssh, or one after another; each waits for them, and the status is the highest of theirs if some are not "
    "done. The same command without inputs and pipeline runs those that are not done.";

/* --- values ----------------------------------------------------------------------------------- */

static int bad(const struct config *c, size_t option, const char *value, const char *wanted)
{
    return message_fail(c, LEAT_EUSAGE, "each: option --%s: '%s' is not %s",
                        each_options[option].name, value, wanted);
}

static int number(const struct config *c, size_t option, const char *value, unsigned max,
                  unsigned *ret)
{
    char *end;
    unsigned long v = strtoul(value, &end, 10);
    char wanted[48];

    if (*value >= '0' && *value <= '9' && !*end && v <= max) {
        *ret = (unsigned)v;
        return 0;
    }
    (void)snprintf(wanted, sizeof wanted, "a number up to %u", max);
    return bad(c, option, value, wanted);
}

/* FILE, or a date in local time. */
static int newer(struct each_options *o, const struct config *c, const char *value)
{
    static const char *const forms[] = {"%Y-%m-%d",          "%Y-%m-%d %H:%M",    "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "@%s"};
    struct stat info;

    o->filter.has_newer = true;
    if (stat(value, &info) == 0) {
        o->filter.newer_ns = info.st_mtim.tv_sec * (int64_t)1000000000 + info.st_mtim.tv_nsec;
        return 0;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(value, forms[i], &tm);

        if (end && !*end) {
            tm.tm_isdst = -1;
            o->filter.newer_ns = mktime(&tm) * (int64_t)1000000000;
            return 0;
        }
    }
    return bad(c, EACH_NEWER, value, "a file that exists, or a date such as 2026-01-31 12:00");
}

static int size_bound(struct each_options *o, const struct config *c, const char *value)
{
    o->filter.size_sign = *value == '+' ? 1 : *value == '-' ? -1 : 2;
    if (leat_parse_size(value + (o->filter.size_sign != 2), &o->filter.size) < 0)
        return bad(c, EACH_SIZE, value, "a size such as +1M, -100K or 0");
    return 0;
}

static int on_error(struct each_options *o, const struct config *c, const char *value)
{
    size_t n = strlen(value);
    char *end;

    o->on_error = ON_ERROR_PERCENT;
    o->percent = (unsigned)strtoul(value, &end, 10);
    if (*value >= '0' && *value <= '9' && strcmp(end, "%") == 0 && o->percent <= 100)
        return 0;
    o->on_error = strcmp(value, "stop") == 0       ? ON_ERROR_STOP
                  : strcmp(value, "stop-new") == 0 ? ON_ERROR_STOP_NEW
                                                   : ON_ERROR_CONTINUE;
    if (o->on_error == ON_ERROR_CONTINUE && (n == 0 || strcmp(value, "continue") != 0))
        return bad(c, EACH_ON_ERROR, value,
                   "one of continue, stop, stop-new and a percentage such as 5%");
    return 0;
}

static int retry_on(struct each_options *o, const struct config *c, const char *value)
{
    static const char *const names[] = {"io", "net", "timeout"};
    const char *at = value;

    o->retry_on = 0;
    while (*at) {
        size_t n = strcspn(at, ","), i = 0;

        while (i < 3 && (strlen(names[i]) != n || strncmp(names[i], at, n) != 0))
            i++;
        if (i == 3)
            return bad(c, EACH_RETRY_ON, value, "a list of io, net and timeout");
        o->retry_on |= 1u << i;
        at += n + (at[n] == ',');
    }
    return 0;
}

static int choose(const struct config *c, size_t option, const char *value, int *ret)
{
    const char *at = each_options[option].choices, *one;
    size_t n;

    for (int i = 0; (n = each_choice(&at, &one)) > 0; i++) {
        if (strlen(value) == n && strncmp(one, value, n) == 0) {
            *ret = i;
            return 0;
        }
    }
    return bad(c, option, value, each_options[option].choices);
}

static int add_to(const struct config *c, size_t option, const char *value, const char **list,
                  size_t max)
{
    size_t n = 0;

    while (n < max && list[n])
        n++;
    if (n == max)
        return message_fail(c, LEAT_ELIMIT, "each: --%s is given more than %zu times",
                            each_options[option].name, max);
    list[n] = value;
    return 0;
}

static int take_list(struct each_options *o, const struct config *c, const struct own_word *w)
{
    switch (w->option) {
    case EACH_FILES_FROM:
        return add_to(c, w->option, w->value, o->files_from, LISTS_MAX - 1);
    case EACH_MANIFEST:
        return add_to(c, w->option, w->value, o->manifests, LISTS_MAX - 1);
    case EACH_INCLUDE:
        return add_to(c, w->option, w->value, o->include, PATTERNS_MAX);
    case EACH_EXCLUDE:
        return add_to(c, w->option, w->value, o->exclude, PATTERNS_MAX);
    case EACH_NEWER:
        return newer(o, c, w->value);
    case EACH_SIZE:
        return size_bound(o, c, w->value);
    default:
        return 0;
    }
}

static int take_engine(struct each_options *o, const struct config *c, const struct own_word *w)
{
    int choice, status;

    switch (w->option) {
    case EACH_ENGINE:
        status = choose(c, w->option, w->value, &choice);
        if (status == 0)
            o->engine.kind = (enum engine)(ENGINE_SLURM + choice);
        return status;
    case EACH_ENGINE_OPTIONS:
        o->engine.options = w->value;
        return 0;
    case EACH_ENGINE_IMAGE:
        o->engine.image = w->value;
        return 0;
    case EACH_ENGINE_VOLUME:
        o->engine.volume = w->value;
        return 0;
    case EACH_ENGINE_HOSTS:
        o->engine.hosts = w->value;
        return 0;
    case EACH_THROTTLE:
        return number(c, w->option, w->value, SHARDS_MAX, &o->engine.throttle);
    default:
        return take_list(o, c, w);
    }
}

static int take_shards(struct each_options *o, const struct config *c, const struct own_word *w)
{
    switch (w->option) {
    case EACH_SHARDS:
        if (number(c, w->option, w->value, SHARDS_MAX, &o->shards) != 0 || o->shards > 0)
            return o->shards > 0 ? 0 : leat_exit_status(LEAT_EUSAGE);
        return bad(c, w->option, w->value, "a number from 1");
    case EACH_PLAN:
        o->plan = w->value;
        return 0;
    case EACH_SHARD:
        o->shard = w->value;
        return 0;
    case EACH_SPLIT:
        o->split = strcmp(w->value, "lines") == 0;
        return o->split ? 0 : bad(c, w->option, w->value, "lines");
    case EACH_JOIN:
        o->join = w->value;
        return 0;
    case EACH_REDUCE:
        o->reduce = w->value;
        return reduce_check(c, w->value);
    default:
        return take_engine(o, c, w);
    }
}

static int take_value(struct each_options *o, const struct config *c, const struct own_word *w)
{
    int choice = 0, status = 0;

    switch (w->option) {
    case EACH_JOBS:
        if (strcmp(w->value, "auto") != 0)
            status = number(c, w->option, w->value, 4096, &o->jobs);
        break;
    case EACH_ORDER:
        status = choose(c, w->option, w->value, &choice);
        o->order = (enum order)choice;
        break;
    case EACH_SAME:
        status = choose(c, w->option, w->value, &choice);
        o->same = (enum same)choice;
        o->same_given = true;
        break;
    case EACH_ON_ERROR:
        status = on_error(o, c, w->value);
        break;
    case EACH_RETRIES:
        status = number(c, w->option, w->value, 1000, &o->retries);
        break;
    case EACH_RETRY_ON:
        status = retry_on(o, c, w->value);
        break;
    case EACH_JOURNAL:
        o->journal = w->value;
        break;
    default:
        status = take_shards(o, c, w);
    }
    return status;
}

static void take_flag(struct each_options *o, size_t option)
{
    switch (option) {
    case EACH_RECURSIVE:
        o->filter.recursive = true;
        break;
    case EACH_NULL:
        o->nul = true;
        break;
    case EACH_ONE_FS:
        o->filter.one_file_system = true;
        break;
    case EACH_RESUME:
        o->resume = true;
        break;
    case EACH_REMOVE:
        o->remove_source = true;
        break;
    case EACH_KEEP_TIMES:
        o->keep_times = true;
        break;
    case EACH_KEEP_MODE:
        o->keep_mode = true;
        break;
    case EACH_DRY_RUN:
        o->dry_run = true;
        break;
    case EACH_RESUBMIT:
        o->resubmit = true;
        break;
    case EACH_VERIFY:
        o->verify = true;
        break;
    default:
        break;
    }
}

/* --- words ------------------------------------------------------------------------------------ */

/* Where the pipeline begins: after `--`, or at the joiner that follows the inputs. */
static size_t find_pipeline(size_t n, char **words, size_t *ret_after)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], "--") != 0 && strcmp(words[i], ":") != 0 && strcmp(words[i], "|") != 0)
            continue;
        *ret_after = i + 1;
        return i;
    }
    *ret_after = n;
    return n;
}

/* The options of several machines. */
static int check_shards(const struct each_options *o, const struct config *c)
{
    bool has_inputs = o->n_operands > 0 || o->files_from[0] || o->manifests[0];

    if (o->join && (has_inputs || o->n_words > 0 || o->plan || o->shard || o->shards > 0))
        return message_fail(c, LEAT_EUSAGE,
                            "each: --join takes all from the plan; give no inputs and no pipeline");
    if (!o->join && (o->reduce || o->resubmit || o->verify))
        return message_fail(c, LEAT_EUSAGE, "each: --%s needs --join=FILE, the plan",
                            o->reduce     ? "reduce"
                            : o->resubmit ? "resubmit"
                                          : "verify");
    if (o->plan && o->shard && (has_inputs || o->n_words > 0 || o->shards > 0))
        return message_fail(
            c, LEAT_EUSAGE,
            "each: a shard of a plan takes its inputs and its pipeline from the plan; "
            "give only --plan and --shard");
    if (o->plan && !o->shard && o->shards == 0 && o->engine.kind == ENGINE_NONE)
        return message_fail(
            c, LEAT_EUSAGE,
            "each: --plan needs --shards=N and inputs, to write a plan, or --shard=I, "
            "to run a shard of one");
    if (o->shards > 0 && !o->plan)
        return message_fail(c, LEAT_EUSAGE, "each: --shards needs --plan=FILE, the plan to write");
    if (o->split && o->shards == 0)
        return message_fail(c, LEAT_EUSAGE, "each: --split needs --shards=N and --plan=FILE");
    if (o->plan && (o->journal || o->resume))
        return message_fail(
            c, LEAT_EUSAGE,
            "each: the shards of a plan have journals of their own, beside the plan; "
            "leave out --%s",
            o->journal ? "journal" : "resume");
    if (o->plan && o->remove_source)
        return message_fail(
            c, LEAT_EUSAGE,
            "each: --remove-source does not go with --plan; remove the sources after "
            "leat each --join=%s",
            o->plan);
    return 0;
}

static int check_engine(const struct each_options *o, const struct config *c)
{
    bool has_inputs = o->n_operands > 0 || o->files_from[0] || o->manifests[0];
    int status = engine_check(c, &o->engine);

    if (status != 0 || o->engine.kind == ENGINE_NONE)
        return status;
    if (o->join && !o->resubmit)
        return message_fail(c, LEAT_EUSAGE, "each: --engine with --join needs --resubmit");
    if (!o->plan && !o->join)
        return message_fail(c, LEAT_EUSAGE,
                            "each: --engine needs --plan=FILE, where all machines can read it");
    if (o->shard)
        return message_fail(c, LEAT_EUSAGE, "each: --shard does not go with --engine");
    if (o->plan && o->shards == 0 && (has_inputs || o->n_words > 0))
        return message_fail(
            c, LEAT_EUSAGE,
            "each: --shards=N is missing; or leave out inputs and pipeline, if the plan "
            "is there");
    return 0;
}

static int check(const struct each_options *o, const struct config *c)
{
    int status = check_shards(o, c);

    if (status == 0)
        status = check_engine(o, c);
    if (status != 0 || o->join || (o->plan && (o->shard || o->shards == 0)))
        return status;
    if (o->n_operands == 0 && !o->files_from[0] && !o->manifests[0] && o->n_words > 0 &&
        o->words[0][0] == '-' && o->words[0][1])
        return message_fail(
            c, LEAT_EUSAGE,
            "each: %s comes after --, where the pipeline begins; options and inputs "
            "come before it, and an input with such a name is ./%s",
            o->words[0], o->words[0]);
    if (o->n_operands == 0 && !o->files_from[0] && !o->manifests[0])
        return message_fail(c, LEAT_EUSAGE,
                            "each: there are no inputs; usage: leat each INPUT... -- PIPELINE");
    if (o->n_words == 0)
        return message_fail(c, LEAT_EUSAGE,
                            "each: the pipeline is missing; it follows the inputs after --, as in: "
                            "leat each '*.gz' -- gunzip : zstd : write {.}.zst");
    if (o->resume && !o->journal)
        return message_fail(c, LEAT_EUSAGE,
                            "each: --resume needs --journal=FILE, the journal of "
                            "the run that was interrupted");
    if (c->settings.executor != LEAT_EXECUTOR_AUTO)
        return message_fail(c, LEAT_EUSAGE, "leat each has no option --seed");
    return 0;
}

int each_options_read(struct each_options *o, const struct config *c, int argc, char **argv)
{
    size_t after;
    int status = 0;

    *o = (struct each_options){.retry_on = RETRY_IO | RETRY_NETWORK | RETRY_TIMEOUT};
    o->n_operands = find_pipeline((size_t)argc, argv, &after);
    o->operands = argv;
    o->words = argv + after;
    o->n_words = (size_t)argc - after;
    for (size_t i = 0; i < c->n_own && status == 0; i++) {
        if (c->own[i].value)
            status = take_value(o, c, &c->own[i]);
        else
            take_flag(o, c->own[i].option);
    }
    o->filter.include = o->include[0] ? o->include : NULL;
    o->filter.exclude = o->exclude[0] ? o->exclude : NULL;
    return status ? status : check(o, c);
}
