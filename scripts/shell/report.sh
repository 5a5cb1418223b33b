# shellcheck shell=sh
# The state of things as one HTML page, without scripts and without anything from elsewhere. SQL makes the whole page:
# sql/reports/report.sql says how.
#
#   seal report --days 30 >report.html

help_report() {
  cat <<'T'
usage: seal report [FILE] [--days N]

One HTML page, to FILE (one that is there is replaced) or the output: what there
is, agreements, what is used and granted and what it cost, what ends within
--days (default: 30), SEAL servers, VAL servers, notifications that did not
arrive, and what was used and refused in as many days before today and today.

Example:
  seal report report.html --days 7
T
}

seal_report() {
  take 'days=number:0-36500' "$@"
  # shellcheck disable=SC2153 # take sets it
  [ "$ARGC" -le 1 ] || wrong "report takes one file"
  [ "$ARGC" -eq 1 ] || ARG1=-
  [ ! -d "$ARG1" ] || fail "cannot write $ARG1"
  no_loss "$ARG1"
  {
    echo 'BEGIN;'
    report_sql report
    echo "REPLACE INTO temp.sqlite_parameters SELECT ':from', now FROM report_period UNION ALL SELECT ':until', stop FROM report_period;"
    for name in expiring invoice usage; do
      echo "CREATE TEMP TABLE report_$name AS"
      report_sql "$name"
      # What ends is ahead of now; invoice and usage look back.
      echo "DELETE FROM temp.sqlite_parameters WHERE key = ':until';
REPLACE INTO temp.sqlite_parameters SELECT ':from', start FROM report_period;"
    done
    for name in terms ends refusals servers head page; do
      report_sql "report_$name"
    done
    echo 'COMMIT;'
  } | sql read
  if [ "$ARG1" = - ]; then
    out <"$WORK/page"
    return
  fi
  put_over page "$ARG1"
  note "$ARG1 is written"
}
