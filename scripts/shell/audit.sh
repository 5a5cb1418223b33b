# shellcheck shell=sh
# The audit chain: who did what; verified, signed, exported, cut.
#
#   seal audit list --outcome refused
#   seal --key seal.key audit checkpoint /media/usb/head.jws
#   seal audit export /var/log/seal-audit.json

help_audit() {
  cat <<'T'
usage: seal audit [list] [--from INSTANT] [--until INSTANT] [--actor WHO]
                  [--action WHAT] [--object WHICH] [--outcome done|refused]
                  [--cause CAUSE] [--limit N]
       seal audit verify [--through SEQ --hash HASH]
       seal --key FILE audit checkpoint [FILE] [--at INSTANT]
       seal audit export FILE
       seal audit prune --before INSTANT [--yes | --dry-run]

list shows the last --limit entries (default: 50; none: all) in their order:
when each was written by the host's clock, and as_of, the instant that it was
done for, where that is another one. --json and --csv have detail and hashes.

verify reads the whole chain: "holds", or, with exit 3, the first entry that
does not. With --through and --hash, of a checkpoint, the chain must have come
by there.

checkpoint signs the chain's head: a JWS, on the output or in a new FILE. Keep
it where who writes the database can't reach.

export writes all entries that are there into a new FILE, a line of JSON each,
and marks them as exported. prune removes from the ledgers what is older than
--before and was exported up to a checkpoint; the rest still verifies.

checkpoint, export and prune are acts, and audited: each adds an entry of its
own to the chain, behind what it signed, wrote or removed.

Example:
  seal audit --actor v2x.acme.example --outcome refused
T
}

seal_audit() {
  what=list
  if pick 'list verify checkpoint export prune' "$@"; then
    what=$1
    shift
  else
    case ${1-} in
      '' | -*) ;;
      *) wrong "list, verify, checkpoint, export or prune?" ;;
    esac
  fi
  "audit_$what" "$@"
}

audit_list() {
  take 'from=instant until=instant actor=text action=text object=text outcome=one:done,refused cause=text
    limit=limit' "$@"
  [ "$ARGC" -eq 0 ] || wrong "audit list takes options only"
  period
  given limit || bind limit 50 INTEGER
  names=$(report_names audit)
  {
    modes table "$names"
    [ "$FORMAT" != table ] || names='seq written_time as_of actor action object coalesce(cause,outcome)AS"outcome"'
    printf 'SELECT %s FROM (\n' "$(printf '%s' "$names" | tr ' ' ',')"
    report_sql audit | sed 's/;$//'
    echo ');'
  } | sql read
  show
}

audit_verify() {
  take 'through=number:1-999999999999999999 hash=text' "$@"
  [ "$ARGC" -eq 0 ] || wrong "audit verify takes options only"
  if given hash && ! given through; then wrong "--through is missing: the entry that has the hash"; fi
  {
    echo '.output /dev/null'
    echo "SELECT writefile('bad', coalesce(seal_audit_verify(:through, :hash), ''));"
    modes line
    echo "SELECT iif(bad IS NULL, 'holds', 'does not hold') AS chain, bad AS first_bad, (SELECT max(seq) FROM seal_audit) AS entries
      FROM (SELECT seal_audit_verify(:through, :hash) AS bad);"
  } | sql read
  show
  [ ! -s "$WORK/bad" ] || fail "the audit chain does not hold from entry $(cat "$WORK/bad") on: somebody else wrote the database"
}

audit_checkpoint() {
  take 'at=instant' "$@"
  [ "$ARGC" -le 1 ] || wrong "which file?"
  [ "$ARGC" -eq 0 ] || new_file "$ARG1"
  {
    echo "INSERT INTO seal_command(command, at) VALUES ('checkpoint', :at);"
    printf '%s\n' '.output /dev/null' "SELECT writefile('result', result || char(10)) FROM seal_command WHERE command = 'checkpoint' LIMIT 1;"
  } | sql write
  if [ "$ARGC" -eq 0 ]; then
    out <"$WORK/result"
  else
    put_file result "$ARG1"
    note "$ARG1 is written, the chain's head, signed"
  fi
}

# Entries that are written while it is exported come with the next export: the mark is the last one in the file.
audit_export() {
  take '' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  new_file "$ARG1"
  # shellcheck disable=SC2034 # for sql
  RAW=1
  {
    printf '%s\n' '.mode list' '.output exported' 'BEGIN;'
    report_sql audit_export
    printf '%s\n' '.output /dev/null' "SELECT writefile('last', coalesce(max(seq), 0)) FROM seal_audit;" 'COMMIT;'
  } | sql read
  last=$(cat "$WORK/last")
  count=$(wc -l <"$WORK/exported")
  put_file exported "$ARG1"
  bind last "$last"
  # shellcheck disable=SC2034 # for sql
  ON_REFUSED=not_marked
  echo "INSERT INTO seal_command(command, argument) VALUES ('export-mark', :last);" | sql write
  tell exported "$count" "$(plural "$count" line) in $ARG1"
}

# not_marked MESSAGE: the file is whole, but nothing may be pruned for it.
not_marked() {
  say "audit export: nothing is marked as exported: $1"
  exit 0
}

audit_prune() {
  take 'before=instant yes=flag dry_run=flag' "$@"
  [ "$ARGC" -eq 0 ] || wrong "audit prune takes options only"
  given before || wrong "--before is missing"
  if given dry_run || ! given yes; then
    prune_sql ROLLBACK | sql write
    if given dry_run; then
      show
      return
    fi
    confirm "audit prune: $(cat "$WORK/pruned") would go"
  fi
  prune_sql COMMIT | sql write
  show
}

prune_sql() {
  echo "BEGIN IMMEDIATE; INSERT INTO seal_command(command, argument) VALUES ('prune', :before);"
  printf '%s\n' '.output /dev/null'
  echo "SELECT writefile('pruned', group_concat(value || ' ' || key, ', ')) FROM seal_command AS c, json_each(c.result)
    WHERE c.command = 'prune' AND key <> 'through';"
  modes line
  echo "SELECT json_extract(result, '\$.through') AS through, json_extract(result, '\$.audit') AS audit,
    json_extract(result, '\$.usage') AS usage, json_extract(result, '\$.occupancy') AS occupancy,
    json_extract(result, '\$.charge') AS charge, json_extract(result, '\$.notification') AS notification
    FROM seal_command WHERE command = 'prune' LIMIT 1;"
  echo "$1;"
}
