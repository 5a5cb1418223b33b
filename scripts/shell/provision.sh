# shellcheck shell=sh
# Identities or key parameters from a file, all of them or none.
#
#   printf 'val_user_id\nalice@acme.example\n' >users.csv
#   seal provision users.csv --credential token.jwt --val-service-id v2x

help_provision() {
  cat <<'T'
usage: seal provision FILE --credential FILE [--val-service-id ID]
                      [--exp-time INSTANT] [--at INSTANT]

Stores the rows of a CSV or JSON file for the VAL server that the credential
proves, all or none, in one transaction. Progress is on stderr.

CSV: the first line names the columns. JSON: an array of objects with such
members, or a VALServicesConfig of TS 29.549. The columns:

  val_service_id               (or --val-service-id for all rows)
  val_user_id or val_ue_id     identities: exactly one of the two
  key_format, scope            key parameters
  exp_time                     (or --exp-time for all rows)
  conf_id                      a configuration that is there already

  --credential FILE    a token, a PEM chain, or JSON with both
T
}

# The columns that a file may have, and the tables they belong to.
file_columns=' val_service_id val_user_id val_ue_id key_format scope exp_time conf_id '

# The names in the first line of a CSV file, checked, with spaces between.
csv_columns() {
  names=
  header=$(head -n 1 -- "$1" | tr -d '\r"' | sed "s/^$(printf '\357\273\277')//")
  while :; do
    name=${header%%,*}
    case $file_columns in
      *" $name "*) ;;
      *) refuse "line 1 names no column: \"$name\" (one of:${file_columns% })" ;;
    esac
    case " $names " in
      *" $name "*) refuse "line 1 names $name twice" ;;
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

read_csv() {
  columns=$(csv_columns "$1") || exit 1
  ln -s "$1" "$WORK/rows.csv"
  list=$(printf '%s' "$columns" | tr ' ' ',')
  {
    printf 'CREATE TABLE input(%s);\n' "$list"
    printf '.import --csv --skip 1 rows.csv input\n'
    printf 'INSERT INTO rows(n,%s) SELECT rowid,%s FROM input ORDER BY rowid;\n' "$list" "$list"
  } | rows_sql || refuse "$ARG1: $(sed 's/^rows.csv:\([0-9]*\): /line \1: /; q' "$WORK/err")"
}

# What is not an array of objects with known members is told by name.
read_json() {
  ln -s "$1" "$WORK/rows.json"
  {
    cat <<'T'
CREATE TABLE problem(text TEXT);
CREATE TEMP TABLE document AS SELECT CAST(readfile('rows.json') AS TEXT) AS d;
INSERT INTO problem SELECT 'it is not JSON' FROM document WHERE NOT json_valid(d);
CREATE TEMP TABLE element AS
SELECT e.key + 1 AS n, e.value AS v, e.type AS kind FROM document, json_each(d) AS e
WHERE json_valid(d) AND json_type(d) = 'array'
UNION ALL
SELECT row_number() OVER (), json_object('val_service_id', s.value ->> 'valServiceId',
  'val_user_id', i.value ->> 'valUserId', 'val_ue_id', i.value ->> 'valUeId',
  'key_format', s.value ->> 'keyFormat', 'scope', s.value ->> 'scope',
  'exp_time', d ->> 'expTime'), 'object'
FROM document, json_each(d, '$.valSvcConf') AS s
LEFT JOIN json_each(s.value, '$.idList') AS i
WHERE json_valid(d) AND json_type(d) = 'object';
INSERT INTO problem
SELECT format('element %d is not an object', n) FROM element WHERE kind <> 'object' LIMIT 1;
INSERT INTO problem
SELECT format('element %d: "%s" is no column', n, m.key)
FROM element, json_each(CASE kind WHEN 'object' THEN v ELSE '{}' END) AS m
WHERE m.key NOT IN ('val_service_id', 'val_user_id', 'val_ue_id', 'key_format', 'scope', 'exp_time',
  'conf_id') LIMIT 1;
INSERT INTO rows SELECT n, v ->> 'val_service_id', v ->> 'val_user_id', v ->> 'val_ue_id',
  v ->> 'key_format', v ->> 'scope', v ->> 'exp_time', v ->> 'conf_id'
FROM element WHERE NOT EXISTS (SELECT 1 FROM problem);
SELECT text FROM problem LIMIT 1;
T
  } | rows_sql >"$WORK/problem" || refuse "$ARG1: $(head -n 1 "$WORK/err")"
  [ ! -s "$WORK/problem" ] || refuse "$ARG1: $(cat "$WORK/problem")"
}

# Fills rows.db; sets ROWS, their number, and TABLE.
read_rows() {
  rows_sql <<'T' || fail "sqlite3: $(cat "$WORK/err")"
CREATE TABLE rows(n INTEGER PRIMARY KEY, val_service_id, val_user_id, val_ue_id, key_format, scope,
  exp_time, conf_id);
T
  case $(head -c 4096 -- "$1" | tr -d ' \t\r\n' | head -c 1) in
    '[' | '{') read_json "$1" ;;
    *) read_csv "$1" ;;
  esac
  # An empty field is none; digits are seconds since 1970.
  rows_sql >"$WORK/counts" <<'T' || fail "sqlite3: $(cat "$WORK/err")"
UPDATE rows SET (val_service_id, val_user_id, val_ue_id, key_format, scope, conf_id, exp_time) =
  (nullif(val_service_id, ''), nullif(val_user_id, ''), nullif(val_ue_id, ''),
   nullif(key_format, ''), nullif(scope, ''), nullif(conf_id, ''),
   CASE WHEN exp_time GLOB '*[^0-9]*' OR length(exp_time) > 18 THEN exp_time
     ELSE CAST(nullif(exp_time, '') AS INTEGER) END);
DELETE FROM rows WHERE coalesce(val_service_id, val_user_id, val_ue_id, key_format, scope, conf_id,
  exp_time) IS NULL;
SELECT count(*), coalesce(max(n), 0), count(key_format) > 0,
  count(val_user_id) + count(val_ue_id) > 0,
  coalesce(min(n) FILTER (WHERE (val_user_id IS NULL) = (val_ue_id IS NULL)), 0)
FROM rows;
T
  IFS='|' read -r ROWS LAST keys identities faulty <"$WORK/counts"
  [ "$ROWS" -gt 0 ] || refuse "$ARG1: there are no rows"
  TABLE=seal_identity
  [ "$keys" -eq 0 ] || TABLE=seal_key
  if [ "$keys$identities" = 11 ]; then refuse "$ARG1: identities and key parameters are mixed"; fi
  if [ "$keys" = 0 ] && [ "$faulty" -gt 0 ]; then
    refuse "$ARG1: row $faulty: exactly one of val_user_id and val_ue_id is needed"
  fi
}

# The statement for rows FIRST to LAST. The token is read once, not for each row.
insert_rows() {
  columns='val_user_id, val_ue_id'
  [ "$TABLE" = seal_identity ] || columns='key_format, scope'
  cat <<T
INSERT INTO $TABLE(credential, val_service_id, exp_time, conf_id, at, $columns)
SELECT (SELECT trim(CAST(readfile(:credential) AS TEXT), char(9, 10, 13, 32))),
  coalesce(val_service_id, :val_service_id), coalesce(exp_time, :exp_time), conf_id, :at, $columns
FROM input.rows WHERE n BETWEEN $1 AND $2 ORDER BY n;
T
}

# A refused load takes back what it wrote, the audit's entries too: so it is reported.
note_refused() {
  cause=$(sed -n '1s/^[^:]*: \([A-Z][A-Z_]*\): .*/\1/p' "$WORK/err")
  [ -n "$cause" ] || return 0
  bind cause "$cause"
  bind relation "$TABLE"
  bind rows "$ROWS"
  sql write <<'T'
INSERT INTO seal_command(command, argument) VALUES ('refused',
  json_object('relation', :relation, 'cause', :cause, 'rows', CAST(:rows AS INTEGER)));
T
}

seal_provision() {
  take 'credential=file val_service_id=id exp_time=instant at=instant' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  given credential || wrong "--credential is missing"
  file=$(input_file "$ARG1") || exit 3
  read_rows "$file"
  batch=$((LAST / 20 + 1))
  [ "$batch" -ge 10000 ] || batch=10000
  {
    printf '%s\n' "ATTACH 'rows.db' AS input;" 'BEGIN IMMEDIATE;'
    first=1
    while [ "$first" -le "$LAST" ]; do
      last=$((first + batch - 1))
      [ "$last" -le "$LAST" ] || last=$LAST
      insert_rows "$first" "$last"
      [ "$LAST" -le "$batch" ] || progress "$last of $LAST rows"
      first=$((last + 1))
    done
    echo 'COMMIT;'
  } | sql write || {
    code=$?
    [ "$code" -ne 1 ] || note_refused
    exit "$code"
  }
  case $FORMAT in
    json) printf '[{"provisioned":%s}]\n' "$ROWS" ;;
    csv) printf 'provisioned\n%s\n' "$ROWS" ;;
    *) printf '%s rows provisioned\n' "$ROWS" ;;
  esac
}
