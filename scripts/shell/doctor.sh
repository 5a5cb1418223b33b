# shellcheck shell=sh
# What is wrong with an installation and its database, and what mends it. It writes nothing.
#
#   seal doctor
#   seal doctor --quick --json
#
# What the file system says is asked here; what the database says, in sql/reports/doctor.sql, check by check, so that
# one that breaks (a damaged page, a table that is gone) is a finding among others. The schema is compared with that of a
# new database, which the same extension makes beside. A trigger of another connection's temp schema, or a database that
# it attached, is seen by that connection alone.
#
# shellcheck disable=SC2030,SC2031 # look() looks at another DB, in a subshell

help_doctor() {
  cat <<'T'
usage: seal doctor [--quick]

Checks the installation and the database: for each check ok, warn or fail, what
is found, and the command that mends it. Exit 3 when something fails; a warning
does not count. Nothing is written: it works on a database that is only
readable, and in a folder that is.

What ends is told 14 days before; a CRL, which is made again in time, when a
tenth of its time is left, and from its end on as a fault.

  --quick      without what reads every row: SQLite's own checks, the counters
               and the audit chain
  --key FILE   also see whether the key opens what is sealed

Example:
  seal --key seal.key doctor
T
}

# finding VERDICT CHECK WHAT [MEND]: one of the shell's own.
finding() {
  printf 'INSERT INTO part(verdict, "check", what, mend) VALUES (%s, %s, %s, nullif(%s, %s));\n' "$(literal "$1")" \
    "$(literal "$2")" "$(literal "$3")" "$(literal "${4-}")" "''" >>"$WORK/parts"
}

# look FILE ACCESS: runs the statements on the input on a database; or fails, and `why` prints the cause.
look() {
  (DB=$1 && sql "$2") 2>"$WORK/why"
}

why() {
  sed 's/^seal: //; q' "$WORK/why"
}

check_program() {
  version=$(sqlite3 -version | cut -d ' ' -f 1)
  case $version in
    3.4[0-9].* | 3.[5-9][0-9].* | 3.[1-9][0-9][0-9].* | [4-9].*) finding ok sqlite3 "$version" ;;
    *) finding fail sqlite3 "$version is older than 3.40" 'apt-get install sqlite3' ;;
  esac
  # The schema that the extension makes is that of the checks.
  if look "$WORK/new.db" make <<'T'; then
BEGIN;
.output /dev/null
SELECT writefile('new.sql', seal_schema());
.read new.sql
SELECT writefile('schema', json_group_array(json_object('type', type, 'name', name, 'sql', coalesce(sql, ''))))
FROM main.sqlite_schema WHERE name NOT GLOB 'sqlite_*';
SELECT writefile('version', seal_version());
COMMIT;
T
    finding ok extension "$(cat "$WORK/version"), $EXTENSION"
  else
    finding fail extension "$(why)" "SEAL_EXTENSION=FILE $SEAL doctor (or install it again: make install)"
    return 1
  fi
}

# check_file FILE: whose a file of the database's, or the key, is, and who may read it. A group that shares it may have been
# chosen.
check_file() {
  mode=$(stat -L -c %a -- "$1") || return 0
  case $mode in
    *00) ;;
    *[2367])
      finding fail permissions "anybody may write $1 (mode $mode)" "chmod 600 $(named "$1")"
      FINE=0
      ;;
    *)
      finding warn permissions "others than its owner may read or write $1 (mode $mode)" "chmod 600 $(named "$1")"
      FINE=0
      ;;
  esac
  owner=$(stat -L -c %U -- "$1")
  if [ "$owner" != "$OWNER" ]; then
    finding warn permissions "$1 belongs to $owner, the database to $OWNER" "chown $OWNER $(named "$1")"
    FINE=0
  fi
}

# Whoever may write a folder may put another file in the place of any in it.
check_folder() {
  mode=$(stat -L -c %a -- "$1") || return 0
  case $mode in
    *[2367])
      finding fail permissions "anybody may write the folder $1 (mode $mode)" "chmod go-w $(named "$1")"
      FINE=0
      ;;
    *[2367]?)
      finding warn permissions "its group may write the folder $1 (mode $mode)" "chmod g-w $(named "$1")"
      FINE=0
      ;;
  esac
}

check_permissions() {
  FINE=1
  OWNER=$(stat -L -c %U -- "$DB")
  for file in "$DB" "$DB-wal" "$DB-shm"; do
    [ ! -e "$file" ] || check_file "$file"
  done
  check_folder "$FOLDER"
  if [ -n "$OPENS" ]; then
    if [ -f "$OPENS" ] && [ -r "$OPENS" ]; then
      check_file "$OPENS"
      check_folder "$(dirname -- "$OPENS")"
    else
      finding fail permissions "cannot read the key $OPENS" "$SEAL --key FILE doctor"
      FINE=0 OPENS=
    fi
  fi
  [ "$FINE" -eq 0 ] || finding ok permissions "only $OWNER may read and write it"
  if [ ! -w "$DB" ] || [ ! -w "$FOLDER" ]; then
    finding warn writable "it can't be written by $(id -un): whatever writes fails" \
      "become $OWNER, or chown -R and chmod u+w $(quoted "$FOLDER")"
  fi
}

# Room for the log, and for a copy.
check_disk() {
  free=$(df -P -k -- "$FOLDER" | awk 'NR == 2 { print $4 }')
  size=$(($(stat -L -c %s -- "$DB") / 1024))
  case $free in
    '' | *[!0-9]*) finding warn disk "cannot see how much is free" "df $(quoted "$FOLDER")" ;;
    *)
      text="$((free / 1024)) MiB are free; the database has $((size / 1024)) MiB"
      mend="$SEAL sweep && $SEAL audit prune --before INSTANT, and sqlite3 $(named "$DB") VACUUM; or a larger disk"
      if [ "$free" -lt 65536 ]; then
        finding fail disk "$text" "$mend"
      elif [ "$free" -lt 262144 ] || [ "$free" -lt $((2 * size)) ]; then
        finding warn disk "$text" "$mend"
      else
        finding ok disk "$text"
      fi
      ;;
  esac
}

# The 19th byte of the file says it, and needs no database that opens.
check_journal() {
  case $(od -An -v -tu1 -j18 -N1 -- "$DB" | tr -d ' ') in
    2) finding ok journal wal ;;
    *) finding warn journal 'no write-ahead log: readers wait for writers' "$SEAL init" ;;
  esac
}

check_database() {
  if ! [ -f "$DB" ]; then
    finding fail database "there is no database $DB" "$SEAL init"
    return
  fi
  FOLDER=$(dirname -- "$(absolute "$DB")")
  check_permissions
  check_disk
  check_journal
  bind db "$(named "$DB")"
  bind schema schema
  bind folder "$(absolute "$DB.serve")"
  checks=$(report_sql doctor | sed -n 's/^-- check: //p' | tr -d ' ')
  WANTED=
  if echo "SELECT writefile('format', format) FROM seal_registrar;" | look "$DB" read; then
    finding ok database "$DB, format $(cat "$WORK/format")"
    check_key
  else
    case $(why) in
      *'newer than'*) mend='install a newer version of the registrar' ;;
      *malformed* | *'not a database'*) mend="$SEAL restore COPY --replace" ;;
      'cannot open '*) mend="cp $(named "$DB") $(named "$DB-wal") FOLDER && seal --db FOLDER/FILE doctor" ;;
      *) mend="$SEAL init" ;;
    esac
    finding fail database "$(why)" "$mend"
    # Of another format nothing else is known.
    checks=$(printf '%s\n' "$checks" | sed -n '/^integrity/p')
  fi
  for check in $checks; do
    given quick && [ "${check%,rows}" != "$check" ] || WANTED="$WANTED ${check%,rows}"
  done
  # One run for all, as a rule; and if that breaks, one for each.
  # shellcheck disable=SC2086 # names of checks, a word each
  if ! examine $WANTED; then
    for check in $WANTED; do
      examine "$check" || finding_of_failure "$check"
    done
  fi
}

# Whether the key opens what is sealed; and, but for a quick look, each key record.
check_key() {
  bind sealed_open 0 INTEGER
  [ -n "$OPENS" ] || return 0
  bind opens "$(absolute "$OPENS")"
  if printf '%s\n' '.output /dev/null' 'SELECT seal_unlock(readfile(:opens));' | look "$DB" look; then
    OPENED=1
    bind sealed_open 1 INTEGER
  else
    finding fail secrets "$(why)" "$SEAL --key FILE doctor (the key with which it was sealed)"
    bind sealed_open -1 INTEGER
    return
  fi
  if ! given quick && ! printf '%s\n' '.output /dev/null' 'SELECT seal_unlock(readfile(:opens));' \
    'SELECT sum(length(key_info)) FROM seal_key_record WHERE at IS NULL;' | look "$DB" look; then
    finding fail secrets "$(why)" "$SEAL restore COPY --replace"
    bind sealed_open -1 INTEGER
  fi
}

# examine CHECK...: runs those of sql/reports/doctor.sql, and adds what they find, or nothing when one breaks.
examine() {
  for check in "$@"; do
    printf '%s\n' '.mode json' ".output result.$check"
    report_sql doctor | sed -n "/^-- check: $check\(, rows\)*\$/,/^-- check: /p"
  done | look "$DB" look || return 1
  for check in "$@"; do
    [ ! -s "$WORK/result.$check" ] ||
      printf "INSERT INTO part(\"check\", file) VALUES ('%s', 'result.%s');\n" "$check" "$check" >>"$WORK/parts"
  done
}

finding_of_failure() {
  case $(why) in
    *locked* | *busy*) finding warn "$1" "$(why)" "$SEAL doctor (again, when nobody writes)" ;;
    *) finding fail "$1" "$(why)" "$SEAL restore COPY --replace" ;;
  esac
}

# For people a finding takes the lines that it needs, and what mends it stands below, in one line: it may be pasted.
tell_findings() {
  {
    echo 'CREATE TABLE part(id INTEGER PRIMARY KEY, verdict TEXT, "check" TEXT, what TEXT, mend TEXT, file TEXT);'
    cat "$WORK/parts"
    [ "$OPENED" -eq 1 ] || OPENS=
    printf 'CREATE TABLE words AS SELECT %s AS seal, %s AS key;\n' "$(literal "$SEAL ")" "$(literal "--key $(named_key "$OPENS")")"
    echo '.output /dev/null'
    report_sql doctor_findings
    if [ "$FORMAT" != table ]; then
      modes table
      echo 'SELECT * FROM finding ORDER BY rowid;'
    fi
  } >"$WORK/script"
  # The extension may be what is missing: plain sqlite3, which may show control characters as letters, even in CSV.
  set -- -batch -bail -init /dev/null
  ! sqlite3 -escape off :memory: '' >/dev/null 2>&1 || set -- -escape off "$@"
  (cd "$WORK" && sqlite3 "$@" :memory: <script) || fail "sqlite3 does not work"
  if [ "$FORMAT" = table ]; then
    awk -F '\t' '
      function tell(head, text, n, word, i) {
        n = split(text, word, " ")
        for (i = 1; i <= n; i++) {
          if (length(head) + 1 + length(word[i]) > 80 && head !~ / $/) {
            print head
            head = sprintf("%22s", "")
          }
          head = head (head ~ / $/ ? "" : " ") word[i]
        }
        print head
      }
      {
        tell(sprintf("%-4s  %-14s  ", $1, $2), $3)
        if ($4 != "") print sprintf("%22s", "-> ") $4
      }' "$WORK/lines" | clean | out
  else
    show
  fi
  [ "$(cat "$WORK/failed")" -eq 0 ] || exit 3
}

seal_doctor() {
  take 'quick=flag' "$@"
  [ "$ARGC" -eq 0 ] || wrong "doctor takes options only"
  # The checks go on without the key; check_key says what is wrong with it.
  OPENS=$KEY
  KEY=
  OPENED=0
  : >"$WORK/parts"
  ! check_program || check_database
  tell_findings
}

