#!/usr/bin/env bats
# report.bats - --report: the page is sound, says what it must, and is written when all else failed.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
}

# sound FILE - well-formed, self-contained, and every reference within it leads somewhere.
sound() {
    python3 - "$1" <<'PY'
import html.parser, re, sys

class Page(html.parser.HTMLParser):
    void = {"meta", "rect", "path", "br", "img"}
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.refs, self.text, self.tags = [], [], [], [], []
    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.refs.append(value)
        if tag not in self.void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)
    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)

source = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(source)
page.close()
assert page.open == [], page.open
assert not {"script", "img", "link", "iframe", "object"} & set(page.tags), set(page.tags)
assert "://" not in source and "url(" not in source and "@import" not in source
assert all(ref.startswith("#") and ref[1:] in page.ids for ref in page.refs), page.refs
assert len(page.ids) == len(set(page.ids))
assert "default-src 'none'" in source and "prefers-color-scheme" in source
assert page.tags.count("svg") == source.count('role="img" aria-label="')
print(re.sub(r"\s+", " ", "".join(page.text)))
PY
}

@test "the report of a job that went well" {
    needs python3
    leat --report=r.html read log : tee [ sha256 : null ] [ exec cat : null ] : gzip : write out.gz
    gzip -dc out.gz | cmp - log
    run -0 sound r.html
    has 'leat report'
    has succeeded
    has 'Bottleneck: '
    has 'read log | tee [ sha256 | null ] [ exec cat | null ] | gzip | write out.gz'
    has '#7 gzip'
    has 'tee, branch 2'
    has 'through the child process'
    [[ $output != *'went wrong'* ]]
    only log out.gz r.html
}

@test "a job that fails has its report, with the error in it" {
    needs python3
    run -3 leat --report=r.html read log : gunzip : write out
    run -0 sound r.html
    has failed
    has 'gunzip (#2): '
    has 'ECORRUPT; exit status 3'
    run -1 leat --report=r.html read nothing-there : write out
    run -0 sound r.html
    has nothing-there
    only log r.html
}

@test "a job that is interrupted has its report" {
    needs python3
    mkfifo feed
    exec 9<>feed
    "$LEAT" --report=r.html read feed : write out 9>&- &
    pid=$!
    wait_for settled "$pid"
    kill -TERM "$pid"
    wait_for gone "$pid"
    exec 9>&-
    run -0 sound r.html
    has 'stopped by SIGTERM'
}

@test "names that are made to break a page do not" {
    needs python3
    local name=$'<script>alert(1)<\x2fscript>&"\'\xff\x1b[31m\n.log'
    name=${name//\//}
    cp log "$name"
    leat --report=r.html read "$name" : exec sh -c 'cat # </title></style><img src=x onerror=alert(1)>' : null
    run -0 sound r.html
    has '<script>alert(1)<script>&'
    has 'onerror=alert(1)'
    [ "$(grep -c $'\x1b' r.html)" = 0 ]
}

@test "a report replaces a report and nothing else" {
    echo precious >r.html
    run -1 leat --report=r.html read log : null
    has 'something else'
    [ "$(cat r.html)" = precious ]
    run -0 leat --force --report=r.html read log : null
    run -0 leat --report=r.html read log : null
    : >r.html
    run -0 leat --report=r.html read log : null
    run -0 leat --report=/dev/null read log : null
    [ -c /dev/null ]
}

@test "a report or trace that cannot be written is known before the job begins" {
    mkdir dir
    for option in --report --trace; do
        run -1 leat $option=no/such/r read log : write out
        has "leat: $option=no/such/r: No such file or directory"
        run -1 leat $option=dir read log : write out
        has "leat: $option=dir: Is a directory"
        only dir log
    done
    run -1 leat --report=/dev/full read log : null
    has 'leat: --report=/dev/full: No space left on device'
    run -0 leat --trace=- read log : null
    has '"traceEvents"'
    only dir log
}
