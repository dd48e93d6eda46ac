/* follow.c - a source without an end: the lines of files that grow, through rotations.
 *
 * Each name has an open file, and newer ones while that is read to its end (name.c). A step reads one block of
 * whole lines of one file; the files take turns. When no file has any, the step waits for inotify, and looks at
 * everything once a second: some file systems do not tell, and some changes come from another machine.
 */

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"
#include "stage.h"

extern const struct leat_stage_type leat_stage_follow;

#define LOOK_MS 1000u
#define GRACE_MS 5000
#define NAMES_MAX 4096u
#define WHOLE_MAX ((size_t)64 << 10) /* a longer line may go on in pieces */
#define MARK_BYTES                                                                                 \
    ((uint64_t)256 << 10) /* output between two positions, if there is so much at once */
#define MS 1000000u

enum { FROM_START, FROM_END };

struct follow_params {
    uint64_t grace_ms, idle_ms;
    uint64_t line_max;
    int once, wait, from, familiar, longer;
    const char *checkpoint;
};

struct follow {
    struct leat_follow_notify notify;
    struct leat_follow_name *names;
    size_t n_names, turn; /* whose lines come next */
    struct leat_follow_buffer buffer;
    struct leat_follow_file *current; /* its lines are in the buffer; or NULL */
    size_t at, len;                   /* of them, in bytes: output, all */
    bool owes_end;                    /* the last output has no line end */
    bool ending;                      /* what is there is read, and no more */
    uint64_t looked_ns, moved_ns;
    uint64_t position;
    uint64_t unmarked; /* bytes of output since the last position of a checkpoint */
    struct leat_follow_places places;
    struct leat_follow_counts counts;
    struct leat_follow_news *news; /* of each name */
    bool from_end;                 /* the first files were not found yet */
};

/* Allow the directory of a path. */
static int allow_dir(struct leat_stage *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX] = ".";

    if (slash) {
        size_t n = slash == path ? 1 : (size_t)(slash - path);

        if (n >= sizeof dir)
            return leat_fail(s, LEAT_EUSAGE, "%s: the name is too long", path);
        memcpy(dir, path, n);
        dir[n] = '\0';
    }
    return leat_plan_access(s, dir, LEAT_ACCESS_READ) < 0 ? LEAT_ENOMEM : 0;
}

/* Files are opened in their directories later, and one may be a symbolic link, whose target rotates. */
static int allow(struct leat_stage *s, const char *path)
{
    char target[PATH_MAX];
    int r = allow_dir(s, path);

    if (r == 0 && leat_plan_access(s, path, LEAT_ACCESS_READ) < 0)
        r = LEAT_ENOMEM;
    if (r == 0 && realpath(path, target)) /* it may come later */
        r = allow_dir(s, target);
    return r;
}

static int follow_plan(struct leat_stage *s)
{
    const struct follow_params *p = leat_params(s);
    const struct leat_strings *files = leat_operands(s);
    int r = 0;

    if (files->n > NAMES_MAX)
        return leat_fail(s, LEAT_EUSAGE, "follows at most %u files", NAMES_MAX);
    if (p->once && (p->wait || p->idle_ms > 0))
        return leat_fail(s, LEAT_EUSAGE, "--once cannot be used with --wait or --idle");
    if (p->checkpoint)
        r = leat_plan_checkpoint(s, p->checkpoint);
    if (p->checkpoint && r == 0) /* for what was compressed meanwhile */
        r = leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
    for (size_t i = 0; i < files->n && r == 0; i++) {
        if (!*files->v[i] || strcmp(files->v[i], "-") == 0)
            return leat_fail(s, LEAT_EUSAGE,
                             "needs the name of a file; for standard input see read");
        r = allow(s, files->v[i]);
    }
    return r;
}

static void on_event(void *arg, const struct inotify_event *event)
{
    struct leat_stage *s = arg;
    struct follow *q = leat_state(s);

    for (size_t i = 0; i < q->n_names; i++)
        if (q->names[i].dir_watch == event->wd || (event->mask & IN_Q_OVERFLOW))
            leat_follow_news_event(s, &q->news[i], event);
}

/* Begin after what is there now. */
static int seek_ends(struct leat_stage *s)
{
    struct follow *q = leat_state(s);
    bool waits = false;
    int r = 0;

    for (size_t i = 0; i < q->n_names && r == 0; i++) {
        if (q->names[i].n > 0 && q->news[i].begins)
            r = leat_follow_file_seek_end(s, q->names[i].files[0], q->names[i].path, &q->buffer);
        q->news[i].begins = q->news[i].begins && q->names[i].n == 0;
        waits = waits || q->news[i].begins;
    }
    q->from_end = waits;
    return r;
}

/* Take all events, and open the files that they tell of. */
static int open_news(struct leat_stage *s, struct leat_follow_events *events)
{
    struct follow *q = leat_state(s);
    const struct leat_follow_told told = {&q->notify, events, on_event, s};
    int r = 0;

    leat_follow_news_take(&told);
    for (size_t i = 0; i < q->n_names && r == 0; i++)
        r = leat_follow_news_open(s, &q->news[i], &told);
    return r == 0 && q->from_end ? seek_ends(s) : r;
}

/* Begin where the checkpoint says, or else with the file that has the name. */
static int open_name(struct leat_stage *s, const char *path, const uint8_t *kept, size_t n_kept)
{
    struct leat_follow_file place;
    int64_t changed_ns = 0;
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);
    struct leat_follow_name *name = &q->names[q->n_names];
    struct leat_follow_news *news = &q->news[q->n_names];
    int r, fd, known = leat_follow_places_find(s, kept, n_kept, path, &place, &changed_ns);
    struct stat info;

    if (known < 0)
        return known;
    news->name = name;
    q->n_names++;
    r = leat_follow_name_open(s, name, path, p->wait || known, &q->notify, &fd, &info);
    if (r < 0 || (fd < 0 && !known))
        return r;
    if (!known)
        return leat_follow_news_first(s, news, fd, &info);
    if (fd >= 0)
        (void)close(fd); /* it was only asked */
    return leat_follow_place_return(s, name, news, &place, changed_ns, &q->notify);
}

static int follow_open(struct leat_stage *s)
{
    const struct follow_params *p = leat_params(s);
    const struct leat_strings *files = leat_operands(s);
    struct follow *q = leat_state(s);
    const uint8_t *kept;
    size_t n_kept;
    int r;

    q->notify.fd = -1;
    q->buffer.line_max = (size_t)p->line_max;
    q->buffer.longer = (enum leat_follow_long)p->longer;
    r = leat_follow_buffer_open(s, &q->buffer);
    if (r < 0)
        return r;
    if (!p->once)
        leat_follow_notify_open(&q->notify);
    q->names = leat_alloc(s, files->n * sizeof *q->names);
    q->news = q->names ? leat_alloc(s, files->n * sizeof *q->news) : NULL;
    if (!q->news)
        return LEAT_ENOMEM;
    r = leat_checkpoint_get(s, &kept, &n_kept);
    for (size_t i = 0; i < files->n && r == 0; i++)
        r = open_name(s, files->v[i], kept, n_kept);
    q->from_end = p->from == FROM_END;
    if (r == 0)
        r = open_news(s, &(struct leat_follow_events){0});
    q->ending = p->once;
    q->looked_ns = q->moved_ns = leat_clock_ns(s);
    return r;
}

static void follow_close(struct leat_stage *s)
{
    struct follow *q = leat_state(s);
    uint64_t lost = 0, overflows = 0;

    for (size_t i = 0; i < q->n_names; i++) {
        leat_follow_news_close(s, &q->news[i]);
        leat_follow_name_close(s, &q->names[i]);
        lost += q->news[i].lost;
        overflows = q->news[i].overflows > overflows ? q->news[i].overflows : overflows;
    }
    q->n_names = 0;
    leat_free(s, q->news);
    leat_free(s, q->names);
    q->news = NULL;
    q->names = NULL;
    leat_follow_places_free(s, &q->places);
    leat_follow_buffer_close(s, &q->buffer);
    if (q->buffer.n_longer > 1)
        leat_warning(s, "lines that were longer than %zu bytes: %ju", q->buffer.line_max,
                     (uintmax_t)q->buffer.n_longer);
    q->buffer.n_longer = 0;
    leat_follow_notify_close(&q->notify);
    if (q->counts.truncations > 0)
        leat_warning(s,
                     "truncations of followed files: %ju; lines that were not read before are lost",
                     (uintmax_t)q->counts.truncations);
    if (q->counts.written > 0)
        leat_warning(s,
                     "%ju rotated files were still open for writing when --grace had passed: lines "
                     "that were added later were not read",
                     (uintmax_t)q->counts.written);
    if (lost > 0)
        leat_warning(s, "%ju files had a followed name for so short a time that they were not read",
                     (uintmax_t)lost);
    if (overflows > 0)
        leat_warning(
            s,
            "times when the kernel has dropped events, and the file that was read last is gone: %ju; files "
            "that were rotated then may not have been read; see /proc/sys/fs/inotify/max_queued_events",
            (uintmax_t)overflows);
    q->counts = (struct leat_follow_counts){0};
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Open new files, and mark files that grew. */
static int take_events(struct leat_stage *s)
{
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);
    struct leat_follow_events events = {0};
    uint64_t now = leat_clock_ns(s);
    bool tick = now - q->looked_ns >= (uint64_t)LOOK_MS * MS;
    int r = open_news(s, &events);

    if (r < 0)
        return r;
    if (events.n == 0 && !events.all && !tick)
        return 0;
    if (tick) {
        q->looked_ns = now;
        events.all = true;
    }
    for (size_t i = 0; i < q->n_names; i++) {
        struct leat_follow_name *name = &q->names[i];

        if (name->dir_watch < 0 || leat_follow_events_have(&events, name->dir_watch))
            r = leat_follow_name_look(s, name, tick && leat_follow_news_end(&q->news[i]),
                                      p->grace_ms, &q->notify);
        if (r < 0)
            return r;
        if (name->n > 0 &&
            (name->files[0]->watch < 0 || leat_follow_events_have(&events, name->files[0]->watch)))
            name->files[0]->dirty = true;
    }
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* An output that is appended to is known only when all stages are open. */
static int check_file(struct leat_stage *s, struct leat_follow_file *f, const char *path)
{
    if (!f->checked && leat_is_output(s, f->dev, f->ino, 0, 0, ""))
        return leat_fail(s, LEAT_EUSAGE,
                         "%s: is also an output of this pipeline, which would never end", path);
    f->checked = true;
    return 0;
}

/* Returns FOLLOW_NOTHING or FOLLOW_LINES; or fails the stage. */
static int read_file(struct leat_stage *s, struct leat_follow_name *name)
{
    struct follow *q = leat_state(s);
    struct leat_follow_file *f = name->files[0];
    int r = check_file(s, f, name->path);

    while (f->dirty && r >= 0) {
        r = leat_follow_file_read(s, f, name->path, &q->buffer, &q->len);
        if (r < 0)
            return r;
        if (r == FOLLOW_LINES) {
            q->current = f;
            q->at = 0;
            f->grew_ns = q->moved_ns = leat_clock_ns(s);
            return r;
        }
        q->counts.truncations += r == FOLLOW_TRUNCATED;
        f->dirty = r == FOLLOW_TRUNCATED || r == FOLLOW_AGAIN;
    }
    return r < 0 ? r : FOLLOW_NOTHING;
}

/* Find lines of one name: in its oldest file, or, when that was given up, in the next one. */
static int read_name(struct leat_stage *s, struct leat_follow_name *name, uint64_t *ret_ms)
{
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);

    while (name->n > 0) {
        struct leat_follow_file *f = name->files[0];
        int r = read_file(s, name);

        if (r != FOLLOW_NOTHING)
            return r;
        if (q->ending && p->checkpoint && !f->left && name->n == 1)
            return FOLLOW_NOTHING; /* the next run reads on: its last line may not be whole */
        if (q->ending && !f->final)
            f->final = true;
        else if (!leat_follow_name_settle(s, name, p->grace_ms, &q->notify, &q->counts, ret_ms))
            return FOLLOW_NOTHING;
        if (name->n > 0)
            name->files[0]->dirty = true;
        r = q->ending ? 0 : leat_follow_name_look(s, name, false, p->grace_ms, &q->notify);
        if (r < 0)
            return r;
    }
    return FOLLOW_NOTHING;
}

/* Returns enum leat_follow_found. */
static int find_lines(struct leat_stage *s, uint64_t *ret_ms)
{
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);

    for (size_t k = 0; k < q->n_names; k++) {
        int r = read_name(s, &q->names[q->turn], ret_ms);

        if (r < 0 || (r == FOLLOW_LINES && p->once)) /* one file after another */
            return r;
        q->turn = q->turn + 1 < q->n_names ? q->turn + 1 : 0;
        if (r == FOLLOW_LINES)
            return r;
    }
    return FOLLOW_NOTHING;
}

/* As many of n bytes as there is room for, in whole lines unless one is very long. */
static size_t put_lines(struct leat_out *out, const uint8_t *lines, size_t n)
{
    const uint8_t *end = memchr(lines, '\n', n);
    size_t line = end ? (size_t)(end - lines) + 1 : n, room;
    uint8_t *to;

    room = line <= WHOLE_MAX ? leat_reserve_least(out, line, &to) : leat_reserve(out, &to);

    if (room < n) {
        end = room > 0 ? memrchr(lines, '\n', room) : NULL;
        n = end ? (size_t)(end - lines) + 1 : room;
    }
    if (n == 0)
        return 0;
    memcpy(to, lines, n);
    leat_commit(out, n);
    return n;
}

/* The position after all output until now goes with a flush marker. Returns LEAT_FLUSHED, or fails the stage. */
static int mark(struct leat_stage *s)
{
    struct follow *q = leat_state(s);

    q->unmarked = 0;
    return leat_follow_places_save(s, &q->places, q->names, q->n_names) < 0 ? LEAT_ENOMEM
                                                                            : LEAT_FLUSHED;
}

/* A file that has ended without a line end gets one when other lines follow. */
static int emit(struct leat_stage *s, struct leat_out *out)
{
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);
    const uint8_t *lines = q->buffer.memory + FOLLOW_TAIL;
    size_t n;

    if (q->owes_end && leat_write(out, "\n", 1) == 0)
        return LEAT_MORE;
    q->owes_end = false;
    n = put_lines(out, lines + q->at, q->len - q->at);
    if (n == 0)
        return LEAT_MORE;
    leat_follow_file_advance(q->current, &q->buffer, q->at, n);
    q->at += n;
    q->position += n;
    q->unmarked += n;
    leat_position(s, q->position, 0);
    if (q->at == q->len) {
        q->owes_end = lines[q->len - 1] != '\n';
        if (q->current->cut_end > 0 &&
            leat_follow_file_skip(s, q->current, "the rest of a line", q->current->cut_end) < 0)
            return LEAT_EIO;
        q->current = NULL;
    }
    return p->checkpoint && q->unmarked >= MARK_BYTES && lines[q->at - 1] == '\n' ? mark(s)
                                                                                  : LEAT_MORE;
}

static int wait_for_more(struct leat_stage *s, uint64_t ms)
{
    const struct follow *q = leat_state(s);

    if (q->notify.fd >= 0)
        leat_wait_fd(s, q->notify.fd, false);
    leat_wait_ms(s, ms);
    return LEAT_WAIT;
}

/* Are there files that are known by name only? */
static bool has_news(const struct follow *q)
{
    for (size_t i = 0; i < q->n_names; i++)
        if (leat_follow_news_waits(&q->news[i]))
            return true;
    return false;
}

static int follow_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct follow_params *p = leat_params(s);
    struct follow *q = leat_state(s);
    uint64_t ms = LOOK_MS, idle_ms;
    int r;

    (void)in;
    if (q->current)
        return emit(s, out);
    r = q->ending ? open_news(s, &(struct leat_follow_events){0}) : take_events(s);
    if (r == 0)
        r = find_lines(s, &ms);
    if (r == FOLLOW_LINES)
        return emit(s, out);
    if (r == FOLLOW_NOTHING && p->checkpoint && q->unmarked > 0)
        return mark(s);
    if (r < 0 || (q->ending && !has_news(q)))
        return r < 0 ? r : LEAT_END;
    if (has_news(q))
        ms = 1;
    idle_ms = (leat_clock_ns(s) - q->moved_ns) / MS;
    if (p->idle_ms > 0 && idle_ms >= p->idle_ms)
        q->ending = true; /* the next wait is short: read what came meanwhile */
    if (p->idle_ms > 0 && p->idle_ms - idle_ms < ms)
        ms = q->ending ? 1 : p->idle_ms - idle_ms;
    return wait_for_more(s, ms);
}

#define AT(field) offsetof(struct follow_params, field)
static const struct leat_option follow_options[] = {
    {.name = "once",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(once),
     .help = "read what the files hold now, one after another, and end"},
    {.short_name = 'F',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(familiar),
     .help = "no effect: `read -F FILE` is `follow FILE`"},
    {.name = "from",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(from),
     .metavar = "WHERE",
     .choices = "start|end",
     .help = "begin at the start of the files, or after their last whole line"},
    {.name = "wait",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(wait),
     .help = "a FILE that does not exist yet is no error"},
    {.name = "idle",
     .kind = LEAT_OPT_DURATION,
     .offset = AT(idle_ms),
     .metavar = "TIME",
     .help = "end when there was no new line for so long"},
    {.name = "checkpoint",
     .kind = LEAT_OPT_STRING,
     .offset = AT(checkpoint),
     .metavar = "FILE",
     .help = "begin where FILE says, and keep there how far all that was read is committed"},
    {.name = "line-max",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(line_max),
     .metavar = "SIZE",
     .min = 1,
     .max = FOLLOW_LINE_MAX,
     .initial = FOLLOW_LINE_MAX,
     .help = "the longest line, without its end"},
    {.name = "long",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(longer),
     .metavar = "HOW",
     .choices = "fail|cut|skip",
     .help = "a line longer than --line-max ends the run, is cut to that size, or is left out"},
    {.name = "grace",
     .kind = LEAT_OPT_DURATION,
     .offset = AT(grace_ms),
     .metavar = "TIME",
     .initial = GRACE_MS,
     .help = "how long a rotated file must not have grown before the next one is read"},
    {0},
};

const struct leat_stage_type leat_stage_follow = {
    .name = "follow",
    .summary = "read lines as they are added to files, through rotations",
    .operands = "FILE…",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .manual =
        "Reads each FILE from its start, and then the lines that are added to it, until the pipeline is "
        "stopped. --from=end skips the lines that are there. Only whole lines go on; the last "
        "line waits for its end. The lines of several files are mixed as they come.\n\n"
        "`read -F FILE` is the same stage, by the option of tail.\n\n"
        "FILE is a name. When another file gets the name, after a rename or because the old one "
        "was deleted, the old file is first read to its end, then the new one from its start. "
        "The old file ends when no process has it open for writing. The kernel tells that only "
        "to the owner of the file, and not in every file system; otherwise it ends when it has "
        "not grown for the time of --grace and the new file has lines. A name that comes back "
        "to its old file is read on from where it was; an inode that was used again is told by "
        "its content.\n\n"
        "If FILE is a symbolic link, the name of its target may get another file in the same way, and the link "
        "another target. The sandbox allows the directory that the target has at the start; for a target in "
        "another one give --sandbox=off.\n\n"
        "A file that is truncated in place (copytruncate of logrotate) is read again from its "
        "start. It is recognised by its size, by its first 1024 bytes and by the 64 bytes before "
        "the position. Lines that were added between the last look and the truncation are lost, "
        "whoever reads the file; a warning at the end tells how often it happened. No line is "
        "lost if the writer stands still during the copy and until the lines before it were "
        "read.\n\n"
        "Changes are noticed at once by inotify, and within two seconds where that does not work, "
        "as on network file systems. A file that ends without a line end gets one if other lines "
        "follow. A line may be as long as 16 MiB, or as --line-max says. A longer one is an error, and stays one at the next run "
        "with a checkpoint; --long=cut outputs its first bytes, --long=skip nothing of it. The first one is told by a "
        "warning, and at the end their number.\n\n"
        "With --checkpoint=FILE the next run goes on where this one ended. FILE is replaced when all outputs are "
        "in place, at the end of a run that ends well, also by --on-interrupt=finish. If the only sink is rotate, and all "
        "stages before it work line by line, as grep does, FILE is replaced with each part: killed at any "
        "time, the parts of all runs have each line exactly once. In other pipelines a run that was killed is "
        "done again from its start: a line that went to standard output, to an appended file or to the network "
        "may come twice. A part then ends up to 256 KiB late. FILE has the "
        "inode of each file, its first bytes and the offset. A file that was renamed meanwhile is looked for among FILE.1, "
        "FILE-20261130, FILE.old and so on, and those that are newer are read after it, by the time of their last "
        "change; one that was copied is recognised by its content. A file that was compressed by gzip is recognised by its content, too, and what was not read of it is decoded to "
        "a temporary file in TMPDIR, or /var/tmp. Other compressed files that are newer are an error, as they have lines "
        "that were not read: decompress them. A file that is gone is told by a warning. If the last line has no end, it waits for the next run. FILE.lock is there while a run has the "
        "checkpoint; a second run with it is refused.\n\n"
        "With --once the files are read as read does it, each to its end, and the stage ends. "
        "An endless pipeline is stopped by a signal: "
        "standard output has the lines until then, but no output file appears, unless leat was "
        "started with --on-interrupt=finish.",
    .examples =
        "follow --once big.log : grep ERROR : write errors\n"
        "follow --once --checkpoint=place big.log : rotate --size=1M 'big-{n:04}.zst' [ zstd ]",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct follow_params),
    .state_size = sizeof(struct follow),
    .options = follow_options,
    .plan = follow_plan,
    .open = follow_open,
    .step = follow_step,
    .close = follow_close,
};
