#!/usr/bin/env bats
# report.bats - --report: the page is valid and complete, and is written when the run failed.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
}

# sound FILE - the page is well-formed and self-contained, and every internal reference has a target.
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

@test "the report of a successful job" {
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
    [[ $output != *'exit status'* ]]
    only log out.gz r.html
}

@test "the report counts the output of a tee once" {
    needs python3
    leat --report=r.html read log : tee [ sha256 : null ] [ count -l : null ] : write out
    run -0 sound r.html
    python3 - r.html <<'PY'
import re, sys
row = re.search(r"<tr>(?:(?!</tr>).)*\btee\b.*?</tr>", open(sys.argv[1]).read(), re.S).group(0)
cells = [re.sub(r"<[^>]*>", "", c) for c in re.findall(r"<td.*?</td>", row, re.S)]
assert "1" in cells and "3" not in cells, cells
PY
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

@test "hostile names do not break the page" {
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
    has 'other content'
    [ "$(cat r.html)" = precious ]
    run -0 leat --force --report=r.html read log : null
    run -0 leat --report=r.html read log : null
    : >r.html
    run -0 leat --report=r.html read log : null
    run -0 leat --report=/dev/null read log : null
    [ -c /dev/null ]
}

@test "a report or trace that cannot be written is an error before the job begins" {
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

@test "a report or trace for a FIFO without a reader is an error, and the outputs stay" {
    mkfifo pipe
    for option in --report --trace; do
        run -1 leat --force $option=pipe read log : write out
        [ "$output" = "leat: $option=pipe: it has no reader" ]
        same log out
    done
    # The test opens the FIFO for reading first, so there is always a reader in time.
    exec 9<>pipe
    leat --report=pipe read log : null
    [ "$(head -n 1 <&9)" = "$(leat --report=- read log : null | head -n 1)" ]
    exec 9<&-
    only log out pipe
}

@test "a report or trace does not replace a file that another process created meanwhile" {
    for force in '' --force; do
        for option in --report --trace; do
            run -1 leat $force $option=out read log : exec sh -c 'cat >out' : null
            has "leat: $option=out: another file has got this name meanwhile, and is kept"
            same log out
            rm out
        done
    done
    only log
}

@test "the file of a report, a trace or a log is no output" {
    mkdir dir
    ln -s ../r dir/link
    for option in --report --trace --log=json; do
        local file=${option/=json/=json:}
        [ "$option" = --log=json ] || file=$option=
        for job in 'write r' 'write --force ./dir/../r' 'write -a r' 'write --force dir/link' \
            'sha256 --to=r : null'; do
            # shellcheck disable=SC2086 # the words of a job
            run -2 leat --force "${file}r" read log : $job
            has ": is the file of $option, too"
            rm -f r
        done
        run -2 leat --force --sums=r "${file}r" read log : sha256 : write out
        has "r: is the file of $option, too"
        rm -f r
        # shellcheck disable=SC2094 # on purpose
        run -2 bash -c '"$LEAT" --force "$1" read log >>r' _ "${file}r"
        has "standard output: is the file of $option, too"
        rm -f r
        [ ! -e out ]
    done
    only dir dir/link log
}

@test "the file of a report, a trace or a log is no input" {
    leat --report=page --trace=trace --log=json:events read log : null
    cp page page.old
    run -2 leat --report=page read page : write out
    has 'page: is the file of --report, too'
    same page.old page
    run -2 leat --trace=trace concat [ read log ] [ read trace ] : write out
    has 'trace: is the file of --trace, too'
    run -2 leat --log=json:events read events : write out
    has 'events: is the file of --log=json, too'
    run -2 leat --log=json:events read log : sha256 --check=events : write out
    has 'events: is the file of --log=json, too'
    cp log in
    run -2 leat --force --report=in read in : write out
    same log in
    [ ! -e out ]
}

@test "a log is not appended to a file of another kind" {
    cp log in
    for job in 'read in : write out' 'read log : write --append in'; do
        # shellcheck disable=SC2086 # the words of a job
        run -1 leat --log=json:in $job
        has '--log=json:in: the file exists and is not a log; --force appends to it'
        same log in
    done
    : >empty
    leat --log=json:empty read log : null
    leat --log=json:empty read log : null
    [ "$(grep -c '"event":"finished"' empty)" -eq 2 ]
    leat --force --log=json:in read log : null
    grep -q '"event":"finished"' in
}

@test "a side output does not replace an input" {
    cp log in
    run -2 leat --force read in : count --to=in : null
    has 'in: is the file of count, too'
    run -2 leat --force --sums=in read in : sha256 : write out
    has 'in: is the file of --sums, too'
    run -2 leat --force read log in : count --to=in : null
    has 'in: is the file of count, too'
    same log in
    [ ! -e out ]
    leat --force read in : count --to=n : write in
    same log in
}

@test "two files about a run cannot be the same file, whatever the names" {
    mkdir dir
    ln -s ../r dir/link
    run -2 leat --force --report=r --trace=./dir/../r read log : write out
    has './dir/../r: --trace and another option name this file'
    run -2 leat --report=r --trace=dir/link read log : write out
    run -2 leat --report=r --log=json:dir/link read log : write out
    has 'dir/link: --log=json and another option name this file'
    run -2 leat --trace=r --log=json:r read log : write out
    rm -f r
    only dir dir/link log
}

@test "a report or trace with the longest name that the file system allows" {
    local longest
    longest=$(printf 'r%.0s' {1..255})
    for option in --report --trace; do
        run -0 leat $option="$longest" read log : write out
        run -0 leat $option="$longest" read log : null # replaces the first one
        only log out "$longest"
        rm out "$longest"
        run -1 leat $option="r$longest" read log : write out # an error before the job begins
        has 'File name too long'
        only log
    done
}

@test "a report or trace follows symbolic links, also to a missing file" {
    mkdir dir
    for option in --report --trace; do
        ln -s dir/link r
        ln -s real dir/link
        run -0 leat $option=r read log : null
        run -0 leat $option=r read log : null
        [ "$(readlink r) $(readlink dir/link)" = 'dir/link real' ]
        [ "$(stat -c %F dir/real)" = 'regular file' ]
        rm r dir/*
    done
    leat --report=/dev/stdout read log : null >r
    sound r
    echo before >r
    leat --report=/dev/fd/3 read log : null 3>>r
    [ "$(head -n 1 r)" = before ]
    [ "$(sed 1d r | head -n 1)" = '<!doctype html><!-- leat report -->' ]
    [ -L /dev/stdout ]
    run -1 leat --report=/dev/fd/3 read log : write out 3<r
    has 'Bad file descriptor'
    only dir log r
}

@test "a replaced report keeps its mode, and its directory can be renamed meanwhile" {
    mkdir dir
    for option in --report --trace; do
        leat $option=dir/r read log : null
        chmod 600 dir/r
        leat $option=dir/r read log : null
        [ "$(stat -c %a dir/r)" = 600 ]
        leat $option=dir/r read log : exec sh -c 'mv dir moved; cat' : null
        [ "$(stat -c %a moved/r)" = 600 ]
        only log moved moved/r
        mv moved dir
        rm dir/r
    done
}

# figures FILE STATS - the figures of the page equal those of --stats=json of the same run, and its drawings
# are valid: XML, all elements inside the frame, no overlaps.
figures() {
    python3 - "$1" "$2" <<'PY'
import html, json, re, sys
import xml.etree.ElementTree as xml

page = open(sys.argv[1], encoding="utf-8").read()
stats = json.loads([line for line in open(sys.argv[2]) if '"type":"stats"' in line][0])
stages, links = stats["stages"], stats["links"]
drawings = [xml.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]
graph, charts = drawings[0], drawings[1:]

def human(n):
    units, value = ["B", "KiB", "MiB", "GiB"], float(n)
    while value >= 999.5:
        units, value = units[1:], value / 1024
    decimals = 0 if units[0] == "B" or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{decimals}f} {units[0]}"

def near(text, value):
    """A rounded figure; those in the statistics are rounded, too."""
    assert abs(float(text) - value) <= 1, (text, value)

def rows(heading):
    table = re.search(rf'<h2 id="{heading}">.*?<tbody>(.*?)</tbody>', page, re.S).group(1)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return [[html.unescape(cell).replace("\xa0", " ") for cell in row] for row in cells]

def of_time(stage, key):
    return min(100, 100 * stage[key] / (stats["elapsed_s"] * max(1, stage["workers"])))

def name(stage):
    return f"#{stage['number']} {stage['name']}"

# The tables.
assert len(rows("stages")) == len(stages) > 3
for row, stage in zip(rows("stages"), stages):
    assert row[:4] == [name(stage), str(stage["workers"]), human(stage["bytes_in"]),
                       human(stage["bytes_out"])], (row, stage)
    if stage["bytes_in"] and stage["bytes_out"]:
        assert abs(float(row[4]) / (stage["bytes_out"] / stage["bytes_in"]) - 1) < 0.01, (row, stage)
    for text, key in zip(row[6:9], ("busy_s", "wait_in_s", "wait_out_s")):
        near(text.split()[0], of_time(stage, key))
assert len(rows("flows")) == len(links) >= len(stages) - 1
for row, link in zip(rows("flows"), links):
    assert row[0].startswith(name(stages[link["from"]])), (row, link)
    assert row[1].startswith(name(stages[link["to"]])), (row, link)
    assert row[0].endswith(f", branch {link['port']}") == (link["port"] > 0), (row, link)
    if row[2] == "through the child process":
        continue
    assert row[2] == human(link["bytes"]), (row, link)
    assert (row[3] == human(link["capacity"])) == (link["capacity"] > 0), (row, link)
    assert row[4] == (str(link['full']) if link["capacity"] else ""), (row, link)

# The graph: a box for each stage, without overlaps and inside the frame; a line for each flow, from box to box.
width, height = map(float, graph.get("viewBox").split()[2:])
boxes = [{key: float(rect.get(key)) for key in ("x", "y", "width", "height")}
         for rect in graph.iter("rect") if "box" in rect.get("class").split()]
assert len(boxes) == len(stages)
for box in boxes:
    assert 0 <= box["x"] and box["x"] + box["width"] <= width, (box, width)
    assert 0 <= box["y"] and box["y"] + box["height"] <= height, (box, height)
for i, a in enumerate(boxes):
    for b in boxes[:i]:
        assert abs(a["x"] - b["x"]) >= a["width"] or abs(a["y"] - b["y"]) >= a["height"], (a, b)
paths = [path for path in graph.iter("path") if "flow" in path.get("class").split()]
assert len(paths) == len(links)
most = max(link["bytes"] for link in links)
for path, link in zip(paths, links):
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
    start, end = boxes[link["from"]], boxes[link["to"]]
    assert numbers[:2] == [start["x"] + start["width"] / 2, start["y"] + start["height"]], path.get("d")
    assert numbers[-2:] == [end["x"] + end["width"] / 2, end["y"]], path.get("d")
    assert abs(float(path.get("stroke-width")) - max(1.5, 16 * link["bytes"] / most)) < 0.1, link
marked = [i for i, rect in enumerate(r for r in graph.iter("rect") if "box" in r.get("class").split())
          if "marked" in rect.get("class").split()]
assert len(marked) == (stats["bottleneck"]["number"] is not None), (marked, stats["bottleneck"])
assert not marked or stages[marked[0]]["number"] == stats["bottleneck"]["number"], marked

# The charts: rate and use of time of each stage, and the fill of each buffer, to the end of the run.
assert len(charts) == 2 * len(stages) + sum(link["capacity"] > 0 for link in links)
for chart in charts:
    assert chart.get("viewBox") == "0 0 600 100"
    for path in chart.iter("path"):
        xs = [float(n) for n in re.findall(r"H(-?[\d.]+)", path.get("d"))]
        ys = [float(n) for n in re.findall(r"V(-?[\d.]+)", path.get("d"))]
        assert xs == sorted(xs) and xs[-1] == 600, xs
        assert all(0 <= y <= 100 for y in ys), ys
PY
}

@test "the figures and drawings of the report are those of the run" {
    needs python3
    gzip -k log
    leat --threads=2 --report=r.html --stats=json concat [ read log ] [ read log.gz : gunzip ] : \
        tee [ sha256 : write sum ] [ exec tr a-z A-Z : zstd : write out.zst ] : gzip : write out.gz 2>stats
    figures r.html stats
    leat --force --threads=1 --report=r.html --stats=json read log : \
        split -n 5000 [ gzip : write 'p-{n}' ] 2>stats
    figures r.html stats
}
