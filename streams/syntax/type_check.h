/* type_check.h - check a stage type that a program adds: can the engine run it? */
#ifndef LEAT_SYNTAX_TYPE_CHECK_H
#define LEAT_SYNTAX_TYPE_CHECK_H

#include "stage.h"

#define LEAT_STAGE_NAME_MAX 31u /* bytes of a stage's name or alias */

/* leat_type_is_sound - is the type valid? If not, `text` gets the reason, else it is not changed.
 * The caller checks whether its name and aliases are taken. */
bool leat_type_is_sound(const struct leat_stage_type *type, char *text, size_t size);

#endif
