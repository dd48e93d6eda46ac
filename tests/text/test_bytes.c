/* test_bytes.c - bytes by table: the fast forms against the one that runs anywhere, and against simple loops. */
#include "../transforms/text/bytes.h"
#include "test.h"

#define ROUNDS 3000u
#define BYTES_MAX 700u

static void draw_bytes(uint64_t *random, uint8_t *to, size_t n)
{
    unsigned kinds = 1 + (unsigned)(test_random(random) % 256);
    uint8_t first = (uint8_t)test_random(random);

    for (size_t i = 0; i < n; i++)
        to[i] = i > 0 && test_random(random) % 3 == 0
                    ? to[i - 1]
                    : (uint8_t)(first + test_random(random) % kinds);
}

static void draw_set(uint64_t *random, struct leat_bytes_set *set)
{
    unsigned share = (unsigned)(test_random(random) % 9);
    bool in[256];

    for (unsigned i = 0; i < 256; i++)
        in[i] = test_random(random) % 8 < share;
    leat_bytes_set_init(set, in);
}

static void draw_map(uint64_t *random, struct leat_bytes_map *map)
{
    unsigned changes = (unsigned)(test_random(random) % 300);
    uint8_t to[256];

    for (unsigned i = 0; i < 256; i++)
        to[i] = (uint8_t)i;
    for (unsigned i = 0; i < changes; i++)
        to[test_random(random) % 256] = (uint8_t)test_random(random);
    leat_bytes_map_init(map, to);
}

/* Runs one of the three functions; `which` is drawn by the caller. */
struct round {
    struct leat_bytes_map map;
    struct leat_bytes_set set;
    uint8_t from[BYTES_MAX];
    size_t n;
    int before;
    unsigned which;
};

static size_t run(const struct round *r, const uint8_t *from, uint8_t *to, bool fast)
{
    if (r->which == 0) {
        leat_bytes_translate(&r->map, from, to, r->n, fast);
        return r->n;
    }
    return r->which == 1 ? leat_bytes_delete(&r->set, from, to, r->n, fast)
                         : leat_bytes_squeeze(&r->set, from, to, r->n, r->before, fast);
}

static size_t simply(const struct round *r, uint8_t *to)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        int before = i > 0 ? r->from[i - 1] : r->before;
        uint8_t c = r->from[i];

        if (r->which == 0)
            to[n++] = r->map.to[c];
        else if (!r->set.in[c] || (r->which == 2 && c != before))
            to[n++] = c;
    }
    return n;
}

static void compare(const struct round *r, bool fast)
{
    uint8_t expected[BYTES_MAX], to[BYTES_MAX + 1], same[BYTES_MAX + 1];
    size_t n = simply(r, expected);

    to[r->n] = same[r->n] = 0xaa;
    ASSERT_EQ(run(r, r->from, to, fast), n);
    ASSERT_BYTES_EQ(to, n, expected, n);
    memcpy(same, r->from, r->n);
    ASSERT_EQ(run(r, same, same, fast), n);
    ASSERT_BYTES_EQ(same, n, expected, n);
    ASSERT_EQ(to[r->n], 0xaa); /* nothing is written after the room */
    ASSERT_EQ(same[r->n], 0xaa);
}

TEST(test_bytes_by_table_are_those_of_a_simple_loop)
{
    static const char *const names[] = {"translate", "delete", "squeeze"};
    uint64_t random = 7;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct round r = {.which = i % 3, .n = test_random(&random) % (BYTES_MAX + 1)};

        draw_map(&random, &r.map);
        draw_set(&random, &r.set);
        draw_bytes(&random, r.from, r.n);
        r.before = test_random(&random) % 3 ? r.from[0] : -1;
        test_context("round %u: %s of %zu bytes", i, names[r.which], r.n);
        compare(&r, false);
        if (leat_bytes_fast())
            compare(&r, true);
    }
}

TEST(test_every_byte_is_found_in_a_set_of_one)
{
    uint8_t all[256], to[256];

    for (unsigned c = 0; c < 256; c++)
        all[c] = (uint8_t)c;
    for (unsigned c = 0; c < 256; c++) {
        bool in[256] = {false};
        struct leat_bytes_set set;

        in[c] = true;
        leat_bytes_set_init(&set, in);
        ASSERT_EQ(leat_bytes_delete(&set, all, to, sizeof all, leat_bytes_fast()), 255);
        ASSERT_EQ(c == 255 ? to[254] : to[c], c == 255 ? 254 : c + 1);
    }
}
