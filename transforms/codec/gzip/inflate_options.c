/* inflate_options.c - the options that gunzip, unzlib and inflate share. */

#include "inflate_options.h"

const struct leat_option leat_inflate_options[] = {
    {.name = "backend",
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct leat_inflate_params, backend),
     .metavar = "NAME",
     .choices = LEAT_INFLATER_CHOICES,
     .help = "the library to use; for tests"},
    LEAT_EXPANSION_OPTIONS,
    {0},
};

int leat_inflate_plan(struct leat_stage *stage)
{
    if (leat_inflater_available(leat_inflate_backend(stage)))
        return leat_expansion_plan(stage);
    return leat_fail(stage, LEAT_EUNSUPPORTED,
                     "this build has no ISA-L; the package is libisal-dev");
}
