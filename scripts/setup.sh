#!/bin/sh
# Make the virtualenv of `make setup` and install this checkout and its pinned dependencies into it.
#
#   scripts/setup.sh VENV
#
# VENV/video-emotion.stamp holds the checksum of pyproject.toml and constraints.txt. If it matches,
# the script ends at once. The file is written last, so an interrupted install is repeated.
set -eu

venv=${1:?name the folder of the virtualenv}
stamp=$venv/video-emotion.stamp
wanted=$(cat pyproject.toml constraints.txt | cksum)

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

fits() {
    "$1" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

choose_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && fits "$name"; then
            echo "$name"
            return
        fi
    done
    echo "setup: no Python 3.11, 3.12 or 3.13 that can make a virtualenv (Debian: install" >&2
    echo "python3-venv); name one: make setup PYTHON=/path/to/python3" >&2
    exit 2
}

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(choose_python)
    echo "setup: $("$python" --version) makes $venv"
    "$python" -m venv "$venv"
fi

if command -v flock >/dev/null; then # two checkouts may share one virtualenv
    exec 9>"$venv/video-emotion.lock"
    flock 9
fi
echo "setup: installing into $venv (some minutes and 6 GB the first time)"
rm -f "$stamp"
log=$venv/video-emotion.log
"$venv/bin/python" -m pip install --progress-bar off --disable-pip-version-check --no-input \
    --constraint constraints.txt --editable '.[dev]' >"$log" 2>&1 &
pip=$!
(
    # sleep may outlive this shell: it must hold neither the output nor the lock
    while sleep 20 >/dev/null 2>&1 9>&-; do
        if grep -q '^Installing collected packages' "$log"; then
            echo "setup: unpacking the packages, the longest step"
        else
            echo "setup: $(grep -c '^Collecting' "$log") packages so far"
        fi
    done
) &
progress=$!
trap 'kill "$progress" "$pip" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM # a shell does not pass Ctrl-C to programs in the background
wait "$pip" || {
    tail -n 20 "$log" >&2
    echo "setup: pip could not install the packages; its output is in $log" >&2
    exit 1
}
kill "$progress"
trap - EXIT INT TERM
"$venv/bin/python" -m pip check --disable-pip-version-check >/dev/null || {
    echo "setup: the installed packages conflict:" >&2
    "$venv/bin/python" -m pip check --disable-pip-version-check >&2 || true
    echo "setup: remove $venv and run make setup again" >&2
    exit 1
}
"$venv/bin/python" -m scripts.convert_dlib_network
"$venv/bin/python" -m scripts.fetch_mini_xception
echo "$wanted" >"$stamp.new"
mv "$stamp.new" "$stamp"
