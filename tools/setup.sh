# Sourced by tools/try and tools/check: makes .venv and installs what is missing. Not a command of its own.
# After `setup_python EXTRAS` the Python to use is $python. Everything here may be run again and does nothing the second time.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=$root/.venv
python=$venv/bin/python

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'w9x: %s\n' "$*" >&2; exit 1; }

# install_packages PACKAGE...: by apt, as root or through sudo.
install_packages() {
    command -v apt-get >/dev/null || die "please install: $* (this system has no apt-get, so this script cannot)"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "please install as root: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing $*"
    local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    "${get[@]}" install --no-install-recommends -y "$@" >/dev/null 2>&1 && return
    "${get[@]}" update
    "${get[@]}" install --no-install-recommends -y "$@" >/dev/null || die "apt-get could not install: $*"
}

# need COMMAND PACKAGE [COMMAND PACKAGE]...: install the packages whose commands are not there.
need() {
    local missing=()
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && {
            command -v "$candidate"
            return
        }
    done
    return 1
}

# setup_python MODE EXTRAS: MODE is "editable" (for developing: the checkout itself is used) or "installed".
setup_python() {
    local mode=$1 extras=$2 base stamp
    base=$(find_python) || { install_packages python3; base=$(find_python); } || die "Python 3.11 or newer is needed"
    "$base" -c 'import ensurepip, venv' 2>/dev/null || install_packages "python3-venv"
    if ! "$python" -c 'import pip' 2>/dev/null; then
        say "making $venv"
        rm -rf "$venv"
        "$base" -m venv "$venv"
    fi
    # Reinstalled when the metadata change; a normal install also when a source does.
    local sources=(pyproject.toml hatch_build.py tools/build_guestcode.py tools/build_stub.py client/guestcode client/stub)
    [ "$mode" = editable ] || sources+=(client shared_arena w9xd vxd thunk16)
    stamp="$mode $extras $({ find "${sources[@]}" -type f -not -name '*.pyc' -not -name guestcode.bin -not -name w9x-stub -print0 2>/dev/null || true; } |
        sort -z | xargs -0 cat | sha256sum)"
    if [ "$(cat "$venv/w9x-stamp" 2>/dev/null)" != "$stamp" ]; then
        say "installing w9x into $venv ($mode)"
        local target=.
        [ -z "$extras" ] || target=".[$extras]"
        if [ "$mode" = editable ]; then
            "$python" -m pip install --quiet --disable-pip-version-check -e "$target"
        else
            "$python" -m pip install --quiet --disable-pip-version-check "$target"
        fi
        printf '%s\n' "$stamp" >"$venv/w9x-stamp"
    fi
}
