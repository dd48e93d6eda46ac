/* config.c - the global options: one table for getopt, help and completion. */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmd.h"

enum {
    OPT_HELP,
    OPT_VERSION,
    OPT_FILE,
    OPT_SET,
    OPT_THREADS,
    OPT_MEMORY,
    OPT_TIMEOUT,
    OPT_FORCE,
    OPT_SUMS,
    OPT_STATS,
    OPT_REPORT,
    OPT_TRACE,
    OPT_METRICS,
    OPT_OTLP,
    OPT_LOG,
    OPT_JSON,
    OPT_PROGRESS,
    OPT_COLOR,
    OPT_QUIET,
    OPT_RECORD_MAX,
    OPT_CHUNK,
    OPT_SEED,
    OPT_SANDBOX,
    OPT_PLUGIN,
    OPT_DOT,
    OPT_ON_INTERRUPT,
    N_OPTIONS,
};

const struct global_option global_options[] = {
    [OPT_HELP] = {.name = "help", .short_name = 'h', .help = "show this help"},
    [OPT_VERSION] = {.name = "version", .short_name = 'V', .help = "show the version"},
    [OPT_FILE] = {.name = "file",
                  .short_name = 'f',
                  .metavar = "FILE",
                  .help = "read the pipeline from FILE; - is standard input"},
    [OPT_SET] = {.name = "set",
                 .metavar = "NAME=VALUE",
                 .help = "set the variable ${NAME} in pipeline text; can be repeated"},
    [OPT_THREADS] = {.name = "threads",
                     .short_name = 'j',
                     .metavar = "N",
                     .help = "worker threads, 1 to 256; default: the number of processors"},
    [OPT_MEMORY] =
        {.name = "memory",
         .metavar = "SIZE",
         .help = "memory limit, such as 64M; at most the memory of the machine; default: 256M"},
    [OPT_TIMEOUT] = {.name = "timeout",
                     .metavar = "TIME",
                     .help = "stop with an error after TIME, such as 90s or 1.5h"},
    [OPT_FORCE] = {.name = "force",
                   .help = "replace existing files; write compressed data to a terminal"},
    [OPT_SUMS] = {.name = "sums",
                  .metavar = "FILE",
                  .help =
                      "write the SHA-256 digests of all output files to FILE, for sha256sum -c"},
    [OPT_STATS] = {.name = "stats",
                   .metavar = "FORM",
                   .value_optional = true,
                   .choices = "table|json",
                   .help = "at the end, write statistics of each stage and the bottleneck"},
    [OPT_REPORT] = {.name = "report",
                    .metavar = "FILE",
                    .help =
                        "at the end, write an HTML page that shows the bottleneck and the error"},
    [OPT_TRACE] = {.name = "trace",
                   .metavar = "FILE",
                   .help = "at the end, write a timeline of the run, as trace events for Perfetto"},
    [OPT_METRICS] =
        {.name = "metrics",
         .metavar = "FILE.prom",
         .help = "write figures of the run for Prometheus, every 5 seconds and at the end, for the "
                 "textfile collector of node_exporter"},
    [OPT_OTLP] =
        {.name = "otlp",
         .metavar = "URL",
         .value_optional = true,
         .help =
             "send traces, metrics and logs of the run to the OpenTelemetry collector at URL, or "
             "at OTEL_EXPORTER_OTLP_ENDPOINT"},
    [OPT_LOG] =
        {.name = "log",
         .metavar = "json[:FILE]|journal[:SOCKET]",
         .help = "write a line of JSON when a stage opens, ends, fails or commits, to "
                 "standard error or appended to FILE; journal: an entry of the systemd journal"},
    [OPT_JSON] = {.name = "json", .help = "write errors, statistics and progress as JSON lines"},
    [OPT_PROGRESS] = {.name = "progress",
                      .metavar = "KIND",
                      .choices = "auto|bar|stages|plain|json|none",
                      .help = "how to show progress on standard error; auto: a bar on a terminal; "
                              "stages: one row per stage"},
    [OPT_COLOR] = {.name = "color",
                   .metavar = "WHEN",
                   .choices = "auto|always|never",
                   .help = "when to use colours; auto: on a terminal, unless NO_COLOR is set"},
    [OPT_QUIET] = {.name = "quiet",
                   .short_name = 'q',
                   .help = "write only errors, no progress and no warnings"},
    [OPT_RECORD_MAX] =
        {.name = "record-max",
         .metavar = "SIZE",
         .help = "the longest line that is accepted, without its newline; default: 16M, or less if "
                 "the memory limit is small"},
    [OPT_CHUNK] = {.name = "chunk",
                   .metavar = "SIZE",
                   .help = "bytes that move between stages at a time, 1 to 1M; for measurements"},
    [OPT_SEED] =
        {.name = "seed",
         .metavar = "N",
         .help =
             "run on one thread, in a pseudo-random order that N selects; for repeatable tests"},
    [OPT_SANDBOX] =
        {.name = "sandbox",
         .metavar = "WHEN",
         .choices = "auto|off|require",
         .help =
             "let the process use only the files that the pipeline needs, no network and no "
             "programs; auto, the default: as much as the kernel can; require: an error if it cannot"},
    [OPT_PLUGIN] = {.name = "plugin",
                    .metavar = "FILE",
                    .help =
                        "also use the stages of the plugin FILE, a shared object whose code runs "
                        "with all your rights; can be repeated"},
    [OPT_DOT] = {.name = "dot", .help = "with explain: write the graph for Graphviz"},
    [OPT_ON_INTERRUPT] = {.name = "on-interrupt",
                          .metavar = "WHAT",
                          .choices = "abort|finish",
                          .help =
                              "finish: at SIGINT, SIGTERM or SIGHUP the sources end, and outputs "
                              "are kept, as of follow; abort, the default: no output is left"},
};
const size_t n_global_options = N_OPTIONS;

void config_init(struct config *c)
{
    *c = (struct config){
        .settings.size = sizeof c->settings, .progress = PROGRESS_AUTO, .sandbox = SANDBOX_DEFAULT};
    term_init(&c->err, 2, COLOR_AUTO);
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < c->settings.n_variables; i++)
        free(c->variable_names[i]);
    free(c->variable_names);
    free(c->variables);
    free(c->plugins);
    free(c->own);
}

static bool takes_next(const struct global_option *o)
{
    return o->metavar && !o->value_optional;
}

int config_words(char *const *words, int n)
{
    size_t len = strcspn(words[0], "=");
    int used = 1;

    if (words[0][len] == '=' && words[0][1] == '-')
        return 1;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct global_option *o = &global_options[i];

        if (words[0][1] == '-')
            used = strcmp(o->name, words[0] + 2) == 0 && takes_next(o) ? 2 : used;
        else /* bundled: the value of the first one that takes it may be in the word */
            used = o->short_name && takes_next(o) && words[0][len - 1] == o->short_name &&
                           strcspn(words[0], (char[]){o->short_name, '\0'}) == len - 1
                       ? 2
                       : used;
    }
    return used < n ? used : n;
}

bool config_is_global(const char *word)
{
    size_t len = strcspn(word, "=");

    if (strncmp(word, "--", 2) != 0)
        return false;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strlen(global_options[i].name) == len - 2 &&
            strncmp(global_options[i].name, word + 2, len - 2) == 0)
            return true;
    return false;
}

/* --- values ----------------------------------------------------------------------------------- */

static int bad_value(const struct config *c, int id, const char *value, const char *wanted)
{
    (void)message_fail(c, LEAT_EUSAGE, "option --%s: '%s' is not %s", global_options[id].name,
                       value, wanted);
    return -1;
}

static int bad_choice(const struct config *c, int id, const char *value)
{
    const char *at = global_options[id].choices, *one;
    struct buf names = {.n = 0};
    size_t n;

    while ((n = each_choice(&at, &one)) > 0)
        buf_add(&names, "%s%.*s", names.n > 0 ? ", " : "", (int)n, one);
    (void)message_fail(c, LEAT_EUSAGE, "option --%s: '%s' is none of %s", global_options[id].name,
                       value, buf_text(&names));
    buf_free(&names);
    return -1;
}

/* The index of the value in the choices of the option; an unambiguous prefix is accepted. */
static int choice(const struct config *c, int id, const char *value)
{
    const char *at = global_options[id].choices, *one;
    int found = -1, matches = 0;
    size_t n;

    for (int i = 0; (n = each_choice(&at, &one)) > 0; i++) {
        if (strncmp(one, value, strlen(value)) == 0 && *value) {
            found = i;
            matches++;
            if (strlen(value) == n)
                return i;
        }
    }
    return matches == 1 ? found : bad_choice(c, id, value);
}

static int set_variable(struct config *c, const char *value)
{
    const char *equals = strchr(value, '=');
    size_t n = c->settings.n_variables;
    struct leat_variable *variables;
    char **names;

    if (!equals || equals == value || memchr(value, '}', (size_t)(equals - value)))
        return bad_value(c, OPT_SET, value, "NAME=VALUE");
    variables = realloc(c->variables, (n + 1) * sizeof *variables);
    if (variables)
        c->variables = variables;
    names = realloc(c->variable_names, (n + 1) * sizeof *names);
    if (names)
        c->variable_names = names;
    if (variables && names)
        names[n] = strndup(value, (size_t)(equals - value));
    if (!variables || !names || !names[n]) {
        (void)message_fail(c, LEAT_ENOMEM, "out of memory");
        return -1;
    }
    variables[n] = (struct leat_variable){.name = names[n], .value = equals + 1};
    c->settings.variables = variables;
    c->settings.n_variables = n + 1;
    return 0;
}

static int add_plugin(struct config *c, const char *path)
{
    const char **more = realloc(c->plugins, (c->n_plugins + 1) * sizeof(*more));

    if (!more) {
        (void)message_fail(c, LEAT_ENOMEM, "out of memory");
        return -1;
    }
    c->plugins = more;
    c->plugins[c->n_plugins++] = path;
    return 0;
}

/* A size from min to max. */
static int size_value(const struct config *c, int id, const char *value, uint64_t min, uint64_t max,
                      const char *wanted, uint64_t *ret)
{
    uint64_t v;

    if (leat_parse_size(value, &v) < 0 || v < min || v > max)
        return bad_value(c, id, value, wanted);
    *ret = v;
    return 0;
}

static int number_value(const struct config *c, int id, const char *value, uint64_t max,
                        const char *wanted, uint64_t *ret)
{
    if (value[strspn(value, "0123456789")] != '\0')
        return bad_value(c, id, value, wanted);
    return size_value(c, id, value, 0, max, wanted, ret);
}

/* --- one option ------------------------------------------------------------------------------- */

static int set_limit(struct config *c, int id, const char *value)
{
    struct leat_settings *s = &c->settings;
    uint64_t v = 0;
    int r = 0;

    switch (id) {
    case OPT_THREADS:
        r = number_value(c, id, value, LEAT_THREADS_MAX, "a number from 1 to 256, or 0 for all",
                         &v);
        s->threads = (unsigned)v;
        return r;
    case OPT_MEMORY:
        return size_value(c, id, value, LEAT_MEMORY_MIN, UINT64_MAX, "a size of 1M or more",
                          &s->memory);
    case OPT_RECORD_MAX:
        return size_value(c, id, value, 1, UINT64_MAX, "a size such as 64M", &s->record_max);
    case OPT_CHUNK:
        r = size_value(c, id, value, 1, LEAT_CHUNK_MAX, "a size from 1 to 1M", &v);
        s->chunk = (size_t)v;
        return r;
    case OPT_SEED:
        s->executor = LEAT_EXECUTOR_SEEDED;
        return number_value(c, id, value, UINT64_MAX, "a number", &s->seed);
    default:
        if (leat_parse_duration(value, &s->timeout_ms) < 0 || s->timeout_ms == 0)
            return bad_value(c, id, value, "a duration such as 90s or 1.5h");
        return 0;
    }
}

static int set_form(struct config *c, int id, const char *value)
{
    int i = value ? choice(c, id, value) : 0;

    if (i < 0)
        return i;
    if (id == OPT_STATS)
        c->settings.measure_cpu = true;
    if (id == OPT_STATS)
        c->stats = i == 0 ? STATS_TABLE : STATS_JSON;
    else if (id == OPT_ON_INTERRUPT)
        c->finish = i == 1;
    else if (id == OPT_SANDBOX)
        c->sandbox = (enum sandbox_kind)i;
    else if (id == OPT_PROGRESS)
        c->progress = (enum progress_kind)i;
    else
        c->color = (enum color_when)i;
    if (id == OPT_COLOR)
        term_init(&c->err, 2, c->color);
    return 0;
}

/* The FILE of "NAME:FILE", or `otherwise` of "NAME"; NULL: the value is neither. */
static const char *file_after(const char *value, const char *name, const char *otherwise)
{
    size_t n = strlen(name);

    if (strncmp(value, name, n) != 0)
        return NULL;
    if (value[n] == '\0')
        return otherwise;
    return value[n] == ':' && value[n + 1] ? value + n + 1 : NULL;
}

static int set_log(struct config *c, const char *value)
{
    c->log = file_after(value, "json", "-");
    c->journal = file_after(value, "journal", JOURNAL_SOCKET);
    if (!c->log && !c->journal)
        return bad_value(c, OPT_LOG, value, "json, json:FILE, journal or journal:SOCKET");
    return 0;
}

static int set_option(struct config *c, int id, const char *value)
{
    switch (id) {
    case OPT_HELP:
        c->help = true;
        return 0;
    case OPT_VERSION:
        c->version = true;
        return 0;
    case OPT_FILE:
        c->file = value;
        return 0;
    case OPT_SET:
        return set_variable(c, value);
    case OPT_PLUGIN:
        return add_plugin(c, value);
    case OPT_TRACE:
        c->trace = value;
        return 0;
    case OPT_METRICS:
        c->metrics = value;
        c->settings.measure_cpu = true;
        return 0;
    case OPT_OTLP:
        c->otlp = value ? value : "";
        return 0;
    case OPT_LOG:
        return set_log(c, value);
    case OPT_REPORT:
        c->report = value;
        c->settings.measure_cpu = true;
        return 0;
    case OPT_FORCE:
        c->settings.force = true;
        return 0;
    case OPT_SUMS:
        c->settings.sums = value;
        return 0;
    case OPT_DOT:
        c->dot = true;
        return 0;
    case OPT_JSON:
        c->json = true;
        return 0;
    case OPT_QUIET:
        c->quiet = true;
        return 0;
    case OPT_STATS:
    case OPT_PROGRESS:
    case OPT_COLOR:
    case OPT_SANDBOX:
    case OPT_ON_INTERRUPT:
        return set_form(c, id, value);
    default:
        return set_limit(c, id, value);
    }
}

/* --- getopt ----------------------------------------------------------------------------------- */

#define LONG_FIRST 256 /* the return value of getopt_long for the first option of the table */

struct getopt_tables {
    struct option long_options[N_OPTIONS + 1];
    char short_options[2 + 2 * N_OPTIONS + 1];
};

static void make_tables(struct getopt_tables *t)
{
    char *s = t->short_options;

    *s++ = '+'; /* the first operand ends the global options */
    *s++ = ':';
    for (int i = 0; i < N_OPTIONS; i++) {
        const struct global_option *o = &global_options[i];
        int has = !o->metavar         ? no_argument
                  : o->value_optional ? optional_argument
                                      : required_argument;

        t->long_options[i] = (struct option){o->name, has, NULL, LONG_FIRST + i};
        if (o->short_name) {
            *s++ = o->short_name;
            if (o->metavar)
                *s++ = ':';
        }
    }
    t->long_options[N_OPTIONS] = (struct option){NULL, 0, NULL, 0};
    *s = '\0';
}

static int id_of(int c)
{
    if (c >= LONG_FIRST)
        return c - LONG_FIRST;
    for (int i = 0; i < N_OPTIONS; i++)
        if (global_options[i].short_name == c)
            return i;
    return -1;
}

/* Is the word a prefix of several long names? Writes a message that lists them. */
static bool is_ambiguous(const struct config *c, const char *word)
{
    struct buf names = {.n = 0};
    size_t len = strcspn(word, "="), matches = 0;

    for (int i = 0; i < N_OPTIONS && len > 2 && strncmp(word, "--", 2) == 0; i++) {
        if (strncmp(global_options[i].name, word + 2, len - 2) != 0)
            continue;
        buf_add(&names, "%s--%s", matches++ ? ", " : "", global_options[i].name);
    }
    if (matches > 1)
        (void)message_fail(c, LEAT_EUSAGE, "option %.*s is ambiguous: %s", (int)len, word,
                           buf_text(&names));
    buf_free(&names);
    return matches > 1;
}

static int bad_option(const struct config *c, int problem, char **argv)
{
    const char *word = argv[optind - 1];
    char name[8];

    if (optopt > 0 && optopt < LONG_FIRST) {
        snprintf(name, sizeof name, "-%c", optopt);
        word = name;
    }
    if (problem == ':')
        (void)message_fail(c, LEAT_EUSAGE, "option %s needs a value", word);
    else if (optopt >= LONG_FIRST)
        (void)message_fail(c, LEAT_EUSAGE, "option %.*s takes no value", (int)strcspn(word, "="),
                           word);
    else if (!is_ambiguous(c, word))
        (void)message_fail(c, LEAT_EUSAGE, "unknown option %s; `leat --help` lists them", word);
    return -1;
}

/* Lower a limit above the memory of the machine to that memory, with a warning. */
static void fit_memory(struct config *c)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t there = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    struct leat_error warning = LEAT_INIT(leat_error);

    if (c->settings.memory <= there || there < LEAT_MEMORY_MIN)
        return;
    snprintf(warning.text, sizeof warning.text,
             "--memory: the machine has %s, which is the limit now", human_bytes(there).text);
    message_warning(c, &warning);
    c->settings.memory = there;
}

int config_parse(struct config *c, int argc, char **argv)
{
    struct getopt_tables tables = {.short_options = ""};
    int found, r = 0;

    make_tables(&tables);
    opterr = 0;
    optind = 0; /* glibc: restart getopt */
    while (r == 0 && (found = getopt_long(argc, argv, tables.short_options, tables.long_options,
                                          NULL)) != -1) {
        if (found == '?' || found == ':')
            return bad_option(c, found, argv);
        r = set_option(c, id_of(found), optarg);
    }
    if (r == 0)
        fit_memory(c);
    return r < 0 ? -1 : optind;
}
