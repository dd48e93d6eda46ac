/* size.c - parse sizes and durations: "64K", "1.5G", "10MB", "500ms", "1h".
 *
 * The result is exact: a fraction is a remainder over a power of ten, never a floating-point
 * number.
 */

#include <string.h>

#include "leat.h"

#define FRACTION_MAX ((uint64_t)1000000000000000) /* 15 digits after the point count */
#define FACTORS_MAX 6

/* whole + rest/scale; `more`: further digits, which do not count, are not all 0; `large`: too
 * large. */
struct decimal {
    uint64_t whole, rest, scale;
    bool more, large;
};

/* A unit is a product of small factors, so that rest * factor always fits in 64 bits. */
struct unit {
    unsigned factor[FACTORS_MAX];
    size_t n;
};

/* A number that does not fit is read to its end, with `large` set. */
static bool read_decimal(const char **p, struct decimal *d)
{
    const char *s = *p;

    *d = (struct decimal){.scale = 1};
    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++)
        if (__builtin_mul_overflow(d->whole, 10u, &d->whole) ||
            __builtin_add_overflow(d->whole, (uint64_t)(*s - '0'), &d->whole))
            d->large = true;
    if (*s == '.') {
        if (s[1] < '0' || s[1] > '9')
            return false;
        for (s++; *s >= '0' && *s <= '9'; s++) {
            if (d->scale < FRACTION_MAX) {
                d->rest = d->rest * 10 + (uint64_t)(*s - '0');
                d->scale *= 10;
            } else if (*s != '0') {
                d->more = true;
            }
        }
    }
    *p = s;
    return true;
}

/* Multiply by the unit; the rest of the fraction stays in d->rest. false: it does not fit. */
static bool scale_by(struct decimal *d, const struct unit *unit)
{
    for (size_t i = 0; i < unit->n; i++) {
        uint64_t part = d->rest * unit->factor[i];

        if (__builtin_mul_overflow(d->whole, unit->factor[i], &d->whole) ||
            __builtin_add_overflow(d->whole, part / d->scale, &d->whole))
            return false;
        d->rest = part % d->scale;
    }
    return true;
}

/* "", B, K, KiB, kB, KB, M, ... */
static bool size_unit(const char *s, struct unit *unit)
{
    static const char letters[] = "KMGTPE";
    const char *letter;
    unsigned factor = 1024;

    *unit = (struct unit){.n = 0};
    if (*s == '\0' || strcmp(s, "B") == 0)
        return true;
    letter = strchr(letters, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
    if (!letter)
        return false;
    if (strcmp(s + 1, "B") == 0)
        factor = 1000;
    else if (s[1] != '\0' && strcmp(s + 1, "iB") != 0)
        return false;
    unit->n = (size_t)(letter - letters) + 1;
    for (size_t i = 0; i < unit->n; i++)
        unit->factor[i] = factor;
    return true;
}

/* In milliseconds. */
static bool duration_unit(const char *s, struct unit *unit)
{
    static const struct {
        const char *name;
        struct unit unit;
    } units[] = {
        {"", {{1000}, 1}},
        {"ms", {{1}, 1}},
        {"s", {{1000}, 1}},
        {"m", {{1000, 60}, 2}},
        {"min", {{1000, 60}, 2}},
        {"h", {{1000, 60, 60}, 3}},
        {"d", {{1000, 60, 60, 24}, 4}},
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(s, units[i].name) == 0) {
            *unit = units[i].unit;
            return true;
        }
    }
    return false;
}

int leat_parse_size(const char *text, uint64_t *ret_bytes)
{
    struct decimal d;
    struct unit unit;

    if (!text || !ret_bytes || !read_decimal(&text, &d) || !size_unit(text, &unit))
        return LEAT_EUSAGE;
    if (d.large || !scale_by(&d, &unit))
        return LEAT_ELIMIT;
    *ret_bytes = d.whole;
    return 0;
}

/* Rounded up: a timeout of 0.1 ms must not become 0, which would mean none. */
int leat_parse_duration(const char *text, uint64_t *ret_ms)
{
    struct decimal d;
    struct unit unit;

    if (!text || !ret_ms || !read_decimal(&text, &d) || !duration_unit(text, &unit))
        return LEAT_EUSAGE;
    if (d.large || !scale_by(&d, &unit) || d.whole >= LEAT_DURATION_MAX_MS)
        return LEAT_ELIMIT;
    d.whole += d.rest != 0 || d.more;
    *ret_ms = d.whole;
    return 0;
}
