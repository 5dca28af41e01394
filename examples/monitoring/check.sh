#!/usr/bin/env bash
# Checks the alert rules and the dashboard: runs the unit tests of both, lints the example service's metrics, and asks each query of a
# Prometheus that scrapes that service. Needs prometheus and promtool (Debian and Homebrew: prometheus), curl, jq and go.
# Usage: bash examples/monitoring/check.sh
set -euo pipefail
cd "$(dirname "$0")"

# TITLE: REASON of each query of the dashboard that may have no data while all is well.
may_be_empty='Down: no worker waits for another attempt after a failure
Late: each attempt has begun when it was due
Stops that did not wait for it to end: nothing was stopped'
[ "$(uname)" = Linux ] || may_be_empty+='
Deploys: on other systems the client_golang that the service has does not tell when a process was started'

# The alert that holds for the example service: its worker flaky fails twice, and then runs on.
may_be_active=WorkerNeverSucceeded

work=$(mktemp -d)
prometheus='' service='' # their process ids, once they run
finish() {
  kill $service $prometheus 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  tail -n 20 "$work"/*.log >&2 2>/dev/null || true
  exit 1
}

# queries PREFIX JOB INSTANCE prints those of the dashboard, with something in place of Grafana's variables.
queries() {
  jq --arg prefix "$1" --arg job "$2" --arg instance "$3" '
    def plain: gsub("\\$\\{prefix\\}"; $prefix) | gsub("\\$__rate_interval"; "5m") | gsub("\\$job"; $job)
      | gsub("\\$instance"; $instance) | gsub("\\$worker"; ".*");
    def values: (capture("^label_values\\((?<of>.*), *(?<label>[a-z]+)\\)$") // error("not label_values: \(.)"))
      | "count by (\(.label)) (\(.of))";
    [(.annotations.list | to_entries[] | {record: "annotation_\(.key)", title: .value.name, expr: .value.expr}),
     (.templating.list[] | select(.type == "query") | {record: "variable_\(.name)", title: .label, expr: (.query.query | values)}),
     (.panels[] | . as $panel | .targets | to_entries[] | {record: "panel_\($panel.id)_\(.key)", title: $panel.title, expr: .value.expr})]
    | map(.expr |= plain)
    | if any(.[]; .expr | contains("$")) then error("an unknown variable of Grafana") else . end' dashboard.json
}

# await WHAT COMMAND... runs the command until it succeeds, for a minute, while the processes live.
await() {
  local deadline=$((SECONDS + 60))
  until "${@:2}"; do
    for pid in $prometheus $service; do
      kill -0 "$pid" 2>/dev/null || fail "a process has ended while it was waited for $1"
    done
    [ "$SECONDS" -lt "$deadline" ] || fail "waited in vain for $1"
    sleep 0.2
  done
}

# api PATH ARGUMENTS... puts Prometheus' answer into $work/answer. An error is one that no later answer mends.
api() {
  curl -sS --max-time 60 "${@:2}" "http://$address/api/v1/$1" >"$work/answer" || fail 'Prometheus does not answer'
  jq -e '.status == "success"' "$work/answer" >/dev/null || fail "$(jq -r .error "$work/answer") ($*)"
}

has_data() {
  api query --data-urlencode "query=$1"
  jq -e 'any(.data.result[]; .value[1] != "NaN")' "$work/answer" >/dev/null
}

listens() {
  address=$(sed -nE 's/.*msg="Listening on".* address=([^ ]*).*/\1/p' "$work/prometheus.log")
  [ -n "$address" ] && curl -sf --max-time 60 "http://$address/-/ready" >/dev/null
}

rules_hold() {
  api rules
  jq -e --arg active "$may_be_active" '[.data.groups[].rules[]] | . != [] and all(.[];
    .health == "ok" and (.type == "recording" or .state == "inactive" or .name == $active))' "$work/answer" >/dev/null && return
  jq -r '.data.groups[].rules[] | select(.type == "alerting") | "\(.name): \(.health), \(.state) \(.lastError // "")"' \
    "$work/answer" >"$work/rules.log"
  return 1
}

# known_messages looks for each of the metrics of messages, which the example service has none of, in the list that jetstream gives.
known_messages() {
  local name
  grep -oE '\bworker_messages_[a-z_]+' alerts_jetstream.yml | sort -u >"$work/messages"
  while IFS= read -r name; do
    grep -qE "^//[[:space:]]+$name +(counter|gauge|histogram)," ../../jetstream/metrics.go || fail "jetstream has no $name"
  done <"$work/messages"
  echo "$(wc -l <"$work/messages") metrics of messages are known"
}

# start runs Prometheus, and, once it has begun to scrape, the service, so that what the service does at first is seen too.
start() {
  local port
  (cd ../.. && go build -o "$work/service" ./examples/service)
  while :; do
    port=$((20000 + RANDOM % 12000)) # below those that systems give away by themselves
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  target=127.0.0.1:$port

  cp alerts.yml "$work"
  cat >"$work/prometheus.yml" <<END
global: {scrape_interval: 250ms, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: example
    static_configs: [targets: ['$target']]
END
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:0 \
    >"$work/prometheus.log" 2>&1 &
  prometheus=$!
  await 'Prometheus' listens
  await 'the first scrape' has_data 'up{job="example"}'

  # Sparse, and 2 GiB long: a walk that lasts for several scrapes on any machine, or no heartbeat would be seen.
  mkdir "$work/tree"
  printf '\n' | dd of="$work/tree/zeros" bs=1048576 seek=2048 2>/dev/null

  "$work/service" -addr "$target" -dir "$work/tree" -out "$work/index.json" -duration 10m >"$work/service.log" 2>&1 &
  service=$!
  await 'a scrape of the service' has_data 'up{job="example"} == 1'
}

# ask_queries asks each query of the dashboard.
ask_queries() {
  local title expr asked=0
  queries '' example "${target//./\\\\.}" >"$work/queries.json"
  jq -r '.[] | .title, .expr' "$work/queries.json" >"$work/queries"
  while IFS= read -r title && IFS= read -r expr; do
    asked=$((asked + 1))
    if grep -q "^$title: " <<<"$may_be_empty"; then
      has_data "$expr" || true
    else
      await "data for $title: $expr" has_data "$expr"
    fi
  done <"$work/queries"
  echo "$asked queries of the dashboard asked, all but those that may be empty have data"
}

# ask_selectors looks for each of the series that the queries and the rules name: a mistyped one would be empty for ever.
ask_selectors() {
  local selector found=0
  api rules
  {
    jq -r '.data.groups[].rules[].query' "$work/answer"
    jq -r '.[] | .expr' "$work/queries.json"
  } | grep -oE '\bworker_[a-z_]+(\{[^}]*\})?' | sort -u >"$work/selectors"
  while IFS= read -r selector; do
    await "series of $selector" has_data "count(last_over_time(${selector}[5m]))"
    found=$((found + 1))
  done <"$work/selectors"
  echo "$found selectors of rules and queries have series"
}

promtool check rules alerts.yml alerts_jetstream.yml
promtool test rules alerts_test.yml alerts_jetstream_test.yml
known_messages

# For promtool the queries are recording rules.
queries shop_ '.*' '.*' | jq '{groups: [{name: "dashboard", rules: map({record, expr})}]}' >"$work/dashboard.yml"
promtool check rules "$work/dashboard.yml"
cp dashboard_test.yml "$work"
promtool test rules "$work/dashboard_test.yml"

start
curl -sS --fail --max-time 60 "http://$target/metrics" | grep -E '^(# (HELP|TYPE) )?worker_' >"$work/metrics"
promtool check metrics <"$work/metrics"
echo "$(grep -c '^# TYPE' "$work/metrics") families of the service are clean"
ask_queries
ask_selectors
await 'the rules to be evaluated, and not to hold' rules_hold
echo 'the rules are evaluated, and tell of nothing'
