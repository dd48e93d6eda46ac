/* meter.c - rate and time left: decaying averages of positions over time.
 *
 * The fast average follows changes and is shown as the rate. The slow average is steady; the
 * remaining bytes divided by it are the time left. The caller passes the time, so tests control it.
 */

#include "../cmd.h"

static const double decay_seconds[2] = {2.5, 15};

void meter_add(struct meter *m, uint64_t now_ns, uint64_t pos)
{
    double seconds, bytes;

    if (!m->started || now_ns <= m->last_ns || pos < m->last_pos) {
        if (!m->started || pos < m->last_pos)
            *m = (struct meter){.started = true, .last_ns = now_ns, .last_pos = pos};
        return;
    }
    seconds = (double)(now_ns - m->last_ns) / 1e9;
    bytes = (double)(pos - m->last_pos);
    for (int i = 0; i < 2; i++) {
        double keep = decay_seconds[i] / (decay_seconds[i] + seconds);

        m->bytes[i] = m->bytes[i] * keep + bytes;
        m->seconds[i] = m->seconds[i] * keep + seconds;
    }
    m->last_ns = now_ns;
    m->last_pos = pos;
}

double meter_rate(const struct meter *m)
{
    return m->seconds[0] > 0 ? m->bytes[0] / m->seconds[0] : 0;
}

uint64_t meter_left_ns(const struct meter *m, uint64_t left)
{
    double ns;

    if (m->bytes[1] <= 0 || m->seconds[1] <= 0)
        return UINT64_MAX;
    ns = (double)left / (m->bytes[1] / m->seconds[1]) * 1e9;
    return ns < 1e18 ? (uint64_t)ns : UINT64_MAX;
}
