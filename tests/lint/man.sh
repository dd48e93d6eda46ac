#!/usr/bin/env bash
# man.sh - mandoc finds nothing to warn of in the manual pages, the generated one included.
. "$(dirname "$0")/tap.bash"
tap_needs mandoc

for page in man/*.[1-8] "${BUILD:-build}"/man/*.[1-8]; do
    tap "mandoc $(basename "$page")" "$(mandoc -Tlint -Wwarning "$page" 2>&1 |
        grep -vE 'outdated mandoc.db|referenced manual not found|legacy man')"
done
tap_done
