/* time_account.c - charge time to the stages of a segment. */

#include "time_account.h"

#include "base/usdt.h"
#include "run/pipeline.h"

#define LOOKS_MAX 8 /* tries to read an account while no thread changes it */

/* The counters to which a stage's time is charged. */
struct heads {
    bool busy, in; /* neither: waiting for room */
    bool self, ended;
};

static bool is_waiting(const struct leat_segment *seg, size_t i)
{
    return atomic_load_explicit(&seg->slots[i].count.waiting, memory_order_relaxed);
}

/* While the segment is parked. A stage that waits for something outside blocks the stages before it
 * and after it. */
static bool waits_for_input(const struct leat_segment *seg, size_t i)
{
    if (is_waiting(seg, i))
        return i == 0 && !seg->in.ops;
    for (size_t k = i + 1; k < seg->n; k++)
        if (is_waiting(seg, k))
            return false;
    return true;
}

static struct heads heads_of(const struct leat_segment *seg, size_t i, int doing, size_t at)
{
    struct heads h = {.ended =
                          atomic_load_explicit(&seg->slots[i].count.ended, memory_order_relaxed)};

    leat_assert(i < seg->n);
    switch (doing) {
    case LEAT_DOING_STEP:
        h.busy = i == at;
        h.in = i > at;
        h.ended = h.ended && !h.busy;
        break;
    case LEAT_DOING_WAIT_IN:
        h.in = waits_for_input(seg, i);
        h.self = is_waiting(seg, i);
        break;
    case LEAT_DOING_ENDED: /* the segment has ended, but the run goes on */
        h.in = i + 1 == seg->n && !seg->out.ops;
        h.ended = true;
        break;
    default:
        break;
    }
    return h;
}

static void charge_slot(struct leat_counters *c, struct heads h, uint64_t ns)
{
    leat_count(h.busy ? &c->busy_ns : h.in ? &c->wait_in_ns : &c->wait_out_ns, ns);
    if (h.self)
        leat_count(&c->wait_self_ns, ns);
    if (h.ended)
        leat_count(&c->ended_ns, ns);
}

/* Called before and after counters and mark change together. These are stored with release and
 * loaded with acquire, so a thread that sees a new value also sees the odd number. */
static void change(struct leat_account *a)
{
    unsigned n = atomic_load_explicit(&a->changes, memory_order_relaxed);

    atomic_store_explicit(&a->changes, n + 1, memory_order_release);
}

void leat_account_start(struct leat_segment *seg, uint64_t now_ns)
{
    leat_assert(now_ns > 0);
    leat_assert(atomic_load(&seg->account.mark_ns) == 0);
    atomic_store(&seg->account.doing, LEAT_DOING_WAIT_IN);
    atomic_store(&seg->account.mark_ns, now_ns);
}

void leat_account_doing(struct leat_segment *seg, enum leat_doing doing, size_t at)
{
    leat_assert(doing >= LEAT_DOING_WAIT_IN && doing <= LEAT_DOING_ENDED);
    leat_assert(at < seg->n || at == 0);
    atomic_store_explicit(&seg->account.at, at, memory_order_release);
    atomic_store_explicit(&seg->account.doing, (int)doing, memory_order_release);
}

/* Returns the charged nanoseconds. */
static uint64_t charge_until(struct leat_segment *seg, uint64_t now)
{
    struct leat_account *a = &seg->account;
    int doing = atomic_load_explicit(&a->doing, memory_order_relaxed);
    size_t at = atomic_load_explicit(&a->at, memory_order_relaxed);
    uint64_t mark = atomic_load_explicit(&a->mark_ns, memory_order_relaxed);

    leat_assert(at < seg->n || seg->n == 0 || doing != LEAT_DOING_STEP);
    leat_assert(atomic_load_explicit(&a->changes, memory_order_relaxed) % 2 == 1);
    if (now <= mark)
        return 0;
    for (size_t i = 0; i < seg->n; i++)
        charge_slot(&seg->slots[i].count, heads_of(seg, i, doing, at), now - mark);
    atomic_store_explicit(&a->mark_ns, now, memory_order_release);
    return now - mark;
}

uint64_t leat_account_charge(struct leat_segment *seg)
{
    uint64_t now = leat_clock_now(&seg->pipeline->executor.clock);

    change(&seg->account);
    charge_until(seg, now);
    change(&seg->account);
    return now;
}

void leat_account_run(struct leat_segment *seg)
{
    uint64_t now = leat_clock_now(&seg->pipeline->executor.clock);
    uint64_t ready = seg->actor.ready_ns, charged;

    leat_assert(now >= seg->account.run_ns);
    change(&seg->account);
    (void)charge_until(seg, ready < now ? ready : now);
    charged = charge_until(seg, now); /* since it could run, it has waited for a thread */
    for (size_t i = 0; i < seg->n; i++) {
        struct leat_counters *c = &seg->slots[i].count;

        leat_count(&c->wait_turn_ns, charged);
        atomic_store_explicit(&c->waiting, false, memory_order_relaxed);
        c->busy_at_run = atomic_load_explicit(&c->busy_ns, memory_order_relaxed);
    }
    leat_account_doing(seg, LEAT_DOING_STEP, 0);
    change(&seg->account);
    seg->account.run_ns = now;
    if (seg->pipeline->settings.measure_cpu)
        seg->account.cpu_ns = leat_thread_cpu_ns();
}

/* Divide the processor time of this run among the stages, in proportion to their busy time. */
static void charge_cpu(struct leat_segment *seg)
{
    uint64_t used = leat_thread_cpu_ns() - seg->account.cpu_ns, all = 0;

    for (size_t i = 0; i < seg->n; i++) {
        leat_assert(atomic_load(&seg->slots[i].count.busy_ns) >= seg->slots[i].count.busy_at_run);
        all += atomic_load(&seg->slots[i].count.busy_ns) - seg->slots[i].count.busy_at_run;
    }
    for (size_t i = 0; i < seg->n && all > 0; i++) {
        struct leat_counters *c = &seg->slots[i].count;
        double part = (double)(atomic_load(&c->busy_ns) - c->busy_at_run) / (double)all;

        leat_count(&c->cpu_ns, (uint64_t)((double)used * part));
    }
}

void leat_account_park(struct leat_segment *seg, enum leat_doing doing)
{
    uint64_t now = leat_clock_now(&seg->pipeline->executor.clock);

    leat_assert(doing != LEAT_DOING_STEP); /* it stops running */
    leat_assert(now >= seg->account.run_ns);
    change(&seg->account);
    charge_until(seg, now);
    for (size_t i = 0; i < seg->n; i++)
        atomic_store_explicit(&seg->slots[i].count.waiting,
                              doing == LEAT_DOING_WAIT_IN && seg->slots[i].waiting,
                              memory_order_relaxed);
    leat_account_doing(seg, doing, 0);
    change(&seg->account);
    if (seg->pipeline->settings.measure_cpu)
        charge_cpu(seg);
    LEAT_PROBE3(segment_run, seg->number, seg->lane.number, now - seg->account.run_ns);
    if (leat_watched(&seg->pipeline->watcher, LEAT_EVENT_RUN))
        leat_tell_run(seg, seg->account.run_ns, now);
}

void leat_account_step(struct leat_segment *seg, size_t i, uint64_t consumed, uint64_t produced)
{
    struct leat_counters *c = &seg->slots[i].count;

    leat_assert(i < seg->n);
    leat_assert(atomic_load_explicit(&seg->account.at, memory_order_relaxed) == i);
    leat_count(&c->bytes_in, consumed);
    leat_count(&c->bytes_out, produced);
    leat_count(&c->steps, 1);
    (void)leat_account_charge(seg);
}

/* --- reading from other threads --------------------------------------------------------------- */

#define GET(field) atomic_load_explicit(&c->field, memory_order_acquire)

static void add_counters(const struct leat_counters *c, struct leat_stage_stats *s)
{
    s->bytes_in += GET(bytes_in);
    s->bytes_out += GET(bytes_out);
    s->steps += GET(steps);
    s->cpu_ns += GET(cpu_ns);
    s->busy_ns += GET(busy_ns);
    s->wait_in_ns += GET(wait_in_ns);
    s->wait_out_ns += GET(wait_out_ns);
    s->wait_self_ns += GET(wait_self_ns);
    s->wait_turn_ns += GET(wait_turn_ns);
    s->ended_ns += GET(ended_ns);
}

static void look(const struct leat_segment *seg, size_t i, uint64_t now, struct leat_stage_stats *s)
{
    uint64_t mark = atomic_load_explicit(&seg->account.mark_ns, memory_order_acquire);
    int doing = atomic_load_explicit(&seg->account.doing, memory_order_acquire);
    size_t at = atomic_load_explicit(&seg->account.at, memory_order_acquire);
    struct heads h = heads_of(seg, i, doing, at);
    uint64_t ns = mark > 0 && now > mark ? now - mark : 0;

    add_counters(&seg->slots[i].count, s);
    *(h.busy ? &s->busy_ns : h.in ? &s->wait_in_ns : &s->wait_out_ns) += ns;
    s->wait_self_ns += h.self ? ns : 0;
    s->ended_ns += h.ended ? ns : 0;
}

void leat_account_add(const struct leat_segment *seg, size_t i, uint64_t now,
                      struct leat_stage_stats *stats)
{
    const struct leat_stage_stats before = *stats;

    leat_assert(i < seg->n);
    for (int tries = 0; tries < LOOKS_MAX; tries++) {
        unsigned changes = atomic_load_explicit(&seg->account.changes, memory_order_acquire);

        *stats = before;
        look(seg, i, now, stats);
        if (changes % 2 == 0 &&
            changes == atomic_load_explicit(&seg->account.changes, memory_order_relaxed))
            return;
    }
}

uint64_t leat_account_bytes_in(const struct leat_pipeline *p, const struct leat_stage_info *info)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < p->graph.n_segments; k++)
        for (size_t i = 0; i < p->graph.segments[k]->n; i++)
            if (p->graph.segments[k]->slots[i].info == info)
                sum += atomic_load_explicit(&p->graph.segments[k]->slots[i].count.bytes_in,
                                            memory_order_relaxed);
    return sum;
}
