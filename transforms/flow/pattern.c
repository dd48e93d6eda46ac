/* pattern.c - one Perl regular expression, matched against one line at a time.
 *
 * The pattern is compiled to machine code. Matches that need more than the small stack of that code
 * run in the interpreter, with a limit on steps and memory, so that no line can keep a pattern busy
 * for hours.
 */

#include "pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STEPS_MAX 10000000u
#define HEAP_MAX_KIB 16384u

struct leat_pattern {
    struct leat_stage *stage;
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_code *code;
    size_t jit_size; /* charged to the stage; 0: not compiled to machine code */
};

/* During `plan` a stage cannot be charged; then `stage` is NULL. */
static void *get(size_t size, void *stage)
{
    return stage ? leat_alloc(stage, size) : malloc(size);
}

static void put(void *memory, void *stage)
{
    if (stage)
        leat_free(stage, memory);
    else
        free(memory);
}

static int compile(struct leat_pattern *p, const char *text, unsigned flags)
{
    uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    pcre2_compile_context *context = pcre2_compile_context_create(p->general);
    PCRE2_UCHAR message[128];
    PCRE2_SIZE at;
    int error;

    if (!context)
        return LEAT_ENOMEM;
    if (flags & LEAT_PATTERN_LITERAL)
        options = PCRE2_LITERAL; /* allows few other options */
    if (flags & LEAT_PATTERN_IGNORE_CASE)
        options |= PCRE2_CASELESS;
    p->code = pcre2_compile((PCRE2_SPTR)text, strlen(text), options, &error, &at, context);
    pcre2_compile_context_free(context);
    if (p->code)
        return 0;
    if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
        return LEAT_ENOMEM;
    if (pcre2_get_error_message(error, message, sizeof message) < 0)
        message[0] = '\0';
    return leat_fail(p->stage, LEAT_EUSAGE, "the pattern '%s' is wrong at character %zu: %s", text,
                     at + 1, (char *)message);
}

static int ready(struct leat_pattern *p)
{
    size_t size = 0;
    int r;

    p->context = pcre2_match_context_create(p->general);
    p->match = pcre2_match_data_create(1, p->general);
    if (!p->context || !p->match)
        return LEAT_ENOMEM;
    pcre2_set_match_limit(p->context, STEPS_MAX);
    pcre2_set_heap_limit(p->context, HEAP_MAX_KIB);
    if (pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) != 0)
        return 0; /* no JIT on this machine: the interpreter does everything */
    if (pcre2_pattern_info(p->code, PCRE2_INFO_JITSIZE, &size) != 0 || size == 0)
        return 0;
    r = leat_charge(p->stage, size);
    if (r == 0)
        p->jit_size = size;
    return r;
}

static void pattern_free(struct leat_pattern *p, struct leat_stage *charged)
{
    if (!p)
        return;
    if (charged)
        leat_uncharge(charged, p->jit_size);
    pcre2_code_free(p->code);
    pcre2_match_data_free(p->match);
    pcre2_match_context_free(p->context);
    pcre2_general_context_free(p->general);
    put(p, charged);
}

static int pattern_new(struct leat_stage *stage, struct leat_stage *charged, const char *text,
                       unsigned flags, struct leat_pattern **ret_pattern)
{
    struct leat_pattern *p = get(sizeof *p, charged);
    int r = LEAT_ENOMEM;

    if (!p)
        return r;
    *p = (struct leat_pattern){.stage = stage};
    p->general = pcre2_general_context_create(get, put, charged);
    if (p->general)
        r = compile(p, text, flags);
    if (r == 0 && charged)
        r = ready(p);
    if (r < 0) {
        pattern_free(p, charged);
        return r;
    }
    *ret_pattern = p;
    return 0;
}

int leat_pattern_new(struct leat_stage *stage, const char *text, unsigned flags,
                     struct leat_pattern **ret_pattern)
{
    return pattern_new(stage, stage, text, flags, ret_pattern);
}

int leat_pattern_check(struct leat_stage *stage, const char *text, unsigned flags)
{
    struct leat_pattern *p = NULL;
    int r = pattern_new(stage, NULL, text, flags, &p);

    pattern_free(p, NULL);
    return r;
}

void leat_pattern_free(struct leat_pattern *p)
{
    if (p)
        pattern_free(p, p->stage);
}

static int fail_match(struct leat_pattern *p, int r)
{
    if (r == PCRE2_ERROR_NOMEMORY)
        return LEAT_ENOMEM;
    if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT || r == PCRE2_ERROR_HEAPLIMIT ||
        r == PCRE2_ERROR_RECURSELOOP)
        return leat_fail(p->stage, LEAT_ELIMIT,
                         "the pattern needs more than %u steps or %u KiB on one line; avoid "
                         "repetitions inside repetitions",
                         STEPS_MAX, HEAP_MAX_KIB);
    return leat_fail(p->stage, LEAT_EINTERNAL, "PCRE2 failed with %d", r);
}

int leat_pattern_match(struct leat_pattern *p, const uint8_t *data, size_t n)
{
    int r = PCRE2_ERROR_JIT_STACKLIMIT;

    if (p->jit_size > 0)
        r = pcre2_jit_match(p->code, data, n, 0, 0, p->match, p->context);
    if (r == PCRE2_ERROR_JIT_STACKLIMIT)
        r = pcre2_match(p->code, data, n, 0, PCRE2_NO_JIT, p->match, p->context);
    if (r >= 0)
        return 1;
    return r == PCRE2_ERROR_NOMATCH ? 0 : fail_match(p, r);
}
