# shellcheck shell=bash
# Sourced by scripts/bench and scripts/test: finds the project, installs what is missing, settles whom the files
# belong to, and configures build folders. Gives $root (the project), greet, prepare, configure and build.
#
# Run with sudo, only the installation is done as root: the rest runs as the user who called sudo, with their
# home and cache folder, so that nothing of root's is left in their clone. If the clone is not theirs to
# write, root stays root.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
me=$(basename "$(readlink -f "$0")")

# greet TEXT…: the first sign of life, once, also when the script starts itself again.
greet() {
    [ -n "${AGLM_STARTED:-}" ] || say "$*"
    export AGLM_STARTED=1
}

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$me: $*"
    exit 1
}

# Goes on as the user behind sudo by starting the script again; returns when there is none to become.
become_user() {
    [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" -ne 0 ] || return 0
    local entry name home folder user
    entry=$(getent passwd "$SUDO_UID") || return 0
    name=$(cut -d : -f 1 <<<"$entry")
    home=$(cut -d : -f 6 <<<"$entry")
    user=(setpriv --reuid "$SUDO_UID" --regid "${SUDO_GID:-$(id -g "$name")}" --init-groups)
    "${user[@]}" test -w "$root" || return 0
    for folder in "$root/build" "$root/results"; do
        [ ! -d "$folder" ] || find "$folder" -user root -exec chown -h "$SUDO_UID:${SUDO_GID:-}" {} +
    done
    exec "${user[@]}" env -u SUDO_UID -u SUDO_GID -u SUDO_USER -u XDG_CACHE_HOME \
        HOME="$home" USER="$name" LOGNAME="$name" AGLM_STARTED=1 "$root/scripts/$me" "$@"
}

# Files of an earlier run as root stand in a user's way: takes them over, with sudo, or says what to do.
own_folder() {
    mkdir -p "$1" 2>/dev/null || true
    [ -z "$(find "$1" ! -writable -print -quit 2>&1)" ] && return 0
    if [ -w "$root" ] && command -v sudo >/dev/null && { sudo -n true 2>/dev/null || (: </dev/tty) 2>/dev/null; }; then
        say "$me: $1 holds another user's files; making them $(id -un)'s with sudo"
        sudo chown -R "$(id -u):$(id -g)" "$1" && return 0
    fi
    die "cannot write all of $1: run with sudo, or clone again as $(id -un)"
}

# prepare SET ARGS…: installs the package set, then sees to it that the project's folders can be written.
prepare() {
    "$root/scripts/setup" "$1"
    shift
    become_user "$@"
    own_folder "$root/build"
    own_folder "$root/results"
    # git refuses to read a clone of another user; the commit is wanted in every result.
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$root"
}

# configure NAME OPTIONS…: makes build/NAME, or makes it anew when it is another compiler's, place's or option's.
configure() {
    local name=$1 dir="$root/build/$1" signature
    shift
    signature="$root | $(meson --version) | $(${CC:-cc} --version | head -n 1) | $*"
    if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/configured" 2>/dev/null)" = "$signature" ]; then
        return 0
    fi
    rm -rf "$dir"
    if ! meson setup "$dir" "$root" "$@" >"$root/build/$name.log" 2>&1; then
        tail -n 20 "$root/build/$name.log" >&2
        say "$me: meson could not configure $dir (its last lines are above; all of it: build/$name.log)"
        return 1
    fi
    printf '%s\n' "$signature" >"$dir/configured"
}

# build NAME: builds build/NAME; quiet unless it fails.
build() {
    if ! ninja -C "$root/build/$1" >"$root/build/$1.log" 2>&1; then
        sed -n '/^FAILED\|^ninja: error/,$p' "$root/build/$1.log" | grep -v '^\[[0-9]*/[0-9]*\]' | head -n 60 >&2
        say "$me: the build in build/$1 failed (the errors are above; all of it: build/$1.log)"
        return 1
    fi
}
