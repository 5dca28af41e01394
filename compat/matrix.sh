#!/usr/bin/env bash
# Puts this library into each published version of yokai's fxworker by one replace line, with the requirements of that version's
# own go.mod and none raised by hand, and prints a row of README.md's table for each. A row that differs from the README's fails.
# Usage: bash compat/matrix.sh [VERSION=DIR...]  takes a version from a directory, where the module proxy does not serve it.
set -euo pipefail
cd "$(dirname "$0")"

versions='v1.1.0 v1.1.1 v1.2.0 v1.3.0'
fxworker=github.com/ankorstore/yokai/fxworker
library=github.com/ankorstore/yokai/worker
export GOWORK=off
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# source_of VERSION [VERSION=DIR...] puts a version's files into $tmp/VERSION; it fails where the proxy does not serve them.
source_of() {
  local version=$1 dir=
  for given in "${@:2}"; do
    [ "${given%%=*}" != "$version" ] || dir=${given#*=}
  done
  if [ -z "$dir" ]; then
    go mod download -json "$fxworker@$version" >"$tmp/download" 2>&1 || return 1
    dir=$(sed -nE 's/^[[:space:]]+"Dir": "(.*)",$/\1/p' "$tmp/download")
  fi
  cp -R "$dir" "$tmp/$version"
  chmod -R u+w "$tmp/$version"
}

requirements() {
  sed -nE 's/^[[:space:]]+([^ ]+ v[^ ]+).*/\1/p' go.mod | grep -v "^$library " | sort
}

# suite VERSION runs the published tests of a version: in its own module, so with its own requirements.
suite() (
  cat go.sum >>"$tmp/$1/go.sum" # for what the library requires beside
  cd "$tmp/$1"
  requirements >../before
  go mod edit -replace "$library=$root" && go mod tidy || return 1
  requirements >../after
  go test -count=1 -v ./... >../suite
)

# service VERSION runs the tests of this directory with a version.
service() {
  cp go.mod "$tmp/service.mod" && cp go.sum "$tmp/service.sum"
  go mod edit -require "$fxworker@$1" -replace "$fxworker@$1=$tmp/$1" "$tmp/service.mod"
  go mod tidy -modfile="$tmp/service.mod" || return 1
  go test -modfile="$tmp/service.mod" -count=1 -v ./... >"$tmp/service"
}

# outcome FILE COMMAND... tells in a cell of the table how a run of tests went.
outcome() {
  if "${@:2}" >"$tmp/log" 2>&1; then
    echo "$(grep -cE '^ *--- PASS' "$tmp/$1") passed"
  else
    cat "$tmp/log" "$tmp/$1" >&2 2>/dev/null || true
    echo failed
  fi
}

root=$(cd .. && pwd)
wrong=0
echo '| fxworker | its own tests | what the replace moves | a service of fxcore v1.12.0 |'
echo '|---|---|---|---|'
for version in $versions; do
  if ! source_of "$version" "$@"; then
    grep -qE ': (403|404|410) ' "$tmp/download" || { # a proxy's refusal; anything else is a failure
      cat "$tmp/download" >&2
      exit 1
    }
    echo "| $version | not run: this module proxy does not serve it |"
    [ "$version" != v1.1.0 ] || wrong=1 # go.mod requires this one, so it has to be there
    continue
  fi
  own=$(outcome suite suite "$version")
  moved=$(comm -23 "$tmp/before" "$tmp/after" | sed 's/ .*//' | paste -sd , - | sed 's/,/, /g')
  row="| $version | $own | ${moved:-nothing} | $(outcome service service "$version") |"
  echo "$row"
  grep -qxF -- "$row" README.md || wrong=1
done
[ "$wrong" -eq 0 ] || {
  echo 'README.md has other rows' >&2
  exit 1
}
