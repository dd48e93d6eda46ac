#!/usr/bin/env bash
# deps.sh - install the Debian packages that are missing: REQUIRED... -- OPTIONAL...
#
# A word @NAME stands for a group below. Without root and without sudo it names what is missing;
# it fails only when a required one is. What the tests cannot find they skip, with the reason.
set -euo pipefail

group() {
    case $1 in
    @check) # the last line is of tools that must read what we write, and we what they do; the first of engines of each
        echo parallel openssh-server munge slurmctld slurmd slurm-client \
            bats time jq procps python3 g++ openssl socat netcat-openbsd nginx \
            zstd gzip pigz isal tabix xz-utils lzip bzip2 lbzip2 lz4 brotli ncompress \
            libarchive-tools cpio unzip p7zip-full attr acl systemtap-sdt-dev
        ;;
    @bench) echo zstd gzip pigz isal pv ripgrep time nodejs libarchive-tools xz-utils lbzip2 lz4 curl nginx openssl parallel ;;
    @lint) echo clang clang-format clang-tidy cppcheck mandoc shellcheck ;;
    *) echo "$1" ;;
    esac
}

installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing() {
    local package
    for package in "$@"; do
        installed "$package" || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "$@" </dev/null >/dev/null
}

required=(gcc libc6-dev pkg-config)
optional=()
to_required=1
for word in "$@"; do
    if [ "$word" = -- ]; then
        to_required=0
        continue
    fi
    read -ra names <<<"$(group "$word")"
    if [ "$to_required" = 1 ]; then
        required+=("${names[@]}")
    else
        optional+=("${names[@]}")
    fi
done

# Not Debian: the Makefile says which library it does not find.
command -v dpkg-query >/dev/null 2>&1 || exit 0

mapfile -t need < <(missing "${required[@]}")
mapfile -t want < <(missing "${optional[@]}")
[ $((${#need[@]} + ${#want[@]})) -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
    echo "missing packages: ${need[*]} ${want[*]}" >&2
    [ ${#need[@]} -eq 0 ]
    exit
fi

echo "installing: ${need[*]} ${want[*]}" >&2
if ! install "${need[@]}" "${want[@]}" 2>/dev/null; then
    as_root apt-get update -qq </dev/null >/dev/null || true
    if ! install "${need[@]}" "${want[@]}"; then
        [ ${#need[@]} -eq 0 ] || install "${need[@]}"
        for package in "${want[@]}"; do
            install "$package" || echo "not available: $package" >&2
        done
    fi
fi
