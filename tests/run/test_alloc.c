/* test_alloc.c - every registered stage: the n-th allocation fails, for every n.
 *
 * The program is linked with --wrap for the allocation functions and pthread_create, so that
 * every call in libleat.a passes through here; what the codec libraries allocate inside is theirs.
 * After each: success with the right bytes, or LEAT_ENOMEM; nothing committed, no file left, no
 * thread, no descriptor. The sanitized build adds: no leak, no bad access.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "blocking_aid.h"
#include "subjects.h"

#define SIZE 1200u
#define N_MAX 100000u

static atomic_ulong calls;
static atomic_ulong fails_at; /* 0: none */
static atomic_bool armed;

static bool fails(void)
{
    if (!atomic_load(&armed))
        return false;
    if (atomic_fetch_add(&calls, 1) + 1 != atomic_load(&fails_at))
        return false;
    errno = ENOMEM;
    return true;
}

/* The linker's names: __wrap_x is called for x, __real_x is x. */
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#define WRAP(type, failure, name, parameters, arguments)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails() ? (failure) : __real_##name arguments;                                      \
    }

WRAP(void *, NULL, malloc, (size_t size), (size))
WRAP(void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, NULL, realloc, (void *p, size_t size), (p, size))
WRAP(void *, NULL, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP(int, ENOMEM, posix_memalign, (void **ret, size_t align, size_t size), (ret, align, size))
WRAP(void *, NULL, aligned_alloc, (size_t align, size_t size), (align, size))
WRAP(char *, NULL, strdup, (const char *text), (text))
WRAP(char *, NULL, strndup, (const char *text, size_t n), (text, n))
WRAP(int, EAGAIN, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg),
     (thread, attr, start, arg))
WRAP(void *, MAP_FAILED, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at),
     (p, n, prot, flags, fd, at))
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void arm(bool begins)
{
    atomic_store(&armed, begins);
}

static void sweep(const struct subject *subject, struct bytes in, unsigned threads)
{
    struct outcome reference = {0}, outcome;
    unsigned long n;

    for (n = 0; n < N_MAX; n++) {
        struct memio io = {.around = arm, .settings = {.threads = threads, .chunk = 4096}};

        test_context("%s, %u threads, allocation %lu", subject->text, threads, n);
        atomic_store(&calls, 0);
        atomic_store(&fails_at, n);
        subject_run(subject, &io, in, &outcome);
        if (n == 0) {
            reference = outcome;
            continue;
        }
        if (outcome.error.code != LEAT_ENOMEM)
            outcome_assert_same(&outcome, &reference);
        outcome_free(&outcome);
        if (atomic_load(&calls) < n)
            break;
    }
    ASSERT_GT(n, 10); /* the wrapping works */
    ASSERT_LT(n, N_MAX);
    outcome_free(&reference);
}

static void test_any_allocation_fails(void)
{
    const struct subject *subject = test_argument();
    struct bytes in = subject_input(subject, SIZE);

    sweep(subject, in, 1);
    sweep(subject, in, 2);
    free(in.data);
}

/* A waker, a thread, memory for a reservation: what blocking stages need beside others. */
static unsigned long run_libraries(size_t least, unsigned threads, unsigned long n)
{
    struct blocking b;

    blocking_init(&b, 0, SIZE);
    b.from.least = least;
    b.io.around = arm;
    b.io.settings = (struct leat_settings){
        .size = sizeof(struct leat_settings), .threads = threads, .chunk = 4096};
    test_context("%u threads, at least %zu bytes, allocation %lu", threads, least, n);
    atomic_store(&calls, 0);
    atomic_store(&fails_at, n);
    if (blocking_run(&b, "pushes @from | copies | pulls @to") != LEAT_ENOMEM || n == 0) {
        ASSERT_EQ(b.io.error.code, 0);
        ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, SIZE);
    }
    blocking_done(&b);
    return atomic_load(&calls);
}

TEST(test_any_allocation_of_a_blocking_stage_fails)
{
    static const size_t least[] = {0, 1, 5000};
    unsigned long n;

    for (unsigned i = 0; i < 6; i++) {
        for (n = 0; n < N_MAX && run_libraries(least[i % 3], 1 + i / 3, n) >= n; n++)
            ;
        ASSERT_GT(n, 10);
        ASSERT_LT(n, N_MAX);
    }
}

/* --- stages of other programs ------------------------------------------------------------------ */

static int pass_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static void count_drop(void *user)
{
    ++*(unsigned *)user;
}

static const struct leat_stage_type own_type = {
    LEAT_STAGE_INIT,        .drop = count_drop, .name = "acme.own",
    .kind = LEAT_TRANSFORM, .step = pass_step,
};

/* Build and run zero : own : null. Returns its code; whatever it is, drop is called once. */
static int run_own(void)
{
    static const char *const args[] = {"-n9", NULL};
    struct leat_registry *registry = leat_registry_new();
    struct leat_builder *builder = registry ? leat_builder_new(registry) : NULL;
    struct leat_settings settings = {
        .size = sizeof settings, .threads = 1, .fixed_default_io = true};
    struct leat_pipeline *p = NULL;
    unsigned drops = 0;
    bool tried = builder != NULL;
    int r = tried ? leat_builder_stage(builder, "zero", args) : LEAT_ENOMEM;

    tried = r == 0;
    if (r == 0)
        r = leat_builder_own_stage(builder, &own_type, &drops, NULL);
    if (r == 0)
        r = leat_builder_stage(builder, "null", NULL);
    if (r == 0)
        r = leat_builder_finish(builder, &settings, &p, NULL);
    leat_builder_free(builder);
    if (r == 0)
        r = leat_pipeline_run(p);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    ASSERT_EQ(drops, tried);
    return r;
}

/* Add a plugin of two types, twice; all of it is there, or none. */
static int add_plugin(void)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_stage_type second = own_type;
    struct leat_stage_type first = own_type;
    const struct leat_stage_type *const types[] = {&first, &second, NULL};
    const struct leat_plugin plugin = {sizeof plugin, LEAT_STAGE_ABI, LEAT_VERSION, types};
    size_t at, n = registry ? leat_registry_count(registry) : 0;
    unsigned drops = 0;
    int r = LEAT_ENOMEM;

    first.drop = NULL;
    second.name = "acme.second";
    second.user = &drops;
    second.drop = count_drop;
    for (int i = 0; registry && i < 2; i++) {
        r = leat_registry_add_plugin(registry, &plugin, "./acme.so", 2, &at);
        ASSERT(r == 0 || r == LEAT_ENOMEM);
        ASSERT_EQ(leat_registry_count(registry), r == 0 ? n + 2 : n);
        ASSERT_EQ(leat_registry_find(registry, "acme.own") != NULL, r == 0);
        ASSERT_EQ(drops, 0);
    }
    leat_registry_free(registry);
    ASSERT_EQ(drops, r == 0); /* the one that failed was not taken */
    return r;
}

static void sweep_calls(const char *what, int (*call)(void))
{
    unsigned long n;
    int r;

    for (n = 1; n < N_MAX; n++) {
        test_context("%s, allocation %lu", what, n);
        atomic_store(&calls, 0);
        atomic_store(&fails_at, n);
        arm(true);
        r = call();
        arm(false);
        if (atomic_load(&calls) < n)
            break;
        ASSERT(r == 0 || r == LEAT_ENOMEM);
    }
    ASSERT_GT(n, 4);
    ASSERT_LT(n, N_MAX);
}

TEST(test_any_allocation_of_an_own_stage_or_a_plugin_fails)
{
    sweep_calls("own stage", run_own);
    sweep_calls("plugin", add_plugin);
}

__attribute__((constructor)) static void register_all(void)
{
    subjects_register(__FILE__, "any_allocation_fails", test_any_allocation_fails);
}
