#!/usr/bin/env bash
# report.sh - the page of --report in a real browser: report.sh LEAT [KEEP-DIR]
#
# Headless Chromium loads a report of a job that went well and of one that failed, at the width of a
# desk and of a phone, light and dark. Nothing may be logged, nothing may be wider than the phone, and
# the two schemes must differ. With KEEP-DIR the pictures stay there. Prints TAP.
set -uo pipefail
leat=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
n=0 failed=0
if ! command -v chromium >/dev/null; then
    "$root/tests/tools/deps.sh" -- chromium >&2
fi
if ! command -v chromium >/dev/null; then
    echo '1..0 # skip chromium is not installed'
    exit 0
fi
dir=${2:-$(mktemp -d)}
mkdir -p "$dir"
cd "$dir" || exit 2
[ -n "${2:-}" ] || trap 'rm -rf "$dir"' EXIT

ok() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n $2"
    else
        echo "not ok $n $2"
        failed=1
    fi
}

browse() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$dir/profile" --allow-file-access-from-files --enable-logging=stderr \
        "$@" 2>log
}

# frame PAGE WIDTH - a page that shows PAGE as wide as a phone and writes how wide it came to be.
frame() {
    cat <<HTML
<!doctype html><body style="margin:0"><iframe id="f" src="$1" style="border:0;width:$2px;height:2000px"
></iframe><p id="width"></p><script>
f.onload = () => { width.textContent = 'width ' + f.contentDocument.documentElement.scrollWidth; };
</script>
HTML
}

yes 'a line of a log' | head -c 20M >big.log
touch '<b>&"x.log'
"$leat" --report=good.html read '<b>&"x.log' big.log : tee [ sha256 : null ] [ gzip -1 : null ] : \
    exec cat : zstd -9 : null >/dev/null
"$leat" --report=failed.html read big.log : gunzip : null >/dev/null 2>&1

for page in good failed; do
    browse --window-size=1280,2000 --screenshot="$page.png" "file://$dir/$page.html"
    ok $? "$page: a desk's width is drawn"
    grep -q CONSOLE log
    ok $((1 - $?)) "$page: the browser has nothing to say"
    browse --window-size=1280,2000 --blink-settings=preferredColorScheme=0 \
        --screenshot="$page-dark.png" "file://$dir/$page.html"
    ! cmp -s "$page.png" "$page-dark.png"
    ok $? "$page: in the dark it looks different"
    frame "$page.html" 390 >frame.html
    browse --window-size=500,2000 --screenshot="$page-phone.png" "file://$dir/frame.html"
    browse --virtual-time-budget=2000 --dump-dom "file://$dir/frame.html" | grep -q '>width 390<'
    ok $? "$page: nothing is wider than a phone"
done
echo "1..$n"
exit "$failed"
