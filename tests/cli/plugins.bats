#!/usr/bin/env bats
# plugins.bats - plugins: built out of tree with pkg-config alone, loaded in three ways, and refused.

load common

setup_file() {
    sanitized && return
    local root=$BATS_TEST_DIRNAME/../.. build=${BUILD:-$BATS_TEST_DIRNAME/../../build} werror=
    cd "$BATS_FILE_TMPDIR" || return 1
    # Nothing is built anew: the flags and the plugin directory are those of the build.
    ! grep -q -- -Werror "$build/flags" || werror=WERROR=1
    make -s -C "$root" install DESTDIR="$PWD/dest" PREFIX=/usr PLUGINDIR=/usr/local/lib/leat/plugins $werror >/dev/null
    cp "$root"/tests/examples/plugins/*.c .
    plugin swapcase.c && plugin xor.c
}

setup() {
    sanitized && skip 'a sanitized library'
    needs gcc pkg-config
    cd "$BATS_TEST_TMPDIR" || return 1
}

# has_all TEXT... - each is in the output.
has_all() {
    local text
    for text in "$@"; do has "$text" || return 1; done
}

hasnt() {
    [[ $output != *"$1"* ]] || {
        echo "not expected '$1' in: $output"
        return 1
    }
}

pkg() {
    PKG_CONFIG_SYSROOT_DIR=$BATS_FILE_TMPDIR/dest PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/dest/usr/lib/pkgconfig \
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" leat
}

# plugin FILE.c [FLAG...] - build FILE.so with the installed headers.
plugin() {
    local file=$1
    shift
    # shellcheck disable=SC2046
    gcc -std=gnu11 -O1 -Wall -Wextra -Wpedantic -Werror -shared -fPIC $(pkg --cflags) "$@" -o "${file%.c}.so" "$file"
}

# with TYPE-MEMBERS - the source of a plugin with one transform, acme.one, with these members too.
with() {
    cat <<C
#include <leat/stage.h>
static int step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}
static const struct leat_stage_type one = {LEAT_STAGE_INIT, .name = "acme.one", .kind = LEAT_TRANSFORM, .step = step, $1};
static const struct leat_stage_type *const types[] = {&one, NULL};
LEAT_PLUGIN(types);
C
}

P=$BATS_FILE_TMPDIR

@test "a line transform of a plugin runs in lanes" {
    seq 100000 | sed 's/$/ Abc Def/' >in
    run -0 leat -j4 --plugin="$P/swapcase.so" explain read in : example.swapcase : write out
    has '(4 lanes)'
    leat -j4 --plugin="$P/swapcase.so" read in : example.swapcase : write out
    cmp out <(tr 'a-zA-Z' 'A-Za-z' <in)
    [ "$(printf 'Ab\ncD' | leat --plugin="$P/swapcase.so" example.swapcase --first)" = $'ab\nCD' ]
}

@test "a codec and a source of a plugin" {
    leat -j3 --plugin="$P/xor.so" example.numbers -n 300000 : example.xor -k 7 : write x.xor
    [ "$(head -c 3 x.xor)" = XOR ]
    leat --plugin="$P/xor.so" read x.xor : example.unxor --key=7 : write numbers
    cmp numbers <(seq 300000)
    head -c 100000 x.xor >cut.xor
    run -3 leat --plugin="$P/xor.so" read cut.xor : example.unxor -k 7 : write out
    has_all 'example.unxor (#2)' 'ends inside a block'
    [ ! -e out ]
    run -2 leat --plugin="$P/xor.so" example.numbers : example.xor -k 256
    has "'256' is not a number from 0 to 255"
}

@test "plugins come from the directory, the environment and the option" {
    mkdir dir
    cp "$P/swapcase.so" dir
    run -0 env LEAT_PLUGIN_DIR=dir "$LEAT" stages
    has 'example.swapcase  exchange upper and lower case (plugin dir/swapcase.so)'
    run -0 env LEAT_PLUGIN_DIR= LEAT_PLUGINS="$P/swapcase.so::$P/xor.so" "$LEAT" stages
    has_all "(plugin $P/swapcase.so)" "(plugin $P/xor.so)"
    run -0 env LEAT_PLUGIN_DIR=dir "$LEAT" --plugin="$P/xor.so" --plugin "$P/xor.so" stages
    has_all '(plugin dir/swapcase.so)' "(plugin $P/xor.so)" # twice the same one is no error
    cd dir
    run -0 leat --plugin=swapcase.so stages # without a slash: here, not among the system's libraries
    has '(plugin ./swapcase.so)'
    run -0 env LEAT_PLUGIN_DIR=none LEAT_PLUGINS= "$LEAT" stages
    hasnt plugin
}

@test "stages of plugins are in help, manual page, JSON and completion" {
    export LEAT_PLUGINS=$P/xor.so
    run -0 leat help example.xor
    has_all 'example.xor [options]' "of the plugin $P/xor.so" '--key=N' '(0 to 255;'
    run -0 leat help
    has 'example.unxor'
    run -0 leat stages --json
    has "\"plugin\":\"$P/xor.so\""
    run -0 leat man stages
    has_all '.Ss example.xor' "It is of the plugin"
    for shell in bash zsh fish; do
        run -0 leat completion $shell
        has_all 'example.xor' '--plugin'
    done
    run -2 leat example.xo
    has 'did you mean example.xor?'
}

@test "a broken plugin in the directory is a warning, elsewhere an error" {
    mkdir dir
    echo text >dir/a.so
    cp "$P/xor.so" dir/b.so
    run -0 env LEAT_PLUGIN_DIR=dir "$LEAT" example.numbers -n 1
    has_all 'warning: the plugin dir/a.so cannot be loaded' '1'
    run -2 env LEAT_PLUGIN_DIR= LEAT_PLUGINS=dir/a.so "$LEAT" zero -n 0
    has 'the plugin dir/a.so cannot be loaded'
    run -1 leat --plugin=dir/missing.so zero -n 0
    has 'the plugin dir/missing.so: No such file or directory'
    run -2 leat --plugin=dir zero -n 0
    has 'the plugin ./dir cannot be loaded'
    run -2 leat --json --plugin=dir zero -n 0
    has '"code":"EUSAGE"'
}

@test "a file that is not readable is refused" {
    [ "$(id -u)" != 0 ] || skip 'root reads it'
    cp "$P/xor.so" x.so
    chmod 0 x.so
    run -1 leat --plugin=./x.so zero -n 0
    has 'the plugin ./x.so: Permission denied'
}

@test "a library that is no plugin is refused" {
    echo 'int nothing = 1;' >no.c
    plugin no.c
    run -2 leat --plugin=./no.so zero -n 0
    has 'the plugin ./no.so: it is no plugin of leat: it does not export the symbol leat_plugin'
}

@test "a plugin of another ABI is refused, with both versions" {
    mkdir leat
    cp "$P"/dest/usr/include/leat/*.h leat
    with >one.c
    sed -i 's/^#define LEAT_STAGE_ABI 1u/#define LEAT_STAGE_ABI 2u/' leat/stage.h
    sed -i 's/^#define LEAT_VERSION .*/#define LEAT_VERSION "9.9"/' leat/leat.h
    gcc -shared -fPIC -I. -o one.so one.c
    run -2 leat --plugin=./one.so zero -n 0
    has 'the plugin ./one.so: it was made with leat 9.9, which has the ABI 2, but this is leat 0.1.0, which knows up to 1'
    sed -i 's/^#define LEAT_STAGE_ABI 2u/#define LEAT_STAGE_ABI 0u/' leat/stage.h # older than all
    gcc -shared -fPIC -I. -o one.so one.c
    run -2 leat --plugin=./one.so zero -n 0
    has 'LEAT_PLUGIN'
}

@test "a plugin with a function that the library lacks is refused" {
    with >one.c
    sed -i 's/^    (void)stage;/    leat_of_the_future(stage);/; s/^static int step/void leat_of_the_future(struct leat_stage *);\n&/' one.c
    plugin one.c
    run -2 leat --plugin=./one.so zero -n 0
    has_all 'undefined symbol: leat_of_the_future' 'it needs a newer libleat'
}

@test "a wrong type is refused by name, and none of its plugin is added" {
    with '.summary = "ends with a stop."' >one.c
    plugin one.c
    run -2 leat --plugin=./one.so zero -n 0
    has 'the plugin ./one.so: its stage acme.one: summary ends with a full stop'
    with '.aliases = "acme.two acme.two"' >one.c
    plugin one.c
    run -2 leat --plugin=./one.so zero -n 0
    has 'aliases has acme.two twice'
    mkdir dir
    { with | sed 's/&one, NULL/\&one, \&one, NULL/'; } >dir/one.c
    (cd dir && plugin one.c)
    run -0 env LEAT_PLUGIN_DIR=dir "$LEAT" stages
    has 'there is a stage acme.one already'
    [ "$(env LEAT_PLUGIN_DIR=dir "$LEAT" -q stages | grep -c acme)" = 0 ]
    with | sed 's/acme.one/gzip/' >one.c
    plugin one.c
    run -2 leat --plugin=./one.so zero -n 0
    has "name 'gzip' has no vendor"
}

@test "two plugins with a stage of one name are an error that names both" {
    cp "$P/xor.so" other.so
    run -1 leat --plugin="$P/xor.so" --plugin=./other.so zero -n 0
    has "the plugin ./other.so: its stage example.xor: there is a stage example.xor already, of the plugin $P/xor.so"
}

@test "a plugin of C++" {
    command -v g++ >/dev/null || skip 'g++ is not installed'
    cat >one.cc <<'C'
#include <leat/stage.h>
static int step(struct leat_stage *, struct leat_in *in, struct leat_out *out)
{
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}
static const struct leat_stage_type one = [] {
    struct leat_stage_type type = leat_stage_type_init();
    type.name = "acme.one";
    type.kind = LEAT_TRANSFORM;
    type.step = step;
    return type;
}();
static const struct leat_stage_type *const types[] = {&one, nullptr};
LEAT_PLUGIN(types);
C
    # shellcheck disable=SC2046
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -shared -fPIC $(pkg --cflags) -o one.so one.cc
    [ "$(echo text | leat --plugin=./one.so acme.one)" = text ]
}

@test "the text of a job cannot name a plugin" {
    printf -- '--plugin=%s example.numbers\n' "$P/xor.so" >job
    run -2 leat -f job
    has 'unknown stage; options come after'
    echo 'example.numbers -n 2' >job
    run -2 leat -f job
    has 'unknown stage'
    run -2 leat zero -n 1 : example.xor : null
    has "a name with a dot is that of a plugin's stage: is it loaded?"
    run -0 leat --plugin="$P/xor.so" -f job
    [ "$output" = $'1\n2' ]
}

@test "only a stage that says which files it needs is confined" {
    run -0 leat --plugin="$P/xor.so" explain example.numbers : example.xor : write out
    has 'may use open descriptors'
    with >one.c
    plugin one.c
    run -0 leat --plugin=./one.so explain zero -n 1 : acme.one : write out
    has 'acme.one does not say'
}

@test "a process with the privileges of another user ignores the environment" {
    [ "$(id -u)" = 0 ] || skip 'it takes root to give a file away'
    printf '#include <stdio.h>\n#include <sys/auxv.h>\nint main(void) { printf("%%lu\\n", getauxval(AT_SECURE)); }\n' >secure.c
    gcc -o secure secure.c
    install -o 65534 -m 4755 secure is_secure
    chmod a+rx . "$P"
    [ "$(./is_secure)" = 1 ] || skip 'no set-user-ID in this file system'
    install -o 65534 -m 4755 "$LEAT" secure_leat
    mkdir dir
    cp "$P/xor.so" dir
    run -0 env LEAT_PLUGINS="$P/xor.so" LEAT_PLUGIN_DIR="$PWD/dir" ./secure_leat stages
    hasnt plugin
}

@test "the author of a plugin checks its stages with leat/check.h" {
    cat >check.c <<C
#include <leat/check.h>
#include "$P/xor.c"

int main(void)
{
    static const char text[] = "The quick brown fox\\njumps over the lazy dog.";
    struct leat_check check = {.input = text, .input_len = sizeof text - 1, .undo = &unxor_type, .seeds = 40};
    char why[LEAT_CHECK_TEXT];
    struct leat_stage_type wrong = xor_type;
    int r = leat_check_stage(&xor_type, &check, why, sizeof why);

    wrong.flags |= LEAT_PASS_THROUGH;
    if (r == 0 && leat_check_stage(&wrong, &check, why, sizeof why) < 0)
        puts(why);
    else
        fprintf(stderr, "%s\\n", why);
    return r != 0;
}
C
    # shellcheck disable=SC2046
    gcc -std=gnu11 -Wall -Wextra -Werror -o check check.c $(pkg --cflags --libs)
    LD_LIBRARY_PATH=$P/dest/usr/lib run -0 bounded ./check
    has 'LEAT_PASS_THROUGH, but its output is not its input'
}

@test "a program loads a plugin if it is linked with the shared library, or exports the functions" {
    [ -n "${BUILD:-}" ] && sanitized && skip 'a sanitized library'
    cat >host.c <<'C'
#include <leat/stage.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    if (argc < 2 || leat_registry_load(registry, argv[1], &error) < 0 ||
        leat_registry_load(registry, argv[1], &error) < 0 ||
        leat_pipeline_from_text(registry, "example.numbers -n 3", NULL, &pipeline, &error) < 0 ||
        leat_pipeline_run(pipeline) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%d\n", leat_registry_plugin(registry, leat_registry_find(registry, "example.xor")) != NULL);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    return 0;
}
C
    # shellcheck disable=SC2046
    gcc -o host host.c $(pkg --cflags --libs)
    LD_LIBRARY_PATH=$P/dest/usr/lib run -0 bounded ./host "$P/xor.so"
    [ "$output" = $'1\n2\n3\n1' ]
    # shellcheck disable=SC2046
    gcc -o host host.c $(pkg --cflags) "$P/dest/usr/lib/libleat.a" $(pkg --libs --static | sed 's/-lleat//') ||
        skip 'libraries for static linking are missing'
    run -1 bounded ./host "$P/xor.so"
    has_all 'undefined symbol: leat_' 'link it with libleat.so, or with -rdynamic'
    # shellcheck disable=SC2046
    gcc -rdynamic -o host host.c $(pkg --cflags) -Wl,--whole-archive "$P/dest/usr/lib/libleat.a" \
        -Wl,--no-whole-archive $(pkg --libs --static | sed 's/-lleat//')
    run -0 bounded ./host "$P/xor.so"
}
