#!/usr/bin/env bash
# headers.sh - the public headers and their macros compile as C11 and as C++17, without a warning.
# check: light
. "$(dirname "$0")/tap.bash"

# Every macro with arguments stands here once; `seen` complains of one that does not.
program() {
    cat <<'C'
#include "leat.h"
#include "stage.h"
#include "check.h"
#include <stddef.h>
struct own_params { struct leat_file_options file; };
extern const struct leat_option own_options[];
const struct leat_option own_options[] = {
    LEAT_FILE_OPTIONS(offsetof(struct own_params, file)),
    LEAT_FILE_FLAG(offsetof(struct own_params, file), direct, "past-cache", 0, "write past the cache"),
    {NULL, 0, LEAT_OPT_FLAG, 0, NULL, 0, 0, 0, 0, NULL, NULL, false, NULL},
};
#ifndef __cplusplus
extern const struct leat_stage_type leat_stage_own, acme_own;
const struct leat_stage_type acme_own = {LEAT_STAGE_INIT, .name = "acme.own"};
LEAT_STAGE_MISSING(own, "own", "a stage that this build lacks", "libown-dev");
#endif
unsigned own_abi(void);
unsigned own_abi(void)
{
    struct leat_stage_type type = leat_stage_type_init();
    type.name = "acme.own";
    return type.abi == LEAT_STAGE_ABI && type.size == sizeof type && !type.step;
}
extern const struct leat_stage_type *const own_types[];
const struct leat_stage_type *const own_types[] = {NULL};
LEAT_PLUGIN(own_types);
int own_sizes(void);
int own_sizes(void)
{
    static struct leat_settings settings = LEAT_INIT(leat_settings);
    const struct leat_error error = LEAT_INIT(leat_error);
    struct leat_context_settings context = LEAT_INIT(leat_context_settings);
    struct leat_end_settings end = LEAT_INIT(leat_end_settings);
    struct leat_stats stats = LEAT_INIT(leat_stats);
    struct leat_stage_stats stage = LEAT_INIT(leat_stage_stats);
    struct leat_link_stats link = LEAT_INIT(leat_link_stats);
    struct leat_bottleneck bottleneck = LEAT_INIT(leat_bottleneck);
    return settings.size == sizeof settings && error.size == sizeof error && context.size == sizeof context &&
           end.size == sizeof end && stats.size == sizeof stats && stage.size == sizeof stage &&
           link.size == sizeof link && bottleneck.size == sizeof bottleneck;
}
int own_puts(const char *text);
struct own_library { LEAT_LOADED_MEMBER(own_puts) };
const char *const *own_names(void);
const char *const *own_names(void)
{
    static const char *const names[] = {LEAT_LOADED_NAME(own_puts) NULL};
    return names;
}
void own_say(const char *format, ...) LEAT_PRINTF(1, 2);
#define AS_CASE(name, code, status, text) case code: return status;
int own_status(int code);
int own_status(int code)
{
    switch (code) {
        LEAT_ERRORS(AS_CASE)
    default: return (int)LEAT_LANE_EDGES(LEAT_CHUNK_MAX) != 0;
    }
}
C
}
macros() {
    sed -nE 's/^#define (LEAT_[A-Z_]+)\(.*/\1/p' streams/leat.h streams/stage.h
}
seen() {
    local macro
    while read -r macro; do
        program | grep -q "\<$macro(" || echo "$macro is not used in $0"
    done < <(macros)
}

flags=(-Istreams -Wall -Wextra -Wpedantic -Werror -fsyntax-only)
tap 'every macro of the public headers is tried' "$(seen)"
tap 'the public headers are C11' "$(program | "${CC:-gcc}" -std=c11 "${flags[@]}" -x c - 2>&1)"
# with COMPILER LANGUAGE STANDARD - a case, or a skip if the compiler is not there.
with() {
    if command -v "$1" >/dev/null; then
        tap "the public headers are $3 to $1" "$(program | "$1" -std="$3" "${flags[@]}" -x "$2" - 2>&1)"
    else
        tap_number=$((tap_number + 1))
        echo "ok $tap_number the public headers are $3 to $1 # SKIP $1 is not installed"
    fi
}
with g++ c++ c++17
with g++ c++ c++20
with clang c c11
with clang++ c++ c++17
tap_done
