# shellcheck shell=bash disable=SC2154,SC2030,SC2031
# For the scripts that build a library from Debian's source package into build/deps/NAME. They set
# name, version, patches and build() and then call build_once; build() runs in the unpacked, patched
# source tree and installs into the folder that it is given, which becomes build/deps/NAME when all
# went well. Needs apt-get with a deb-src entry, dpkg-dev and a compiler.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() {
  echo "setup: $*" >&2
  exit 1
}

# Runs a command with its output in the log, which is shown only if the command fails.
run() {
  "$@" >>"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "failed while building $name $version: $*"
  }
}

build_once() {
  local script=${BASH_SOURCE[1]} want
  local result=$root/build/deps/$name
  local stamp=$result/.built

  # Whatever changes the result is part of the stamp: the scripts, the patches, the compiler.
  want=$({
    cat "$script" "${BASH_SOURCE[0]}" "${patches[@]}"
    c++ --version
  } | sha256sum | cut -d' ' -f1)
  [[ -f $stamp && $(<"$stamp") == "$want" ]] && return

  # Two runs in one checkout must not meet: the second waits, then finds the stamp.
  mkdir -p "$root/build/deps"
  (
    flock 9
    [[ -f $stamp && $(<"$stamp") == "$want" ]] && exit
    echo "setup: building $name $version, position-independent, into build/deps/$name"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    log=$work/log
    cd "$work"
    # apt checks the files against the signed index, dpkg-source applies Debian's patches. The
    # download is unsandboxed only because apt's own user may not write into a private folder.
    run apt-get -o APT::Sandbox::User=root source --only-source "$name=$version"
    cd "$work/$name-${version%%-*}"
    for patch in "${patches[@]}"; do
      run patch -p1 --forward --batch -i "$patch"
    done
    mkdir -p "$work/result/lib" "$work/result/include"
    build "$work/result"
    echo "$want" >"$work/result/.built"
    rm -rf "$result"
    mv "$work/result" "$result"
  ) 9>"$root/build/deps/.$name.lock"
}

# Stops where one of the archives refers to one of the symbols: the promises that the agent is
# built on are checked on the result and not on the intention.
must_not_use() { # PATTERN ARCHIVE...
  local pattern=$1
  shift
  if nm --undefined-only "$@" 2>>"$log" | grep -Ew "$pattern"; then
    die "$name $version still refers to the symbols above"
  fi
}
