/* suffix.c - the format that the suffix of a file name stands for. */

#include <string.h>

#include "compiler.h"
#include "outcome/warnings.h"

/* Does the name end with one of the type's suffixes, after at least one other character? */
static bool has_suffix(const char *name, const struct leat_stage_type *type)
{
    const char *suffix = type->suffixes ? type->suffixes : "";
    size_t len = strlen(name), n;

    for (; *suffix; suffix += n + (suffix[n] == ' ')) {
        n = strcspn(suffix, " ");
        if (n > 0 && n < len && memcmp(name + len - n, suffix, n) == 0 && name[len - n - 1] != '/')
            return true;
    }
    return false;
}

/* The encoder to which the suffix of the name belongs, if it does not belong to `encoder`; or NULL.
 * */
static const struct leat_stage_type *other_encoder(const struct leat_registry *registry,
                                                   const struct leat_stage_type *encoder,
                                                   const char *name)
{
    if (has_suffix(name, encoder))
        return NULL;
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *type = leat_registry_at(registry, i);

        if (has_suffix(name, type))
            return type;
    }
    return NULL;
}

void leat_compile_suffix(struct leat_compiler *pl, const struct leat_stage_info *sink)
{
    const char *name = leat_compile_output(sink->node);
    const struct leat_stage_type *other = NULL;

    if (pl->encoder && name)
        other = other_encoder(pl->p->registry, pl->encoder, name);
    if (other)
        leat_warn(pl->p, sink, "%s has the suffix of %s, but its content is that of %s", name,
                  other->name, pl->encoder->name);
}
