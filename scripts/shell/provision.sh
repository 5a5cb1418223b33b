# shellcheck shell=sh
# Identities or key parameters from a file, all of them or none.
#
#   printf 'val_user_id\nalice@acme.example\n' >users.csv
#   seal provision users.csv --credential token.jwt --val-service-id v2x
#
# A VALServicesConfig is a message, and is read as one. Rows of CSV or JSON go through seal_identity or seal_key.

help_provision() {
  cat <<'T'
usage: seal provision FILE --credential FILE [--val-service-id ID]
                      [--exp-time INSTANT] [--at INSTANT]
                      [--merge | --replace] [--dry-run] [--yes]

Stores the rows of a CSV or JSON file for the VAL server that the credential
proves, all or none, in one transaction. Progress is on stderr; what is refused
is named by line and value. A row without any value is skipped, and told.

CSV: the first line names the columns. JSON: an array of objects with such
members. The columns:

  val_service_id               (or --val-service-id for all rows)
  val_user_id or val_ue_id     identities: exactly one of the two
  key_format, scope            key parameters
  exp_time                     (or --exp-time for all rows)
  conf_id                      a configuration that is there already

Or JSON: a VALServicesConfig of TS 29.549. It is sent as seal request sends one,
and becomes a configuration of its own. With keyRecords the credential is what
seal token gives, with the scope seal:key-provisioning.

  --credential FILE    a token, a token response, a PEM chain, or JSON
                       {authorization, clientCertificate}
  --merge              rows that the VAL server has already, or that come twice,
                       stay as they are; of other ends the first is told
  --replace            the same, and what it has besides of the VAL services in
                       the file goes; that is said first
  --dry-run            says what would be done
  --yes                asks nobody

Example:
  seal provision users.csv --credential token.jwt --val-service-id v2x --merge
T
}

# The columns that a file may have.
file_columns=' val_service_id val_user_id val_ue_id key_format scope exp_time conf_id '

# The names in the first line of a CSV file, checked, with spaces between.
csv_columns() {
  names=
  case $(($(head -n 1 -- "$1" | tr -cd '"' | wc -c) % 2)) in
    1) refuse "$ARG1: line 1: a quoted name does not end in it" ;;
  esac
  header=$(head -n 1 -- "$1" | tr -d '\r"' | sed "s/^$MARK//")
  while :; do
    name=${header%%,*}
    case $file_columns in
      *" $name "*) ;;
      *) refuse "$ARG1: line 1 names no column: \"$(printf '%.40s' "$name")\" (one of:${file_columns% })" ;;
    esac
    case " $names " in
      *" $name "*) refuse "$ARG1: line 1 names $name twice" ;;
    esac
    names="$names${names:+ }$name"
    case $header in
      *,*) header=${header#*,} ;;
      *) break ;;
    esac
  done
  printf '%s' "$names"
}

# Runs a script on the rows that were read, in a database of their own.
rows_sql() {
  (cd "$WORK" && sqlite3 -batch -bail -init /dev/null rows.db 2>err) && [ ! -s "$WORK/err" ]
}

# csv_lines COLUMNS: what sqlite3 is given of a CSV file on the input: its rows, each with the number of its line as one more
# field in front; an empty line is a row of empty fields. A quote is one at the beginning of a field only, as sqlite3 has
# it. What has not as many fields as there are COLUMNS, or ends within quotes, is told in the file `problem`.
csv_lines() {
  awk -F , -v columns="$1" -v problem="$WORK/problem" '
    function bad(line, what) { printf "line %d: %s", line, what >problem; failed = 1; exit }
    function count(line, n) {
      if (n != wanted) {
        bad(line, n (n == 1 ? " field" : " fields") " where line 1 names " wanted " (" columns ")")
      }
    }
    BEGIN { wanted = split(columns, names, ", "); for (i = 1; i < wanted; i++) commas = commas "," }
    NR == 1 { next }
    !open && !index($0, "\"") {
      if (NF == wanted) { print NR "," $0; next }
      if ($0 == "" || $0 == "\r") { print NR "," commas; next }
      count(NR, NF)
    }
    {
      # Each field that is quoted from its beginning to its end becomes one mark: what is left counts.
      left = open ? ",\"" $0 : "," $0
      gsub(/""/, "", left)
      gsub(/,"[^"]*"/, ",\001", left)
      if (left ~ /\001[^,\r]/) { bad(NR, "a quoted field goes on after its quote (a quote in it is written twice)") }
      if (open) print; else { begun = NR; fields = 0; print NR "," $0 }
      open = index(left, ",\"")
      if (open) left = substr(left, 1, open)
      fields += gsub(/,/, ",", left) - (begun < NR)
      if (!open) count(begun, fields)
    }
    END { if (open && !failed) bad(begun, "a quoted field that begins here does not end") }'
}

read_csv() {
  WHERE=line
  SKIP=1
  columns=$(csv_columns "$1") || exit 1
  list=$(printf '%s' "$columns" | tr ' ' ',')
  csv_lines "$(printf '%s' "$columns" | sed 's/ /, /g')" <"$1" >"$WORK/line" 2>/dev/null || fail "cannot keep the rows in ${TMPDIR:-/tmp}"
  [ ! -s "$WORK/problem" ] || refuse "$ARG1: $(cat "$WORK/problem")"
  {
    printf 'CREATE TABLE input(n,%s);\n' "$list"
    printf '.import --csv line input\n'
    printf 'INSERT INTO rows(n,%s) SELECT n,%s FROM input ORDER BY rowid;\n' "$list" "$list"
  } | rows_sql || fail "cannot read the rows: $(head -n 1 "$WORK/err")"
}

read_json() {
  WHERE=element
  SKIP=0
  ln -s "$1" "$WORK/given"
  report_sql provision_json | rows_sql >/dev/null || refuse "$ARG1: $(head -n 1 "$WORK/err")"
  [ ! -s "$WORK/problem" ] || refuse "$ARG1: $(cat "$WORK/problem")"
}

# Fills rows.db; sets ROWS, their number, and TABLE.
read_rows() {
  rows_sql <<'T' || fail "sqlite3: $(cat "$WORK/err")"
CREATE TABLE rows(n INTEGER PRIMARY KEY, val_service_id, val_user_id, val_ue_id, key_format, scope,
  exp_time, conf_id);
T
  case $2 in
    '[') read_json "$1" ;;
    *) read_csv "$1" ;;
  esac
  report_sql provision_rows | rows_sql >"$WORK/counts" || fail "sqlite3: $(cat "$WORK/err")"
  IFS='|' read -r ROWS LAST keys identities faulty empty first_empty <"$WORK/counts"
  [ "$empty" -eq 0 ] || note "$ARG1: $(plural "$empty" "$WHERE") without a value skipped, the first is $WHERE $first_empty"
  [ "$ROWS" -gt 0 ] || refuse "$ARG1: there are no rows"
  TABLE=seal_identity
  [ "$keys" -eq 0 ] || TABLE=seal_key
  if [ "$keys$identities" = 11 ]; then refuse "$ARG1: identities and key parameters are mixed"; fi
  if [ "$keys" = 0 ] && [ "$faulty" -gt 0 ]; then
    refuse "$ARG1: $WHERE $faulty: exactly one of val_user_id and val_ue_id is needed"
  fi
}

# The statement for rows FIRST to LAST. The token is read once, not for each row.
insert_rows() {
  columns='val_user_id, val_ue_id'
  [ "$TABLE" = seal_identity ] || columns='key_format, scope'
  cat <<T
INSERT INTO $TABLE(credential, val_service_id, exp_time, conf_id, at, $columns)
SELECT $(credential_sql),
  coalesce(val_service_id, :val_service_id), coalesce(exp_time, :exp_time), conf_id, :at, $columns
FROM input.rows WHERE n BETWEEN $1 AND $2 ORDER BY n;
T
}

# row_refused MESSAGE WRITTEN: names the row after those that were written; then the load, which took back what it did,
# the audit's entries too, is reported.
row_refused() {
  {
    printf '%s\n' "ATTACH 'rows.db' AS input;" '.output /dev/null'
    # With these the rows are others than those in the file.
    [ -z "$BEFORE" ] || merge_sql
    printf '%s\n' "SELECT writefile('row', n), writefile('value', coalesce(val_user_id, val_ue_id, key_format, '')),
        writefile('service', coalesce(val_service_id, :val_service_id)),
        writefile('earlier', (SELECT min(e.n) FROM input.rows AS e WHERE e.n < r.n AND e.val_user_id IS r.val_user_id
          AND e.val_ue_id IS r.val_ue_id AND e.val_service_id IS r.val_service_id AND e.exp_time IS r.exp_time
          AND e.conf_id IS r.conf_id))
      FROM input.rows AS r ORDER BY n LIMIT 1 OFFSET $2;"
  } | sql write
  line=$(cat "$WORK/row" 2>/dev/null) || line=
  what=$1
  case $TABLE:$1 in
    seal_identity:UNIQUE*)
      what="the VAL service \"$(cat "$WORK/service")\" has it already"
      [ ! -s "$WORK/earlier" ] || what="$WHERE $(cat "$WORK/earlier") has it already"
      what="$what (--merge leaves what is there as it is; --replace besides removes what is not in the file)"
      ;;
    *:UNIQUE*) what="the VAL service \"$(cat "$WORK/service")\" has key parameters already" ;;
    *:CREDENTIAL_*) line= ;; # it is no row's fault
  esac
  say "$ARG1: ${line:+$WHERE $line: \"$(cat "$WORK/value")\": }$what"
  cause=${1%%:*}
  case $cause:$GIVEN in
    *:*' dry_run '*) exit 1 ;;
    *[!A-Z_]*:*) exit 1 ;;
  esac
  bind cause "$cause"
  bind relation "$TABLE"
  bind rows "$ROWS"
  bind line "$line"
  sql write <<'T'
INSERT INTO seal_command(command, argument) VALUES ('refused', json_patch('{}', json_object('relation', :relation,
  'cause', :cause, 'rows', CAST(:rows AS INTEGER), 'line', nullif(CAST(:line AS INTEGER), 0))));
T
  exit 1
}

# Whose rows they are, for --merge and --replace: in :val_server_id.
merge_sql() {
  echo "REPLACE INTO temp.sqlite_parameters VALUES (':val_server_id', seal_authenticate($(credential_sql), :at));"
  report_sql provision_merge
}

# What is done, in its transaction.
load_sql() {
  printf '%s\n' "ATTACH 'rows.db' AS input;" 'BEGIN IMMEDIATE;'
  gone=0
  if [ -n "$BEFORE" ]; then
    printf '%s\n' '.output /dev/null'
    merge_sql
    [ "$BEFORE" != replace ] || gone='(SELECT count(*) FROM besides)'
    echo '.output'
  fi
  echo "SELECT writefile('counts', (SELECT count(*) FROM input.rows) || ' ' || $gone || char(10));" | quietly
  if [ "$BEFORE" = replace ]; then
    [ -z "$ASKED" ] || no_more "(SELECT count(*) FROM besides) > $ASKED"
    # At the same instant as what comes.
    printf 'DELETE FROM seal_identity WHERE rowid IN (SELECT id FROM besides) AND %s;\n' "$(if given at; then echo 'at = :at'; else echo 'at IS NULL'; fi)"
  fi
  first=$((SKIP + 1))
  while [ "$first" -le "$LAST" ]; do
    last=$((first + BATCH - 1))
    [ "$last" -le "$LAST" ] || last=$LAST
    insert_rows "$first" "$last"
    [ "$LAST" -le "$BATCH" ] || progress "$((last - SKIP)) of $((LAST - SKIP)) rows"
    first=$((last + 1))
  done
  echo "$1"
}

quietly() {
  echo '.output /dev/null'
  cat
  echo '.output'
}

seal_provision() {
  take 'credential=text-file val_service_id=id exp_time=instant at=instant merge=flag replace=flag
    dry_run=flag yes=flag' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  given credential || wrong "--credential is missing"
  if given merge && given replace; then wrong "--merge or --replace?"; fi
  BEFORE=
  ! given merge || BEFORE=merge
  ! given replace || BEFORE=replace
  path=$(input_file "$ARG1") || exit $?
  whole_text "$path" "$ARG1"
  unmarked file
  file=$path
  first=$(head -c 4096 -- "$file" | tr -d ' \t\r\n\000' | head -c 1)
  if [ "$first" = '{' ]; then
    [ -z "$BEFORE" ] || wrong "a VALServicesConfig is a configuration of its own: nothing to merge or replace"
    provision_message "$file"
    return
  fi
  read_rows "$file" "$first"
  if [ -n "$BEFORE" ] && [ "$TABLE" != seal_identity ]; then wrong "--merge and --replace are for identities"; fi
  bind where "$WHERE"
  BATCH=$((LAST / 20 + 1))
  [ "$BATCH" -ge 10000 ] || BATCH=10000
  if given dry_run || { [ "$BEFORE" = replace ] && ! given yes; }; then
    load 'ROLLBACK;'
    if given dry_run; then
      show_load "would be "
      return
    fi
    [ "$gone" -eq 0 ] || confirm "provision: $gone of the identities that are stored would go: $ARG1 does not have them"
    [ "$BEFORE" != replace ] || ASKED=$gone
  fi
  load 'COMMIT;'
  show_load ''
}

# load END: sets stored and gone, how many rows came and went.
load() {
  # shellcheck disable=SC2034 # for sql
  STARTED=$(date +%s) ON_REFUSED=row_refused
  load_sql "$1" | sql write
  # shellcheck disable=SC2034
  ON_REFUSED=
  read -r stored gone <"$WORK/counts"
  [ ! -s "$WORK/ends" ] || note "$ARG1: $WHERE $(cat "$WORK/ends")"
  rm -f "$WORK/ends"
}

show_load() {
  case $FORMAT in
    json) printf '[{"provisioned":%s,"removed":%s}]\n' "$stored" "$gone" ;;
    csv) printf 'provisioned,removed\n%s,%s\n' "$stored" "$gone" ;;
    *)
      text="$(plural "$stored" row) $1provisioned"
      [ "$gone" -eq 0 ] || text="$text, $gone $1removed"
      printf '%s\n' "$text"
      ;;
  esac | out
}

# A VALServicesConfig: the message path reads it, and says what is wrong in it.
provision_message() {
  if given val_service_id || given exp_time; then wrong "a VALServicesConfig says its VAL services and its end itself"; fi
  bind body "$1"
  {
    printf '%s\n' '.output /dev/null' "REPLACE INTO temp.sqlite_parameters VALUES (':token', $(credential_sql));"
    report_sql provision_message
    report_sql refusal
    modes line
    # What is only said gets no name.
    echo "SELECT $(if given dry_run; then echo NULL; else echo "replace(json_extract(response, '\$.headers.Location'),
        rtrim(json_extract(response, '\$.headers.Location'), '0123456789abcdef'), '')"; fi) AS conf_id,
        json_array_length(response, '\$.body.valSvcConf') AS val_services
      FROM answer WHERE status < 400;"
    if given dry_run; then echo 'ROLLBACK;'; else echo 'COMMIT;'; fi
  } | sql write
  [ ! -s "$WORK/refusal" ] || refuse_message "$ARG1: "
  show
}
