# tap.bash - for the scripts of tests/lint: collect complaints, print one TAP line a rule.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
shopt -s nullglob
tap_number=0
tap_failed=0

# tap NAME COMPLAINTS - ok if there are none; otherwise shows them.
tap() {
    tap_number=$((tap_number + 1))
    if [ -z "$2" ]; then
        echo "ok $tap_number $1"
    else
        printf '# %s\n' "${2//$'\n'/$'\n'# }"
        echo "not ok $tap_number $1"
        tap_failed=1
    fi
}

# tap_needs PROGRAM - end as skipped if it is not installed.
tap_needs() {
    command -v "$1" >/dev/null && return
    echo "ok 1 $(basename "$0") # SKIP $1 is not installed"
    exit 0
}

tap_done() {
    echo "1..$tap_number"
    exit "$tap_failed"
}
