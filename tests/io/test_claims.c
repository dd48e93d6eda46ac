/* test_claims.c - which outputs may share a file, and which input none may destroy. */
#include "io/claims.h"

#include "test.h"

#define N_KINDS 5u

static const enum leat_claim_kind kinds[N_KINDS] = {LEAT_CLAIM_REPLACE, LEAT_CLAIM_APPEND,
                                                    LEAT_CLAIM_INHERITED, LEAT_CLAIM_SIDE,
                                                    LEAT_CLAIM_RESERVED};

static struct stat file(ino_t ino, off_t size)
{
    return (struct stat){.st_dev = 7, .st_ino = ino, .st_size = size};
}

/* Rows: the first claim; columns: the second; 1: both may have it. */
static const char *const names_share[N_KINDS] = {"00000", "01000", "00100", "00000", "00000"};
static const char *const files_share[N_KINDS] = {"10010", "01000", "00100", "10010", "00000"};

TEST(test_two_outputs_share_a_file_that_neither_of_them_destroys)
{
    for (unsigned i = 0; i < N_KINDS; i++)
        for (unsigned k = 0; k < N_KINDS; k++) {
            struct leat_claims c = {.tree = NULL};
            struct stat info = file(5, 10);
            int name = names_share[i][k] == '1' ? 0 : LEAT_EEXIST;
            int inode = files_share[i][k] == '1' ? 0 : LEAT_EEXIST;

            test_context("kinds %u and %u", i, k);
            ASSERT_EQ(leat_claims_name(&c, 1, 2, "a", kinds[i], "first"), 0);
            ASSERT_EQ(leat_claims_name(&c, 1, 2, "a", kinds[k], "second"), name);
            ASSERT_EQ(leat_claims_name(&c, 1, 2, "b", kinds[k], "second"), 0);
            ASSERT_EQ(leat_claims_name(&c, 1, 3, "a", kinds[k], "second"), 0);
            ASSERT_EQ(leat_claims_name(&c, 2, 2, "a", kinds[k], "second"), 0);
            ASSERT_EQ(leat_claims_file(&c, &info, kinds[i], "first"), 0);
            ASSERT_EQ(leat_claims_file(&c, &info, kinds[k], "second"), inode);
            leat_claims_done(&c);
        }
}

TEST(test_an_input_may_not_be_a_file_that_a_side_output_or_the_program_writes)
{
    for (unsigned i = 0; i < N_KINDS; i++) {
        struct leat_claims c = {.tree = NULL};
        const char *reserved = kinds[i] == LEAT_CLAIM_RESERVED ? "by" : NULL;
        const char *side = kinds[i] == LEAT_CLAIM_SIDE ? "by" : reserved;

        test_context("kind %u", i);
        ASSERT_EQ(leat_claims_name(&c, 1, 2, "a", kinds[i], "by"), 0);
        ASSERT_STREQ(leat_claims_writer(&c, 1, 2, "a", false), reserved);
        ASSERT_STREQ(leat_claims_writer(&c, 1, 2, "a", true), side);
        ASSERT_NULL(leat_claims_writer(&c, 1, 2, "b", true));
        ASSERT_NULL(leat_claims_writer(&c, 1, 2, "", true));
        leat_claims_done(&c);
    }
}

TEST(test_of_two_claims_to_replace_a_file_the_stricter_one_counts)
{
    struct leat_claims c = {.tree = NULL};
    struct stat info = file(5, 10);

    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_REPLACE, "output"), 0);
    ASSERT_NULL(leat_claims_writer(&c, 7, 5, "", true));
    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_SIDE, "side"), 0);
    ASSERT_STREQ(leat_claims_writer(&c, 7, 5, "", true), "side");
    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_REPLACE, "output"), 0);
    ASSERT_STREQ(leat_claims_writer(&c, 7, 5, "", true), "side");
    leat_claims_done(&c);
}

TEST(test_the_size_before_all_outputs_is_kept_until_the_last_one_leaves)
{
    struct leat_claims c = {.tree = NULL};
    struct leat_appended left = {.size = 1};
    struct stat info = file(5, 100), grown = file(5, 140), other = file(6, 1);

    ASSERT_EQ(leat_claims_size(&c, &info), UINT64_MAX);
    ASSERT(!leat_claims_leave(&c, &info, 1, true, false, &left));
    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_APPEND, "a"), 0);
    ASSERT_EQ(leat_claims_file(&c, &grown, LEAT_CLAIM_APPEND, "b"), 0);
    ASSERT_EQ(leat_claims_size(&c, &grown), 100);
    ASSERT_EQ(leat_claims_size(&c, &other), UINT64_MAX);
    ASSERT(!leat_claims_leave(&c, &grown, 40, false, true, &left));
    ASSERT(leat_claims_leave(&c, &grown, 7, true, false, &left));
    ASSERT_EQ(left.size, 100);
    ASSERT_EQ(left.failed, 40); /* the bytes that stay are not among them */
    ASSERT(left.kept);
    ASSERT(left.created);
    ASSERT(!leat_claims_leave(&c, &grown, 1, true, false, &left));      /* nobody is left */
    ASSERT_EQ(leat_claims_file(&c, &grown, LEAT_CLAIM_APPEND, "c"), 0); /* begins anew */
    ASSERT_EQ(leat_claims_size(&c, &info), 140);
    ASSERT(leat_claims_leave(&c, &grown, 3, false, false, &left));
    ASSERT_EQ(left.failed, 3);
    ASSERT(!left.kept);
    ASSERT(!left.created);
    leat_claims_done(&c);
}

TEST(test_a_file_that_was_replaced_has_no_size_to_go_back_to)
{
    struct leat_claims c = {.tree = NULL};
    struct stat info = file(5, 100);

    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_REPLACE, "a"), 0);
    ASSERT_EQ(leat_claims_size(&c, &info), UINT64_MAX);
    leat_claims_done(&c);
}

TEST(test_a_file_that_got_a_name_is_known_with_any_other_claims)
{
    struct leat_claims c = {.tree = NULL};
    struct stat info = file(5, 100);

    ASSERT(!leat_claims_is_placed(&c, 7, 5));
    ASSERT_EQ(leat_claims_file(&c, &info, LEAT_CLAIM_REPLACE, "a"), 0);
    ASSERT(!leat_claims_is_placed(&c, 7, 5));
    ASSERT_EQ(leat_claims_place(&c, 7, 5), 0);
    ASSERT_EQ(leat_claims_place(&c, 7, 5), 0);
    ASSERT(leat_claims_is_placed(&c, 7, 5));
    ASSERT(!leat_claims_is_placed(&c, 7, 6));
    leat_claims_done(&c);
    ASSERT(!leat_claims_is_placed(&c, 7, 5));
}

TEST(test_a_part_that_is_in_its_place_is_forgotten)
{
    struct leat_claims c = {.tree = NULL};

    for (ino_t part = 10; part < 20; part++) {
        ASSERT_EQ(leat_claims_name(&c, 7, 1, "part", LEAT_CLAIM_REPLACE, "a"), 0);
        ASSERT_EQ(leat_claims_place(&c, 7, part), 0);
        leat_claims_forget(&c, 7, 1, "part", 7, part);
        ASSERT(!leat_claims_has(&c, 7, 1, "part"));
        ASSERT(!leat_claims_is_placed(&c, 7, part));
        ASSERT_NULL(c.tree);
    }
    ASSERT_EQ(leat_claims_name(&c, 7, 1, "log", LEAT_CLAIM_APPEND, "a"), 0);
    ASSERT_EQ(leat_claims_name(&c, 7, 1, "log", LEAT_CLAIM_APPEND, "b"), 0);
    leat_claims_forget(&c, 7, 1, "log", 7, 30); /* another output has it, too */
    ASSERT(leat_claims_has(&c, 7, 1, "log"));
    leat_claims_done(&c);
}
