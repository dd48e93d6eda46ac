/* pcre.c - PCRE2 for stages: contexts, compiling, and one match with its limits. */

#include "pcre.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/invariant.h"
#include "regex.h"

#define STACK_MIN ((size_t)256 << 10) /* for compiled code, after 32 KiB of our own stack */
#define STACK_MAX ((size_t)16 << 20)

/* --- memory ----------------------------------------------------------------------------------- */

void *leat_pcre_get(struct leat_stage *stage, size_t size)
{
    return stage ? leat_alloc(stage, size) : calloc(1, size + 1);
}

void leat_pcre_put(struct leat_stage *stage, void *memory)
{
    if (stage)
        leat_free(stage, memory);
    else
        free(memory);
}

static void *get(size_t size, void *stage)
{
    return leat_pcre_get(stage, size);
}

static void put(void *memory, void *stage)
{
    leat_pcre_put(stage, memory);
}

int leat_pcre_init(struct leat_pcre *p, struct leat_stage *stage, uint32_t newline)
{
    *p = (struct leat_pcre){.stage = stage};
    p->general = pcre2_general_context_create(get, put, stage);
    if (!p->general)
        return LEAT_ENOMEM;
    p->compile = pcre2_compile_context_create(p->general);
    p->context = pcre2_match_context_create(p->general);
    if (!p->compile || !p->context)
        return LEAT_ENOMEM;
    pcre2_set_newline(p->compile, newline);
    pcre2_set_parens_nest_limit(p->compile, 4 * LEAT_REGEX_DEPTH_MAX);
    pcre2_set_match_limit(p->context, LEAT_PCRE_STEPS_MAX);
    return 0;
}

void leat_pcre_done(struct leat_pcre *p)
{
    pcre2_jit_stack_free(p->stack);
    pcre2_match_context_free(p->context);
    pcre2_compile_context_free(p->compile);
    pcre2_general_context_free(p->general);
    *p = (struct leat_pcre){.why = p->why};
}

/* --- compiling -------------------------------------------------------------------------------- */

int leat_pcre_compile(struct leat_pcre *p, const char *text, size_t len, uint32_t flags,
                      bool has_place, size_t skip, pcre2_code **ret_code, char *why,
                      size_t why_size)
{
    PCRE2_SIZE at;
    int error;
    PCRE2_UCHAR message[128];

    *ret_code = pcre2_compile((PCRE2_SPTR)text, len, flags, &error, &at, p->compile);
    if (*ret_code)
        return 0;
    if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
        return LEAT_ENOMEM;
    if (pcre2_get_error_message(error, message, sizeof message) < 0)
        snprintf((char *)message, sizeof message, "error %d", error);
    if (error == PCRE2_ERROR_PATTERN_TOO_LARGE)
        snprintf(why, why_size,
                 "too large; give fewer or shorter patterns, or for many fixed strings raise "
                 "--memory");
    else if (has_place)
        snprintf(why, why_size, "%s at character %zu of the pattern", (char *)message,
                 at > skip ? at - skip + 1 : 1);
    else
        snprintf(why, why_size, "%s", (char *)message);
    return LEAT_EUSAGE;
}

/* The size of compiled code is known only after compilation. */
int leat_pcre_jit(struct leat_pcre *p, pcre2_code *code, bool *ret_compiled)
{
    size_t size = 0;

    *ret_compiled = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    if (*ret_compiled && pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size) == 0)
        return leat_charge(p->stage, size);
    return 0;
}

/* --- matching --------------------------------------------------------------------------------- */

int leat_pcre_say(struct leat_pcre *p, int code, const char *why)
{
    p->why = why;
    return code;
}

/* Grows the stack for compiled code. Returns 0, or an error. */
static int grow_stack(struct leat_pcre *p)
{
    size_t size = p->stack_size ? 4 * p->stack_size : STACK_MIN;
    int r;

    if (size > STACK_MAX)
        return leat_pcre_say(p, LEAT_ELIMIT,
                             "the pattern needs too much stack on this line; simplify it");
    pcre2_jit_stack_free(p->stack);
    p->stack = NULL;
    leat_uncharge(p->stage, p->stack_size);
    p->stack_size = 0;
    r = leat_charge(p->stage, size);
    if (r < 0)
        return r;
    p->stack_size = size;
    p->stack = pcre2_jit_stack_create(32768, size, p->general);
    if (!p->stack)
        return LEAT_ENOMEM;
    pcre2_jit_stack_assign(p->context, NULL, p->stack);
    return 0;
}

static bool is_limit(int r)
{
    return r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
           r == PCRE2_ERROR_HEAPLIMIT || r == PCRE2_ERROR_RECURSELOOP;
}

int leat_pcre_fail(struct leat_pcre *p, int error)
{
    if (is_limit(error))
        return leat_pcre_say(p, LEAT_ELIMIT,
                             "the pattern needs too many steps on this line; simplify it, or avoid "
                             "repetitions inside repetitions");
    if (error == PCRE2_ERROR_NOMEMORY)
        return LEAT_ENOMEM;
    return leat_pcre_say(p, LEAT_EINTERNAL, "PCRE2 failed unexpectedly");
}

int leat_pcre_match(struct leat_pcre *p, const pcre2_code *code, bool compiled, const uint8_t *data,
                    size_t len, size_t from, uint32_t flags, pcre2_match_data *match,
                    bool *ret_failed)
{
    leat_assert(from <= len);
    for (;;) {
        int r = compiled ? pcre2_jit_match(code, data, len, from, flags, match, p->context)
                         : pcre2_match(code, data, len, from, flags, match, p->context);

        if (r >= 0)
            return 1;
        if (r == PCRE2_ERROR_NOMATCH)
            return 0;
        if (is_limit(r))
            return r;
        r = r == PCRE2_ERROR_JIT_STACKLIMIT ? grow_stack(p) : leat_pcre_fail(p, r);
        if (r < 0) {
            *ret_failed = true;
            return r;
        }
    }
}
