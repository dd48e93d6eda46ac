/* test_executor.c - who runs an actor, how often, and in which order. */
#include "sched/workers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "test.h"

#define NET_S 5 /* far more than what is waited for takes on any machine */
#define ACTORS 8u
#define WAKERS 4u

/* --- a place where actors meet ------------------------------------------------------------------ */

struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned there, wanted;
};

struct guest {
    struct leat_actor actor; /* first */
    struct meeting *meeting;
    bool met;
};

static struct timespec net(void)
{
    struct timespec t;

    ASSERT_EQ(clock_gettime(CLOCK_REALTIME, &t), 0);
    t.tv_sec += NET_S;
    return t;
}

/* Returns when all are there: each needs a thread of its own. */
static bool guest_run(struct leat_actor *actor)
{
    struct guest *g = (struct guest *)actor;
    struct meeting *m = g->meeting;
    struct timespec until = net();
    int r = 0;

    pthread_mutex_lock(&m->lock);
    m->there++;
    pthread_cond_broadcast(&m->changed);
    while (m->there < m->wanted && r == 0)
        r = pthread_cond_timedwait(&m->changed, &m->lock, &until);
    g->met = m->there >= m->wanted;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return false;
}

static void wait_for_idle(struct leat_executor *ex, unsigned n)
{
    for (unsigned idle = n + 1; idle != n; sched_yield()) {
        pthread_mutex_lock(&ex->workers->lock);
        idle = ex->workers->idle;
        pthread_mutex_unlock(&ex->workers->lock);
    }
}

/* The first worker is idle, and is signalled once for each actor before it can wake. */
TEST(test_a_burst_of_wakes_starts_as_many_workers_as_it_needs)
{
    for (unsigned round = 0; round < 100; round++) {
        unsigned n = 2 + round % 3;
        struct leat_executor ex;
        struct meeting meeting = {
            .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = n};
        struct guest guests[4] = {{.met = false}};

        test_context("round %u, %u actors", round, n);
        ASSERT_EQ(leat_executor_init(&ex, LEAT_EXECUTOR_POOL, n, 0, false), 0);
        ASSERT_EQ(leat_workers_start(&ex.own), 0);
        wait_for_idle(&ex, 1);
        for (unsigned i = 0; i < n; i++)
            guests[i] = (struct guest){.actor.run = guest_run, .meeting = &meeting};
        for (unsigned i = 0; i < n; i++)
            leat_actor_wake(&ex, &guests[i].actor);
        leat_workers_stop(&ex.own);
        for (unsigned i = 0; i < n; i++)
            ASSERT(guests[i].met);
        leat_executor_done(&ex);
    }
}

/* --- wakes from many threads -------------------------------------------------------------------- */

struct counter {
    struct leat_actor actor; /* first */
    atomic_uint posted, seen;
    unsigned runs; /* no lock: one thread runs it at a time */
    bool inside;
};

struct crowd {
    struct leat_executor ex;
    struct counter counters[ACTORS];
    unsigned wakes;
};

static bool counter_run(struct leat_actor *actor)
{
    struct counter *c = (struct counter *)actor;

    ASSERT(!c->inside);
    ASSERT(leat_actor_runs_here(actor));
    c->inside = true;
    c->runs++;
    atomic_store(&c->seen, atomic_load(&c->posted));
    c->inside = false;
    return c->runs % 3 == 0; /* queued again without a wake */
}

static void *waker(void *arg)
{
    struct crowd *crowd = arg;

    for (unsigned i = 0; i < crowd->wakes; i++) {
        struct counter *c = &crowd->counters[i % ACTORS];

        atomic_fetch_add(&c->posted, 1);
        leat_actor_wake(&crowd->ex, &c->actor);
    }
    return NULL;
}

TEST(test_no_wake_is_lost_and_one_thread_at_a_time_runs_an_actor)
{
    static const unsigned threads[] = {1, 2, 7};

    for (size_t t = 0; t < 3; t++) {
        struct crowd crowd = {.wakes = test_under_sanitizer() ? 2000 : 20000};
        pthread_t wakers[WAKERS];

        test_context("%u threads", threads[t]);
        ASSERT_EQ(leat_executor_init(&crowd.ex, LEAT_EXECUTOR_POOL, threads[t], 0, false), 0);
        for (unsigned i = 0; i < ACTORS; i++)
            crowd.counters[i].actor.run = counter_run;
        ASSERT_EQ(leat_workers_start(&crowd.ex.own), 0);
        for (unsigned i = 0; i < WAKERS; i++)
            ASSERT_EQ(pthread_create(&wakers[i], NULL, waker, &crowd), 0);
        for (unsigned i = 0; i < WAKERS; i++)
            ASSERT_EQ(pthread_join(wakers[i], NULL), 0);
        leat_workers_stop(&crowd.ex.own); /* what is queued is run first */
        for (unsigned i = 0; i < ACTORS; i++) {
            ASSERT_EQ(atomic_load(&crowd.counters[i].seen), crowd.wakes / ACTORS * WAKERS);
            ASSERT_GT(crowd.counters[i].runs, 0);
        }
        leat_executor_done(&crowd.ex);
    }
}

/* --- a store before a wake ---------------------------------------------------------------------- */

/* The queue is first in first out: an actor that is queued runs after one round of the other. */
#define ROUNDS_MAX 1000u

struct news {
    struct leat_actor actor; /* first */
    atomic_uint posted, seen;
};

struct busy {
    struct leat_actor actor; /* first */
    atomic_uint rounds;
    atomic_bool stop;
};

static bool news_run(struct leat_actor *actor)
{
    struct news *n = (struct news *)actor;

    atomic_store_explicit(&n->seen, atomic_load_explicit(&n->posted, memory_order_relaxed),
                          memory_order_relaxed);
    return false;
}

/* Keeps the worker awake. */
static bool busy_run(struct leat_actor *actor)
{
    struct busy *b = (struct busy *)actor;

    atomic_fetch_add(&b->rounds, 1);
    return !atomic_load(&b->stop);
}

/* The actor is queued by a first wake, and its worker is about to run it when the news is stored. */
TEST(test_a_wake_of_a_queued_actor_hands_on_what_was_stored_before)
{
    unsigned n = test_under_sanitizer() ? 20000 : 400000;
    struct news news = {.actor.run = news_run};
    struct busy busy = {.actor.run = busy_run};
    struct leat_executor ex;
    uint64_t random = 1;

    ASSERT_EQ(leat_executor_init(&ex, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_workers_start(&ex.own), 0);
    leat_actor_wake(&ex, &busy.actor);
    for (unsigned i = 1; i <= n; i++) {
        volatile unsigned delay = (unsigned)(test_random(&random) % 256);
        unsigned from, rounds;
        bool seen;

        leat_actor_wake(&ex, &news.actor);
        while (delay > 0)
            delay--;
        atomic_store_explicit(&news.posted, i, memory_order_relaxed);
        leat_actor_wake(&ex, &news.actor);
        from = atomic_load(&busy.rounds);
        do { /* the rounds first: this thread may stand between the two loads for long */
            rounds = atomic_load(&busy.rounds) - from;
            seen = atomic_load(&news.seen) == i;
            if (!seen && rounds > ROUNDS_MAX)
                FAIL("wake %u of %u is lost", i, n);
        } while (!seen);
    }
    atomic_store(&busy.stop, true);
    leat_workers_stop(&ex.own);
    leat_executor_done(&ex);
}

/* --- on the loop's thread ----------------------------------------------------------------------- */

struct noted {
    struct leat_actor actor; /* first */
    unsigned *order, *n;
    unsigned number, again;
};

static bool noted_run(struct leat_actor *actor)
{
    struct noted *a = (struct noted *)actor;

    a->order[(*a->n)++] = a->number;
    return a->again-- > 0;
}

/* The order in which four actors run that are woken one after another, each twice. */
static void order_of(enum leat_executor_kind kind, uint64_t seed, unsigned order[8])
{
    struct leat_executor ex;
    struct noted actors[4];
    unsigned n = 0;

    ASSERT_EQ(leat_executor_init(&ex, kind, 1, seed, false), 0);
    for (unsigned i = 0; i < 4; i++) {
        actors[i] = (struct noted){
            .actor.run = noted_run, .order = order, .n = &n, .number = i, .again = 1};
        leat_actor_wake(&ex, &actors[i].actor);
        leat_actor_wake(&ex, &actors[i].actor); /* queued once */
    }
    while (leat_executor_step(&ex))
        ASSERT_LT(n, 8);
    ASSERT_EQ(n, 8);
    leat_executor_done(&ex);
}

TEST(test_the_loop_runs_actors_first_in_first_out)
{
    static const unsigned expected[8] = {0, 1, 2, 3, 0, 1, 2, 3};
    unsigned order[8];

    order_of(LEAT_EXECUTOR_LOOP, 0, order);
    ASSERT_MEM_EQ(order, expected, sizeof order);
}

TEST(test_a_seed_gives_one_order_and_seeds_give_many)
{
    unsigned first[8], order[8], different = 0;

    order_of(LEAT_EXECUTOR_SEEDED, 1, first);
    for (uint64_t seed = 1; seed < 50; seed++) {
        unsigned again[8];

        order_of(LEAT_EXECUTOR_SEEDED, seed, order);
        order_of(LEAT_EXECUTOR_SEEDED, seed, again);
        ASSERT_MEM_EQ(order, again, sizeof order);
        different += memcmp(first, order, sizeof order) != 0;
    }
    ASSERT_GE(different, 40);
}

/* An actor that is woken while it runs runs once more. */
static bool wakes_itself(struct leat_actor *actor)
{
    struct noted *a = (struct noted *)actor;

    if ((*a->n)++ == 0) {
        leat_actor_wake((struct leat_executor *)(void *)a->order, actor);
        leat_actor_wake((struct leat_executor *)(void *)a->order, actor);
    }
    return false;
}

TEST(test_a_wake_during_a_run_is_one_more_run)
{
    struct leat_executor ex;
    unsigned n = 0;
    struct noted a = {.actor.run = wakes_itself, .n = &n};

    ASSERT_EQ(leat_executor_init(&ex, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
    a.order = (unsigned *)(void *)&ex;
    leat_actor_wake(&ex, &a.actor);
    while (leat_executor_step(&ex))
        ;
    ASSERT_EQ(n, 2);
    ASSERT(!leat_actor_runs_here(&a.actor));
    leat_executor_done(&ex);
}

/* --- one actor passes to another ---------------------------------------------------------------- */

struct passing;

struct player {
    struct leat_actor actor; /* first */
    struct passing *game;
    bool (*play)(struct player *player);
    unsigned runs;
    pthread_t thread; /* of its first run */
    unsigned turn;    /* of its first run */
};

/* `from` passes to `to`; `other` needs a worker meanwhile. */
struct passing {
    struct leat_executor ex;
    struct meeting meeting;
    struct player from, to, other;
    atomic_uint turns;
    bool passes;
};

static bool player_run(struct leat_actor *actor)
{
    struct player *p = (struct player *)actor;

    if (p->runs++ > 0)
        return false;
    p->thread = pthread_self();
    p->turn = atomic_fetch_add(&p->game->turns, 1);
    return p->play(p);
}

/* Returns whether two were there at the same time. */
static bool meet(struct passing *game)
{
    struct guest g = {.meeting = &game->meeting};

    guest_run(&g.actor);
    return g.met;
}

static bool does_nothing(struct player *p)
{
    (void)p;
    return false;
}

static bool meets(struct player *p)
{
    ASSERT(meet(p->game));
    return false;
}

static bool passes_on(struct player *p)
{
    leat_actor_pass(&p->game->ex, &p->game->to.actor, &p->actor);
    p->game->passes = p->actor.passes_to != NULL;
    return true;
}

static bool passes_and_meets(struct player *p)
{
    passes_on(p);
    return meets(p);
}

static bool wakes_other_and_meets(struct player *p)
{
    leat_actor_wake(&p->game->ex, &p->game->other.actor);
    return meets(p);
}

#define HEAVY 2u /* a run_ns: `to` is not light */

/* Two workers are idle, then `from` is woken; returns when `players` have run. */
static void play(struct passing *game, unsigned players, uint64_t run_ns,
                 bool (*from)(struct player *), bool (*to)(struct player *))
{
    struct guest guests[2];

    *game = (struct passing){.passes = false};
    game->meeting = (struct meeting){
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = 2};
    game->from = (struct player){.actor.run = player_run, .game = game, .play = from};
    game->to = (struct player){
        .actor = {.run = player_run, .run_ns = run_ns, .is_light = run_ns != HEAVY}, .game = game};
    game->to.play = to;
    game->other = (struct player){.actor.run = player_run, .game = game, .play = meets};
    ASSERT_EQ(leat_executor_init(&game->ex, LEAT_EXECUTOR_POOL, 2, 0, false), 0);
    ASSERT_EQ(leat_workers_start(&game->ex.own), 0);
    for (unsigned i = 0; i < 2; i++)
        guests[i] = (struct guest){.actor.run = guest_run, .meeting = &game->meeting};
    for (unsigned i = 0; i < 2; i++)
        leat_actor_wake(&game->ex, &guests[i].actor);
    wait_for_idle(&game->ex, 2);
    ASSERT(guests[0].met && guests[1].met);
    game->meeting.there = 0;
    leat_actor_wake(&game->ex, &game->from.actor);
    while (atomic_load(&game->turns) < players)
        sched_yield();
    leat_workers_stop(&game->ex.own); /* what is queued is run first */
    leat_executor_done(&game->ex);
}

TEST(test_an_actor_with_short_runs_runs_next_on_the_worker_that_passes_to_it)
{
    for (unsigned round = 0; round < 50; round++) {
        struct passing game;

        test_context("round %u", round);
        play(&game, 2, 1, passes_on, does_nothing);
        ASSERT(game.passes);
        ASSERT(pthread_equal(game.to.thread, game.from.thread));
        ASSERT_EQ(game.to.turn, 1);
        ASSERT_EQ(game.from.runs, 2);
        ASSERT_EQ(game.to.runs, 1);
    }
}

TEST(test_an_actor_with_long_runs_gets_a_worker_of_its_own)
{
    struct passing game;

    play(&game, 2, 80000, passes_and_meets, meets); /* an average is never longer */
    ASSERT(!game.passes);
    ASSERT_EQ(game.to.runs, 1);
}

TEST(test_an_actor_that_may_block_gets_a_worker_of_its_own_however_short_its_runs_were)
{
    struct passing game;

    play(&game, 2, HEAVY, passes_and_meets, meets);
    ASSERT(!game.passes);
}

TEST(test_an_actor_that_has_not_run_gets_a_worker_of_its_own)
{
    struct passing game;

    play(&game, 2, 0, passes_and_meets, meets);
    ASSERT(!game.passes);
}

/* The run was expected to be short, but is not: the idle worker serves the others. */
TEST(test_others_get_the_idle_worker_while_a_passed_actor_runs)
{
    for (unsigned round = 0; round < 50; round++) {
        struct passing game;

        test_context("round %u", round);
        play(&game, 3, 1, passes_on, wakes_other_and_meets);
        ASSERT(game.passes);
        ASSERT_EQ(game.from.runs, 2);
        ASSERT_EQ(game.other.runs, 1);
    }
}

static bool wakes_other_and_passes(struct player *p)
{
    leat_actor_wake(&p->game->ex, &p->game->other.actor);
    return passes_on(p);
}

/* A wake costs nothing then, and longer runs of the same actor cost less. */
TEST(test_an_actor_is_queued_after_the_others_where_no_worker_is_idle)
{
    struct passing game = {.passes = false};
    struct player player = {.actor.run = player_run, .game = &game, .play = does_nothing};

    game.from = game.to = game.other = player;
    game.from.play = wakes_other_and_passes;
    game.to.actor.run_ns = 1;
    game.to.actor.is_light = true;
    ASSERT_EQ(leat_executor_init(&game.ex, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_workers_start(&game.ex.own), 0);
    leat_actor_wake(&game.ex, &game.from.actor);
    leat_workers_stop(&game.ex.own);
    leat_executor_done(&game.ex);
    ASSERT(!game.passes);
    ASSERT_EQ(game.other.turn, 1);
    ASSERT_EQ(game.to.turn, 2);
    ASSERT_EQ(game.from.runs, 2);
}

#define LONG_NS 1000000u

static bool runs_long(struct player *p)
{
    uint64_t until = leat_now_ns() + LONG_NS;

    (void)p;
    while (leat_now_ns() < until)
        ;
    return false;
}

TEST(test_one_long_run_is_enough_to_get_a_worker_the_next_time)
{
    struct passing game;
    uint64_t run_ns;

    play(&game, 2, 1, passes_on, runs_long);
    ASSERT(game.passes);
    run_ns = game.to.actor.run_ns;
    play(&game, 2, run_ns, passes_and_meets, meets);
    ASSERT(!game.passes);
}

/* --- a thread outside claims an actor ------------------------------------------------------------- */

struct lent {
    struct leat_actor actor; /* first */
    uint64_t ns;             /* length of a run, at least */
    atomic_bool held;        /* the run does not end before this is false */
    atomic_uint runs;
};

static bool lent_run(struct leat_actor *actor)
{
    struct lent *l = (struct lent *)actor;
    uint64_t until = leat_now_ns() + l->ns;

    while (leat_now_ns() < until || atomic_load(&l->held))
        continue;
    atomic_fetch_add(&l->runs, 1);
    return false;
}

/* Claim it while the worker is idle, and have it run. Returns whether it ran here. */
static bool claim(struct leat_executor *ex, struct lent *l)
{
    unsigned runs = atomic_load(&l->runs);
    bool here;

    wait_for_idle(ex, 1);
    here = leat_actor_claim(ex, &l->actor);
    if (here)
        leat_actor_run_claimed(ex, &l->actor);
    while (atomic_load(&l->runs) == runs)
        sched_yield();
    return here;
}

TEST(test_a_thread_outside_runs_an_actor_whose_runs_are_short)
{
    struct lent l = {.actor.run = lent_run, .ns = 50000};
    struct leat_executor ex;

    ASSERT_EQ(leat_executor_init(&ex, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_workers_start(&ex.own), 0);
    ASSERT(claim(&ex, &l)); /* not known yet */
    ASSERT(claim(&ex, &l)); /* one may be chance */
    for (unsigned most = 32; most <= 64; most *= 2) {
        for (unsigned i = 1; i < most; i++)
            ASSERT(!claim(&ex, &l)); /* it is long: a worker wakes */
        ASSERT(claim(&ex, &l));
    }
    l.ns = 0;
    for (unsigned i = 0; i < 1000 && l.actor.long_runs > 0; i++) /* the system may interrupt some */
        (void)claim(&ex, &l);
    ASSERT_EQ(l.actor.long_runs, 0);
    ASSERT(claim(&ex, &l));
    leat_workers_stop(&ex.own);
    leat_executor_done(&ex);
}

/* A worker that is awake takes it next. */
TEST(test_a_thread_outside_runs_no_actor_for_which_no_worker_must_wake)
{
    struct lent l = {.actor.run = lent_run}, busy = {.actor.run = lent_run, .held = true};
    struct leat_executor ex;

    ASSERT_EQ(leat_executor_init(&ex, LEAT_EXECUTOR_POOL, 1, 0, false), 0);
    ASSERT_EQ(leat_workers_start(&ex.own), 0);
    wait_for_idle(&ex, 1);
    leat_actor_wake(&ex, &busy.actor);
    ASSERT(!leat_actor_claim(&ex, &l.actor)); /* the worker is awake, or wakes for the other one */
    ASSERT(!leat_actor_claim(&ex, &l.actor)); /* it is queued */
    atomic_store(&busy.held, false);
    while (atomic_load(&l.runs) == 0)
        sched_yield();
    ASSERT_EQ(atomic_load(&l.runs), 1);
    leat_workers_stop(&ex.own);
    leat_executor_done(&ex);
}
