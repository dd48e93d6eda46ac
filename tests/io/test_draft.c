/* test_draft.c - a draft gets its name, keeps the old file until it is settled, and never touches a file of
 * others; on every file system, whatever step fails. */
#include "../commit_disk.h"
#include "io/draft.h"

#define NEW "the new content\n"
#define THEIRS "of another process\n"
#define STEPS_MAX 60u

static struct leat_directories ds;

/* --- one draft of the name `f` ---------------------------------------------------------------- */

/* Still with its descriptor, which is returned: it may have no name. */
static int make_open(struct leat_draft *d)
{
    int fd;

    *d = (struct leat_draft){.state = LEAT_DRAFT_NONE};
    ASSERT_EQ(leat_draft_init(d, &ds, path_of("f")), 0);
    fd = leat_draft_make(d, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, NEW, strlen(NEW)), strlen(NEW));
    return fd;
}

static void make_draft(struct leat_draft *d)
{
    int fd = make_open(d);

    ASSERT_EQ(leat_draft_let_go(d), 0);
    ASSERT_EQ(close(fd), 0);
}

static void begin(unsigned lacks)
{
    memset(&disk, 0, sizeof disk);
    disk.lacks = lacks;
    disk.error = EIO;
    ASSERT_EQ(leat_directories_init(&ds, NULL), 0);
}

/* Remove all files of the test. */
static void end(void)
{
    char name[NAME_MAX + 1];
    unsigned left;

    leat_directories_done(&ds);
    disk.fail_at = 0;
    for (left = temporaries(name); left > 0; left = temporaries(name))
        ASSERT_EQ(unlink(path_of(name)), 0);
    (void)unlink(path_of("f"));
    (void)rmdir(path_of("f"));
    (void)unlink(path_of("g"));
    (void)rmdir(path_of("g"));
}

static void put_theirs(const char *name)
{
    char from[PATH_MAX];

    /* It has a new inode while the old one is there, so it does not get its number. */
    write_file("theirs", THEIRS);
    (void)snprintf(from, sizeof from, "%s", path_of("theirs"));
    ASSERT_EQ(rename(from, path_of(name)), 0);
}

/* --- place, take back, settle ------------------------------------------------------------------ */

TEST(test_a_draft_is_placed_and_settled_or_taken_back)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++)
        for (unsigned i = 0; i < 8; i++) {
            bool old = i & 1, back = i & 2, is_open = i & 4, no_way;
            struct leat_draft d;
            int fd = -1, r;

            test_context("lacks %u, case %u", lacks, i);
            begin(lacks);
            if (old)
                write_file("f", OLD);
            if (is_open)
                fd = make_open(&d);
            else
                make_draft(&d);
            if (old)
                ASSERT_EQ(leat_draft_place(&d, false, false), -EEXIST);
            ASSERT_EQ(leat_draft_place(&d, old, false), 0);
            ASSERT(holds("f", NEW));
            no_way = d.lost_old;
            r = back ? leat_draft_take_back(&d) : leat_draft_settle(&d);
            ASSERT_EQ(r, back && no_way ? LEAT_DRAFT_NO_WAY : 0);
            ASSERT(back && !no_way ? (old ? holds("f", OLD) : !is_there("f")) : holds("f", NEW));
            ASSERT_EQ(temporaries(NULL), 0);
            ASSERT_EQ(leat_draft_take_back(&d), back && no_way ? LEAT_DRAFT_NO_WAY : 0);
            leat_draft_done(&d);
            if (fd >= 0)
                ASSERT_EQ(close(fd), 0);
            end();
        }
}

/* Where is the old file, after a failure? */
static bool old_is_kept(const struct leat_draft *d)
{
    return holds("f", OLD) || (d->left && holds(d->left, OLD)) ||
           (d->has_old && d->temp && holds(d->temp, OLD));
}

/* Returns false if there was no such step. */
static bool fail_place(unsigned lacks, unsigned k, unsigned fails)
{
    struct leat_draft d;
    bool failed;
    int r;

    begin(lacks);
    write_file("f", OLD);
    make_draft(&d);
    disk.step = 0;
    disk.fail_at = k;
    disk.fails = fails;
    r = leat_draft_place(&d, true, false);
    failed = disk.failed;
    disk.fail_at = 0;
    if (r != 0 && !old_is_kept(&d))
        FAIL("the old file is lost after %s", disk.failed);
    if (r == 0)
        ASSERT(holds("f", NEW) && old_is_kept(&d));
    if (r != 0 && d.state == LEAT_DRAFT_NAMED)
        ASSERT_EQ(leat_draft_drop(&d), 0);
    if (r == 0)
        ASSERT_EQ(leat_draft_take_back(&d), 0);
    ASSERT(old_is_kept(&d));
    leat_draft_done(&d);
    end();
    return failed;
}

TEST(test_whatever_steps_of_a_replacement_fail_the_old_file_is_kept)
{
    static const unsigned more[] = {0, 1, 2, 100};
    unsigned n = 0;

    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++)
        for (unsigned i = 0; i < sizeof more / sizeof more[0]; i++)
            for (unsigned k = 1; k < STEPS_MAX; k++) {
                test_context("lacks %u, step %u and %u more", lacks, k, more[i]);
                if (!fail_place(lacks, k, more[i]))
                    break;
                n++;
            }
    ASSERT_GT(n, 100);
}

/* --- files of others --------------------------------------------------------------------------- */

TEST(test_a_directory_is_never_replaced)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++) {
        struct leat_draft d;

        test_context("lacks %u", lacks);
        begin(lacks);
        make_draft(&d);
        ASSERT_EQ(mkdir(path_of("f"), 0700), 0);
        ASSERT_EQ(leat_draft_place(&d, true, true), LEAT_DRAFT_OTHER);
        ASSERT_EQ(mkdir(path_of("g"), 0700), 0);
        ASSERT_EQ(leat_draft_keep(&d, "g", true), LEAT_DRAFT_OTHER);
        ASSERT_EQ(leat_draft_drop(&d), 0);
        ASSERT_EQ(temporaries(NULL), 0);
        leat_draft_done(&d);
        end();
    }
}

TEST(test_a_temporary_that_others_have_taken_is_not_ours)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++) {
        struct leat_draft d;

        test_context("lacks %u", lacks);
        begin(lacks);
        write_file("f", OLD);
        make_draft(&d);
        ASSERT_EQ(d.state, LEAT_DRAFT_NAMED);
        put_theirs(d.temp);
        ASSERT_EQ(leat_draft_place(&d, true, false), LEAT_DRAFT_LOST);
        ASSERT_EQ(leat_draft_keep(&d, "g", false), LEAT_DRAFT_LOST);
        leat_drafts_discard(&ds);
        ASSERT(holds(d.temp, THEIRS));
        ASSERT_EQ(leat_draft_drop(&d), 0);
        ASSERT(holds("f", OLD) && !is_there("g"));
        ASSERT_EQ(temporaries(NULL), 1);
        leat_draft_done(&d);
        end();
    }
}

TEST(test_a_name_that_others_have_taken_is_not_taken_back)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++)
        for (int old = 0; old <= 1; old++) {
            struct leat_draft d;

            test_context("lacks %u, old %d", lacks, old);
            begin(lacks);
            if (old)
                write_file("f", OLD);
            make_draft(&d);
            ASSERT_EQ(leat_draft_place(&d, true, false), 0);
            put_theirs("f");
            ASSERT_EQ(leat_draft_take_back(&d), LEAT_DRAFT_LOST);
            ASSERT_EQ(leat_draft_keep(&d, "g", false), LEAT_DRAFT_LOST);
            ASSERT(holds("f", THEIRS));
            ASSERT_EQ(leat_draft_settle(&d), 0);
            leat_draft_done(&d);
            end();
            /* A file that others have removed needs no way back. */
            begin(lacks);
            make_draft(&d);
            ASSERT_EQ(leat_draft_place(&d, true, false), 0);
            ASSERT_EQ(unlink(path_of("f")), 0);
            ASSERT_EQ(leat_draft_take_back(&d), 0);
            leat_draft_done(&d);
            end();
        }
}

/* --- another name ------------------------------------------------------------------------------ */

TEST(test_a_draft_is_kept_under_another_name)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++)
        for (unsigned i = 0; i < 6; i++) {
            bool old = i & 1;
            struct leat_draft d;
            int fd = -1;

            if (i / 2 == 2 && (lacks & NO_LINKS))
                continue; /* a second name is a link */
            test_context("lacks %u, case %u", lacks, i);
            begin(lacks);
            if (i / 2 == 0)
                fd = make_open(&d);
            else
                make_draft(&d);
            if (i / 2 == 2)
                ASSERT_EQ(leat_draft_place(&d, false, false), 0);
            if (old)
                write_file("g", OLD);
            if (old)
                ASSERT_EQ(leat_draft_keep(&d, "g", false), -EEXIST);
            ASSERT_EQ(leat_draft_keep(&d, "g", old), 0);
            ASSERT(holds("g", NEW));
            ASSERT_EQ(is_there("f"), i / 2 == 2);
            ASSERT_EQ(leat_draft_settle(&d), 0);
            ASSERT_EQ(temporaries(NULL), 0);
            ASSERT_EQ(leat_draft_keep(&d, "h", false), -ENOENT);
            leat_draft_done(&d);
            if (fd >= 0)
                ASSERT_EQ(close(fd), 0);
            end();
        }
}

/* --- the process exits at once ----------------------------------------------------------------- */

TEST(test_all_temporaries_are_removed_when_the_process_is_about_to_exit)
{
    for (unsigned lacks = 0; lacks <= LACKS_ALL; lacks++) {
        struct leat_draft a, b, c;

        test_context("lacks %u", lacks);
        begin(lacks);
        make_draft(&a);
        make_draft(&b);
        make_draft(&c);
        ASSERT_EQ(temporaries(NULL), 3);
        ASSERT_EQ(leat_draft_drop(&b), 0); /* the middle of the list */
        ASSERT_EQ(temporaries(NULL), 2);
        leat_drafts_discard(&ds);
        ASSERT_EQ(temporaries(NULL), 0);
        ASSERT_EQ(leat_draft_drop(&a) | leat_draft_drop(&c), 0);
        leat_draft_done(&a);
        leat_draft_done(&b);
        leat_draft_done(&c);
        end();
    }
}

static void *hold_lock(void *arg)
{
    pthread_mutex_lock(&ds.lock);
    pthread_barrier_wait(arg);
    pthread_barrier_wait(arg);
    pthread_mutex_unlock(&ds.lock);
    return NULL;
}

TEST(test_a_thread_that_waits_for_the_disk_does_not_hold_up_the_exit)
{
    pthread_barrier_t barrier;
    pthread_t thread;
    struct leat_draft d;

    begin(0);
    make_draft(&d);
    ASSERT_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
    ASSERT_EQ(pthread_create(&thread, NULL, hold_lock, &barrier), 0);
    pthread_barrier_wait(&barrier);
    leat_drafts_discard(&ds); /* it returns */
    ASSERT_EQ(temporaries(NULL), 1);
    pthread_barrier_wait(&barrier);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    ASSERT_EQ(pthread_barrier_destroy(&barrier), 0);
    ASSERT_EQ(leat_draft_drop(&d), 0);
    leat_draft_done(&d);
    end();
}
