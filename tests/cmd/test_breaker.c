/* test_breaker.c - the circuit breaker, on a clock of our own. */

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/run/breaker.c"
/* NOLINTEND(bugprone-suspicious-include) */

static const struct breaker_rule three = {.failures = 3, .open_ms = 1000};

static uint64_t passed(struct breaker *b, uint64_t now_ms)
{
    uint64_t pass = 0;

    ASSERT_EQ(breaker_allow(b, &three, now_ms, &pass), 0);
    return pass;
}

static uint64_t refused(struct breaker *b, uint64_t now_ms)
{
    uint64_t pass = 0;

    return breaker_allow(b, &three, now_ms, &pass);
}

static void job(struct breaker *b, uint64_t now_ms, enum breaker_result result)
{
    breaker_end(b, &three, now_ms, passed(b, now_ms), result);
}

/* Opened at 100. */
static struct breaker opened(void)
{
    struct breaker b = {.failures = 0};

    for (unsigned i = 0; i < 3; i++)
        job(&b, 100, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_OPEN);
    return b;
}

TEST(test_failures_in_a_row_open_it)
{
    struct breaker b = {.failures = 0};

    job(&b, 0, BREAKER_FAILURE);
    job(&b, 0, BREAKER_FAILURE);
    job(&b, 0, BREAKER_SUCCESS);
    job(&b, 0, BREAKER_FAILURE);
    job(&b, 0, BREAKER_OTHER);
    job(&b, 0, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_CLOSED);
    job(&b, 0, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_OPEN);
}

TEST(test_an_open_one_refuses_until_its_time_has_passed)
{
    struct breaker b = opened();

    ASSERT_EQ(refused(&b, 100), 1000);
    ASSERT_EQ(refused(&b, 1099), 1);
    ASSERT_EQ(b.state, BREAKER_OPEN);
    (void)passed(&b, 1100);
    ASSERT_EQ(b.state, BREAKER_HALF_OPEN);
}

TEST(test_one_trial_decides)
{
    struct breaker b = opened();
    uint64_t trial = passed(&b, 1100);

    ASSERT_EQ(refused(&b, 1200), 900); /* others wait for it */
    breaker_end(&b, &three, 1300, trial, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_OPEN);
    ASSERT_EQ(refused(&b, 1300), 1000);
    trial = passed(&b, 2300);
    breaker_end(&b, &three, 2400, trial, BREAKER_SUCCESS);
    ASSERT_EQ(b.state, BREAKER_CLOSED);
    job(&b, 2400, BREAKER_FAILURE);
    job(&b, 2400, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_CLOSED); /* it counts anew */
    job(&b, 2400, BREAKER_FAILURE);
    ASSERT_EQ(b.state, BREAKER_OPEN);
}

TEST(test_a_trial_without_a_meaning_makes_way_for_the_next)
{
    struct breaker b = opened();
    uint64_t trial = passed(&b, 1100);

    breaker_end(&b, &three, 1200, trial, BREAKER_OTHER);
    ASSERT_EQ(b.state, BREAKER_OPEN);
    trial = passed(&b, 1200);
    ASSERT_EQ(refused(&b, 1200), 1000);
    breaker_end(&b, &three, 1200, trial, BREAKER_SUCCESS);
    ASSERT_EQ(b.state, BREAKER_CLOSED);
}

TEST(test_a_trial_that_does_not_end_makes_way_for_the_next)
{
    struct breaker b = opened();
    uint64_t stuck = passed(&b, 1100), trial = passed(&b, 2100);

    breaker_end(&b, &three, 2200, stuck, BREAKER_SUCCESS);
    ASSERT_EQ(b.state, BREAKER_HALF_OPEN);
    breaker_end(&b, &three, 2200, trial, BREAKER_SUCCESS);
    ASSERT_EQ(b.state, BREAKER_CLOSED);
}

TEST(test_jobs_from_before_a_change_do_not_count)
{
    struct breaker b = {.failures = 0};
    uint64_t old[2] = {passed(&b, 0), passed(&b, 0)};

    for (unsigned i = 0; i < 3; i++)
        job(&b, 100, BREAKER_FAILURE);
    breaker_end(&b, &three, 500, old[0], BREAKER_SUCCESS);
    ASSERT_EQ(b.state, BREAKER_OPEN);
    breaker_end(&b, &three, 900, old[1], BREAKER_FAILURE);
    ASSERT_EQ(refused(&b, 1000), 100);
}

TEST(test_without_a_rule_all_are_allowed)
{
    const struct breaker_rule none = {.failures = 0};
    struct breaker b = {.failures = 0};
    uint64_t pass = 1;

    for (unsigned i = 0; i < 10; i++) {
        ASSERT_EQ(breaker_allow(&b, &none, 0, &pass), 0);
        breaker_end(&b, &none, 0, pass, BREAKER_FAILURE);
    }
    ASSERT_EQ(b.state, BREAKER_CLOSED);
}

TEST(test_a_rule_is_a_number_and_a_time)
{
    static const char *const bad[] = {
        "", "0", "x", "3/", "3/x", "3/0s", "-1", "3x", "1000001", "99999999999999999999", "/5s"};
    struct breaker_rule rule;

    ASSERT_EQ(breaker_parse("3", &rule), 0);
    ASSERT_EQ(rule.failures, 3);
    ASSERT_EQ(rule.open_ms, 30000);
    ASSERT_EQ(breaker_parse("1000000/1500ms", &rule), 0);
    ASSERT_EQ(rule.failures, 1000000);
    ASSERT_EQ(rule.open_ms, 1500);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context("%s", bad[i]);
        ASSERT_EQ(breaker_parse(bad[i], &rule), LEAT_EUSAGE);
    }
}
