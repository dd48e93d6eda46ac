/* type_check.c - check a stage type that a program adds: can the engine run it?
 *
 * A wrong table is a fault of the program. It could cause a write outside the params, or a stage
 * that no text can name, so leat_registry_add refuses it, with a text that names the member.
 */
#include "type_check.h"

#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "tree.h"

#define LINE_MAX_BYTES 200u
#define MANUAL_MAX 65536u
#define PARAMS_MAX ((size_t)1 << 20)
#define STATE_MAX ((size_t)1 << 30)
#define BLOCK_MAX ((size_t)1 << 30)  /* of lanes: a block, and its history */
#define RESULT_MAX ((size_t)1 << 20) /* of lanes */
/* Every header had the members up to step; no header will have more bytes than this. */
#define TYPE_SIZE_MIN                                                                              \
    (offsetof(struct leat_stage_type, step) + sizeof(((struct leat_stage_type *)0)->step))
#define TYPE_SIZE_MAX 4096u

/* All of enum leat_flags. */
#define FLAGS                                                                                      \
    (LEAT_PASS_THROUGH | LEAT_WANTS_ALL | LEAT_NO_STDOUT_TTY | LEAT_DROPS | LEAT_DETACHES |        \
     LEAT_PORTS_IN | LEAT_PARTS | LEAT_OPENS_LAST | LEAT_FLUSHES | LEAT_DECODES | LEAT_BY_LINE |   \
     LEAT_INNER | LEAT_WANTS_DECODED)

#define refuse leat_type_refuse

/* --- names and texts -------------------------------------------------------------------------- */

/* A built-in stage has no dot in its name, every other stage has one inside. */
static bool check_name(const struct leat_type_check *c, const char *what, const char *name,
                       size_t n, bool built_in)
{
    const char *dot = n > 2 ? memchr(name + 1, '.', n - 2) : NULL;

    if (!leat_type_name(name, n, LEAT_STAGE_NAME_MAX))
        return refuse(c,
                      "%s must be 1 to %u letters, digits, '-', '_', '.' or '+', and not begin "
                      "with '-'",
                      what, LEAT_STAGE_NAME_MAX);
    if (!built_in && !dot)
        return refuse(c,
                      "%s '%.*s' has no vendor: call it as in acme.%.*s, because names without a "
                      "dot are for built-in stages",
                      what, (int)n, name, (int)n, name);
    return true;
}

static bool check_aliases(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    const char *all = type->aliases;

    for (const char *p = all; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " "), len;

        if (!check_name(c, "each of aliases", p, n, type->abi == 0))
            return false;
        if (strlen(type->name) == n && memcmp(type->name, p, n) == 0)
            return refuse(c, "aliases has the name %s itself", type->name);
        for (const char *q = all; q < p; q += len + strspn(q + len, " ")) {
            len = strcspn(q, " ");
            if (len == n && memcmp(q, p, n) == 0)
                return refuse(c, "aliases has %.*s twice", (int)n, p);
        }
        p += n;
    }
    return !all || *all ? true : refuse(c, "aliases is empty: leave it NULL");
}

/* ".gz .tgz": what a name may end with. */
static bool check_suffixes(const struct leat_type_check *c, const char *suffixes)
{
    for (const char *p = suffixes; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n < 2 || *p != '.' || !leat_type_name(p, n, LEAT_STAGE_NAME_MAX))
            return refuse(c, "suffixes: each begins with a dot, and they are separated by spaces");
        p += n;
    }
    return !suffixes || *suffixes ? true : refuse(c, "suffixes is empty: leave it NULL");
}

static bool check_texts(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    size_t n = type->summary ? strnlen(type->summary, LINE_MAX_BYTES) : 0;

    if (!leat_type_text(c, "summary", type->summary, LINE_MAX_BYTES, false) ||
        !leat_type_text(c, "operands", type->operands, LINE_MAX_BYTES, false) ||
        !leat_type_text(c, "manual", type->manual, MANUAL_MAX, true) ||
        !leat_type_text(c, "examples", type->examples, MANUAL_MAX, true) ||
        !leat_type_text(c, "missing", type->missing, LINE_MAX_BYTES, false))
        return false;
    return n == 0 || type->summary[n - 1] != '.' || refuse(c, "summary ends with a full stop");
}

/* --- words and branches ----------------------------------------------------------------------- */

static bool check_operands(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    if (type->operands_min > type->operands_max)
        return refuse(c, "operands_min is above operands_max");
    if (type->operands && type->operands_max == 0)
        return refuse(c, "operands is '%s', but operands_max is 0", type->operands);
    if (!type->operands && type->operands_max > 0)
        return refuse(c, "operands is NULL, but operands_max is not 0");
    return !type->operands_raw || type->operands || refuse(c, "operands_raw needs operands");
}

static bool check_branches(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    unsigned most = type->branches_max;

    if (type->branches_min > most)
        return refuse(c, "branches_min is above branches_max");
    if (most > LEAT_TREE_STAGES_MAX)
        return refuse(c, "branches_max is above %u", LEAT_TREE_STAGES_MAX);
    if (type->kind == LEAT_FAN_IN && type->branches_min == 0)
        return refuse(c, "branches_min: a fan-in needs at least one branch");
    if (most > 0 && (type->kind == LEAT_SOURCE || type->kind == LEAT_BY_PLACE))
        return refuse(c, "branches_max: a source, or a stage by place, has no branches");
    if (most > (type->flags & (LEAT_PARTS | LEAT_INNER) ? 1 : 0) && type->kind == LEAT_SINK)
        return refuse(c, "branches_max: a sink has no branches, and one with parts at most one");
    if (type->flags & LEAT_INNER)
        return (type->run && most == 1 && !(type->flags & LEAT_PARTS)) ||
               refuse(c,
                      "flags: a stage with LEAT_INNER has run, at most one branch, and no parts");
    if (most > 0 && (type->lanes || (type->run && type->kind != LEAT_SINK)))
        return refuse(c, "branches_max: a stage with lanes or run has no branches");
    if (most == 0 && type->branch_options)
        return refuse(c, "branch_options: branches_max is 0");
    return type->branch_options || type->branch_params_size == 0 ||
           refuse(c, "branch_params_size needs branch_options");
}

/* --- how the engine runs it ------------------------------------------------------------------- */

static bool check_blocking(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    if (!type->run || type->kind == LEAT_FAN_IN)
        return refuse(c, "a blocking stage is a source, a transform or a sink, and has run");
    if (type->step)
        return refuse(c, "a blocking stage has run instead of step");
    if (type->lanes)
        return refuse(c, "a blocking stage has no lanes");
    if (type->flags & LEAT_FLUSHES)
        return refuse(c, "flags: a blocking stage cannot flush");
    if (type->kind == LEAT_TRANSFORM || type->flags & LEAT_PARTS)
        return !type->stop || refuse(c, "a blocking transform, or one with parts, has no stop");
    if (type->alarm || type->watch)
        return refuse(c, "a blocking source or sink has no alarm and no watch");
    return true;
}

static bool check_lanes(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    const struct leat_lanes *l = type->lanes;

    if (!l)
        return type->nature != LEAT_PARALLEL || refuse(c, "a parallel stage has lanes");
    if (type->kind != LEAT_TRANSFORM)
        return refuse(c, "lanes: only a transform has them");
    if (type->nature == LEAT_PARALLEL && type->alarm)
        return refuse(c, "alarm: a parallel stage has none");
    if (l->block > BLOCK_MAX || l->history > BLOCK_MAX)
        return refuse(c, "lanes: block or history is above %zu", BLOCK_MAX);
    if (l->whole > LEAT_WHOLE_MAX)
        return refuse(c, "lanes: whole is above %zu", LEAT_WHOLE_MAX);
    if (l->result_size > RESULT_MAX)
        return refuse(c, "lanes: result_size is above %zu", RESULT_MAX);
    return !l->merge || l->join || refuse(c, "lanes: merge needs join");
}

static bool check_flags(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    unsigned flags = type->flags;
    bool source = type->kind == LEAT_SOURCE, transform = type->kind == LEAT_TRANSFORM;

    if (flags & ~(unsigned)FLAGS)
        return refuse(c, "flags: 0x%x are no flags", flags & ~(unsigned)FLAGS);
    if (flags & LEAT_PARTS && type->kind != LEAT_SINK)
        return refuse(c, "flags: a stage with parts is a sink");
    if (flags & LEAT_PORTS_IN && type->kind != LEAT_FAN_IN)
        return refuse(c, "flags: LEAT_PORTS_IN is for a fan-in");
    if (flags & (LEAT_DROPS | LEAT_DETACHES) && !(transform && type->branches_max > 0))
        return refuse(c, "flags: LEAT_DROPS and LEAT_DETACHES are for a transform with branches");
    if (flags & (LEAT_PASS_THROUGH | LEAT_WANTS_ALL | LEAT_FLUSHES | LEAT_WANTS_DECODED) && source)
        return refuse(c, "flags: a source has no input: no LEAT_PASS_THROUGH, LEAT_WANTS_ALL, "
                         "LEAT_FLUSHES or LEAT_WANTS_DECODED");
    if (flags & LEAT_DECODES && !transform)
        return refuse(c, "flags: LEAT_DECODES is for a transform");
    if (flags & LEAT_BY_LINE && !transform)
        return refuse(c, "flags: LEAT_BY_LINE is for a transform");
    return true;
}

/* Functions that only some kinds have. */
static bool check_functions(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    bool sink = type->kind == LEAT_SINK, ends = sink || type->kind == LEAT_SOURCE;

    if ((type->prepare || type->commit || type->revert) && !sink)
        return refuse(c, "prepare, commit and revert are for a sink");
    if (type->revert && !type->commit)
        return refuse(c, "revert needs commit");
    if (type->watch && !ends)
        return refuse(c, "watch is for a source or a sink");
    if ((type->frame_holds || type->recognise || type->suffixes) && type->kind != LEAT_TRANSFORM)
        return refuse(c, "frame_holds, recognise and suffixes are for a transform");
    if (type->first || type->last || type->middle_in || type->middle_out)
        return refuse(c, "first, last, middle_in and middle_out are for a stage by place");
    return check_suffixes(c, type->suffixes);
}

static bool check_run(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    if (type->state_size > STATE_MAX)
        return refuse(c, "state_size is above %zu", STATE_MAX);
    if (type->kind < LEAT_SOURCE || type->kind > LEAT_FAN_IN)
        return refuse(c, "kind: %d is not a kind", (int)type->kind);
    if (type->nature < LEAT_LIGHT || type->nature > LEAT_BLOCKING)
        return refuse(c, "nature: %d is not a nature", (int)type->nature);
    if (type->framing != LEAT_BYTES && type->framing != LEAT_LINES)
        return refuse(c, "framing: %d is not a framing", (int)type->framing);
    if (type->framing == LEAT_LINES && type->kind == LEAT_SOURCE)
        return refuse(c, "framing: a source has no input");
    if (!check_flags(c, type) || !check_branches(c, type) || !check_lanes(c, type) ||
        !check_functions(c, type))
        return false;
    if (type->nature == LEAT_BLOCKING)
        return check_blocking(c, type);
    if (type->run)
        return refuse(c, "only a blocking stage has run");
    return type->step || type->missing || refuse(c, "step is missing");
}

/* --- a stage by place ------------------------------------------------------------------------- */

static const char *name_of_kind(enum leat_kind kind)
{
    return kind == LEAT_SOURCE ? "source" : kind == LEAT_SINK ? "sink" : "transform";
}

/* A type of a stage by place. The text names its place first. */
static bool check_one_place(const struct leat_type_check *c, const char *place,
                            const struct leat_stage_type *whole, const struct leat_stage_type *type,
                            enum leat_kind kind)
{
    size_t n = (size_t)snprintf(c->text, c->size, "%s: ", place);
    const struct leat_type_check rest = {c->text + n, c->size - n};

    leat_assert(n < c->size);
    if (type && type->kind != kind)
        return refuse(&rest, "kind: it must be a %s", name_of_kind(kind));
    if (type && type->flags & LEAT_PARTS)
        return refuse(&rest, "flags: a stage by place has no parts");
    if (type && (type->user || type->drop))
        return refuse(&rest, "user and drop belong to the stage by place itself");
    if (type && type->params_size != 0 && type->params_size != whole->params_size)
        return refuse(&rest, "params_size is not that of the stage by place");
    if (type && type->options && type->options != whole->options)
        return refuse(&rest, "options belong to the stage by place itself");
    if (type && !check_run(&rest, type))
        return false;
    c->text[0] = '\0';
    return true;
}

static bool check_places(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    if (!type->first && !type->last && !type->middle_in)
        return refuse(c, "a stage by place needs first, last or middle_in");
    if (type->middle_out && !type->middle_in)
        return refuse(c, "middle_out needs middle_in");
    if (type->step || type->run || type->lanes || type->plan || type->open || type->close ||
        type->alarm || type->watch || type->stop || type->prepare || type->commit || type->revert ||
        type->frame_holds || type->recognise || type->suffixes)
        return refuse(c, "a stage by place has no functions, lanes or suffixes of its own: they "
                         "belong to first, last, middle_in and middle_out");
    if (type->nature != 0 || type->framing != 0 || type->flags != 0 || type->state_size != 0)
        return refuse(c, "a stage by place has no nature, framing, flags or state_size of its own");
    return check_branches(c, type) && check_one_place(c, "first", type, type->first, LEAT_SOURCE) &&
           check_one_place(c, "last", type, type->last, LEAT_SINK) &&
           check_one_place(c, "middle_in", type, type->middle_in,
                           type->middle_out ? LEAT_SINK : LEAT_TRANSFORM) &&
           check_one_place(c, "middle_out", type, type->middle_out, LEAT_SOURCE);
}

/* --- all -------------------------------------------------------------------------------------- */

/* Are the members that this library does not know zero? */
static bool rest_is_zero(const struct leat_stage_type *type)
{
    const unsigned char *bytes = (const unsigned char *)type;

    for (size_t i = sizeof *type; i < type->size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

int leat_type_check_header(const struct leat_type_check *c, const struct leat_stage_type *type,
                           bool plain)
{
    if (plain && type->abi == 0)
        return 0;
    if (type->abi > LEAT_STAGE_ABI) {
        refuse(c,
               "abi is %u, but this library, version %s, knows up to %u: install the newer library "
               "that the stage was compiled with",
               type->abi, LEAT_VERSION, LEAT_STAGE_ABI);
        return LEAT_EUNSUPPORTED;
    }
    if (type->abi == 0 || type->size < TYPE_SIZE_MIN || type->size > TYPE_SIZE_MAX ||
        type->size % _Alignof(struct leat_stage_type) != 0) {
        refuse(c, "abi is %u and size %zu: begin the type with LEAT_STAGE_INIT", type->abi,
               type->size);
        return LEAT_EUSAGE;
    }
    if (!rest_is_zero(type)) {
        refuse(c,
               "size is %zu, and members after the first %zu bytes are set, which this library, "
               "version %s, does not know: install the newer library that the stage was compiled "
               "with",
               type->size, sizeof *type, LEAT_VERSION);
        return LEAT_EUNSUPPORTED;
    }
    return 0;
}

bool leat_type_is_sound(const struct leat_type_check *c, const struct leat_stage_type *type)
{
    if (!type->name)
        return refuse(c, "the name is missing");
    if (!check_name(c, "name", type->name, strnlen(type->name, LEAT_STAGE_NAME_MAX + 1),
                    type->abi == 0))
        return false;
    if (!check_aliases(c, type) || !check_texts(c, type) || !check_operands(c, type))
        return false;
    if (type->params_size > PARAMS_MAX || type->branch_params_size > PARAMS_MAX)
        return refuse(c, "params_size or branch_params_size is above %zu", PARAMS_MAX);
    return (type->kind == LEAT_BY_PLACE ? check_places(c, type) : check_run(c, type)) &&
           leat_type_options(c, "option", type->options, type->params_size) &&
           leat_type_options(c, "branch option", type->branch_options, type->branch_params_size);
}
