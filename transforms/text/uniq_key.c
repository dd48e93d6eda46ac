/* uniq_key.c - the part of a line that uniq compares: fields are skipped by masks of blanks. */

#include "uniq_key.h"

#include "base/invariant.h"
#include "masks.h"

#define TARGET
#define MASK leat_mask_plain
#define NTH leat_mask_nth_plain
#define FORM(name) name##_plain
#include "blanks_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM

#if defined(LEAT_MASKS_TARGET)
#define TARGET LEAT_MASKS_TARGET
#define MASK leat_mask_fast
#define NTH leat_mask_nth_fast
#define FORM(name) name##_fast
#include "blanks_form.inc"
#undef TARGET
#undef MASK
#undef NTH
#undef FORM
#endif

const uint8_t *leat_uniq_skip(const uint8_t *at, const uint8_t *end, uint64_t n, bool fast)
{
    leat_assert(n > 0);
    leat_assert(at <= end);
#if defined(LEAT_MASKS_TARGET)
    if (fast)
        return skip_fields_fast(at, end, n);
#endif
    (void)fast;
    return skip_fields_plain(at, end, n);
}
