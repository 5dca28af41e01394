#!/usr/bin/env bash
# Checks the alert rules, runs their unit tests, and checks that each query of the dashboard can be parsed.
# Needs promtool (Debian and Homebrew: prometheus) and jq. Usage: bash examples/monitoring/check.sh
set -euo pipefail
cd "$(dirname "$0")"

promtool check rules alerts.yml
promtool test rules alerts_test.yml

queries=$(mktemp) # no --suffix, which only GNU has
trap 'rm -f "$queries"' EXIT

# The queries become recording rules, with something in place of Grafana's variables.
jq '{groups: [{name: "dashboard", rules: [[.panels[].targets[].expr] | to_entries[] | {
  record: "query_\(.key)",
  expr: (.value | gsub("\\$\\{prefix\\}"; "shop_") | gsub("\\$__rate_interval"; "5m") | gsub("\\$(job|instance|worker)"; ".*"))
}]}]}' dashboard.json >"$queries"
promtool check rules "$queries"
