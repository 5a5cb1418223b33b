# shellcheck shell=sh
# What Prometheus is told, from seal_metrics().
#
#   seal metrics >seal.prom

help_metrics() {
  cat <<'T'
usage: seal metrics [--at INSTANT]

Counters, quotas, ends and lags in the Prometheus text format, of now or --at an
instant; --json and --csv: the same as rows. It takes milliseconds at any size.
sql/README.md says what each one means, scripts/prometheus/seal.rules.yml
(installed: share/seal/prometheus) has alerts on them.

Example, for the node exporter's textfile collector, from a timer:
  seal metrics >seal.prom.$$ && mv seal.prom.$$ seal.prom
T
}

seal_metrics() {
  take 'at=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "metrics takes options only"
  if [ "$FORMAT" = table ]; then
    {
      echo "SELECT writefile('table', text) FROM ("
      report_sql metrics
      echo ');'
    } | sql read
    out <"$WORK/table"
  else
    {
      modes table
      echo 'SELECT name, labels, value, help, type FROM seal_metrics(:at);'
    } | sql read
    show
  fi
}
