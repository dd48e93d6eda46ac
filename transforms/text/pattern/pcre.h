/* pcre.h - PCRE2 for stages: memory charged to the stage, a limit on the steps of a match, and a stack for compiled
 * code that grows when a line needs it.
 */
#ifndef LEAT_TEXT_PATTERN_PCRE_H
#define LEAT_TEXT_PATTERN_PCRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A limit on the steps of a match at one place, for patterns that no other matcher can take over. */
#define LEAT_PCRE_STEPS_MAX 20000000u

struct leat_pcre {
    struct leat_stage *stage; /* NULL: charge nothing, only check patterns */
    pcre2_general_context *general;
    pcre2_compile_context *compile;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    size_t stack_size;
    const char *why; /* of the last error; NULL: the stage has recorded it */
};

/* leat_pcre_init, _done - contexts for patterns of one stage. `newline` is one of PCRE2_NEWLINE_*.
 *
 * Returns 0 or LEAT_ENOMEM; call _done in any case. */
int leat_pcre_init(struct leat_pcre *pcre, struct leat_stage *stage, uint32_t newline);
void leat_pcre_done(struct leat_pcre *pcre);

/* leat_pcre_get, _put - memory that is charged to the stage, if there is one. */
void *leat_pcre_get(struct leat_stage *stage, size_t size);
void leat_pcre_put(struct leat_stage *stage, void *memory);

/* leat_pcre_compile - compile a pattern of len bytes.
 *
 *   has_place  the text is the user's: tell the place of an error in it, less `skip` bytes before it
 *
 * Returns 0; LEAT_EUSAGE with the problem in ret_why; or LEAT_ENOMEM. */
int leat_pcre_compile(struct leat_pcre *pcre, const char *text, size_t len, uint32_t flags,
                      bool has_place, size_t skip, pcre2_code **ret_code, char *ret_why,
                      size_t why_size);

/* leat_pcre_jit - compile to machine code, where that is possible. Returns 0, or fails the stage. */
int leat_pcre_jit(struct leat_pcre *pcre, pcre2_code *code, bool *ret_compiled);

/* leat_pcre_match - find the next match at or after `from`.
 *
 *   compiled  leat_pcre_jit has compiled the code
 *   flags     0 or PCRE2_NOTEMPTY_ATSTART
 *
 * Returns 1, 0, a limit of PCRE2, which is negative, or an error of leat; then *ret_failed is set. */
int leat_pcre_match(struct leat_pcre *pcre, const pcre2_code *code, bool compiled,
                    const uint8_t *data, size_t len, size_t from, uint32_t flags,
                    pcre2_match_data *match, bool *ret_failed);

/* leat_pcre_fail - the error of leat for one of PCRE2; sets `why`. */
int leat_pcre_fail(struct leat_pcre *pcre, int error);

/* leat_pcre_say - sets `why`; returns `code`. */
int leat_pcre_say(struct leat_pcre *pcre, int code, const char *why);

#endif
