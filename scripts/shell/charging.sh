# shellcheck shell=sh
# Charging records (seal_charge): listed, made for the days that have ended, and delivered.
#
#   seal charging charge
#   seal charging list --from 2026-11-01 --until 2026-12-01 --csv
#   seal charging push https://chf.example

# shellcheck source=scripts/shell/deliver.sh
. "$LIBRARY/deliver.sh"

help_charging() {
  cat <<'T'
usage: seal charging list [--from INSTANT] [--until INSTANT] [--untaken]
                          [--kind invocation|identity-days] [--agreement-id ID]
                          [--val-server-id ID] [--val-service-id ID]
                          [--limit N]
       seal charging charge
       seal charging push URL [--http2] [--ca FILE]
                          [--certificate FILE --private-key FILE]

list shows charging records in their order: invocations by their time, identity-
days by their day; --untaken: those that no charging system has taken yet. For
people, identity-days are in seconds (s); --json and --csv give every column.

charge makes the records of identity-days for every UTC day that has ended and
is not charged yet. Run it as often as you like: each day is charged once, and
does not change afterwards. Best shortly after each midnight, UTC.

push sends what no charging system has taken yet to a charging function,
Nchf_OfflineOnlyCharging of TS 32.291, with the program curl; URL is its
apiRoot. Records go in order, each is acknowledged by 201, and the first that is
not ends it (exit 1; 3 where there was no answer): the next run goes on there.
What may have been sent before is sent with retransmissionIndicator. Records are
never given up. Two don't run at a time. --http2: over one connection of HTTP/2,
without upgrade where URL is http; else HTTP/1.1, a connection for each. --ca:
certificates of the CAs that the charging function is trusted by; --certificate
and --private-key: our own, PEM.

Example:
  seal charging charge
  seal charging list --untaken --csv
  seal charging push https://chf.example --ca chf-ca.crt
T
}

seal_charging() {
  pick 'list charge push' "$@" || wrong "list, charge or push?"
  what=$1
  shift
  "charging_$what" "$@"
}

charging_list() {
  filters='kind=one:invocation,identity-days agreement_id=text val_server_id=text val_service_id=text'
  take "$filters from=instant until=instant untaken=flag limit=limit" "$@"
  [ "$ARGC" -eq 0 ] || wrong "charging list takes options only"
  period
  names='seq time kind agreement_id val_provider_id val_server_id seal_service api_name val_service_id term quantity
    amount currency price usage_seq from_time until_time'
  names=$(printf '%s' "$names" | tr -s ' \n' ' ')
  {
    modes table "$names"
    case $FORMAT in
      table) charging_short ;;
      *) printf 'SELECT %s\n' "$(printf '%s' "$names" | tr ' ' ',')" ;;
    esac
    echo 'FROM (SELECT seal_instant(:from) AS start, seal_instant(:until) AS stop) AS period CROSS JOIN seal_charge
      WHERE (start IS NULL OR coalesce(from_time, time) >= start)
        AND (stop IS NULL OR coalesce(from_time, time) < stop)'
    ! given untaken || echo 'AND seq > (SELECT charged FROM seal_registrar)'
    printf '%s ORDER BY seq LIMIT coalesce(:limit, -1);\n' "$(filter ' AND ' "$filters")"
  } | sql read
  show
}

# What fits into 80 columns.
charging_short() {
  cat <<'T'
SELECT seq, substr(coalesce(from_time, time), 1, 10) AS day, val_server_id, val_service_id,
  quantity || iif(kind = 'invocation', '', ' s') AS quantity,
  iif(amount GLOB '*.*', rtrim(rtrim(amount, '0'), '.'), amount) || coalesce(' ' || currency, '') AS amount
T
}

charging_charge() {
  take '' "$@"
  [ "$ARGC" -eq 0 ] || wrong "charging charge takes no words"
  printf '%s\n' "INSERT INTO seal_command(command) VALUES ('charge');" \
    "SELECT c.result, r.charged_until FROM seal_command AS c, seal_registrar AS r LIMIT 1;" |
    sql write
  IFS='|' read -r made until <"$WORK/out"
  case $FORMAT in
    json) printf '[{"records":%s,"charged_until":"%s"}]\n' "$made" "$until" ;;
    csv) printf 'records,charged_until\n%s,%s\n' "$made" "$until" ;;
    *) printf '%s made; charged until %s\n' "$(plural "$made" record)" "$until" ;;
  esac | out
}

charging_push() {
  PATH_ca=
  PATH_certificate=
  PATH_private_key=
  take "$TLS http2=flag" "$@"
  [ "$ARGC" -eq 1 ] || wrong "to which URL? The apiRoot of the charging function"
  bind url "${ARG1%/}/nchf-offlineonlycharging/v1/offlinechargingdata"
  printf '%s\n' '.mode list' "SELECT seal_http_target(:url) IS NULL OR :url GLOB '*[?#]*';" | sql none
  [ "$(cat "$WORK/out")" = 0 ] || wrong "$ARG1 is no http or https URL of an apiRoot"
  tls_options
  bind_common "$DELIVER_EACH"
  bind_post
  # A connection that was used before and ends without an answer curl replaces by itself, and sends again what was perhaps
  # taken, not marked as a retransmission: so each has its own.
  bind http "$(if given http2; then echo http2-prior-knowledge; else echo http1.1; fi)"
  alone charging
  taken=0
  while :; do
    { echo '.output /dev/null' && report_sql charging_config; } | sql write
    [ -s "$WORK/seqs" ] || break
    DELIVER_UNTIL=$(($(date +%s) + DELIVER_SECONDS))
    names=$(if given http2; then echo 0; else awk '{ print NR }' "$WORK/seqs"; fi)
    printf '%s\n' "$names" | deliver order
    for name in $names; do outcome "$name" '^201$'; done >"$WORK/outcome"
    n=$(sed -n '/^ok$/!q; p' "$WORK/outcome" | wc -l)
    taken=$((taken + n))
    if [ "$n" -gt 0 ]; then
      bind_kind taken count "$(sed -n "$n{p;q;}" "$WORK/seqs")"
      echo "INSERT INTO seal_command(command, argument) VALUES ('charged', :taken);" | sql write
    fi
    # None where all were taken, or the time of a batch was over.
    why=$(sed -n "$((n + 1)){p;q;}" "$WORK/outcome")
    if [ -n "$why" ] || [ "$n" -eq 0 ]; then break; fi
  done
  tell taken "$taken" "$(plural "$taken" record) taken"
  [ -s "$WORK/seqs" ] || return 0
  text="charging: record $(sed -n "$((n + 1)){p;q;}" "$WORK/seqs") is not taken: ${why#*: }"
  case $why in
    answer:*) refuse "$text" ;;
    *) fail "$text" ;;
  esac
}
