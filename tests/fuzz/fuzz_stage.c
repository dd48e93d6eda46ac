/* fuzz_stage.c - every registered stage on any input, chunking and schedule, by the first bytes.
 *
 * Byte 0 chooses the stage, byte 1 the schedule and chunking; the rest is its input. Each input
 * runs twice under different schedules: both must have the same exit status, and the same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"

#define OUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The state that the two ends of a run share; one run at a time. */
struct run {
    const uint8_t *in;
    size_t in_len, given, piece;
    uint64_t out_len, out_hash; /* FNV-1a of what came out */
    int code;
};
static struct run *current;

static int from_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct run *run = current;
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = run->in_len - run->given;

    (void)stage;
    (void)in;
    if (n > room)
        n = room;
    if (run->piece && n > run->piece)
        n = run->piece;
    if (n)
        memcpy(to, run->in + run->given, n);
    leat_commit(out, n);
    run->given += n;
    return run->given == run->in_len ? LEAT_END : LEAT_MORE;
}

static int into_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct run *run = current;

    (void)stage;
    (void)out;
    while (in->pos < in->len && run->out_len < OUT_MAX) {
        run->out_hash = (run->out_hash ^ in->data[in->pos++]) * UINT64_C(1099511628211);
        run->out_len++;
    }
    return run->out_len == OUT_MAX || (in->end && in->pos == in->len) ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type from_type = {
    .name = "from", .summary = "the input", .kind = LEAT_SOURCE, .step = from_step};
static const struct leat_stage_type into_type = {
    .name = "into", .summary = "the output", .kind = LEAT_SINK, .step = into_step};

/* Lines for the stages that need operands or do more with options; others run by name. */
static const char *const lines[] = {
    "grep a",          "grep -v -n 'a.*b'", "grep -o -i '[a-f]+'", "grep -c -x ''",
    "grep -F -w -e a", "head -n 3",         "head -c -7",          "tail -n 2",
    "tail -c +5",      "count -l",          "decode : decode",     "gzip : gunzip",
    "zstd : unzstd",   "list --json",       "entries '*'",         "repack --format=gnutar",
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

static bool runs_by_name(const struct leat_stage_type *type)
{
    return !type->missing && type->operands_min == 0 && type->branches_min == 0 &&
           (type->kind == LEAT_TRANSFORM || (type->kind == LEAT_BY_PLACE && type->middle_in)) &&
           strcmp(type->name, "exec") != 0;
}

static void choose(const struct leat_registry *registry, uint8_t byte, char *to, size_t size)
{
    size_t n = leat_registry_count(registry), i = byte % (n + N_LINES);
    const char *middle = i < n ? leat_registry_at(registry, i)->name : lines[i - n];

    if (i < n && !runs_by_name(leat_registry_at(registry, i)))
        middle = "pass";
    snprintf(to, size, "from | %s | into", middle);
}

static void run_once(const struct leat_registry *registry, const char *text, struct run *run,
                     uint8_t how)
{
    struct leat_settings settings = {.size = sizeof settings,
                                     .executor = LEAT_EXECUTOR_SEEDED,
                                     .seed = how,
                                     .threads = 1 + how % 4,
                                     .memory = (uint64_t)64 << 20,
                                     .fixed_default_io = true};
    struct leat_pipeline *pipeline = NULL;

    current = run;
    run->code = leat_pipeline_from_text(registry, text, &settings, &pipeline, NULL);
    if (run->code < 0) /* it needs an option that its name alone does not give */
        return;
    run->code = leat_pipeline_run(pipeline);
    leat_pipeline_unref(pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_registry *registry;
    char text[128];

    if (size < 2)
        return 0;
    registry = leat_registry_new();
    if (!registry || leat_registry_add_plain(registry, &from_type) < 0 ||
        leat_registry_add_plain(registry, &into_type) < 0)
        abort();
    choose(registry, data[0], text, sizeof(text));
    {
        struct run a = {.in = data + 2, .in_len = size - 2, .piece = data[1] % 17}, b = a;

        b.piece = 0;
        run_once(registry, text, &a, data[1]);
        run_once(registry, text, &b, (uint8_t)(data[1] + 1));
        /* libarchive looks further in a larger piece for the next header of a damaged cpio archive, so
         * the same damage may be called a cut. */
        if (leat_exit_status(a.code) != leat_exit_status(b.code) ||
            (a.code == 0 && (a.out_len != b.out_len || a.out_hash != b.out_hash))) {
            fprintf(stderr, "%s: codes %d %d, bytes %llu %llu\n", text, a.code, b.code,
                    (unsigned long long)a.out_len, (unsigned long long)b.out_len);
            abort();
        }
    }
    leat_registry_free(registry);
    return 0;
}
