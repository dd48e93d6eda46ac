/* type_check.h - check a stage type that a program adds: can the engine run it? */
#ifndef LEAT_SYNTAX_TYPE_CHECK_H
#define LEAT_SYNTAX_TYPE_CHECK_H

#include "stage.h"

#define LEAT_STAGE_NAME_MAX 63u /* bytes of a stage's name or alias */
#define LEAT_TYPE_PARTS 4u      /* of a stage by place: first, last, middle_in, middle_out */

/* The place for the reason of a refusal. */
struct leat_type_check {
    char *text;
    size_t size;
};

/* check_text.c:
 *
 * leat_type_refuse - set the reason. Returns false. */
bool leat_type_refuse(const struct leat_type_check *check, const char *format, ...)
    LEAT_PRINTF(2, 3);
/* leat_type_text - is it NULL, or text for a person: 1 to `most` bytes, nothing that needs an escape?
 * `what` is the member, for the reason. */
bool leat_type_text(const struct leat_type_check *check, const char *what, const char *text,
                    size_t most, bool many_lines);
/* leat_type_name - letters, digits, '-', '_', '.' or '+', not beginning with '-', 1 to `most` bytes? */
bool leat_type_name(const char *name, size_t n, size_t most);

/* leat_type_check_header - check abi and size, before any other member is read.
 *
 *   plain  abi 0 is a type compiled with the library
 *
 * Returns 0; LEAT_EUNSUPPORTED: it is newer than the library; LEAT_EUSAGE. */
int leat_type_check_header(const struct leat_type_check *check, const struct leat_stage_type *type,
                           bool plain);
/* leat_type_is_sound - check all other members. The type has all the members of this library. The
 * caller checks whether its name and aliases are taken. */
bool leat_type_is_sound(const struct leat_type_check *check, const struct leat_stage_type *type);
/* option_check.c: a table of options, named `what`, against the size of its params. */
bool leat_type_options(const struct leat_type_check *check, const char *what,
                       const struct leat_option *options, size_t params_size);

#endif
