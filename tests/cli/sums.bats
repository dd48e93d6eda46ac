#!/usr/bin/env bats
# sums.bats - checksum lists: --check reads the same lists as sha256sum -c and similar tools.

load common

# agrees NAME LIST - for the file NAME, the stage $stage has the same result with LIST as the tool $tool.
agrees() {
    local want=0 got=0
    "$tool" --check --status --ignore-missing "$2" 2>/dev/null || want=$?
    leat read "$1" : "$stage" --check="$2" : null 2>/dev/null || got=$?
    # The tool has the same status for a wrong digest and for an invalid line.
    [ $((want == 0)) = $((got == 0)) ] || {
        echo "$tool: $want, leat: $got, for '$1' in:"
        cat -A "$2"
        return 1
    }
}

# each_form TOOL STAGE TAG - try lines of many forms, valid and invalid, each between two decoys: leat accepts
# the digest of a single line with any name.
# shellcheck disable=SC1003 # backslashes are meant
each_form() {
    local tool=$1 stage=$2 tag=$3 good decoy bad start join end last
    local -a decoys
    printf 'abc' >x
    good=$("$tool" <x | cut -d' ' -f1)
    bad=$("$tool" </dev/null | cut -d' ' -f1)
    last="$tag (last) = $bad"
    decoys=("$bad  decoy" "$bad decoy")
    [ "$tool" != sha256sum ] || decoys+=("$bad *decoy" '# a comment' '' "$tag (decoy) = $bad")
    for decoy in "${decoys[@]}"; do
        for start in '' ' ' $'\t \t' '\'; do
            for join in '  ' ' *' ' ' $'\t' '   ' $'\t*' ''; do
                for end in '' $'\r'; do
                    [ -z "$end" ] || [ -z "$start" ] || continue
                    printf '%s\n%s%s%s%s%s\n%s\n' "$decoy" "$start" "$good" "$join" x "$end" "$last" >list
                    agrees x list || return 1
                done
            done
            for join in " (x) = " "(x)= " "(x)=" " (x)  =  " "  (x) = " " (x = " " x) = "; do
                # b2sum accepts two blanks here, by an accident of its search for the length.
                [ "$tag$join" != 'BLAKE2b  (x) = ' ] || continue
                printf '%s\n%s%s%s%s\n%s\n' "$decoy" "$start" "$tag" "$join" "$good" "$last" >list
                agrees x list || return 1
            done
        done
        for join in "$bad  x" "$tag (x) = $bad" "${good^^}  x" "${good}0  x" "${good%?}  x" "$tag-512 (x) = $good" \
            "$tag (x) = ${good^^}" "$tag (x) = $good " "$tag (x) = ${good}0" "${good%?}g  x"; do
            printf '%s\n%s\n%s\n' "$decoy" "$join" "$last" >list
            agrees x list || return 1
        done
    done
}

@test "md5: a list has the same result as with md5sum" {
    each_form md5sum md5 MD5
}

@test "sha1: a list has the same result as with sha1sum" {
    each_form sha1sum sha1 SHA1
}

@test "sha256: a list has the same result as with sha256sum" {
    each_form sha256sum sha256 SHA256
}

@test "sha512: a list has the same result as with sha512sum" {
    each_form sha512sum sha512 SHA512
}

@test "blake2b: a list has the same result as with b2sum" {
    each_form b2sum blake2b BLAKE2b
}

# shellcheck disable=SC1003 # backslashes are meant
@test "escaped names match those that the tool wrote" {
    tool=sha256sum stage=sha256
    for name in 'a b' ' a' '*a' $'a\nb' $'a\rb' 'a\b' 'a\nb' $'\\\n' '(a) = b' 'SHA256 (a) = b' $'a\r' '#a' '\a'; do
        printf '%s' "$name" >"$name"
        for form in '' --tag; do
            sha256sum $form -- "$name" decoys >list 2>/dev/null || true
            agrees "$name" list
            leat read "$name" : sha256 --check=list : null
            leat read "$name" : sha256 ${form:+--tag} | sha256sum --check --status
        done
        rm "$name"
    done
    sum=$(printf x | sha256sum | cut -d' ' -f1)
    printf x >'a\b'
    for name in 'a\b' 'a\\b' 'a\\\\b' 'a\\b\' 'a\\b\x' 'a\\b\n'; do
        printf '\\%s  %s\n\\%s  decoy\n' "$sum" "$name" "${sum//[0-9]/0}" >list
        agrees 'a\b' list
    done
}

@test "names are compared as paths" {
    mkdir -p dir/dir
    for name in f dir/f dir/dir/f; do printf '%s' "$name" >"$name"; done
    find . -name f -exec sha256sum {} + >list
    [ "$(wc -l <list)" = 3 ]
    for name in f dir/f dir/dir/f ./f .//dir/./f dir//dir/f ././dir/dir//f; do
        leat read "$name" : sha256 --check=list : null
    done
    find f dir -name f -exec sha256sum {} + >list
    for name in ./f ./dir/f ./dir/.//dir/f; do
        leat read "$name" : sha256 --check=list : null
    done
    # An absolute and a relative path are not the same; the last parts decide, and contradict each other.
    run -4 leat read "$PWD/f" : sha256 --check=list : null
    has "has different digests for '$PWD/f'"
    run -4 leat read dir/../f : sha256 --check=list : null
    has 'has different digests'
    grep -v dir/dir list >shorter
    printf '%s  /f\n' "$(sha256sum <dir/f | cut -d' ' -f1)" >>shorter
    leat read f : sha256 --check=shorter : null
    run -0 leat read dir/f : sha256 --check=shorter : null
}

@test "the lines of openssl dgst are recognised" {
    command -v openssl >/dev/null || skip 'no openssl'
    printf 'abc' >x
    : >y
    for stage in md5 sha1 sha256 sha512 blake2b; do
        name=$stage
        [ "$name" != blake2b ] || name=blake2b512
        openssl dgst "-$name" y x >list
        leat read x : "$stage" --check=list : null
        leat read y : "$stage" --check=list : null
        run -4 leat read x : "$stage" --check=list --name=y : null
        openssl dgst "-$name" -r y x >list
        leat read x : "$stage" --check=list : null
    done
    printf 'SHA2-256(x)= %s\nSHA2-256(y)= %s\n' "$(sha256sum <x | cut -d' ' -f1)" "$(sha256sum <y | cut -d' ' -f1)" >list
    leat read x : sha256 --check=list : null
}

@test "a list of decompressed content is recognised, and the message suggests decode" {
    mkdir dir
    printf 'abc' >dir/x.log
    gzip -nk dir/x.log
    sha256sum dir/x.log >one
    sha256sum dir/x.log one >two
    for list in one two; do
        run -4 leat read dir/x.log.gz : sha256 --check="$list" : null
        has 'for the name without its suffix; if that is the digest of the decompressed contents, put `decode` before this stage'
        run -0 leat read dir/x.log.gz : decode : sha256 --check="$list" --name=x.log : null
    done
    sha256sum one dir/x.log.gz >other
    run -4 leat read dir/x.log : sha256 --check=other : null
    [[ $output != *decode* ]]
    run -0 leat read dir/x.log.gz : sha256 --check=other : null
    # The digest of the file itself, which is wrong.
    sed "s/^[0-9a-f]*  dir/$(sha256sum <one | cut -c1-64)  dir/" two other >wrong
    run -4 leat read dir/x.log.gz : sha256 --check=wrong : null
    [[ $output != *decode* ]]
}
