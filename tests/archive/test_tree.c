/* test_tree.c - entries of a tree: their contents and attributes, in a new tree and in place. */
#include "tree_aid.h"

#define STEPS_MAX 400u
#define BLOCK 4096u

/* --- contents --------------------------------------------------------------------------------- */

static int one_of_each(struct leat_tree_writer *t)
{
    int r = put_directory(t, "d", 0750);

    if (r == 0)
        r = put_file(t, "d/f", "content");
    if (r == 0)
        r = put_symlink(t, "d/l", "nowhere");
    if (r == 0)
        r = put_directory(t, "d/read only", 0500);
    if (r == 0)
        r = put_file(t, "d/read only/f", "");
    return r == 0 ? put_file(t, "g", "more") : r;
}

static void has_one_of_each(void)
{
    char target[16] = "";

    ASSERT(holds("root/d/f", "content") && holds("root/g", "more"));
    ASSERT(holds("root/d/read only/f", ""));
    ASSERT_EQ(readlink("root/d/l", target, sizeof target), 7);
    ASSERT_MEM_EQ(target, "nowhere", 7);
    ASSERT_EQ(mode_of("root/d/f"), 0640);
    ASSERT(has_mtime("root/d/f") && has_mtime("root/d/l") && has_mtime("root/g"));
    ASSERT(is_empty("unfinished"));
}

TEST(test_entries_have_their_contents_modes_and_times)
{
    begin();
    ASSERT_EQ(write_tree(one_of_each), 0);
    has_one_of_each();
    ASSERT_EQ(mode_of("root/d"), 0750);
    ASSERT_EQ(mode_of("root/d/read only"), 0500);
    ASSERT(has_mtime("root/d") && has_mtime("root/d/read only"));
}

TEST(test_writes_that_are_short_are_continued)
{
    begin();
    os.short_writes = true;
    ASSERT_EQ(write_tree(one_of_each), 0);
    has_one_of_each();
}

static int with_all_bits(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 06777);
    int r = put_directory(t, "d", 03777);

    if (r == 0)
        r = leat_tree_file_open(t, "f", &e);
    return r == 0 ? leat_tree_file_close(t, &e) : r;
}

TEST(test_set_id_bits_and_the_umask_depend_on_same_permissions)
{
    begin();
    ASSERT_EQ(write_tree(with_all_bits), 0);
    ASSERT_EQ(mode_of("root/d"), 0755);
    ASSERT_EQ(mode_of("root/f"), 0755);
    begin();
    job.options.same_permissions = true;
    ASSERT_EQ(write_tree(with_all_bits), 0);
    ASSERT_EQ(mode_of("root/d"), 03777);
    ASSERT_EQ(mode_of("root/f"), 06777);
}

/* --- holes and lengths ------------------------------------------------------------------------ */

static uint64_t stated; /* size of the file */
static bool has_size;

static int with_a_hole(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0644);
    uint8_t data[3 * BLOCK] = "a";
    int r = leat_tree_file_open(t, "f", &e);

    data[sizeof data - 1] = 'z';
    if (r == 0)
        r = leat_tree_file_write(t, data, sizeof data, 2 * BLOCK - 1);
    if (r == 0)
        r = leat_tree_file_write(t, data, 0, 20 * BLOCK); /* nothing, which says nothing */
    e.has_size = has_size;
    e.size = stated;
    return r == 0 ? leat_tree_file_close(t, &e) : r;
}

static void check_hole(uint64_t len)
{
    size_t n;
    uint8_t *data = test_file_read("root/f", &n);

    ASSERT_NOT_NULL(data);
    ASSERT_EQ(n, len);
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(data[i], i == 2 * BLOCK - 1 ? 'a' : i == 5 * BLOCK - 2 ? 'z' : 0);
    free(data);
}

TEST(test_bytes_that_are_not_written_are_a_hole)
{
    const uint64_t end = 5 * BLOCK - 1;

    for (int sparse = 0; sparse <= 1; sparse++) {
        begin();
        job.options.sparse = sparse != 0;
        has_size = false;
        ASSERT_EQ(write_tree(with_a_hole), 0);
        check_hole(end);
        has_size = true;
        stated = end;
        ASSERT_EQ(write_tree(with_a_hole), 0);
        check_hole(end);
        stated = end + 10000; /* a hole at the end, in tar only */
        ASSERT_EQ(write_tree(with_a_hole), 0);
        check_hole(end + 10000);
        job.cpio = true;
        ASSERT_EQ(write_tree(with_a_hole), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "shorter than its header says");
        job.cpio = false;
        stated = end - 1;
        ASSERT_EQ(write_tree(with_a_hole), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "longer than its header says");
        stated = UINT64_MAX;
        ASSERT_EQ(write_tree(with_a_hole), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "out of range");
    }
}

static int with_zeros(struct leat_tree_writer *t)
{
    static uint8_t data[64 * BLOCK];
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0644);
    int r = leat_tree_file_open(t, "f", &e);

    data[BLOCK / 2] = 'x';
    for (size_t at = 0; r == 0 && at < sizeof data; at += 10000) /* pieces that fit no block */
        r = leat_tree_file_write(t, data + at, at + 10000 < sizeof data ? 10000 : sizeof data - at,
                                 at);
    return r == 0 ? leat_tree_file_close(t, &e) : r;
}

TEST(test_blocks_of_zeros_become_holes_if_asked)
{
    begin();
    ASSERT_EQ(write_tree(with_zeros), 0);
    ASSERT_GE(stat_of("root/f").st_blocks, 64 * BLOCK / 512);
    job.options.sparse = true;
    ASSERT_EQ(write_tree(with_zeros), 0);
    ASSERT_EQ(stat_of("root/f").st_size, 64 * BLOCK);
    ASSERT_LT(stat_of("root/f").st_blocks, 48 * BLOCK / 512);
}

static int too_far(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0644);
    int r = leat_tree_file_open(t, "f", &e);

    return r == 0 ? leat_tree_file_write(t, (const uint8_t *)"x", 1, INT64_MAX) : r;
}

TEST(test_an_offset_that_no_file_has_is_damage)
{
    begin();
    ASSERT_EQ(write_tree(too_far), LEAT_ECORRUPT);
    ASSERT_STR_HAS(job.error.text, "too far from its start");
}

/* --- one name twice --------------------------------------------------------------------------- */

static int files_again(struct leat_tree_writer *t)
{
    int r = put_file(t, "f", "first");

    if (r == 0)
        r = put_file(t, "f", "second");
    if (r == 0)
        r = put_file(t, "l", "a file");
    if (r == 0)
        r = put_symlink(t, "l", "../out/x"); /* it must not be written through */
    return r == 0 ? put_file(t, "l", "a file again") : r;
}

static int file_over_directory(struct leat_tree_writer *t)
{
    int r = put_directory(t, "d", 0700);

    return r == 0 ? put_file(t, "d", "x") : r;
}

static int link_over_directory(struct leat_tree_writer *t)
{
    int r = put_directory(t, "d", 0700);

    return r == 0 ? put_symlink(t, "d", "x") : r;
}

static int directory_over_file(struct leat_tree_writer *t)
{
    int r = put_file(t, "d", "x");

    return r == 0 ? put_directory(t, "d", 0700) : r;
}

static int directory_again(struct leat_tree_writer *t)
{
    int r = put_directory(t, "d", 0700);

    if (r == 0)
        r = put_file(t, "d/f", "x");
    if (r == 0)
        r = put_directory(t, "d", 0711);
    return r == 0 && !job.in_place ? put_directory(t, "", 0711) : r; /* its mode is the caller's */
}

TEST(test_a_later_entry_replaces_a_file_and_nothing_replaces_a_directory)
{
    for (int in_place = 0; in_place <= 1; in_place++) {
        begin();
        job.in_place = in_place != 0;
        ASSERT_EQ(chmod("root", 0750), 0);
        ASSERT_EQ(write_tree(files_again), 0);
        ASSERT(holds("root/f", "second") && holds("root/l", "a file again"));
        ASSERT(is_empty("out") && is_empty("unfinished"));
        ASSERT_EQ(write_tree(directory_again), 0);
        ASSERT(holds("root/d/f", "x"));
        ASSERT_EQ(mode_of("root/d"), in_place ? 0700 : 0711); /* in place it is not the tree's */
        ASSERT_EQ(mode_of("root"), 0750);
        ASSERT_EQ(has_mtime("root"), !in_place);
        ASSERT_EQ(write_tree(file_over_directory), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "a directory has this name already");
        ASSERT_EQ(write_tree(link_over_directory), LEAT_ECORRUPT);
        ASSERT(holds("root/d/f", "x"));
        ASSERT_EQ(system("rm -r root/d"), 0);
        ASSERT_EQ(write_tree(directory_over_file), LEAT_ECORRUPT);
        ASSERT_STR_HAS(job.error.text, "a file or link has its name already");
    }
}

static time_t stamp; /* of the entry */
static long stamp_ns;

static int kept_file(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0644);

    e.mtime = (struct timespec){.tv_sec = stamp, .tv_nsec = stamp_ns};
    e.has_mtime = stamp != 0;
    return leat_tree_is_kept(t, "d/f", &e) == 1 ? leat_reader_fail(t->reader, LEAT_EEXIST, "kept")
                                                : 0;
}

TEST(test_with_keep_newer_a_file_that_is_not_older_stays)
{
    begin();
    ASSERT_EQ(write_tree(one_of_each), 0);
    stamp = MTIME - 1;
    ASSERT_EQ(write_tree(kept_file), 0); /* it was not asked for */
    job.options.keep_newer = true;
    ASSERT_EQ(write_tree(kept_file), LEAT_EEXIST);
    stamp = MTIME;
    stamp_ns = MTIME_NS;
    ASSERT_EQ(write_tree(kept_file), LEAT_EEXIST);
    stamp_ns++;
    ASSERT_EQ(write_tree(kept_file), 0);
    stamp = MTIME + 1;
    stamp_ns = 0;
    ASSERT_EQ(write_tree(kept_file), 0);
    stamp = 0; /* the archive does not tell */
    ASSERT_EQ(write_tree(kept_file), 0);
    ASSERT_EQ(unlink("root/d/f"), 0);
    stamp = 1;
    ASSERT_EQ(write_tree(kept_file), 0);
}

/* --- in place --------------------------------------------------------------------------------- */

static void name_is_free(const char *call, const char *name)
{
    if (strcmp(call, "renameat") == 0 && strcmp(name, "g") == 0)
        ASSERT(!is_there("root/g") && holds("unfinished/4", "more"));
}

TEST(test_in_place_a_file_is_complete_before_it_has_its_name)
{
    begin();
    job.in_place = true;
    os.before = name_is_free;
    ASSERT_EQ(mkdir("root/d", 0711), 0);
    ASSERT_EQ(write_tree(one_of_each), 0);
    has_one_of_each();
    ASSERT_EQ(mode_of("root/d"), 0711); /* the user's */
    ASSERT(!has_mtime("root/d"));
    ASSERT_EQ(mode_of("root/d/read only"), 0500);
}

/* --- owners and attributes -------------------------------------------------------------------- */

static int64_t uid, gid;
static const char *user, *group;

static int owned(struct leat_tree_writer *t)
{
    struct leat_reader_entry e = entry_of(LEAT_ENTRY_FILE, 0644), l, d;
    int r = leat_tree_file_open(t, "f", &e);

    e.uid = uid;
    e.gid = gid;
    e.user = user;
    e.group = group;
    l = d = e;
    l.kind = LEAT_ENTRY_SYMLINK;
    l.target = "x";
    d.kind = LEAT_ENTRY_DIRECTORY;
    if (r == 0)
        r = leat_tree_file_close(t, &e);
    if (r == 0)
        r = leat_tree_symlink(t, "l", &l);
    return r == 0 ? leat_tree_directory(t, "d", &d) : r;
}

static void is_owned(uid_t by, gid_t of)
{
    static const char *const names[] = {"root/f", "root/l", "root/d"};

    for (size_t i = 0; i < 3; i++) {
        ASSERT_EQ(stat_of(names[i]).st_uid, by);
        ASSERT_EQ(stat_of(names[i]).st_gid, of);
    }
}

TEST(test_owners_are_set_if_asked_and_names_come_first)
{
    if (geteuid() != 0)
        SKIP(1, "only root may");
    begin();
    uid = 1234;
    gid = 2345;
    user = group = NULL;
    ASSERT_EQ(write_tree(owned), 0);
    is_owned(0, 0);
    begin();
    job.options.same_owner = true;
    ASSERT_EQ(write_tree(owned), 0);
    is_owned(1234, 2345);
    begin();
    job.options.same_owner = true;
    user = "no such user";
    group = "";
    ASSERT_EQ(write_tree(owned), 0);
    is_owned(1234, 2345);
    begin();
    job.options.same_owner = true;
    user = group = "root";
    ASSERT_EQ(write_tree(owned), 0);
    is_owned(0, 0);
}

TEST(test_an_owner_that_is_no_number_of_this_system_is_refused)
{
    static const int64_t wrong[] = {-1, UINT32_MAX, INT64_MAX};

    user = group = NULL;
    for (size_t i = 0; i < 6; i++) {
        begin();
        job.options.same_owner = true;
        uid = i % 2 ? wrong[i / 2] : 0;
        gid = i % 2 ? 0 : wrong[i / 2];
        ASSERT_EQ(write_tree(owned), LEAT_EUNSUPPORTED);
        ASSERT_STR_HAS(job.error.text, "is not possible here");
    }
}

static int empty_file(struct leat_tree_writer *t)
{
    return put_file(t, "f", "");
}

TEST(test_only_attributes_of_users_are_set_and_only_if_asked)
{
    begin();
    ASSERT_EQ(write_tree(empty_file), 0);
    ASSERT_STREQ(os.xattrs, "");
    job.options.xattrs = true;
    ASSERT_EQ(write_tree(empty_file), 0);
    ASSERT_STREQ(os.xattrs, "user.a=bc ");
}

/* --- special files ---------------------------------------------------------------------------- */

static int special_files(struct leat_tree_writer *t)
{
    struct leat_reader_entry fifo = entry_of(LEAT_ENTRY_FIFO, 0644),
                             socket = entry_of(LEAT_ENTRY_SOCKET, 0600),
                             device = entry_of(LEAT_ENTRY_DEVICE, 0660);
    int r = leat_tree_special(t, "fifo", &fifo);

    if (r == 0)
        r = leat_tree_special(t, "fifo", &fifo); /* again */
    if (r == 0)
        r = leat_tree_special(t, "socket", &socket);
    device.device = makedev(1, 3);
    if (r == 0)
        r = leat_tree_special(t, "char", &device);
    device.is_block = true;
    device.device = makedev(7, 200);
    return r == 0 ? leat_tree_special(t, "block", &device) : r;
}

TEST(test_special_files_are_of_their_kind)
{
    if (geteuid() != 0)
        SKIP(1, "only root may make devices");
    for (int in_place = 0; in_place <= 1; in_place++) {
        begin();
        job.in_place = in_place != 0;
        job.options.same_permissions = true;
        if (write_tree(special_files) == LEAT_EIO)
            SKIP(1, "no devices can be made here");
        ASSERT_EQ(job.code, 0);
        ASSERT(S_ISFIFO(stat_of("root/fifo").st_mode) && S_ISSOCK(stat_of("root/socket").st_mode));
        ASSERT(S_ISCHR(stat_of("root/char").st_mode) && S_ISBLK(stat_of("root/block").st_mode));
        ASSERT_EQ(stat_of("root/char").st_rdev, makedev(1, 3));
        ASSERT_EQ(mode_of("root/char"), 0660);
        ASSERT(has_mtime("root/fifo"));
    }
}

/* --- a system call fails ---------------------------------------------------------------------- */

static int everything(struct leat_tree_writer *t)
{
    struct leat_reader_entry fifo = entry_of(LEAT_ENTRY_FIFO, 0644);
    int r = one_of_each(t);

    if (r == 0)
        r = put_file(t, "new/directories/of/f", "deep");
    if (r == 0)
        r = leat_tree_link(t, "d/hard", "g", false);
    if (r == 0)
        r = leat_tree_special(t, "fifo", &fifo);
    if (r == 0 && leat_tree_is_kept(t, "d/f", &fifo) < 0)
        r = LEAT_EIO;
    if (r == 0)
        r = put_file(t, "g", "replaced");
    return r == 0 ? with_a_hole(t) : r;
}

/* An answer to these decides nothing that cannot be found out in another way. */
static bool may_fail(const char *call)
{
    return strcmp(call, "fstatat") == 0 || strcmp(call, "openat") == 0;
}

TEST(test_whatever_system_call_fails_is_an_error_with_its_reason)
{
    has_size = true;
    stated = 6 * BLOCK;
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = 1, failed = 0, passed = 0;

        for (; k < STEPS_MAX; k++) {
            begin();
            job.in_place = i % 2 != 0;
            os.openat2_errno = i / 2 ? ENOSYS : 0;
            job.options = (struct leat_tree_options){.same_permissions = true,
                                                     .same_owner = geteuid() == 0,
                                                     .xattrs = true,
                                                     .sparse = true,
                                                     .keep_newer = true,
                                                     .mask = 022};
            os.fail_at = k;
            (void)write_tree(everything);
            if (!os.failed)
                break;
            test_context("%s, call %u", os.failed, k);
            failed += job.code < 0;
            passed += job.code == 0;
            if (job.code == 0 && !may_fail(os.failed))
                FAIL("nobody was told that %s has failed", os.failed);
            if (job.code < 0)
                ASSERT_STR_HAS(job.error.text, "Input/output error");
        }
        ASSERT_EQ(job.code, 0);
        ASSERT_LT(k, STEPS_MAX);
        ASSERT_GT(failed, 30);
        ASSERT_LE(passed, 6);
        ASSERT(holds("root/g", "replaced") && holds("root/d/hard", "more"));
        ASSERT(holds("root/new/directories/of/f", "deep"));
    }
}
