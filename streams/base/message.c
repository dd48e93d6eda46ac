/* message.c - texts of errors: formatting, quoting, "did you mean". */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "show.h"
#include "sized.h"

/* --- error texts ------------------------------------------------------------------------------ */

int leat_error_set(struct leat_error *ret_error, int code, const char *format, ...)
{
    va_list ap;

    if (!ret_error)
        return code;
    *ret_error = (struct leat_error){.size = sizeof *ret_error, .code = code};
    va_start(ap, format);
    leat_show_v(ret_error->text, sizeof ret_error->text, format, ap);
    va_end(ap);
    return code;
}

int leat_error_give(struct leat_error *given, const struct leat_error *error)
{
    if (given && leat_sized_out(given, error, sizeof *error) < 0)
        return LEAT_EUSAGE;
    return error->code;
}

void leat_error_add(struct leat_error *ret_error, const char *format, ...)
{
    size_t n;
    va_list ap;

    if (!ret_error)
        return;
    n = strlen(ret_error->text);
    va_start(ap, format);
    leat_show_v(ret_error->text + n, sizeof ret_error->text - n, format, ap);
    va_end(ap);
}

struct leat_shown leat_shown(const char *word)
{
    struct leat_shown s = {.text = ""};

    (void)leat_show(word, s.text, sizeof s.text);
    return s;
}

/* --- did you mean ----------------------------------------------------------------------------- */

#define NEAR_WORD_MAX 48u

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Edit distance of two words: insertions, deletions, replacements and swapped neighbours. */
static size_t edits(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][NEAR_WORD_MAX + 1];

    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *upup = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = least(up[j] + 1, row[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                upup[j - 2] + 1 < row[j])
                row[j] = upup[j - 2] + 1;
        }
    }
    return rows[n_a % 3][n_b];
}

void leat_near_init(struct leat_near *near, const char *word)
{
    *near = (struct leat_near){.word = word};
    near->distance = strlen(word) < 3 ? 0 : strlen(word) < 6 ? 2 : strlen(word) / 3 + 1;
}

void leat_near_offer(struct leat_near *near, const char *candidate, size_t len)
{
    size_t n = strlen(near->word), d;

    if (n == 0 || n > NEAR_WORD_MAX || len > NEAR_WORD_MAX)
        return;
    d = edits(near->word, n, candidate, len);
    if (n >= 3 && n < len && memcmp(near->word, candidate, n) == 0)
        d = 1;
    if (d < near->distance) {
        near->distance = d;
        near->best = candidate;
        near->best_len = len;
    }
}
