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

mkdir in
for i in $(seq 250); do echo "$i" | gzip >"in/$i.gz"; done
echo bad >"in/<b>a-rather-long-name-of-a-file-without-any-place-to-break-it-$(printf '%0100d' 0).gz"
"$leat" each --report=each.html 'in/*.gz' -- gunzip : write '{.}' >/dev/null 2>&1

for page in good failed each; do
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
# many ROWS - a page that has the page of `each` with so many rows, uses it, and writes what it sees.
many() {
    python3 - "$1" <<'PY'
import json, re, sys
page = open("each.html", encoding="utf-8").read()
n = int(sys.argv[1])
rows = [[f"in/{i}.gz", "failed" if i % 1000 == 7 else "done", i, 2 * i, i / 1e3]
        + (["gunzip", f"corrupt {i}"] if i % 1000 == 7 else []) for i in range(n)]
page = re.sub(r'(type="application/json">).*?</script>', lambda m: m[1] + json.dumps({"rows": rows}) + "</script>",
              page, flags=re.S)
use = """<p id="seen"></p><script>
const rows = () => document.querySelectorAll('#inputs tbody tr'), at = performance.now(), seen = [];
const first = () => rows()[0].firstChild.textContent;
const press = key => document.querySelector('[data-key=' + key + ']').click();
seen.push(rows().length < 1000, first(), document.getElementById('count').textContent);
press('in'); seen.push(first());
press('in'); seen.push(first());
filter.value = 'CORRUPT 1007'; filter.dispatchEvent(new Event('input'));
requestAnimationFrame(() => requestAnimationFrame(() => {
    seen.push(rows().length, first());
    seen.push(performance.now() - at < 20000);
    document.getElementById('seen').textContent = 'seen ' + seen.join(' ');
}));
</script>"""
open("many.html", "w", encoding="utf-8").write(page.replace("</body>", use + "</body>"))
PY
}

many 100000
browse --virtual-time-budget=5000 --dump-dom "file://$dir/many.html" >dom
grep -oE '>seen [^<]*' dom | sed 's/^/# /'
grep -q ">seen true in/10007.gz 100,000 of 100,000 in/99999.gz in/0.gz 1 in/1007.gz true<" dom
ok $? "each: a table of 100,000 rows is sorted and searched, and only rows that are in view are made"
echo "1..$n"
exit "$failed"
