# shellcheck shell=bash
# For the scripts that run tests: the processes of a run are found and ended, and nothing in it runs
# for ever. Where one such script calls another, they are one run, and the outer one cleans up.

# Every process of the tests inherits this mark, also those that leave their session or outlive
# their parent, and by it they are found.
if [[ -z ${FDORIGIN_TEST_RUN:-} ]]; then
  FDORIGIN_TEST_RUN=$$-$(date +%s%N)
  export FDORIGIN_TEST_RUN
  trap end_marked_processes EXIT
fi
trap 'exit 130' INT TERM HUP

# Maven starts often here and does little itself.
export MAVEN_OPTS=${MAVEN_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC}

end_marked_processes() {
  local signal pid left
  for signal in TERM KILL; do
    left=no
    for pid in /proc/[0-9]*; do
      pid=${pid#/proc/}
      if [[ $pid != "$$" && $pid != "$BASHPID" ]] &&
        grep -qzx "FDORIGIN_TEST_RUN=$FDORIGIN_TEST_RUN" "/proc/$pid/environ" 2>/dev/null; then
        echo "test: ending left-over process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
        kill -s "$signal" "$pid" 2>/dev/null || :
        left=yes
      fi
    done
    [[ $left == yes ]] || return 0
    sleep 1
  done
}

# Runs a command for some seconds at most. In the background, because bash would put off the traps
# above for as long as a command runs in the foreground.
limited() {
  local seconds=$1
  shift
  timeout --kill-after=10 "$seconds" "$@" </dev/null &
  wait $!
}

# Builds the preset `release`, or these of its targets, with warnings as errors; prints the end of the
# log where that fails.
build_release() { # LOG [TARGET...]
  local log=$1 targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  mkdir -p "$(dirname "$log")"
  if ! {
    cmake --preset release -DFDORIGIN_WERROR=ON &&
      cmake --build --preset release ${targets[@]+"${targets[@]}"}
  } >"$log" 2>&1; then
    tail -n 100 "$log"
    return 1
  fi
}
