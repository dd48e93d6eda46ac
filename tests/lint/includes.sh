#!/usr/bin/env bash
# includes.sh - who may include whom, and what the library may not call.
# check: light
. "$(dirname "$0")/tap.bash"

# includes FILE... - "file:line: <name>" of every include.
includes() {
    grep -nHE '^[[:space:]]*#[[:space:]]*include' "$@" |
        sed -E 's/^([^:]*:[0-9]+):[^"<]*["<]([^">]*)[">].*/\1: \2/'
}

codec='zlib\.h|zstd.*\.h|archive.*\.h|pcre2.*\.h|openssl/.*|xxhash\.h|isa-l.*|igzip_lib\.h|libdeflate\.h'
codec+='|lz4.*\.h|lzma.*\.h|bzlib\.h|brotli/.*|curl/.*'

tap 'cmd/ includes only leat.h, stage.h and uv.h of the project and its libraries' "$(
    includes cmd/*.[ch] cmd/*/*.[ch] /dev/null | while read -r where name; do
        case $name in
        leat.h | stage.h | uv.h | sys/file.h) ;; # file.h: that of the C library
        *.h)
            base=$(basename "$name")
            [ -e "$(dirname "${where%%:*}")/$name" ] && [[ $name != *streams/* && $name != *transforms/* ]] && continue
            if [ -n "$(find streams transforms -name "$base" -print -quit)" ] ||
                grep -qE "^($codec)$" <<<"$name"; then
                echo "$where $name"
            fi
            ;;
        esac
    done
)"

tap 'transforms/ includes no loop, no thread, no stdio, of streams/ only stage.h and base/invariant.h' "$(
    includes transforms/*/*.[ch] transforms/*/*/*.[ch] /dev/null | while read -r where name; do
        room=$(dirname "${where%%:*}")
        base=$(basename "$name")
        case $name in
        stage.h | base/invariant.h | regex.h | sys/file.h) continue ;; # regex.h, file.h: those of the C library
        sys/epoll.h) # the sockets of libcurl as one descriptor to wait for
            [[ $where == transforms/net/client.c:* ]] || echo "$where $name"
            ;;
        sys/socket.h) # the sockets of connect and listen; what a connection of libcurl has received
            [[ $where =~ ^transforms/net/(dial|wire|connection|http_socket)\.c: ]] || echo "$where $name"
            ;;
        uv.h | pthread.h | threads.h | leat.h | uv/*) echo "$where $name" ;;
        esac
        [ -e "$room/$name" ] && continue
        [ -z "$(find streams cmd transforms -path "*/$base" -print -quit)" ] || echo "$where $name"
    done | grep -v '\.def$'
)"

# zlib may stand in for an optional library that is not there.
tap 'a transform includes one codec library at most, or zlib in its place' "$(
    for file in transforms/*/*.c transforms/*/*/*.c; do
        n=$(includes "$file" | sed 's/.*: //' | grep -E "^($codec)$" | sed -E 's/^(zstd|lz4|pcre2|archive|openssl|brotli|isa-l|lzma).*/\1/' |
            { if grep -q '^#if HAVE_' "$file"; then grep -v '^zlib'; else cat; fi; } | sort -u | wc -l)
        [ "$n" -le 1 ] || echo "$file includes $n codec libraries"
    done
)"

tap 'streams/ includes no codec header and nothing of cmd/ or transforms/ but stages.def' "$(
    includes streams/*.[ch] streams/*/*.[ch] /dev/null |
        while read -r where name; do
            if grep -qE "^($codec)$" <<<"$name"; then
                echo "$where $name"
            elif [[ $name == *cmd/* || ($name == *transforms/* && $name != *stages.def) ]]; then
                echo "$where $name"
            fi
        done
)"

tap 'the library prints nothing, never exits, never sleeps, touches no signal disposition' "$(
    grep -nE '(^|[^a-z_])(printf|fprintf|vfprintf|puts|fputs|putchar|perror|exit|_exit|abort|usleep|sleep|nanosleep|signal|sigaction|system|popen|uv_queue_work)\(' \
        streams/*.c streams/*/*.c transforms/*/*.c transforms/*/*/*.c /dev/null |
        grep -vE '^[^:]*:[0-9]+: *(/?\*|//)|/\* child \*/|^streams/base/invariant\.c:.*/\* assertion \*/'
)"

tap 'no file says that something is left for later' "$(
    grep -nE 'TODO|FIXME|XXX[^X]|not implemented' cmd/*.[ch] cmd/*/*.[ch] streams/*.[ch] streams/*/*.[ch] \
        transforms/*/*.[ch] transforms/*/*/*.[ch] tests/*.[ch] man/* Makefile README* /dev/null |
        grep -vE 'mkd?s?temp|XXXXXX'
)"
tap_done
