#!/usr/bin/env bats
# run.bats - the main job and similar ones, exit statuses and messages.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
    gzip -k log
}

@test "the main job writes the same as the shell pipeline" {
    needs zstd
    run -0 leat read log.gz : gunzip : grep -v DEBUG : zstd -3 : write out.zst
    [ -z "$output" ]
    gzip -dc log.gz | grep -v DEBUG >want
    zstd -dcq out.zst | cmp - want
}

@test "one operand is text, several are words" {
    run -0 leat 'read log.gz | gunzip | grep -v DEBUG | gzip | write out.gz'
    gzip -dc out.gz | cmp - <(grep -v DEBUG log)
}

@test "the output is the same with every number of threads" {
    local threads
    for threads in 1 2 3 8; do
        run -0 leat --threads="$threads" read log.gz : gunzip : grep INFO : gzip -6 : write "$threads.gz"
    done
    same 1.gz 2.gz
    same 1.gz 3.gz
    same 1.gz 8.gz
    gzip -dc 1.gz | cmp - <(grep INFO log)
}

@test "standard input and output are the default ends" {
    leat gzip <log >a.gz
    gzip -t a.gz
    leat gunzip <a.gz | cmp - log
    cat a.gz | leat gunzip | cmp - log
}

@test "a pipeline from a file, with variables" {
    printf '%s\n' '# nightly' 'read ${in}.gz' 'gunzip' 'grep -v ${what}' 'write ${in}.out' >job.leat
    run -0 leat -f job.leat --set in=log --set what=DEBUG
    same log.out <(grep -v DEBUG log)
}

@test "a usage error is status 2 and suggests the right name" {
    run -2 leat read log.gz : gunzp : null
    has gunzp
    has gunzip
    run -2 leat read log.gz : gunzip --no-such-option : null
    run -2 leat --no-such-option
    run -2 leat read log.gz : : null
    run -2 leat head -n x
}

@test "a missing file is status 1 and is named" {
    run -1 leat read missing.gz : gunzip : write out
    has 'read (#1)'
    has missing.gz
    only log log.gz
}

@test "corrupt data is status 3, with the stage, its number and the byte offset" {
    run -3 leat read log : gunzip : write out
    has 'leat: gunzip (#2): '
    has 'byte'
    only log log.gz
}

@test "a failing child process is status 6" {
    run -6 leat read log : exec false : null
    has exec
    run -6 leat read log : exec ./no-such-program : null
    has no-such-program
    run -6 leat read log : exec sh -c 'cat >/dev/null; kill -9 $$' : null
}

@test "too little memory is status 7 with both figures" {
    run -7 leat --memory=1M read log : zstd -19 : null
    has 'zstd'
}

# A stack of that size does not fit in the address space.
@test "no thread can be made: status 1, why, and what to do; one thread needs none" {
    sanitized && skip 'a sanitizer does not start with such a stack'
    (ulimit -S -s 200000000000) || skip 'the stack is limited'
    run -1 bash -c 'ulimit -S -s 200000000000; "$LEAT" --threads=2 read log : write out'
    [ "$output" = "leat: cannot start: cannot start a thread: Resource temporarily unavailable; --threads=1 needs none" ]
    [ ! -e out ]
    run -0 bash -c 'ulimit -S -s 200000000000; "$LEAT" --threads=1 read log : write out'
    same log out
}

@test "a timeout is status 124" {
    mkfifo never
    exec 9<>never
    run -124 leat --timeout=100ms read never : gzip : write out
    only log log.gz never
    exec 9>&-
}

@test "a reader that goes away is status 141 without a message" {
    run bash -c '"$LEAT" zero : pass 2>err | head -c 1 >/dev/null; exit "${PIPESTATUS[0]}"'
    is 141
    [ ! -s err ]
}

@test "head that finishes early is success" {
    run -0 leat read log : head -n 2
    [ "$output" = "$(head -n 2 log)" ]
    run -0 bash -c 'yes | "$LEAT" head -n 3'
    [ "$output" = $'y\ny\ny' ]
}

@test "nothing but errors is written to standard error" {
    leat read log.gz : gunzip : sha256 2>err >out
    [ ! -s err ]
    cmp out <(sha256sum <log)
}

@test "version, help and stages are status 0 and on standard output" {
    run -0 --separate-stderr leat --version
    has leat
    run -0 --separate-stderr leat --help
    has 'leat '
    run -0 --separate-stderr leat stages
    has gunzip
    run -0 --separate-stderr leat help gunzip
    has gunzip
    # shellcheck disable=SC2154
    [ -z "$stderr" ]
    run -2 leat help no-such-stage
}

@test "every stage has a help page" {
    local stage
    for stage in $("$LEAT" stages | awk '/^ *[a-z0-9]+ / { print $1 }'); do
        run -0 leat help "$stage"
    done
}

@test "explain prints a pipeline that parses to itself, and moves no data" {
    run -0 leat explain read missing : gunzip : grep -v 'a b' : write out
    has "grep -v 'a b'"
    [ ! -e out ]
}

@test "the installed library is found by pkg-config and runs an embedding program" {
    needs gcc pkg-config
    [ -n "${BUILD:-}" ] && sanitized && skip 'a sanitized library'
    local root=$BATS_TEST_DIRNAME/../..
    # The same plugin directory as that of the build, which else would be linked again under other tests.
    make -s -C "$root" install DESTDIR="$PWD/dest" PREFIX=/usr PLUGINDIR=/usr/local/lib/leat/plugins >/dev/null
    [ -x dest/usr/bin/leat ]
    [ -e dest/usr/share/man/man1/leat.1 ]
    [ -e dest/usr/share/man/man7/leat-stages.7 ]
    cat >embed.c <<'C'
#include <leat/leat.h>
#include <stdio.h>

int main(void)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    if (leat_pipeline_from_text(registry, "read log.gz | gunzip | write log.out", NULL, &pipeline,
                                &error) < 0 ||
        leat_pipeline_run(pipeline) < 0) {
        fprintf(stderr, "failed\n");
        return 1;
    }
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    return 0;
}
C
    export PKG_CONFIG_SYSROOT_DIR=$PWD/dest PKG_CONFIG_PATH=$PWD/dest/usr/lib/pkgconfig
    export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    # shellcheck disable=SC2046
    gcc -Wall -Werror -o embed embed.c $(pkg-config --cflags --libs leat)
    LD_LIBRARY_PATH=$PWD/dest/usr/lib bounded ./embed
    same log log.out
    make -s -C "$root" uninstall DESTDIR="$PWD/dest" PREFIX=/usr PLUGINDIR=/usr/local/lib/leat/plugins
    [ -z "$(find dest -type f)" ]
}
