/* sort.c - sorts lines, more than fit in memory too.
 *
 * Lanes sort the lines of large blocks (sort/block.h); the joiner collects the sorted runs (sort/store.h) and, when the
 * input has ended, merges them to the output.
 */

#include <stddef.h>
#include <string.h>

#include "sort/block.h"
#include "sort/check.h"
#include "sort/key.h"
#include "sort/store.h"
#include "stage.h"

#define BLOCK_PART 64u /* of the memory limit: the bytes of a block are this part, */
#define BLOCK_LEAST ((size_t)32 << 10) /* but at least so many, */
#define BLOCK_MOST ((size_t)4 << 20)   /* and at most so many */

struct sort_params {
    struct leat_sort_options order;
    int check, check_quiet;
    uint64_t header;
    const char *spill;
    /* Options of GNU sort that are something else here. */
    const char *output, *buffer_size, *directory, *parallel, *compressor, *batch_size, *files_from,
        *random_source;
    int merge, debug;
};

/* An instance is a lane, the joiner, or the cutter. */
struct sort {
    struct leat_sort_format format;
    struct leat_sort_keys keys;
    bool begun;
    struct leat_sort_check check; /* -c: instead of lanes */
    struct leat_sort_block lane;
    struct leat_sort_store store; /* of the joiner */
    uint64_t blocks;              /* that the joiner has taken */
    size_t cut;                   /* bytes of the block that the cutter is at */
    uint64_t header_left;         /* lines of the header that the cutter has not seen */
};

static size_t block_size(const struct leat_stage *s)
{
    uint64_t part = leat_memory_limit(s) / BLOCK_PART;

    return part > BLOCK_MOST ? BLOCK_MOST : part < BLOCK_LEAST ? BLOCK_LEAST : (size_t)part;
}

static bool checks(const struct sort_params *p)
{
    return p->check || p->check_quiet;
}

/* Returns 0, or fails the stage. */
static int begin(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);

    if (t->begun)
        return 0;
    t->begun = true;
    t->header_left = p->header;
    return leat_sort_keys_open(&t->keys, s, &p->order, &t->format);
}

/* --- options ---------------------------------------------------------------------------------- */

static int refuse_others(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);
    const struct {
        bool given;
        const char *remedy;
    } refused[] = {
        {p->output != NULL, "-o: to write a file, go on with: write FILE"},
        {p->buffer_size != NULL,
         "-S: the memory of the pipeline is limited by: leat --memory=SIZE"},
        {p->directory != NULL, "-T: the directory of the temporary file is: --spill=DIR"},
        {p->parallel != NULL, "--parallel: the number of threads is: leat --threads=N"},
        {p->compressor != NULL, "--compress-program: temporary data is always compressed, by zstd"},
        {p->batch_size != NULL,
         "--batch-size: the memory limit decides how many runs are merged at once"},
        {p->files_from != NULL, "--files0-from: to sort files, begin with: read FILE…"},
        {p->random_source != NULL, "--random-source: -R is repeatable with: --seed=N"},
        {p->merge != 0,
         "-m: the stage has one input; to merge sorted branches use: merge [ … ] [ … ]"},
        {p->debug != 0, "--debug: there is no such output"},
    };

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].given)
            return leat_fail(s, LEAT_EUSAGE, "%s", refused[i].remedy);
    return 0;
}

static int sort_plan(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);
    int r = refuse_others(s);

    if (r == 0)
        r = leat_sort_keys_check(s, &p->order);
    if (r < 0)
        return r;
    if (p->check && p->check_quiet)
        return leat_fail(s, LEAT_EUSAGE, "only one of -c and -C can be given");
    if (checks(p) && p->order.top > 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "--top has no meaning with -c and -C, which output nothing");
    leat_plan_delimiter(s, p->order.zero ? '\0' : '\n');
    if (checks(p)) {
        leat_plan_nature(s, LEAT_HEAVY);
        return leat_plan_access(s, NULL, LEAT_ACCESS_NOTHING);
    }
    leat_plan_block(s, block_size(s), 0);
    return leat_runs_plan(s, p->spill);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int sort_open(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    size_t block = block_size(s);
    int r = begin(s);

    if (r < 0)
        return r;
    if (checks(p)) {
        leat_sort_check_open(&t->check, s, &t->format, &t->keys, p->header, p->check_quiet != 0);
        return 0;
    }
    if (t->format.keyed) {
        t->lane.make = leat_sort_keys_make;
        t->lane.make_arg = &t->keys;
    }
    r = leat_sort_block_open(&t->lane, s, &t->format, block + block / 2);
    return r < 0 ? r : leat_keep_room(s, LEAT_SORT_PACKET);
}

static bool is_header(const struct leat_stage *s, const struct leat_in *in)
{
    const struct sort_params *p = leat_params(s);

    return p->header > 0 && in->block == 0;
}

static int sort_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    size_t taken;
    int r;

    if (checks(p))
        return leat_sort_check_step(&t->check, in);
    if (is_header(s, in)) {
        leat_pass(out, in, in->len - in->pos);
        return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
    }
    for (;;) {
        if (t->lane.emits || (in->end && in->pos == in->len)) {
            r = leat_sort_block_emit(&t->lane, out);
            if (r < 0)
                return r;
            if (r == 0)
                return LEAT_MORE;
        }
        if (in->pos == in->len)
            return in->end ? LEAT_END : LEAT_MORE;
        r = leat_sort_block_add(&t->lane, in->data + in->pos, in->len - in->pos, &taken);
        in->pos += taken;
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = leat_sort_block_emit(&t->lane, out);
        if (r < 0)
            return r;
        if (r == 0)
            return LEAT_MORE;
    }
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* The end of the header in the data; all of it if the header does not end there. */
static size_t cut_header(struct sort *t, uint8_t eol, const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len && t->header_left > 0) {
        const uint8_t *end = memchr(data + at, eol, len - at);

        if (!end)
            return len;
        at = (size_t)(end - data) + 1;
        t->header_left--;
    }
    return at;
}

static uint8_t eol_of(const struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);

    return p->order.zero ? '\0' : '\n';
}

/* The header is a block of its own. */
static int sort_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                    size_t *ret_take)
{
    struct sort *t = leat_state(s);

    (void)end;
    if (!t->begun) { /* it needs no keys */
        const struct sort_params *p = leat_params(s);

        t->begun = true;
        t->header_left = p->header;
    }
    *ret_take = len;
    if (t->header_left > 0) {
        *ret_take = cut_header(t, eol_of(s), data, len);
        return t->header_left == 0;
    }
    t->cut += len;
    if (t->cut < block_size(s))
        return 0;
    t->cut = 0;
    return 1;
}

/* --- the joiner ------------------------------------------------------------------------------- */

/* Passes the header on. The last line of the stream may lack its end. */
static int merge_header(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sort *t = leat_state(s);

    if (in->pos < in->len)
        t->cut = in->data[in->len - 1] != t->format.eol;
    leat_pass(out, in, in->len - in->pos);
    if (!in->end || in->pos < in->len)
        return LEAT_MORE;
    t->cut -= t->cut > 0 ? leat_write(out, &t->format.eol, 1) : 0;
    return t->cut > 0 ? LEAT_MORE : LEAT_END;
}

static int sort_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                      struct leat_out *out)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    int r;

    (void)result;
    if (p->header > 0 && t->blocks == 0)
        return merge_header(s, in, out);
    r = leat_sort_store_add(&t->store, in->data + in->pos, in->len - in->pos);
    in->pos = in->len;
    if (r < 0)
        return r;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int sort_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    int r;

    (void)result;
    switch (when) {
    case LEAT_JOIN_HEAD:
        r = begin(s);
        if (r == 0)
            r = leat_sort_store_open(&t->store, s, &t->format, p->spill, block_size(s));
        return r < 0 ? r : LEAT_END;
    case LEAT_JOIN_BLOCK:
        t->blocks++;
        return LEAT_END;
    case LEAT_JOIN_TAIL:
    default:
        r = leat_sort_store_output(&t->store, out);
        return r < 0 ? r : r == 0 ? LEAT_MORE : LEAT_END;
    }
}

static void sort_close(struct leat_stage *s)
{
    struct sort *t = leat_state(s);

    leat_sort_block_close(&t->lane);
    leat_sort_store_close(&t->store);
    if (t->check.stage)
        leat_sort_check_close(&t->check);
    if (t->keys.stage)
        leat_sort_keys_close(&t->keys);
}

static const struct leat_lanes sort_lanes = {
    .cut = sort_cut,
    .join = sort_join,
    .merge = sort_merge,
};

#define AT(field) offsetof(struct sort_params, field)
#define ORDER(field) offsetof(struct sort_params, order.field)
static const struct leat_option sort_options[] = {
    {"key", 'k', LEAT_OPT_LIST, ORDER(keys), .metavar = "KEY",
     .help =
         "compare by this part of the lines; each further -k is for lines in which all before are equal"},
    {"field-separator", 't', LEAT_OPT_STRING, ORDER(separator), .metavar = "BYTE",
     .help = "fields are separated by this byte, not by the change from a blank to another byte"},
    {"ignore-leading-blanks", 'b', LEAT_OPT_FLAG, ORDER(blanks),
     .help = "a key begins after the blanks that it begins with"},
    {"dictionary-order", 'd', LEAT_OPT_FLAG, ORDER(dictionary),
     .help = "only blanks, letters and digits count"},
    {"ignore-case", 'f', LEAT_OPT_FLAG, ORDER(fold), .help = "the letters a to z are as A to Z"},
    {"general-numeric-sort", 'g', LEAT_OPT_FLAG, ORDER(general),
     .help = "by numbers such as -1.5e3, inf and nan"},
    {"human-numeric-sort", 'h', LEAT_OPT_FLAG, ORDER(human),
     .help = "by numbers such as 2K and 1G, the suffix first"},
    {"ignore-nonprinting", 'i', LEAT_OPT_FLAG, ORDER(printing),
     .help = "only the bytes from space to ~ count"},
    {"month-sort", 'M', LEAT_OPT_FLAG, ORDER(month),
     .help = "by names of months, JAN to DEC; others come before"},
    {"numeric-sort", 'n', LEAT_OPT_FLAG, ORDER(numeric),
     .help = "by decimal numbers of any length"},
    {"random-sort", 'R', LEAT_OPT_FLAG, ORDER(random),
     .help = "in a random order, but equal keys together"},
    {"version-sort", 'V', LEAT_OPT_FLAG, ORDER(version),
     .help = "by names with versions, such as a-1.10.tar.gz"},
    {"sort", 0, LEAT_OPT_ENUM, ORDER(sort), .metavar = "WORD",
     .choices = "bytes|general-numeric|human-numeric|month|numeric|random|version",
     .help = "the same as one of -g -h -M -n -R -V"},
    {"reverse", 'r', LEAT_OPT_FLAG, ORDER(reverse), .help = "the greatest first"},
    {"seed", 0, LEAT_OPT_SIZE, ORDER(seed), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "-R: the same order each time; without it another one in each process"},
    {"stable", 's', LEAT_OPT_FLAG, ORDER(stable),
     .help = "lines with equal keys stay in the order of the input; without it their bytes decide"},
    {"unique", 'u', LEAT_OPT_FLAG, ORDER(unique),
     .help = "of lines with equal keys output only the first"},
    {"check", 'c', LEAT_OPT_FLAG, AT(check),
     .help = "fail if the input is not sorted, and output nothing"},
    {NULL, 'C', LEAT_OPT_FLAG, AT(check_quiet),
     .help = "the same as -c, but the message does not show the line"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, ORDER(zero),
     .help = "lines end with a NUL byte instead of a newline"},
    {"header", 0, LEAT_OPT_SIZE, AT(header), .metavar = "N", .max = INT64_MAX, .value = 1,
     .value_optional = true, .help = "the first line, or the first N lines, stay where they are"},
    {"top", 0, LEAT_OPT_SIZE, ORDER(top), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "output only the first N of the sorted lines"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "the directory of the temporary file; else TMPDIR, or /var/tmp"},
    {"output", 'o', LEAT_OPT_STRING, AT(output), .metavar = "FILE",
     .help = "refused; go on with: write FILE"},
    {"merge", 'm', LEAT_OPT_FLAG, AT(merge),
     .help = "refused; sorted branches are merged by: merge [ … ] [ … ]"},
    {"buffer-size", 'S', LEAT_OPT_STRING, AT(buffer_size), .metavar = "SIZE",
     .help = "refused; use leat --memory=SIZE"},
    {"temporary-directory", 'T', LEAT_OPT_STRING, AT(directory), .metavar = "DIR",
     .help = "refused; use --spill=DIR"},
    {"parallel", 0, LEAT_OPT_STRING, AT(parallel), .metavar = "N",
     .help = "refused; use leat --threads=N"},
    {"compress-program", 0, LEAT_OPT_STRING, AT(compressor), .metavar = "PROG",
     .help = "refused; temporary data is always compressed"},
    {"batch-size", 0, LEAT_OPT_STRING, AT(batch_size), .metavar = "N",
     .help = "refused; the memory limit decides"},
    {"files0-from", 0, LEAT_OPT_STRING, AT(files_from), .metavar = "FILE",
     .help = "refused; begin with: read FILE…"},
    {"random-source", 0, LEAT_OPT_STRING, AT(random_source), .metavar = "FILE",
     .help = "refused; use --seed=N"},
    {"debug", 0, LEAT_OPT_FLAG, AT(debug), .help = "refused"},
    {0},
};

const struct leat_stage_type leat_stage_sort = {
    .name = "sort",
    .summary = "sort lines",
    .manual =
        "Outputs the lines in the order of their bytes, or of keys, as GNU sort in the C locale does, byte for byte, "
        "whatever the locale. If the last line lacks its newline, it gets one. The order of the input does not change "
        "the output, except with -s and -u.\n\n"
        "A KEY is FIELD[.BYTE][LETTERS], or two of them with a comma: from one position to another, and to the end of the line if there is only one: -k 2,2 is the second "
        "field, -k 2.3,4.1 from the third byte of the second field to the first byte of the fourth. A field begins with "
        "the blanks before it; the letter b skips them. With -t a field is what is between two separators. Letters "
        "after a position (bdfghiMnRrV) order that key alone; a key without letters has the global options. Lines whose "
        "keys are equal are compared as a whole, and -r reverses that, too.\n\n"
        "-h compares the suffix first, as in GNU sort: 7800900K comes before 100M.\n\n"
        "All threads sort at once. Lines are held in memory until --memory is used up, and then in a temporary file, "
        "compressed, which needs about a third of the size of a log. The file has no name, so nothing is left of it, "
        "whatever ends the run. With --top=N no more than N lines of each sorted part are kept. A line may be as long as "
        "a quarter of the memory limit, and at most 16 MiB.\n\n"
        "-c and -C fail with status 1 at the first line that is not in order; with -u, also at one that is equal to the "
        "line before it.",
    .examples = "sort\n"
                "sort -u\n"
                "sort -t , -k 2,2nr -k 1,1\n"
                "sort -h -r --top=10\n"
                "sort --header -k 3\n"
                "sort : sort -c",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct sort_params),
    .state_size = sizeof(struct sort),
    .options = sort_options,
    .lanes = &sort_lanes,
    .plan = sort_plan,
    .open = sort_open,
    .step = sort_step,
    .close = sort_close,
};
