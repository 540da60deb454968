#!/bin/sh
# Runs every case of SelfCheck, each in a JVM of its own.
# usage: run.sh JAVA_HOME STANDIN_DIR GENERATION ORG_CRAC_JAR
#   STANDIN_DIR   where the build has put standin-g3.args and the rest
#   GENERATION    g0, g1 or g3
#   ORG_CRAC_JAR  org.crac:crac from Maven Central
# Prints what differed and how many cases did; exit status 1 where any did.
set -eu
if [ $# -ne 4 ]; then
  sed -n '3,6s/^# //p' "$0" >&2
  exit 2
fi
java="$1/bin/java"
standin=$2
args="$standin/standin-$3.args"
class_path="$standin/standin-selfcheck.jar:$4"
image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT

"$java" "@$args" -cp "$class_path" SelfCheck --list > "$image/list"
total=0
failed=0
while read -r name options; do
  total=$((total + 1))
  options=$(printf '%s' "$options" | sed "s|%DIR%|$image/cr|")
  # The options are words without blanks, to be split.
  # shellcheck disable=SC2086
  if ! "$java" "@$args" $options -cp "$class_path" SelfCheck "$name" \
    > "$image/out" 2> "$image/err" < /dev/null; then
    failed=$((failed + 1))
    echo "== $3 $name"
    cat "$image/out" "$image/err"
  fi
done < "$image/list"
echo "$3 on $1: $total cases, $failed failed"
[ "$failed" -eq 0 ]
