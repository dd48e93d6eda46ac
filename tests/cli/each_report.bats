#!/usr/bin/env bats
# each_report.bats - leat each --report: the page is well-formed, has all inputs, and no text of them is HTML.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in
    for i in 1 2 3; do seq "$((i * 100))" | gzip >"in/f$i.gz"; done
}

# page FILE - check the page, and print its summary and its rows, one a line.
page() {
    python3 - "$1" <<'PY'
import html.parser, json, re, sys

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.data, self.text, self.ids = [], [], "", "", []
    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs), (tag, attrs)
        if tag not in ("meta", "input"):
            self.open.append((tag, dict(attrs)))
    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, (tag, self.open)
    def handle_data(self, data):
        tag, attrs = self.open[-1] if self.open else ("", {})
        if tag == "script" and attrs.get("id") == "data":
            self.data += data
        elif tag not in ("style", "script"):
            self.text += data

source = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(source)
page.close()
assert page.open == [], page.open
assert page.tags.count("script") == 2 and not {"img", "link", "iframe", "object"} & set(page.tags)
assert len(page.ids) == len(set(page.ids))
assert "://" not in source and "url(" not in source and "@import" not in source and "innerHTML" not in source
assert "default-src 'none'" in source
used = re.findall(r"getElementById\('(\w+)'\)", source)
assert used and all(name in page.ids for name in used), used
print(re.sub(r"\s+", " ", page.text))
for row in sorted(json.loads(page.data)["rows"]):
    row[4] = row[4] is not None and row[4] >= 0
    print(json.dumps(row, ensure_ascii=False))
PY
}

@test "the page has a summary and a row for each input" {
    needs python3
    head -c 30 in/f3.gz >in/cut.gz
    run -8 leat each 'in/*.gz' --report=r.html -- gunzip : write '{.}'
    run -0 page r.html
    has 'leat each some failed'
    has 'read -- {} | gunzip | write {.}'
    has 'Inputs4 Done3 Failed1'
    has "[\"in/f1.gz\", \"done\", $(stat -c %s in/f1.gz), 292, true]"
    has '["in/cut.gz", "failed", 30, null, true, "gunzip", "'
    run -0 leat each 'in/f*.gz' --force --report=r.html -- gunzip : write '{.}'
    run -0 page r.html
    has 'leat each succeeded'
}

@test "no text of an input is a part of the page" {
    needs python3
    local bad=$'in/</script><script>alert(1)<!-- "\' &amp; \\ \xff\n.gz'
    mkdir -p "$(dirname "$bad")"
    echo bad >"$bad"
    run -3 leat each -r in/'<' --report=r.html -- gunzip : write '{.}'
    run -0 page r.html
    has '["in/</script><script>alert(1)<!-- \"'"'"' &amp; \\ �\n.gz", "failed", 4, null, true, "gunzip", "not in gzip format'
    run ! grep -E '<script>alert|</script><' r.html
}

@test "inputs that were not begun, and the rest of a batch that a signal stops, are rows" {
    needs python3
    echo bad >in/a.gz
    run -8 leat each 'in/*.gz' --on-error=stop-new --jobs=1 --order=name --report=r.html -- gunzip : write '{.}'
    run -0 page r.html
    has '["in/f3.gz", "not done",'
    has 'Failed1 Not done3'
    mkfifo held
    exec 9<>held
    "$LEAT" each 'in/f*.gz' --journal=j --jobs=1 --report=r.html --force -- read '{}' held : write '{.}' &
    wait_for grep -q begin j
    kill -TERM "$!"
    status=0
    wait "$!" || status=$?
    is 143
    run -0 page r.html
    has 'leat each stopped'
    has '["in/f1.gz", "not done",'
    has '["in/f3.gz", "not done",'
}

@test "a file that is no report is not replaced" {
    echo mine >r.html
    run leat each 'in/*.gz' --report=r.html -- gunzip : write '{.}'
    [ "$status" != 0 ]
    has r.html
    [ "$(cat r.html)" = mine ]
    only in in/f1.gz in/f2.gz in/f3.gz r.html
}

@test "the page is written in a sandbox, and other options of a single run are refused" {
    needs python3
    run -0 leat each 'in/*.gz' --report=r.html -- gunzip : write '{.}'
    run -0 page r.html
    run -2 leat each 'in/*.gz' --report=r.html --trace=t -- gunzip : write '{.}'
    has 'no option --trace'
}

@test "the script of the page is valid" {
    command -v node >/dev/null || skip 'node is not installed'
    leat each 'in/*.gz' --report=r.html -- gunzip : write '{.}'
    sed -n '/^<script>$/,/^<\/script>$/p' r.html | sed '1d;$d' >r.js
    [ -s r.js ]
    node --check r.js
}
