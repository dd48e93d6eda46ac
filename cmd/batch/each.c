/* each.c - leat each INPUT... -- PIPELINE: one pipeline for each of many files, in one process. */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"
#include "join.h"
#include "page.h"
#include "suffix.h"
#include "url.h"

static int list_inputs(struct batch *b)
{
    const struct each_options *o = b->options;
    const char *twice;
    char shown[SHOWN_MAX];
    int status = 0;

    for (size_t i = 0; i < o->n_operands && status == 0; i++)
        status = listing_add(&b->inputs, b->config, &o->filter, o->operands[i]);
    for (size_t i = 0; o->files_from[i] && status == 0; i++)
        status = list_names(&b->inputs, b->config, &o->filter, o->files_from[i], o->nul);
    for (size_t i = 0; o->manifests[i] && status == 0; i++)
        status = list_manifest(&b->inputs, b->config, &o->filter, o->manifests[i]);
    if (status != 0)
        return status;
    twice = inputs_sort(&b->inputs);
    if (twice)
        return message_fail(b->config, LEAT_EUSAGE, "each: %s is listed twice; nothing was done",
                            leat_show(twice, shown, sizeof shown));
    if (b->inputs.n >= UINT32_MAX)
        return message_fail(b->config, LEAT_ELIMIT, "each: more than 4,294,967,294 inputs");
    return 0;
}

static int by_size(const void *a, const void *b, void *arg)
{
    const struct batch *sorted = arg;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    uint64_t of_x = sorted->inputs.v[x].size, of_y = sorted->inputs.v[y].size;

    return of_x != of_y ? (of_x > of_y ? -1 : 1) : (x > y) - (x < y);
}

/* The order in which inputs begin. Output to standard output comes in the order of the list, so they begin in it. */
static int make_schedule(struct batch *b)
{
    b->schedule = malloc((b->inputs.n + 1) * sizeof *b->schedule);
    if (!b->schedule)
        return message_fail(b->config, LEAT_ENOMEM, "out of memory");
    for (size_t i = 0; i < b->inputs.n; i++)
        b->schedule[i] = i;
    b->n_scheduled = b->inputs.n;
    if (b->options->order == ORDER_SIZE && !b->to_stdout)
        qsort_r(b->schedule, b->n_scheduled, sizeof *b->schedule, by_size, b);
    return 0;
}

static int exit_status(const struct batch *b)
{
    size_t failed = b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED];

    if (b->fatal)
        return b->fatal;
    if (failed > 0)
        return b->inputs.n == 1 ? b->first_status : leat_exit_status(LEAT_EBATCH);
    return b->counts[OUTCOME_DROPPED] > 0 ? leat_exit_status(LEAT_EBATCH) : 0;
}

/* A directory that is read again may hold the journal itself, and outputs of the run before. */
static void drop_own_files(struct batch *b)
{
    struct stat journal;
    bool known = b->options->journal && stat(b->options->journal, &journal) == 0;
    size_t n = 0;

    b->inputs.bytes = 0;
    for (size_t i = 0; i < b->inputs.n; i++) {
        const struct input *input = &b->inputs.v[i];

        if (journal_is_output(&b->journal, input->path) ||
            (known && input->dev == journal.st_dev && input->ino == journal.st_ino))
            continue;
        b->inputs.bytes += input->size;
        b->inputs.v[n++] = *input;
    }
    b->inputs.n = n;
}

/* Load the journal before the list is checked: it says which files are outputs. */
static int open_journal(struct batch *b)
{
    int status = ledger_open(b);

    if (status == 0)
        drop_own_files(b);
    return status;
}

int batch_do(struct batch *b)
{
    const struct each_options *o = b->options;
    bool done = false;
    int status = o->journal && !o->plan && !o->dry_run ? open_journal(b) : 0;
    int page;

    if (status == 0)
        status = shard_deal(b);
    if (status == 0)
        status = batch_check(b);
    if (status == 0 && o->dry_run && o->engine.kind == ENGINE_NONE)
        return batch_dry_run(b);
    if (status == 0 && o->plan && !b->planned) {
        status = shard_plan(b);
        return status == 0 && o->engine.kind != ENGINE_NONE
                   ? join_submit(b->config, b->options, &b->plan)
                   : status;
    }
    if (status == 0 && b->planned)
        status = shard_begin(b, &done);
    if (status == 0 && done)
        return 0;
    if (status == 0)
        status = batch_make_directories(b);
    if (status == 0)
        status = batch_check_aliases(b);
    if (status == 0 && !b->ledger && (b->options->journal || b->options->remove_source))
        status = ledger_open(b);
    if (status == 0)
        status = make_schedule(b);
    if (status == 0)
        status = page_begin(b);
    if (status == 0)
        status = batch_run(b);
    if (status != 0)
        return status;
    if (b->pipe_closed) {
        (void)page_end(b); /* the signal is the outcome */
        die_by(SIGPIPE);
    }
    status = tell_summary(b);
    page = page_end(b);
    status = status ? status : page;
    if (b->signal > 0 && b->cancelled)
        die_by(b->signal);
    status = status ? status : exit_status(b);
    return b->planned ? shard_end(b, status) : status;
}

/* leat convert --to=tgz: is each input a tar archive? */
static int check_tars(const struct batch *b)
{
    char shown[SHOWN_MAX];

    for (size_t i = 0; i < b->inputs.n; i++)
        if (!input_has_problem(&b->inputs.v[i]) && !suffix_is_tar(b->inputs.v[i].path))
            return message_fail(
                b->config, LEAT_EUSAGE,
                "convert: %s is not a tar archive by its name, and --to is a suffix "
                "of tar archives; nothing was done",
                leat_show(b->inputs.v[i].path, shown, sizeof shown));
    return 0;
}

void batch_done(struct batch *b)
{
    page_free(b);
    ledger_free(b);
    journal_state_done(&b->journal);
    inputs_done(&b->inputs);
    free(b->schedule);
    for (size_t i = 0; i < b->n_outputs; i++)
        buf_free(&b->outputs[i]);
    free(b->outputs);
    buf_free(&b->text);
    buf_free(&b->records);
    buf_free(&b->journal_path);
    plan_done(&b->plan);
    pieces_done(&b->pieces);
    leat_registry_free(b->registry);
}

int each_main(const struct config *c, int argc, char **argv)
{
    return each_run(c, argc, argv, false);
}

int each_run(const struct config *c, int argc, char **argv, bool tars)
{
    struct config others = *c;
    const char *unwanted = (others.report = NULL, run_only_option(&others));
    struct each_options options;
    struct batch b = {.config = c, .options = &options};
    int status;

    if (unwanted)
        return message_fail(c, LEAT_EUSAGE, "leat each has no option --%s", unwanted);
    status = each_options_read(&options, c, argc, argv);
    if (status == 0 && options.engine.kind != ENGINE_NONE && options.shards == 0 && !options.join) {
        options.join = options.plan; /* the plan is there: run what is missing */
        options.resubmit = true;
    }
    if (status == 0 && options.join)
        return join_main(c, &options);
    if (status == 0 && options.plan && options.shard)
        status = shard_open(&b);
    if (status == 0) {
        b.registry = registry_open(c, &status);
        if (b.registry)
            status = batch_prepare(&b);
    }
    if (status == 0 && !b.planned)
        status = list_inputs(&b);
    if (status == 0 && !b.planned)
        status = urls_check(&b);
    if (status == 0 && !b.planned && !options.dry_run)
        status = urls_look(&b);
    if (status == 0 && tars)
        status = check_tars(&b);
    if (status == 0)
        status = batch_do(&b);
    batch_done(&b);
    return status;
}
