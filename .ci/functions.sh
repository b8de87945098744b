# What the scripts of this folder share; each sources it. `root` is the checkout, `work` a folder
# that is gone at the end. Needs python3 >= 3.11 with venv, and pip's package index.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sources=$root # whose tests `suite` runs: an unpacked sdist, say
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Bytecode is kept, for the tests start hundreds of processes, but not in the checkout; and pip (with
# 0 for "no", as it reads this) makes none of the modules that nothing imports, which takes minutes.
export PYTHONPYCACHEPREFIX=$work/bytecode PIP_NO_COMPILE=0
unset PYTHONDONTWRITEBYTECODE

step() { printf '\n== %s (%ds)\n' "$*" "$SECONDS"; }

fail() {
    echo "$*" >&2
    exit 1
}

usage() { # prints the comment that the script begins with
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

venv() { # venv NAME [arguments of pip install]: an environment of its own, or more for one
    if [ ! -x "$work/$1/bin/python" ]; then
        "${PYTHON:-python3}" -m venv "$work/$1"
        "$work/$1/bin/pip" install -q --upgrade pip # 25.1 is the first that knows --group
    fi
    [ $# = 1 ] || "$work/$1/bin/pip" install -q "${@:2}"
}

suite() { # suite NAME [arguments of pytest]: from tests/, where fastnn is the one installed
    (cd "$sources/tests" && "$work/$1/bin/python" -m pytest -q -p no:cacheprovider "${@:2}")
}

page_core() { # fastnn/page/core.wasm.xz, which is not in git: an sdist holds it if it is there
    venv wasm --group wasm
    ZIG_GLOBAL_CACHE_DIR=$work/zig ZIG_LOCAL_CACHE_DIR=$work/zig \
        "$work/wasm/bin/python" "$root/csrc/wasm/build.py"
}

copy_sources() { # copy_sources FOLDER: the checkout as it stands, without what was built in it
    mkdir -p "$1"
    git -C "$root" ls-files -z --cached --others --exclude-standard |
        tar -C "$root" --null -T - -cf - | tar -C "$1" -xf -
}

files_of() { # files_of WHEEL: their names
    python3 -c 'import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep="\n")' "$1"
}

bundles_nothing() { # bundles_nothing WHEEL: auditwheel has put no library into it
    if files_of "$1" | grep -F '.libs/'; then fail "a bundled library"; fi
    echo "${1##*/}: no bundled library"
}

# What uses one processor, or waits for the network, runs beside the steps that follow it.
declare -A started
beside() { # beside NAME COMMAND …: starts it
    "${@:2}" > "$work/$1.log" 2>&1 &
    started[$1]=$!
}
finish() { # finish NAME: waits, prints what it printed, and fails if it has
    local status=0
    wait "${started[$1]}" || status=$?
    cat "$work/$1.log"
    return "$status"
}
