/* rotate.c - writes the stream to files that are finished one after another: by size, by time, or when asked.
 *
 * The engine commits each part when its branch has ended, before the next one begins. The stage says where a part
 * ends, names it, and removes old ones when a new one is in its place. Intervals are measured by the monotonic clock,
 * names and --align by that of the wall, which may jump.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rotate_name.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_rotate;

#define MS 1000000u
#define ALIGNED_LOOK_MS 60000u      /* the wall clock may jump */
#define LOOK_MAX ((size_t)64 << 10) /* passed between two looks at the output size */

struct rotate_params {
    uint64_t size, size_compressed, keep, keep_bytes;
    const char *every;
    int align, utc;
};

struct rotate {
    int dir;              /* of the parts; -1: the branch ends with a sink of its own */
    const char *template; /* without the directory */
    uint64_t every_ms;    /* 0: no interval */
    uint64_t begun_ns;    /* the part; monotonic */
    int64_t period;       /* --align: number of the interval in which it began */
    uint64_t count;       /* bytes of the part */
    size_t run;           /* bytes from the cursor on that belong to it: whole lines */
    bool begun;           /* the part has a name */
    struct tm time;       /* in the name of the last part that has begun, and its number */
    uint64_t number;
    char name[ROTATE_NAME_MAX]; /* of the last part that has begun; "": none */
    bool due;                   /* it ends after `run`, and with a checkpoint at the next marker */
    bool at_marker;             /* no output came after the last flush marker */
};

/* --- options ----------------------------------------------------------------------------------- */

static const char *template_of(const struct leat_stage *s)
{
    const struct leat_strings *names = leat_operands(s);
    const char *slash = names->n > 0 ? strrchr(names->v[0], '/') : NULL;

    return names->n == 0 ? NULL : slash ? slash + 1 : names->v[0];
}

/* Returns 0, or fails the stage. */
static int interval(struct leat_stage *s, const char *every, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } named[] = {{"hourly", 3600000u}, {"daily", 86400000u}, {"weekly", 604800000u}};

    *ret_ms = 0;
    if (!every)
        return 0;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(every, named[i].name) == 0) {
            *ret_ms = named[i].ms;
            return 0;
        }
    if (leat_parse_duration(every, ret_ms) == 0 && *ret_ms > 0 && *ret_ms <= LEAT_DURATION_MAX_MS)
        return 0;
    return leat_fail(s, LEAT_EUSAGE,
                     "--every=%s: is neither hourly, daily, weekly nor a time like 10m", every);
}

static struct tm now_of(const struct rotate_params *p, int64_t *ret_seconds)
{
    time_t now = time(NULL);
    struct tm tm = {0};

    if (p->utc ? !gmtime_r(&now, &tm) : !localtime_r(&now, &tm))
        tm = (struct tm){0};
    *ret_seconds = (int64_t)now + tm.tm_gmtoff;
    return tm;
}

/* Old parts are found by their names. Returns 0, or fails the stage. */
static int check_keep(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    const char *template = template_of(s);
    char name[ROTATE_NAME_MAX];
    int64_t seconds;
    struct tm now = now_of(p, &seconds);

    if (p->keep + p->keep_bytes == 0)
        return 0;
    if (!template)
        return leat_fail(s, LEAT_EUSAGE, "--keep needs the name of the parts");
    if (leat_rotate_name(template, &now, 0, name) &&
        !leat_rotate_name_fits(template, name, NULL, NULL))
        return leat_fail(s, LEAT_EUSAGE,
                         "%s: --keep cannot read this time back from a name; give conversions that "
                         "strptime(3) knows, such as %%Y%%m%%d",
                         template);
    return 0;
}

static int rotate_plan(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    const struct leat_part_options options = {.named = true, .commits = true};
    const char *template = template_of(s), *why;
    uint64_t ms;
    int r = interval(s, p->every, &ms);

    if (r < 0)
        return r;
    if (!template && leat_branches(s) == 0)
        return leat_fail(s, LEAT_EUSAGE, "needs a name for the parts, for example app-{n:04}.log");
    why = template ? leat_rotate_name_check(template) : NULL;
    if (why)
        return leat_fail(s, LEAT_EUSAGE, "%s: %s", template, why);
    if (template &&
        strcspn(leat_operands(s)->v[0], "{") + strlen(template) < strlen(leat_operands(s)->v[0]))
        return leat_fail(s, LEAT_EUSAGE, "%s: the directory may have no {", leat_operands(s)->v[0]);
    r = check_keep(s);
    if (r < 0)
        return r;
    if (p->size_compressed > 0 && leat_branches(s) == 0)
        return leat_fail(s, LEAT_EUSAGE,
                         "--size-compressed measures the output of a branch; "
                         "without a branch use --size");
    if (p->align && ms == 0)
        return leat_fail(s, LEAT_EUSAGE, "--align needs --every");
    leat_plan_framing(s, LEAT_LINES);
    leat_plan_parts(s, &options);
    if (!p->utc && leat_plan_access(s, "/etc/localtime", LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    return 0;
}

static int open_directory(struct leat_stage *s)
{
    struct rotate *q = leat_state(s);
    const char *name = leat_operands(s)->v[0], *slash = strrchr(name, '/');
    char path[PATH_MAX] = ".";
    size_t n = slash ? (size_t)(slash - name) + 1 : 0;

    if (n >= sizeof path)
        return leat_fail(s, LEAT_EUSAGE, "%s: the name is too long", name);
    if (n > 0) {
        memcpy(path, name, n);
        path[n] = '\0';
    }
    q->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return q->dir < 0 ? leat_fail_errno(s, errno, "%s", path) : 0;
}

static void rotate_close(struct leat_stage *s)
{
    struct rotate *q = leat_state(s);

    if (q->dir >= 0)
        (void)close(q->dir); /* it was only read */
    q->dir = -1;
}

/* --- names ------------------------------------------------------------------------------------- */

/* The directory from its start; the caller closes it. NULL: see errno. */
static DIR *list(const struct rotate *q)
{
    int fd = openat(q->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir && fd >= 0)
        (void)close(fd); /* it was only asked */
    return dir;
}

/* The number after those of all parts with this time that are there. Returns 0, or fails the stage. */
static int next_number(struct leat_stage *s, const struct tm *now, uint64_t *ret_n)
{
    struct rotate *q = leat_state(s);
    const struct dirent *e;
    DIR *dir = list(q);
    uint64_t n;

    if (!dir)
        return leat_fail_errno(s, errno, "cannot list the directory of %s", leat_operands(s)->v[0]);
    while ((errno = 0, e = readdir(dir)))
        if (leat_rotate_name_fits(q->template, e->d_name, now, &n) && n >= *ret_n)
            *ret_n = n + 1;
    n = (uint64_t)errno;
    (void)closedir(dir); /* it was only read */
    return n == 0 ? 0
                  : leat_fail_errno(s, (int)n, "cannot list the directory of %s",
                                    leat_operands(s)->v[0]);
}

/* Name the part with its time and a number from n on. Returns 0, or fails the stage. */
static int name_part(struct leat_stage *s, uint64_t n)
{
    struct rotate *q = leat_state(s);
    int r = next_number(s, &q->time, &n);

    if (r < 0)
        return r;
    q->number = n;
    if (!leat_rotate_name(q->template, &q->time, n, q->name))
        return leat_fail(s, LEAT_EUSAGE, "%s: the name of a part is too long, or has a slash",
                         q->template);
    return 0;
}

/* Another run, or another stage of this one, has given the name to its part meanwhile. */
static int rotate_part_again(struct leat_stage *s, char *to, size_t room)
{
    const struct rotate *q = leat_state(s);
    int r = name_part(s, q->number + 1);

    if (r == 0 && strlen(q->name) >= room)
        return leat_fail(s, LEAT_EUSAGE, "%s: the name of a part is too long", q->template);
    if (r == 0)
        memcpy(to, q->name, strlen(q->name) + 1);
    return r;
}

static int begin_part(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    struct rotate *q = leat_state(s);
    int64_t seconds;
    int r;

    q->time = now_of(p, &seconds);
    r = q->template ? name_part(s, 0) : 0;
    if (r < 0)
        return r;
    q->begun = true;
    q->due = false;
    q->count = 0;
    q->begun_ns = leat_clock_ns(s);
    if (q->every_ms > 0) {
        q->period = seconds * 1000 / (int64_t)q->every_ms;
        leat_alarm_ms(s, p->align && q->every_ms > ALIGNED_LOOK_MS ? ALIGNED_LOOK_MS : q->every_ms);
    }
    return leat_part_begin(s, q->name, strlen(q->name));
}

/* --- old parts --------------------------------------------------------------------------------- */

struct old {
    struct timespec time;
    uint64_t number, bytes;
    char name[ROTATE_NAME_MAX];
};

static bool is_older(const struct old *a, const struct old *b)
{
    if (a->time.tv_sec != b->time.tv_sec)
        return a->time.tv_sec < b->time.tv_sec;
    if (a->time.tv_nsec != b->time.tv_nsec)
        return a->time.tv_nsec < b->time.tv_nsec;
    return a->number != b->number ? a->number < b->number : strcmp(a->name, b->name) < 0;
}

/* Without a time in the names the number alone tells the order. Else it is the time of change; a file of the future was
 * written before the wall clock went back. */
static struct timespec order_of(const struct rotate *q, const struct stat *info, time_t now)
{
    return !strstr(q->template, "{time") || info->st_mtim.tv_sec > now ? (struct timespec){0}
                                                                       : info->st_mtim;
}

/* The oldest part but the last one, how many there are, and their bytes; ret_oldest->name is "" if there is none. Returns 0
 * or -errno. */
static int look_at_parts(const struct rotate *q, struct old *ret_oldest, uint64_t *ret_n,
                         uint64_t *ret_bytes)
{
    const struct dirent *e;
    DIR *dir = list(q);
    time_t now = time(NULL);
    int error;

    *ret_n = *ret_bytes = 0;
    ret_oldest->name[0] = '\0';
    if (!dir)
        return -errno;
    while ((errno = 0, e = readdir(dir))) {
        struct old old = {0};
        struct stat info;

        if (!leat_rotate_name_fits(q->template, e->d_name, NULL, &old.number) ||
            fstatat(q->dir, e->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode))
            continue;
        old.time = order_of(q, &info, now);
        old.bytes = (uint64_t)info.st_size;
        memcpy(old.name, e->d_name, strlen(e->d_name));
        if (strcmp(old.name, q->name) != 0 && (!*ret_oldest->name || is_older(&old, ret_oldest)))
            *ret_oldest = old;
        ++*ret_n;
        *ret_bytes += old.bytes;
    }
    error = errno;
    (void)closedir(dir); /* it was only read */
    return -error;
}

/* The last part stays in any case. */
static int remove_old(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    struct rotate *q = leat_state(s);
    uint64_t n, bytes;
    struct old old;

    if (p->keep + p->keep_bytes == 0)
        return 0;
    for (;;) {
        int r = look_at_parts(q, &old, &n, &bytes);

        if (r < 0)
            return leat_fail_errno(s, -r, "cannot list the directory of %s",
                                   leat_operands(s)->v[0]);
        if (n <= 1 || !*old.name ||
            ((p->keep == 0 || n <= p->keep) && (p->keep_bytes == 0 || bytes <= p->keep_bytes)))
            return 0;
        if (unlinkat(q->dir, old.name, 0) < 0 && errno != ENOENT)
            return leat_fail_errno(s, errno, "cannot remove the old part %s", old.name);
    }
}

static int rotate_part_done(struct leat_stage *s)
{
    return remove_old(s);
}

/* Its parts stay. */
static void rotate_revert(struct leat_stage *s)
{
    (void)s;
}

/* Without it the stage would be closed before the last part is in its place. */
static int rotate_commit(struct leat_stage *s)
{
    (void)s;
    return 0;
}

/* --- the end of a part ------------------------------------------------------------------------- */

static void end_part(struct leat_stage *s)
{
    struct rotate *q = leat_state(s);

    q->begun = q->due = false;
    leat_part_end(s);
}

static bool interval_is_over(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    const struct rotate *q = leat_state(s);
    int64_t seconds;

    if (q->every_ms == 0)
        return false;
    if (!p->align)
        return leat_clock_ns(s) - q->begun_ns >= q->every_ms * MS;
    (void)now_of(p, &seconds);
    return seconds * 1000 / (int64_t)q->every_ms != q->period;
}

static int rotate_alarm(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    struct rotate *q = leat_state(s);
    bool ends = leat_rotation_asked(s) || interval_is_over(s);

    if (!q->begun)
        return LEAT_MORE;
    if (ends && q->run == 0 && (q->at_marker || !leat_checkpoint_is_kept(s)))
        end_part(s);
    else if (ends)
        q->due = true;
    else if (p->align)
        leat_alarm_ms(s, q->every_ms > ALIGNED_LOOK_MS ? ALIGNED_LOOK_MS : q->every_ms);
    return LEAT_MORE;
}

/* How many of n bytes, whole lines but at the end of the stream, go to this part: at least one line to a new one. */
static size_t lines_that_fit(const struct leat_stage *s, const struct rotate_params *p,
                             const struct rotate *q, const uint8_t *data, size_t n)
{
    uint64_t left = p->size > q->count ? p->size - q->count : 0;
    const uint8_t *end;

    if (p->size_compressed > 0 && n > LOOK_MAX) {
        end = memchr(data + LOOK_MAX - 1, '\n', n - LOOK_MAX + 1);
        n = end ? (size_t)(end - data) + 1 : n;
    }
    if (p->size == 0 || n <= left || leat_checkpoint_is_kept(s))
        return n;
    end = left > 0 ? memrchr(data, '\n', (size_t)left) : NULL;
    if (!end && q->count == 0)
        end = memchr(data, '\n', n);
    if (end)
        return (size_t)(end - data) + 1;
    return q->count == 0 ? n : 0;
}

/* Returns true: the part ends here, or with a checkpoint at the next marker. */
static bool pass_lines(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct rotate_params *p = leat_params(s);
    struct rotate *q = leat_state(s);
    size_t n = in->len - in->pos;

    if (q->run == 0) {
        q->run = lines_that_fit(s, p, q, in->data + in->pos, n);
        if (q->run == 0)
            return true;
    }
    n = leat_pass(out, in, q->run < n ? q->run : n);
    q->at_marker = q->at_marker && n == 0;
    q->run -= n;
    q->count += n;
    if (q->run > 0)
        return false;
    return q->due || (p->size > 0 && q->count >= p->size) ||
           (p->size_compressed > 0 && leat_part_size(s) >= p->size_compressed);
}

static int rotate_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct rotate *q = leat_state(s);

    if (in->pos < in->len && !q->begun) {
        int r = begin_part(s);

        if (r < 0)
            return r;
    }
    while (in->pos < in->len) {
        bool full = pass_lines(s, in, out);

        if (full && !leat_checkpoint_is_kept(s)) {
            end_part(s);
            break;
        }
        q->due = q->due || full;
        if (q->run > 0)
            return LEAT_MORE;
    }
    if (in->pos < in->len)
        return LEAT_MORE;
    if (!in->flush)
        return in->end ? LEAT_END : LEAT_MORE;
    q->at_marker = true;
    if (q->due && q->begun)
        end_part(s);
    return LEAT_FLUSHED;
}

static int rotate_open(struct leat_stage *s)
{
    const struct rotate_params *p = leat_params(s);
    struct rotate *q = leat_state(s);
    int r;

    q->dir = -1;
    r = interval(s, p->every, &q->every_ms);
    q->template = template_of(s);
    strcpy(q->name, "part"); /* the branch has a sink with a name of its own */
    if (!p->utc)
        tzset();
    if (r == 0 && q->template)
        r = open_directory(s);
    return r == 0 && q->template ? remove_old(s) : r;
}

#define AT(field) offsetof(struct rotate_params, field)
static const struct leat_option rotate_options[] = {
    {.name = "size",
     .short_name = 's',
     .kind = LEAT_OPT_SIZE,
     .offset = AT(size),
     .metavar = "SIZE",
     .min = 1,
     .max = INT64_MAX,
     .help = "end a part before the line that would exceed SIZE bytes"},
    {.name = "size-compressed",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(size_compressed),
     .metavar = "SIZE",
     .min = 1,
     .max = INT64_MAX,
     .help = "end a part, at a line, once its branch has output SIZE bytes"},
    {.name = "every",
     .kind = LEAT_OPT_STRING,
     .offset = AT(every),
     .metavar = "TIME",
     .help = "end a part when it is so old: hourly, daily, weekly, or a time such as 10m"},
    {.name = "align",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(align),
     .help = "with --every: end the parts at whole hours, at midnight and so on"},
    {.name = "utc",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(utc),
     .help = "{time} and --align are in UTC, not in local time"},
    {.name = "keep",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(keep),
     .metavar = "N",
     .min = 1,
     .max = INT64_MAX,
     .help = "remove the oldest parts when there are more than N"},
    {.name = "keep-bytes",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(keep_bytes),
     .metavar = "SIZE",
     .min = 1,
     .max = INT64_MAX,
     .help = "remove the oldest parts when they have more than SIZE bytes together"},
    {0},
};

const struct leat_stage_type leat_stage_rotate = {
    .name = "rotate",
    .summary = "write a stream without an end to files that are finished one after another",
    .operands = "NAME",
    .operands_max = 1,
    .manual =
        "Writes lines to a file, begins a new one when the part has the size or the age, and goes on. The "
        "bracket is a pipeline that runs anew for each part; without one the parts are written "
        "unchanged. Each part appears whole: it has a temporary name, or none, until it is synced. "
        "SIGHUP ends the part now. SIGTERM and SIGINT end the last part and all other outputs, as with "
        "--on-interrupt=finish; a second one stops at once.\n\n"
        "In NAME, {time:FORMAT} becomes the time at which the part began, with the conversions of "
        "strftime(3); {time} is {time:%Y%m%dT%H%M%S}. {n} becomes a number, {n:04} one with at least four digits: "
        "that after the highest one of the files that are there with the same time. If another file has "
        "taken the name when the part is committed, the part gets the next number, so several runs may share NAME, "
        "and no file is replaced, also with leat --force.\n\n"
        "Unlike all other outputs, a part does not wait for the success of the whole pipeline: it is committed "
        "on its own when it ends, and stays when the pipeline fails later. Only the last part is committed together "
        "with the other outputs, at the end, and is dropped if the pipeline fails.\n\n"
        "The age of a part is measured by a clock that does not jump. With --align parts end when the wall "
        "clock passes a multiple of the interval: whole hours, midnight, and for weeks midnight of Thursday. A part "
        "without lines is not written.\n\n"
        "When the disk is full, the stage waits for space, and so do the stages before it; nothing is dropped, "
        "and there is one warning a part. --keep and --keep-bytes remove old files only when a new part is in its "
        "place and synced, and once at the start. They remove any regular file whose name fits NAME, the lowest "
        "number first; if NAME has {time}, the oldest time of change first.\n\n"
        "With --size a line that is longer than a part becomes a part by itself. With "
        "--size-compressed parts are larger than SIZE by what the stages of the branch still hold.",
    .examples = "read words.txt : rotate --size=64K words-{n:03}.gz [ gzip ]",
    .kind = LEAT_SINK,
    .flags = LEAT_PARTS | LEAT_FLUSHES,
    .params_size = sizeof(struct rotate_params),
    .state_size = sizeof(struct rotate),
    .options = rotate_options,
    .branches_max = 1,
    .plan = rotate_plan,
    .open = rotate_open,
    .step = rotate_step,
    .alarm = rotate_alarm,
    .close = rotate_close,
    .commit = rotate_commit,
    .revert = rotate_revert,
    .part_done = rotate_part_done,
    .part_again = rotate_part_again,
};
