/* test_check_stage.c - leat/check.h, the suite for stages of others: good stages pass, and each planted fault
 * is caught with a text that says what is wrong. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

/* The program of `make quick` has test_examples.c, too. */
#define example_field check_field
#define example_runs check_runs
#define example_unruns check_unruns
#include "examples/field.c" /* NOLINT(bugprone-suspicious-include) */
#include "examples/runs.c"  /* NOLINT(bugprone-suspicious-include) */
#include "memio.h"
#include "test.h"
#undef example_field
#undef example_runs
#undef example_unruns

#define SEEDS 60u

static char why[LEAT_CHECK_TEXT];

static const char text[] = "one\ttwo\tthree\nfour\tfive\n\nsix\tseven\teight\tnine\n"
                           "The quick brown fox jumps over the lazy dog.\t1234567890\nlast\tline";

static struct leat_check check_of(const char *input, const char *expected)
{
    struct leat_check c = {.seeds = test_under_sanitizer() ? SEEDS / 4 : SEEDS};

    c.input = input;
    c.input_len = input ? strlen(input) : 0;
    c.expected = expected;
    c.expected_len = expected ? strlen(expected) : 0;
    return c;
}

/* --- good stages ------------------------------------------------------------------------------ */

static void passes(const struct leat_stage_type *type, const struct leat_check *check)
{
    if (leat_check_stage(type, check, why, sizeof why) < 0)
        FAIL("%s: %s", type->name, why);
    ASSERT_STREQ(why, "");
}

TEST(test_the_examples_pass)
{
    static const char *const second[] = {"-n", "2", NULL};
    struct leat_check c = check_of(text, "two\nfive\n\nseven\n1234567890\nline\n");
    size_t n = 20000;
    char *runs = malloc(n);

    c.args = second;
    passes(&check_field, &c);
    ASSERT_NOT_NULL(runs);
    for (size_t i = 0; i < n; i++)
        runs[i] = (char)(i / 7 % 5 == 0 ? i / 300 : i / 900);
    c = (struct leat_check){.input = runs, .input_len = n, .undo = &check_unruns, .seeds = 20};
    passes(&check_runs, &c);
    free(runs);
}

static int pass_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

struct numbers {
    unsigned next;
};

static int numbers_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct numbers *s = leat_state(stage);

    (void)in;
    while (s->next < 500 && leat_write(out, &"0123456789"[s->next % 10], 1) == 1)
        s->next++;
    return s->next == 500 ? LEAT_END : LEAT_MORE;
}

/* The input of the sink below. */
static struct got {
    uint8_t data[1000];
    size_t len;
} got;

static void got_nothing(void *user)
{
    ((struct got *)user)->len = 0;
}

static const uint8_t *got_all(void *user, size_t *ret_len)
{
    *ret_len = ((struct got *)user)->len;
    return ((struct got *)user)->data;
}

static int take(struct leat_stage *stage, struct leat_in *in, size_t n)
{
    struct got *g = leat_user(stage);

    if (sizeof g->data - g->len < n)
        return leat_fail(stage, LEAT_ELIMIT, "too much");
    if (n)
        memcpy(g->data + g->len, in->data + in->pos, n);
    g->len += n;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int sink_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)out;
    return take(stage, in, in->len - in->pos);
}

static int slow_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    const uint8_t *data;
    size_t len;
    int r;

    (void)stage;
    while ((r = leat_pull(blocking, &data, &len)) == 1)
        if (leat_push(blocking, data, len) < 0)
            return LEAT_ECANCELLED;
    return r < 0 ? r : LEAT_END;
}

static int giving_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    (void)stage;
    for (unsigned i = 0; i < 50; i++)
        if (leat_push(blocking, "0123456789", 10) < 0)
            return LEAT_ECANCELLED;
    return LEAT_END;
}

static int taking_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    struct got *g = leat_user(stage);
    const uint8_t *data;
    size_t len;
    int r;

    while ((r = leat_pull(blocking, &data, &len)) == 1) {
        if (sizeof g->data - g->len < len)
            return leat_fail(stage, LEAT_ELIMIT, "too much");
        memcpy(g->data + g->len, data, len);
        g->len += len;
    }
    return r < 0 ? r : LEAT_END;
}

TEST(test_good_stages_with_a_library_that_blocks_pass)
{
    static const struct leat_stage_type source = {LEAT_STAGE_INIT, .name = "acme.gives",
                                                  .kind = LEAT_SOURCE, .nature = LEAT_BLOCKING,
                                                  .run = giving_run};
    static const struct leat_stage_type sink = {LEAT_STAGE_INIT, .name = "acme.takes",
                                                .kind = LEAT_SINK, .nature = LEAT_BLOCKING,
                                                .run = taking_run};
    struct leat_check c = check_of(NULL, NULL);

    passes(&source, &c);
    c = check_of(text, text);
    c.user = &got;
    c.before = got_nothing;
    c.result = got_all;
    passes(&sink, &c);
}

static int tee_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)leat_pass_all(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

TEST(test_good_stages_of_every_kind_pass)
{
    static const struct leat_stage_type source = {
        LEAT_STAGE_INIT, .name = "acme.source", .kind = LEAT_SOURCE,
        .state_size = sizeof(struct numbers), .step = numbers_step};
    static const struct leat_stage_type sink = {LEAT_STAGE_INIT, .name = "acme.sink",
                                                .kind = LEAT_SINK, .step = sink_step};
    static const struct leat_stage_type same = {LEAT_STAGE_INIT, .name = "acme.same",
                                                .kind = LEAT_TRANSFORM, .flags = LEAT_PASS_THROUGH,
                                                .step = pass_step};
    static const struct leat_stage_type all = {LEAT_STAGE_INIT,     .name = "acme.all",
                                               .kind = LEAT_FAN_IN, .branches_min = 2,
                                               .branches_max = 9,   .step = pass_step};
    static const struct leat_stage_type fan = {LEAT_STAGE_INIT, .name = "acme.fan",
                                               .kind = LEAT_TRANSFORM, .branches_max = 9,
                                               .step = tee_step};
    static const struct leat_stage_type blocking = {LEAT_STAGE_INIT, .name = "acme.blocking",
                                                    .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING,
                                                    .run = slow_run};
    static const struct leat_stage_type middle = {LEAT_STAGE_INIT, .name = "acme.place",
                                                  .kind = LEAT_BY_PLACE, .first = &source,
                                                  .middle_in = &same};
    static const struct leat_stage_type end = {LEAT_STAGE_INIT, .name = "acme.place",
                                               .kind = LEAT_BY_PLACE, .last = &sink};
    struct leat_check c = check_of(NULL, NULL);

    passes(&source, &c);
    c = check_of(text, text);
    passes(&same, &c);
    passes(&middle, &c);
    passes(&blocking, &c);
    c.branches = 2;
    passes(&fan, &c);
    c = check_of("abc", "abcabc");
    passes(&all, &c);
    c = check_of(text, text);
    c.user = &got;
    c.before = got_nothing;
    c.result = got_all;
    passes(&sink, &c);
    passes(&end, &c);
}

TEST(test_a_check_in_this_process_says_the_same)
{
    static const struct leat_stage_type same = {LEAT_STAGE_INIT, .name = "acme.same",
                                                .kind = LEAT_TRANSFORM, .step = pass_step};
    struct leat_check c = check_of(text, text);

    c.in_process = true;
    passes(&same, &c);
    c.expected = "other";
    c.expected_len = 5;
    ASSERT_EQ(leat_check_stage(&same, &c, why, sizeof why), -1);
    ASSERT_STR_HAS(why, "not the expected one: 111 bytes, expected 5");
}

/* A built-in type, as if it were that of another program. */
static struct leat_stage_type built_in(const char *name, const char *own_name)
{
    struct leat_registry *registry = leat_registry_new();
    const struct leat_stage_type *found = leat_registry_find(registry, name);
    struct leat_stage_type type;

    ASSERT_NOT_NULL(found);
    type = *found;
    type.abi = LEAT_STAGE_ABI;
    type.size = sizeof type;
    type.name = own_name;
    type.aliases = NULL;
    leat_registry_free(registry);
    return type;
}

/* They answer flush markers, work in lanes, and choose by the memory that there is. */
TEST(test_codecs_pass_with_the_stage_that_undoes_them)
{
    static const char *const pairs[][2] = {{"gzip", "gunzip"}, {"zstd", "unzstd"}};
    size_t n = 3000;
    char *in = (char *)memio_bytes(n);

    for (size_t i = 0; i < 2; i++) {
        struct leat_stage_type encoder = built_in(pairs[i][0], "acme.encoder");
        struct leat_stage_type decoder = built_in(pairs[i][1], "acme.decoder");
        struct leat_check c = {.input = in, .input_len = n, .undo = &decoder, .seeds = 20};

        test_context("%s", pairs[i][0]);
        passes(&encoder, &c);
        c.undo = NULL;
        c.code = LEAT_ECORRUPT;
        passes(&decoder, &c); /* the input is not encoded */
    }
    free(in);
}

/* --- planted faults --------------------------------------------------------------------------- */

/* The byte is taken, and written where there is room. The faults are made from it. */
static int good(struct leat_in *in, struct leat_out *out)
{
    while (in->pos < in->len && leat_write(out, in->data + in->pos, 1) == 1)
        in->pos++;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

#define FAULT(name)                                                                                \
    static int name(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)

FAULT(drops_the_last_byte_of_a_piece)
{
    (void)stage;
    if (in->pos + 1 == in->len && !in->end)
        in->pos++;
    return good(in, out);
}

FAULT(commits_more_than_room)
{
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = in->len - in->pos;

    (void)stage;
    if (n > 0)
        memcpy(to, in->data + in->pos, n < room ? n : room);
    leat_commit(out, n);
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

FAULT(ignores_a_short_write)
{
    (void)stage;
    (void)leat_write(out, in->data + in->pos, in->len - in->pos);
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

FAULT(consumes_nothing)
{
    (void)stage, (void)in, (void)out;
    return LEAT_MORE;
}

FAULT(counts_in_a_static)
{
    static unsigned count; /* of all runs */
    int r = good(in, out);

    (void)stage;
    count++;
    return r == LEAT_END && count % 3 == 0 ? (leat_write(out, "!", 1), LEAT_END) : r;
}

static char shared_byte;

static int reset_shared_byte(struct leat_stage *stage)
{
    (void)stage;
    shared_byte = 'a';
    return 0;
}

/* Each run begins with the same, but two instances at once do not. */
FAULT(shares_a_static)
{
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;

    (void)stage;
    while (n < room && in->pos < in->len) {
        to[n++] = (uint8_t)(in->data[in->pos++] ^ shared_byte);
        shared_byte = (char)('a' + (shared_byte - 'a' + 1) % 26);
    }
    leat_commit(out, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

FAULT(reads_after_the_end_of_its_input)
{
    (void)stage;
    if (in->len > in->pos && in->data[in->len] == 'x' && in->data[in->len + 1] == 'y')
        in->pos++;
    return good(in, out);
}

struct keeps {
    const uint8_t *data;
    size_t len;
};

/* It writes the last piece only when it has got the next one. */
FAULT(keeps_a_pointer_to_its_input)
{
    struct keeps *k = leat_state(stage);

    while (k->len > 0) {
        if (leat_write(out, k->data, 1) == 0)
            return LEAT_MORE;
        k->data++;
        k->len--;
    }
    if (in->end)
        return good(in, out);
    k->data = in->data + in->pos;
    k->len = in->len - in->pos;
    in->pos = in->len;
    return LEAT_MORE;
}

FAULT(ends_with_the_first_piece)
{
    (void)stage;
    (void)good(in, out);
    return in->pos == in->len && in->len > 0 ? LEAT_END : LEAT_MORE;
}

FAULT(never_ends)
{
    (void)stage;
    (void)good(in, out);
    return LEAT_MORE;
}

FAULT(writes_to_its_input)
{
    (void)stage;
    if (in->len > in->pos)
        ((uint8_t *)(uintptr_t)in->data)[in->len - 1] = '?';
    return good(in, out);
}

struct one_param {
    int64_t number;
};

FAULT(writes_to_its_params)
{
    struct one_param *p = (struct one_param *)(uintptr_t)leat_params(stage);

    p->number++;
    return good(in, out);
}

FAULT(goes_beyond_its_input)
{
    int r = good(in, out);

    (void)stage;
    if (in->pos == in->len && in->len > 0)
        in->pos++;
    return r;
}

FAULT(forgets_its_buffer_at_the_end)
{
    struct numbers *held = leat_state(stage); /* the last byte, plus 1 */

    while (in->pos < in->len) {
        char byte = (char)(held->next - 1);

        if (held->next > 0 && leat_write(out, &byte, 1) == 0)
            return LEAT_MORE;
        held->next = 1u + in->data[in->pos++];
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static void *volatile leaked;

FAULT(leaks_memory)
{
    int r = good(in, out);

    (void)stage;
    if (r == LEAT_END)
        leaked = malloc(100);
    return r;
}

FAULT(leaks_a_descriptor)
{
    int r = good(in, out);

    (void)stage;
    if (r == LEAT_END && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        return LEAT_MORE;
    return r;
}

FAULT(looks_at_an_empty_input)
{
    (void)stage;
    if (in->data[in->pos] == 1)
        return leat_fail(stage, LEAT_ECORRUPT, "x");
    return good(in, out);
}

/* Its lanes number their bytes from the start of the lane, not of the block. */
FAULT(blocks_depend_on_the_lane)
{
    struct numbers *s = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;

    while (n < room && in->pos < in->len)
        to[n++] = (uint8_t)(in->data[in->pos++] + s->next++);
    leat_commit(out, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

FAULT(changes_what_it_passes)
{
    (void)stage;
    while (in->pos < in->len &&
           leat_write(out, in->data[in->pos] == 'o' ? "0" : (const char *)in->data + in->pos, 1) ==
               1)
        in->pos++;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

FAULT(output_depends_on_an_address)
{
    char a = (char)('a' + (((uintptr_t)leat_state(stage) >> 4) ^
                           (uintptr_t)test_random(&(uint64_t){(uintptr_t)getpid()})) %
                              26);
    static unsigned n;

    a = (char)(a + n++ % 3);
    if (in->end && in->pos < in->len && leat_write(out, &a, 1) == 0)
        return LEAT_MORE;
    return good(in, out);
}

FAULT(loops_for_ever)
{
    static volatile bool for_ever = true;

    (void)stage;
    while (for_ever && in->end)
        ;
    return good(in, out);
}

FAULT(ignores_a_failed_allocation)
{
    uint8_t *memory = leat_alloc_raw(stage, (size_t)48 << 20);

    memory[0] = 1;
    leat_free(stage, memory);
    return good(in, out);
}

FAULT(returns_an_unknown_number)
{
    int r = good(in, out);

    (void)stage;
    return r == LEAT_END ? 42 : r;
}

FAULT(does_not_answer_flush_markers)
{
    (void)stage;
    return in->flush ? LEAT_MORE : good(in, out);
}

FAULT(expects_whole_lines)
{
    const char *lf = in->pos < in->len ? memchr(in->data + in->pos, '\n', in->len - in->pos) : NULL;

    (void)stage;
    if (!lf && in->pos < in->len && !in->end)
        return leat_fail(stage, LEAT_ECORRUPT, "a line without an end");
    return good(in, out);
}

FAULT(exits)
{
    (void)stage;
    if (in->end)
        _exit(3);
    return good(in, out);
}

FAULT(sink_leaves_the_last_byte)
{
    size_t n = in->len - in->pos;

    (void)out;
    return take(stage, in, n > 1 && !in->end ? n - 1 : n);
}

FAULT(source_depends_on_the_room)
{
    struct numbers *s = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to);

    (void)in;
    if (room == 0)
        return LEAT_MORE;
    memset(to, 'a' + (int)(room % 5), room < 100 ? room : 100);
    leat_commit(out, room < 100 ? room : 100);
    return ++s->next == 5 ? LEAT_END : LEAT_MORE;
}

/* An encoder whose output at a flush marker cannot be undone. */
FAULT(undone_only_without_flush)
{
    struct numbers *s = leat_state(stage);

    (void)s;
    if (in->flush && in->pos == in->len)
        return leat_write(out, "#", 1) == 1 ? LEAT_FLUSHED : LEAT_MORE;
    return good(in, out);
}

static const struct leat_lanes in_lanes = {.block = 16};
static const struct leat_stage_type undo = {LEAT_STAGE_INIT, .name = "acme.undo",
                                            .kind = LEAT_TRANSFORM, .step = pass_step};

/* The fault, how it is declared, and a part of the text. */
static const struct fault {
    struct leat_stage_type type;
    const char *says;
    bool any_output;
} faults[] = {
#define T(function)                                                                                \
    LEAT_STAGE_INIT, .name = "acme." #function, .kind = LEAT_TRANSFORM, .step = function,          \
                     .state_size = 16
    {{T(drops_the_last_byte_of_a_piece)}, "lose its place", false},
    {{T(commits_more_than_room)}, "breaks a rule of the engine", false},
    {{T(ignores_a_short_write)}, "differ", true},
    {{T(consumes_nothing)}, "progress", false},
    {{T(counts_in_a_static)}, "outside of leat_state", true},
    {{T(shares_a_static), .open = reset_shared_byte}, "instances share something", true},
    {{T(reads_after_the_end_of_its_input)}, "does it read after in->len", false},
    {{T(keeps_a_pointer_to_its_input)}, "differ", true},
    {{T(ends_with_the_first_piece)}, "differ", true},
    {{T(never_ends)}, "progress", false},
    {{T(writes_to_its_input)}, "writes to its input", true},
    {{T(writes_to_its_params), .params_size = sizeof(struct one_param)},
     "writes to its params",
     false},
    {{T(goes_beyond_its_input)}, "beyond in->len", false},
    {{T(forgets_its_buffer_at_the_end)}, "not the expected one", false},
    {{T(leaks_memory)}, "leaks about", false},
    {{T(leaks_a_descriptor)}, "leak descriptors", false},
    {{T(looks_at_an_empty_input)}, "read after in->len", false},
    {{T(blocks_depend_on_the_lane), .nature = LEAT_PARALLEL, .lanes = &in_lanes},
     "blocks depend",
     true},
    {{T(changes_what_it_passes), .flags = LEAT_PASS_THROUGH}, "LEAT_PASS_THROUGH", true},
    {{T(output_depends_on_an_address)}, "not the same each time", true},
    {{T(loops_for_ever)}, "does not end", false},
    {{T(ignores_a_failed_allocation)}, "crashes", false},
    {{T(returns_an_unknown_number)}, "42", false},
    {{T(does_not_answer_flush_markers), .flags = LEAT_FLUSHES}, "flush", false},
    {{T(expects_whole_lines)}, "a line without an end", false},
    {{T(exits)}, "ends the process (status 3)", false},
    {{T(undone_only_without_flush), .flags = LEAT_FLUSHES}, "undone, is not its input", false},
#undef T
    {{LEAT_STAGE_INIT, .name = "acme.sink", .kind = LEAT_SINK, .step = sink_leaves_the_last_byte},
     "differ",
     false},
    {{LEAT_STAGE_INIT, .name = "acme.source", .kind = LEAT_SOURCE, .state_size = 16,
      .step = source_depends_on_the_room},
     "differ",
     true},
    {{LEAT_STAGE_INIT, .name = "none", .kind = LEAT_SOURCE, .step = numbers_step},
     "has no vendor",
     true},
};

static void is_caught(void)
{
    const struct fault *f = test_argument();
    struct leat_check c = check_of(text, f->any_output ? NULL : text);

    c.undo = f->type.step == undone_only_without_flush ? &undo : NULL;
    c.seconds = f->type.step == loops_for_ever ? 1 : 0;
    if (f->type.kind == LEAT_SINK) {
        c.user = &got;
        c.before = got_nothing;
        c.result = got_all;
    }
    if (f->type.step == leaks_memory && test_under_sanitizer())
        SKIP(1, "the heap of a sanitizer is not counted");
    if (f->type.step == ignores_a_failed_allocation && test_under_sanitizer())
        SKIP(1, "a sanitizer looks at each byte of 48 MiB in each step");
    ASSERT_EQ(leat_check_stage(&f->type, &c, why, sizeof why), -1);
    if (!strstr(why, "a sanitizer stops it"))
        ASSERT_STR_HAS(why, f->says);
    if (f->type.kind != LEAT_SOURCE)
        ASSERT_STR_HAS(why, "run: ");
}

__attribute__((constructor)) static void register_all(void)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char name[100];

        snprintf(name, sizeof name, "test_caught_%s",
                 strchr(faults[i].type.name, '.') ? faults[i].type.name + 5 : "no_vendor");
        test_register_with(__FILE__, name, is_caught, &faults[i]);
    }
}
