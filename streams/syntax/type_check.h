/* type_check.h - is a stage type that a program adds one that the engine can run? */
#ifndef LEAT_TYPE_CHECK_H
#define LEAT_TYPE_CHECK_H

#include "stage.h"

#define LEAT_STAGE_NAME_MAX 31u /* bytes of a stage's name or alias */

/* leat_type_is_sound - whether its name and aliases are taken is the caller's to look up. `text` says
 * what is wrong; it is untouched if nothing is. */
bool leat_type_is_sound(const struct leat_stage_type *type, char *text, size_t size);

#endif
