/* split.c - writes the stream to several files (parts), each unchanged or through a branch.
 *
 * The stage passes the stream on by reference and says where a part ends. The engine runs the
 * branch anew for each part, and commits all their files together. The step first finds how far the
 * current part reaches, and then passes those bytes on as room comes.
 */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "records.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_split;

#define HEADER_MAX ((size_t)1 << 20)
#define LOOK_MAX ((size_t)64 << 10) /* passed between two looks at the output size */

struct split_params {
    uint64_t lines, bytes, line_bytes, records, size_compressed, from;
    int header, csv, zero;
    const char *separator;
    struct leat_file_options file;
};

struct split {
    struct leat_records records;
    uint64_t count; /* records or bytes in the current part */
    size_t run;     /* bytes from the cursor on that belong to it */
    bool ends;      /* the part ends after `run` */
    bool begun;     /* the part has begun, and its header is written */
    bool filled;    /* the part has a line after its header */
    bool header_open;
    uint8_t *header; /* the first record; HEADER_MAX bytes */
    size_t header_len, header_at;
};

/* --- options ---------------------------------------------------------------------------------- */

static bool is_csv(const struct split_params *p)
{
    return p->csv || p->records > 0;
}

/* Either one option that ends a part, or --size-compressed with at most one count of records. */
static bool ends_are_clear(const struct split_params *p)
{
    int numbers = (p->lines > 0) + (p->records > 0), sizes = (p->bytes > 0) + (p->line_bytes > 0);

    return p->size_compressed > 0 ? numbers <= 1 && sizes == 0 : numbers + sizes == 1;
}

static int split_plan(struct leat_stage *s)
{
    const struct split_params *p = leat_params(s);
    const struct leat_part_options options = {.from = p->from, .file = p->file};
    const struct leat_strings *names = leat_operands(s);

    if (!ends_are_clear(p))
        return leat_fail(s, LEAT_EUSAGE,
                         "needs one of --lines, --records, --bytes, --line-bytes and "
                         "--size-compressed; the last can be combined with one of the first two");
    if (p->size_compressed > 0 && leat_branches(s) == 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "--size-compressed measures the output of a branch; without a branch use "
                         "--line-bytes");
    if (p->header && p->bytes > 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "--header cannot be used with --bytes, which cuts anywhere");
    if (p->csv && p->bytes + p->line_bytes > 0)
        return leat_fail(s, LEAT_EUSAGE, "--csv cannot be used with --bytes or --line-bytes");
    if (p->separator && (!is_csv(p) || strlen(p->separator) != 1))
        return leat_fail(s, LEAT_EUSAGE,
                         "--separator must be one byte, and needs --records or --csv");
    if (p->separator && (*p->separator == '"' || *p->separator == (p->zero ? '\0' : '\n')))
        return leat_fail(s, LEAT_EUSAGE, "--separator must be neither a quote nor the line end");
    if (names->n == 0 && leat_branches(s) == 0)
        return leat_fail(s, LEAT_EUSAGE, "needs a name for the parts, for example part-{n:04}");
    if (p->line_bytes > 0) {
        leat_plan_framing(s, LEAT_LINES);
        leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    }
    leat_plan_parts(s, &options);
    return 0;
}

static int split_open(struct leat_stage *s)
{
    const struct split_params *p = leat_params(s);
    struct split *q = leat_state(s);

    q->records = (struct leat_records){.end = p->zero ? '\0' : '\n',
                                       .csv = is_csv(p),
                                       .separator = p->separator ? (uint8_t)*p->separator : ',',
                                       .quote = '"'};
    q->header_open = p->header != 0;
    if (!p->header)
        return 0;
    q->header = leat_alloc(s, HEADER_MAX);
    return q->header ? 0 : LEAT_ENOMEM;
}

static void split_close(struct leat_stage *s)
{
    struct split *q = leat_state(s);

    leat_free(s, q->header);
    q->header = NULL;
}

/* --- the end of a part ------------------------------------------------------------------------ */

/* The first record begins every part, and is not counted. */
static int look_at_header(struct leat_stage *s, const uint8_t *data, size_t n)
{
    const struct split_params *p = leat_params(s);
    struct split *q = leat_state(s);
    bool end;

    q->run = leat_records_next(&q->records, data, n, &end);
    if (q->run > HEADER_MAX - q->header_len)
        return leat_fail(s, LEAT_ELIMIT, "--header: the first record is longer than %zu bytes",
                         HEADER_MAX);
    memcpy(q->header + q->header_len, data, q->run);
    q->header_len += q->run;
    q->count += p->line_bytes > 0 ? q->run : 0;
    q->header_open = !end;
    return 0;
}

/* The part ends with the record that reaches the count, or with the one that is being passed when
 * the branch has output enough. */
static void look_at_records(struct leat_stage *s, const uint8_t *data, size_t n)
{
    const struct split_params *p = leat_params(s);
    struct split *q = leat_state(s);
    bool by_size = p->size_compressed > 0;
    bool enough = by_size && leat_part_size(s) >= p->size_compressed;
    uint64_t most = p->lines + p->records; /* one of the two, or none */

    if (by_size && n > LOOK_MAX)
        n = LOOK_MAX;
    while (q->run < n && !q->ends) {
        bool end;

        q->run += leat_records_next(&q->records, data + q->run, n - q->run, &end);
        q->count += end;
        q->ends = end && (enough || q->count == most);
    }
}

/* Whole lines only; a line that is longer than a part becomes a part by itself. */
static void look_at_line_bytes(struct split *q, const uint8_t *data, size_t n, uint64_t limit)
{
    while (q->run < n) {
        bool end;
        size_t line = leat_records_next(&q->records, data + q->run, n - q->run, &end);

        if (q->filled && q->count + line > limit) {
            q->ends = true;
            return;
        }
        q->run += line;
        q->count += line;
        q->filled = true;
    }
}

static int look(struct leat_stage *s, const uint8_t *data, size_t n)
{
    const struct split_params *p = leat_params(s);
    struct split *q = leat_state(s);

    if (q->header_open)
        return look_at_header(s, data, n);
    if (p->bytes > 0) {
        q->run = n < p->bytes - q->count ? n : (size_t)(p->bytes - q->count);
        q->count += q->run;
        q->ends = q->count == p->bytes;
    } else if (p->line_bytes > 0) {
        look_at_line_bytes(q, data, n, p->line_bytes);
    } else {
        look_at_records(s, data, n);
    }
    return 0;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Begins a part with the header; the first part has it from the stream. Returns false: no room. */
static bool begin_part(const struct split_params *p, struct split *q, struct leat_out *out)
{
    if (!q->header_open && q->header_at < q->header_len) /* without a header there is no pointer */
        q->header_at += leat_write(out, q->header + q->header_at, q->header_len - q->header_at);
    if (!q->header_open && q->header_at < q->header_len)
        return false;
    q->begun = true;
    q->filled = false;
    q->count = p->line_bytes > 0 && !q->header_open ? q->header_len : 0;
    return true;
}

static int end_of_stream(struct leat_stage *s)
{
    const struct split *q = leat_state(s);

    if (q->records.field == LEAT_FIELD_QUOTED)
        return leat_fail(s, LEAT_ETRUNCATED, "the stream ends inside a quoted field");
    return LEAT_END;
}

static int split_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct split_params *p = leat_params(s);
    struct split *q = leat_state(s);

    while (in->pos < in->len || q->ends) {
        size_t n = in->len - in->pos;

        if (!q->begun && !begin_part(p, q, out))
            return LEAT_MORE;
        if (q->run == 0 && !q->ends) {
            int r = look(s, in->data + in->pos, n);

            if (r < 0)
                return r;
        }
        q->run -= leat_pass(out, in, q->run < n ? q->run : n);
        if (q->run > 0)
            return LEAT_MORE;
        if (q->ends) {
            q->ends = q->begun = false;
            q->header_at = 0;
            leat_part_end(s);
            return in->end && in->pos == in->len ? end_of_stream(s) : LEAT_MORE;
        }
    }
    return in->end ? end_of_stream(s) : LEAT_MORE;
}

#define AT(field) offsetof(struct split_params, field)
static const struct leat_option split_options[] = {
    {"lines", 'n', LEAT_OPT_SIZE, AT(lines), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "end each part after N lines, for example 1000 or 1M"},
    {NULL, 'l', LEAT_OPT_SIZE, AT(lines), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "as -n"},
    {"records", 0, LEAT_OPT_SIZE, AT(records), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "end each part after N CSV records; their quoted fields may contain line ends"},
    {"bytes", 'b', LEAT_OPT_SIZE, AT(bytes), .metavar = "SIZE", .min = 1, .max = INT64_MAX,
     .help = "end each part after SIZE bytes"},
    {"line-bytes", 'C', LEAT_OPT_SIZE, AT(line_bytes), .metavar = "SIZE", .min = 1,
     .max = INT64_MAX, .help = "end each part before the line that would exceed SIZE bytes"},
    {"size-compressed", 0, LEAT_OPT_SIZE, AT(size_compressed), .metavar = "SIZE", .min = 1,
     .max = INT64_MAX,
     .help = "end each part, at a line or record, once its branch has output SIZE bytes"},
    {"csv", 0, LEAT_OPT_FLAG, AT(csv),
     .help = "lines are CSV records, as with --records, whichever option ends a part"},
    {"header", 0, LEAT_OPT_FLAG, AT(header),
     .help = "begin each part with the first line or record of the stream"},
    {"separator", 't', LEAT_OPT_STRING, AT(separator), .metavar = "CHAR",
     .help = "the field separator for --records and --csv (a comma if not given)"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {"from", 0, LEAT_OPT_SIZE, AT(from), .metavar = "N", .max = INT64_MAX,
     .help = "the number of the first part (0 if not given)"},
    LEAT_FILE_OPTIONS(AT(file)),
    {0},
};

const struct leat_stage_type leat_stage_split = {
    .name = "split",
    .summary = "write the stream to several files, each through its own branch",
    .operands = "NAME",
    .operands_max = 1,
    .manual =
        "NAME is the name of the parts: {n} in it becomes the number of the part, {n:04} that "
        "number with at least four digits. The bracket is a pipeline that runs anew for each "
        "part and writes the part's file; without a bracket the parts are written unchanged. "
        "Parts are processed one after another, and the stages of the branch share the work of "
        "each part as in any pipeline.\n\n"
        "Either all parts appear together when the whole pipeline has succeeded, or none does. "
        "Finished parts are written to disk while the next ones are made, and all are synced "
        "before any appears. At most 64 parts that are not synced yet are open at a time, or a "
        "quarter of the descriptors that the process may open (ulimit -n). An empty stream makes "
        "no part.\n\n"
        "--force, --no-sync, --sparse, --drop-cache and --direct mean the same as for write. The "
        "branch may end with a writable of its own, and may contain further ones in branches of "
        "tee; then {n} belongs in their names, and these options belong to them. A branch that "
        "needs only the beginning of a part, for example with head, does not affect the next "
        "part.\n\n"
        "With --header the first line, or CSV record, begins every part and is not counted. A "
        "quoted field that does not end is an error (exit status 3). A byte order mark before "
        "the first CSV field belongs to the first record, and therefore to the header. With "
        "--line-bytes a line that is longer than a part becomes a part by itself.\n\n"
        "With --size-compressed a part ends at the end of a line, once its branch has output "
        "SIZE bytes. --lines or --records may end it earlier. With --csv it ends with a CSV "
        "record. The data that the stages of the branch still hold comes on top, so parts are "
        "larger than SIZE by about that amount: for a compressor that works on several blocks at "
        "once, a few megabytes of its input. The exact ends of the parts depend on timing and on "
        "the number of threads, and may differ from run to run; together the parts always hold "
        "the whole stream. A branch that outputs nothing before its end, for example sha256, "
        "makes one part of the whole stream.",
    .examples = "read words.txt : split -n 1000 words-{n:03}.gz [ gzip ]\n"
                "read words.txt : split --bytes=64K chunk-{n}",
    .kind = LEAT_SINK,
    .flags = LEAT_PARTS,
    .params_size = sizeof(struct split_params),
    .state_size = sizeof(struct split),
    .options = split_options,
    .branches_max = 1,
    .plan = split_plan,
    .open = split_open,
    .step = split_step,
    .close = split_close,
};
