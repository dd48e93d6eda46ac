/* sed_script.h - reads s/RE/TEXT/flags as GNU sed does. */
#ifndef LEAT_TEXT_SED_SCRIPT_H
#define LEAT_TEXT_SED_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_sed_script {
    char *pattern; /* the caller's room of strlen(script) + 1 bytes; it may contain NUL */
    size_t pattern_len;
    const char *text; /* between the second and the third delimiter */
    size_t text_len;
    char delimiter;
    bool all, fold;  /* g, I */
    uint64_t number; /* N; 0: none */
};

/* leat_sed_script - read a script. Returns 0, or LEAT_EUSAGE with the problem in ret_why. */
int leat_sed_script(const char *script, struct leat_sed_script *ret, char *ret_why,
                    size_t why_size);

/* leat_sed_escape - read what \t \xHH \oNNN \dNNN \cX and so on mean, from after the backslash. Returns how many
 * characters that takes; 0: it is none of these. */
size_t leat_sed_escape(const char *at, const char *end, uint8_t *ret_byte);

#endif
