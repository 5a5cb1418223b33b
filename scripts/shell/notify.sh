# shellcheck shell=sh
# What VAL servers are told (seal_notification): listed, made when it is due by time, and delivered.
#
#   seal notify notice
#   seal --key seal.key notify push

# shellcheck source=scripts/shell/deliver.sh
. "$LIBRARY/deliver.sh"

help_notify() {
  cat <<'T'
usage: seal notify list [--val-server-id ID] [--event EVENT] [--undelivered]
                        [--dead] [--limit N] [--at INSTANT]
       seal notify notice [--at INSTANT]
       seal --key FILE notify push [--allow NETWORK-OR-HOST ...] [--ca FILE]
                        [--dead] [--at INSTANT]

list shows what VAL servers are told: the last --limit notifications (default:
50; none: all) in their order. state is "new", "tried" and how often, "sent", or
"dead": tried in vain for 24 hours, and given up. --undelivered: without what
was sent; --dead: what was given up. --json and --csv show all that is known of
each.

notice makes the notifications of what ends within the times of notice_before
(seal_registrar), or has ended, and prints how many: each once, however often it
runs. Best every hour, before seal sweep.

push delivers what is due, each destination's in order, with the program curl: a
POST of JSON, signed (Seal-Signature), under a name of its own (Idempotency-
Key). 2xx is delivered. What fails is tried again by later runs, after 1, 2, 4,
... minutes, then every hour, for 24 hours, and nothing overtakes it. Best every
minute; a run ends within a few minutes, and two don't run at a time. --dead:
what was given up gets one more try.

Only public addresses are sent to; --allow (or SEAL_ALLOW, with spaces between)
lists others: 10.1.0.0/16, fd00::/8, 127.0.0.1, or a host by its name. Redirects
are not followed. --ca: certificates of the CAs of destinations.

Example:
  seal notify notice
  seal --key seal.key notify push --allow 10.20.0.0/16
  seal notify list --dead
T
}

seal_notify() {
  pick 'list notice push' "$@" || wrong "list, notice or push?"
  what=$1
  shift
  "notify_$what" "$@"
}

notify_notice() {
  take 'at=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "notify notice takes options only"
  {
    echo "INSERT INTO seal_command(command, at) VALUES ('notice', :at);"
    echo 'SELECT result FROM seal_command LIMIT 1;'
  } | sql write
  made=$(cat "$WORK/out")
  tell made "$made" "$(plural "$made" notification) made"
}

notify_list() {
  take 'val_server_id=text event=text undelivered=flag dead=flag limit=limit at=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "notify list takes options only"
  given limit || bind limit 50 INTEGER
  where=$(filter ' AND ' 'val_server_id event')
  ! given undelivered || where="$where AND delivered_time IS NULL"
  dead="seq IN (SELECT seq FROM seal_notifying(:at) WHERE state = 'dead')"
  ! given dead || where="$where AND $dead"
  columns='seq, time, val_server_id, destination, event, object, detail, due_time, delivered_time, attempts,
    last_error'
  {
    modes table "$(printf '%s' "$columns dead" | tr -d ',\n' | tr -s ' ')"
    if [ "$FORMAT" = table ]; then
      columns="seq, due_time, val_server_id, event, CASE WHEN delivered_time IS NOT NULL THEN 'sent'
        WHEN $dead THEN 'dead' WHEN attempts > 0 THEN 'tried ' || attempts ELSE 'new' END AS state"
    else
      columns="$columns, $dead AS dead"
    fi
    printf 'SELECT %s FROM (SELECT * FROM seal_notification WHERE 1%s' "$columns" "$where"
    echo ' ORDER BY seq DESC LIMIT coalesce(:limit, -1)) ORDER BY seq;'
  } | sql read
  show
}

notify_push() {
  MANY_allow=${SEAL_ALLOW-}
  PATH_ca=
  take 'allow=many ca=path dead=flag at=instant' "$@"
  [ "$ARGC" -eq 0 ] || wrong "notify push takes options only"
  bind allow "$MANY_allow"
  tls_options
  bind_common "$DELIVER_EACH"
  bind_post
  alone notify
  DELIVER_UNTIL=$(($(date +%s) + DELIVER_SECONDS))
  delivered=0
  failed=0
  printf '[]' >"$WORK/failed"
  if given dead; then
    echo "UPDATE seal_notification SET attempts = 0
      WHERE seq IN (SELECT seq FROM seal_notifying(:at) WHERE state = 'dead');" | sql write
  fi
  while [ "$(date +%s)" -lt "$DELIVER_UNTIL" ]; do
    next_batch
    [ "$(cat "$WORK/batch")" != '[]' ] || break
    deliver_batch
    read -r good bad <"$WORK/counts"
    delivered=$((delivered + good))
    failed=$((failed + bad))
    [ $((good + bad)) -gt 0 ] || break
  done
  printf '%s\n' '.mode list' "SELECT count(*) FROM seal_notifying(:at) WHERE state = 'dead';" | sql read
  dead=$(cat "$WORK/out")
  case $FORMAT in
    json) printf '[{"delivered":%s,"failed":%s,"dead":%s}]\n' "$delivered" "$failed" "$dead" ;;
    csv) printf 'delivered,failed,dead\n%s,%s,%s\n' "$delivered" "$failed" "$dead" ;;
    *) printf '%s delivered; %s failed; %s dead\n' "$delivered" "$failed" "$dead" ;;
  esac | out
}

# The next destinations, and where they are.
next_batch() {
  rm -f "$WORK"/host.* "$WORK"/addresses.*
  { echo '.output /dev/null' && report_sql notify_due; } | sql read
  : >"$WORK/addresses.0"
  # shellcheck disable=SC2016 # of the inner shell
  (cd "$WORK" && printf '%s\n' host.[0-9]* | sed -n 's/^host\.\([0-9]*\)$/\1/p' | xargs -r -P "$DELIVER_AT_ONCE" -n 1 sh -c '
    timeout 10 getent ahosts -- "$(cat "host.$1")" >"addresses.$1" 2>/dev/null || :' sh)
  # What is no plain address, such as one with a scope, is none that may be sent to.
  (cd "$WORK" && awk 'BEGIN { printf "[" }
    { n = FILENAME; sub(/^addresses\./, "", n) }
    !seen[n, $1]++ { printf "%s[%s,\"%s\"]", mark, n, $1 ~ /^[0-9A-Fa-f:.]+$/ ? $1 : "?"; mark = "," }
    END { print "]" }' addresses.* >addresses)
}

# Sends to them, and writes down what became of it.
deliver_batch() {
  { echo '.output /dev/null' && report_sql notify_config; } | sql read
  awk '{ print $1 }' "$WORK/seqs" | deliver any
  {
    printf '%s\n' '.mode list' "SELECT json_extract(b.value, '\$.seqs[0]') || ' way: ' || (u.value->>1)
      FROM json_each(CAST(readfile('unreached') AS TEXT)) AS u
      JOIN json_each(CAST(readfile('batch') AS TEXT)) AS b ON b.value->>'\$.n' = u.value->>0;"
  } | sql none
  {
    cat "$WORK/out"
    while read -r n seqs; do
      outcome "$n" '^2' >"$WORK/outcome"
      # shellcheck disable=SC2086 # a list of numbers
      printf '%s\n' $seqs | paste -d ' ' - "$WORK/outcome"
    done <"$WORK/seqs"
  } | awk 'BEGIN { printf "[" }
    NF > 1 {
      seq = $1
      way = $2 == "way:"
      sub(/^[^ ]* (ok|way: |answer: )/, "")
      printf "%s[%s,\"%s\",%d]", mark, seq, $0, way
      mark = ","
    }
    END { print "]" }' >"$WORK/done"
  { echo '.output /dev/null' && report_sql notify_done; } | sql write
}
