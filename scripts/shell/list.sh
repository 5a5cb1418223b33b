# shellcheck shell=sh
# What a registrar holds: list, status, expiring, usage, invoice, audit, notify.
#
#   seal list identities --val-user-id alice@acme.example
#   seal expiring --days 7
#
# A query of more than a line is a file of sql/reports. To add something that can be listed: a line
# in `describe_list`.

# Sets TABLE, COLUMNS (in their order, for filters), ORDER, and TIMELESS where there is no `at`.
describe_list() {
  TIMELESS=
  case $1 in
    identities)
      TABLE=seal_identity
      COLUMNS='val_service_id=text val_user_id=text val_ue_id=text val_server_id=text conf_id=text
        exp_time=instant valid_until=instant'
      ORDER=''
      ;;
    keys)
      TABLE=seal_key
      COLUMNS='val_service_id=text key_format=text scope=text val_server_id=text conf_id=text
        exp_time=instant valid_until=instant'
      ORDER=''
      ;;
    key-records)
      TABLE=seal_key_record
      COLUMNS='val_service_id=text val_user_id=text val_ue_id=text client_id=text key_format=text
        user_uri=text val_server_id=text conf_id=text exp_time=instant valid_until=instant'
      ORDER=''
      ;;
    configurations)
      TABLE=seal_configuration
      COLUMNS='conf_id=text val_server_id=text seal_service=text exp_time=instant
        valid_until=instant created_time=instant updated_time=instant supp_feat=text'
      ORDER=' ORDER BY created_time, conf_id'
      ;;
    usage)
      TABLE=seal_usage
      COLUMNS='seq=count time=instant agreement_id=text val_provider_id=text val_server_id=text
        seal_service=text operation=text result=count conf_id=text identities=count
        key_records=count'
      ORDER=' ORDER BY seq'
      TIMELESS=yes
      ;;
    changes)
      TABLE=seal_change
      COLUMNS='seq=count time=instant seal_service=text object=text operation=text'
      ORDER=' ORDER BY seq'
      TIMELESS=yes
      ;;
    *) wrong "identities, keys, key-records, configurations, usage or changes?" ;;
  esac
  COLUMNS=$(printf '%s' "$COLUMNS" | tr -s ' \n' '  ')
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
  changes          one row per change of an object

Options are filters on columns: --val-user-id, --val-service-id, --conf-id, ...
What is valid now is shown, or --at an instant; --all shows every row.
T
}

seal_list() {
  what=${1-}
  case $what in
    --help | -h | '') take '' "$@" ;;
    *) shift ;;
  esac
  describe_list "$what"
  options='limit=count'
  [ -n "$TIMELESS" ] || options="$options at=instant all=flag"
  take "$COLUMNS $options" "$@"
  [ "$ARGC" -eq 0 ] || wrong "one kind of thing at a time"
  when
  names=$(printf '%s' "$COLUMNS" | sed 's/=[a-z]*//g; s/  */, /g')
  {
    modes table
    printf 'SELECT %s FROM %s WHERE %s%s%s LIMIT coalesce(:limit, -1);\n' \
      "$names" "$TABLE" "$WHEN" "$(filter ' AND ' "$COLUMNS")" "$ORDER"
  } | sql read
  show
}

# run_report NAME SHAPE
run_report() {
  {
    modes "$2"
    report_sql "$1"
  } | sql read
  show
}

help_status() {
  cat <<'T'
usage: seal status

The registrar at a glance: what it is called, what it holds, what is valid now,
what ends within 30 days, what was refused in the last 24 hours, and which SEAL
servers are behind, by how many changes. At a SEAL server: how far it is.
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
before --until: agreements, terms, VAL servers, credentials, anchors,
configurations.
T
}

seal_expiring() {
  take 'days=count from=instant until=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "expiring takes options only"
  if given days && given until; then wrong "--days or --until?"; fi
  run_report expiring table
}

help_usage() {
  cat <<'T'
usage: seal usage [--from INSTANT] [--until INSTANT] [--agreement-id ID]
                  [--val-server-id ID]

What VAL servers did from --from until --until (default: all the time), per
agreement, VAL server, SEAL service and operation: how often, and how many
identities and key records came with it. `seal list usage` shows each event.
T
}

seal_usage() {
  take 'from=instant until=instant agreement_id=text val_server_id=text' "$@"
  [ "$ARGC" -eq 0 ] || wrong "usage takes options only"
  run_report usage table
}

help_invoice() {
  cat <<'T'
usage: seal invoice [--from INSTANT] [--until INSTANT] [--agreement-id ID]

What a period costs (default: all the time until now), by agreement: invocations
and identity-days of each term at their price, and the total.
T
}

seal_invoice() {
  take 'from=instant until=instant agreement_id=text' "$@"
  [ "$ARGC" -eq 0 ] || wrong "invoice takes options only"
  run_report invoice table
}

help_audit() {
  cat <<'T'
usage: seal audit [--from INSTANT] [--until INSTANT] [--actor WHO]
                  [--action WHAT] [--object WHICH] [--outcome done|refused]
                  [--cause CAUSE] [--limit N]

The last --limit entries (default: 50; none: all) in their order.
T
}

seal_audit() {
  take 'from=instant until=instant actor=text action=text object=text outcome=text cause=text
    limit=count' "$@"
  [ "$ARGC" -eq 0 ] || wrong "audit takes options only"
  given limit || bind limit 50 INTEGER
  run_report audit table
}

help_notify() {
  cat <<'T'
usage: seal notify list [--val-server-id ID] [--event EVENT] [--undelivered]
                        [--limit N]
       seal notify notice [--at INSTANT]

list shows what VAL servers are told: the last --limit notifications (default:
50; none: all) in their order. state is "new", "tried" and how often, or "sent";
--json and --csv show all that is known of each.

notice makes the notifications of what ends within the times of notice_before
(seal_registrar), or has ended, and prints how many: each once, however often it
runs. Best every hour, before seal sweep.
T
}

seal_notify() {
  what=${1-}
  case $what in
    list | notice) shift ;;
    --help | -h | '') take '' "$@" ;;
  esac
  case $what in
    list)
      take 'val_server_id=text event=text undelivered=flag limit=count' "$@"
      [ "$ARGC" -eq 0 ] || wrong "notify list takes options only"
      given limit || bind limit 50 INTEGER
      list_notifications
      ;;
    notice)
      take 'at=instant' "$@"
      [ "$ARGC" -eq 0 ] || wrong "notify notice takes options only"
      {
        echo "INSERT INTO seal_command(command, at) VALUES ('notice', :at);"
        modes line
        echo 'SELECT CAST(result AS INTEGER) AS made FROM seal_command LIMIT 1;'
      } | sql write
      show
      ;;
    *) wrong "list or notice?" ;;
  esac
}

# As a table it fits 80 columns: a long id goes on in the next line.
list_notifications() {
  where=$(filter ' AND ' 'val_server_id event')
  ! given undelivered || where="$where AND delivered_time IS NULL"
  columns='seq, time, val_server_id, destination, event, object, detail, due_time, delivered_time, attempts,
    last_error'
  {
    modes table
    if [ "$FORMAT" = table ]; then
      echo '.width 5 20 14 18 7'
      columns="seq, due_time, val_server_id, event, CASE WHEN delivered_time IS NOT NULL THEN 'sent'
        WHEN attempts > 0 THEN 'tried ' || attempts ELSE 'new' END AS state"
    fi
    printf 'SELECT %s FROM (SELECT * FROM seal_notification WHERE 1%s' "$columns" "$where"
    echo ' ORDER BY seq DESC LIMIT coalesce(:limit, -1)) ORDER BY seq;'
  } | sql read
  show
}
