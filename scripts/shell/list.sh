# shellcheck shell=sh
# What a registrar holds: list, status, expiring, usage, invoice.
#
#   seal list identities --val-user-id alice@acme.example
#   seal expiring --days 7
#
# A query of more than a line is a file of sql/reports. To add something that can be listed: a line
# in `describe_list`.

# name, relation, the order, the columns that a table for people shows
lists() {
  cat <<'T'
identities      seal_identity      -    val_service_id val_user_id val_ue_id val_server_id valid_until
keys            seal_key           -    val_service_id key_format scope val_server_id valid_until
key-records     seal_key_record    -    val_service_id val_user_id val_ue_id key_format val_server_id valid_until
configurations  seal_configuration created_time,conf_id conf_id val_server_id seal_service valid_until
usage           seal_usage         seq  seq time val_server_id operation result identities
occupancy       seal_occupancy     -    val_server_id val_service_id start_time stop_time identities
changes         seal_change        seq  seq time object operation
refusals        seal_refusal       -    minute cause count
T
}

help_list() {
  cat <<'T'
usage: seal list WHAT [--COLUMN VALUE ...] [--at INSTANT | --all] [--limit N]

WHAT is one of
  identities       VAL users and UEs, and the VAL services that they may use
  keys             key parameters of VAL services
  key-records      for whom there are keys; what they are stays sealed
  configurations   what VAL servers provisioned, as a whole
  usage            one row per chargeable event
  occupancy        what was held, from when to when
  changes          one row per change of an object
  refusals         what was refused before anybody was proved, by the minute

Options are filters on columns: --val-user-id, --val-service-id, --conf-id, ...
What is valid now is shown, or --at an instant; --all shows every row. A table
shows 10000 rows at most, --csv and --json all, with every column.

Example:
  seal list identities --val-user-id alice@acme.example
T
}

seal_list() {
  kinds=$(lists | while read -r name rest; do printf '%s ' "$name"; done)
  pick "$kinds" "$@" || wrong "$(printf '%s' "${kinds% }" | sed 's/ /, /g')?"
  what=$1
  shift
  while read -r name relation order brief; do
    [ "$name" = "$what" ] || continue
    TABLE=$relation
    ORDER=$order
    BRIEF=$brief
  done <<T
$(lists)
T
  load_columns "$TABLE"
  options='limit=limit'
  ! grep -q '^at|' "$WORK/columns" || options="$options at=instant all=flag"
  take "$LISTED $options" "$@"
  [ "$ARGC" -eq 0 ] || wrong "one kind of thing at a time"
  when
  shown=$LISTED
  most=-1
  if [ "$FORMAT" = table ]; then
    shown=$BRIEF
    given limit || most=$((TABLE_ROWS + 1))
  fi
  names=$(names_of "$shown")
  [ "$ORDER" = - ] && ORDER='' || ORDER=" ORDER BY $ORDER"
  {
    modes table "$names"
    printf 'SELECT %s FROM %s WHERE %s%s%s LIMIT coalesce(:limit, %s);\n' "$(printf '%s' "$names" | tr -s ' ' ',')" \
      "$TABLE" "$WHEN" "$(filter ' AND ' "$LISTED")" "$ORDER" "$most"
  } | sql read
  show
}

# run_report NAME SHAPE [SHORT]: SHORT are the columns that a table for people shows, where those are not all.
run_report() {
  {
    modes "$2" "$(report_names "$1")"
    if [ "$FORMAT" = table ] && [ -n "${3-}" ]; then
      printf 'SELECT %s FROM (\n' "$3"
      report_sql "$1" | sed 's/;$//'
      echo ');'
    else
      report_sql "$1"
    fi
  } | sql read
  show
}

# none_of COLUMN...: nothing was found, and the agreement or the VAL server that was asked for is not there at all.
none_of() {
  [ ! -s "$WORK/rows" ] || return 0
  for column in "$@"; do
    given "$column" || continue
    printf '%s\n' "SELECT EXISTS (SELECT 1 FROM seal_${column%_id} WHERE $column = :$column AND at IS NULL)
      OR EXISTS (SELECT 1 FROM seal_usage WHERE $column = :$column) OR EXISTS (SELECT 1 FROM seal_charge WHERE $column = :$column);" |
      sql read
    [ "$(cat "$WORK/out")" = 1 ] || refuse "there is no $(spaced "${column%_id}") of that name, and never was one that used anything"
  done
}

help_status() {
  cat <<'T'
usage: seal status

The registrar at a glance: what it is called, what it holds, what is valid now,
what ends within 30 days, what was refused in the last 24 hours, and which SEAL
servers are behind, by how many changes, whether they concern it or not (the
metric seal_server_lag_changes). At a SEAL server: how far it is.

Example:
  seal status --json
T
}

seal_status() {
  take '' "$@"
  [ "$ARGC" -eq 0 ] || wrong "status takes no words"
  run_report status line
}

help_expiring() {
  cat <<'T'
usage: seal expiring [--days N] [--from INSTANT] [--until INSTANT]

What is valid at --from (default: now) and ends within --days (default: 30), or
before --until: agreements, terms, VAL servers, credentials, anchors (a CRL when
the next is due), configurations, those too that hold nothing any more. A table
shows every id whole; --json and --csv have agreement_id besides.

Example:
  seal expiring --days 7
T
}

seal_expiring() {
  take 'days=number:0-36500 from=instant until=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "expiring takes options only"
  period
  if given days && given until; then wrong "--days or --until?"; fi
  run_report expiring table "ends, what, id"
}

help_usage() {
  cat <<'T'
usage: seal usage [--from INSTANT] [--until INSTANT] [--agreement-id ID]
                  [--val-server-id ID]

What VAL servers did from --from until --until (default: all the time), per
agreement, VAL server, SEAL service and operation: how often, and how many
identities and key records came with it. `seal list usage` shows each event.

Example:
  seal usage --from 2026-11-01 --until 2026-12-01 --agreement-id sla-7
T
}

seal_usage() {
  take 'from=instant until=instant agreement_id=text val_server_id=text' "$@"
  [ "$ARGC" -eq 0 ] || wrong "usage takes options only"
  period
  run_report usage table "agreement_id, val_server_id, seal_service, operation, invocations AS times, identities AS ids, key_records AS keys"
  none_of agreement_id val_server_id
}

help_invoice() {
  cat <<'T'
usage: seal invoice [--from INSTANT] [--until INSTANT] [--agreement-id ID]

What a period costs (default: all the time until now), by agreement: invocations
and identity-days of each term at their price, and the total. --json and --csv
have val_provider_id besides, and the currency in a column of its own.

With --until ahead it is a forecast, and says so on stderr: what is held now
counts as held until then, or until it ends; invocations are those up to now.

Example:
  seal invoice --from 2026-11-01 --until 2026-12-01
T
}

seal_invoice() {
  take 'from=instant until=instant agreement_id=text' "$@"
  [ "$ARGC" -eq 0 ] || wrong "invoice takes options only"
  period
  run_report invoice table "agreement_id, seal_service, term, item, quantity, price, amount || coalesce(' ' || currency, '') AS amount"
  if given until; then
    echo "SELECT unixepoch(seal_instant(:until)) > unixepoch('now');" | sql none
    [ "$(cat "$WORK/out")" != 1 ] || note "--until is ahead: identity-days from now on are a forecast"
  fi
  none_of agreement_id
}
