#!/usr/bin/env bash
# Checks the alert rules, runs their unit tests, checks that each query of the dashboard can be parsed, and runs the unit tests of some.
# Needs promtool (Debian and Homebrew: prometheus) and jq. Usage: bash examples/monitoring/check.sh
set -euo pipefail
cd "$(dirname "$0")"

promtool check rules alerts.yml
promtool test rules alerts_test.yml

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The queries become recording rules, panel_ID_INDEX, with something in place of Grafana's variables.
jq '
  def plain: gsub("\\$\\{prefix\\}"; "shop_") | gsub("\\$__rate_interval"; "5m") | gsub("\\$(job|instance|worker)"; ".*");
  [.panels[] | .id as $id | .targets | to_entries[] | {record: "panel_\($id)_\(.key)", expr: (.value.expr | plain)}]
  + [.annotations.list | to_entries[] | {record: "annotation_\(.key)", expr: (.value.expr | plain)}]
  | {groups: [{name: "dashboard", rules: .}]}' dashboard.json >"$work/dashboard.yml"
promtool check rules "$work/dashboard.yml"
cp dashboard_test.yml "$work"
promtool test rules "$work/dashboard_test.yml"
