# shellcheck shell=sh
# The care of a database: init, sweep, backup, restore.
#
#   seal init --identifier urn:example:registrar
#   seal backup /var/backups/seal-$(date +%F).db
#
# shellcheck disable=SC2030,SC2031 # ask() looks at another DB, in a subshell

help_init() {
  cat <<'T'
usage: seal init [--identifier ID] [--skms-uri URI] [--stale-after SECONDS]
       seal init --seal-server ID --registrar-jwks FILE

Makes the database, readable by its owner only, or brings that of an older
version up to date: all or nothing, and what is there stays. Make a copy of an
older one before, by sqlite3's VACUUM INTO or the older version's seal backup.

  --identifier ID    what a token's "aud" must contain (urn:seal:registrar)
  --skms-uri URI     the registrar's own key management URI
  --stale-after N    seconds that a SEAL server may serve without another bundle
                     (none: without end)

The second makes the database of the SEAL server ID, which takes the bundles
that the registrar signs: FILE holds what seal jwks prints there.

Example:
  seal init --identifier urn:example:registrar
  seal --db sims.db init --seal-server sims-1 --registrar-jwks registrar.jwks
T
}

seal_init() {
  take 'identifier=id skms_uri=text stale_after=count seal_server=id registrar_jwks=text-file' "$@"
  [ "$ARGC" -eq 0 ] || wrong "init takes options only"
  if given seal_server && given identifier; then wrong "--seal-server is the identifier"; fi
  if given registrar_jwks && ! given seal_server; then wrong "--seal-server is missing"; fi
  if given seal_server && ! given registrar_jwks; then wrong "--registrar-jwks is missing"; fi
  [ -f "$INSTALL" ] || fail "there is no file $INSTALL"
  find_upgrades
  # A new one gets its name once it is whole.
  new=
  if ! [ -e "$DB" ]; then
    new=$DB
    DB=$(beside "$new") || exit $?
  fi
  {
    echo 'BEGIN IMMEDIATE;'
    upgrade_sql
    cat "$INSTALL"
    ! given identifier || echo 'UPDATE seal_registrar SET identifier = :identifier;'
    ! given skms_uri || echo 'UPDATE seal_registrar SET skms_uri = :skms_uri;'
    ! given stale_after || echo 'UPDATE seal_registrar SET stale_after = :stale_after;'
    ! given seal_server || seal_server_sql
    printf '%s\n' 'COMMIT;' '.output /dev/null' 'PRAGMA journal_mode = WAL;'
    modes line
    echo 'SELECT identifier, skms_uri, seal_version() AS version, installed_time
      FROM seal_registrar;'
  } | sql make
  [ -z "$new" ] || put_beside "$DB" "$new"
  show
}

# The database is the SEAL server's, and the registrar's keys are these.
seal_server_sql() {
  echo "UPDATE seal_registrar SET identifier = :seal_server;
    UPDATE seal_anchor SET value = CAST(readfile(:registrar_jwks) AS TEXT)
    WHERE type = 'registrar' AND at IS NULL;
    INSERT INTO seal_anchor(anchor_id, type, value)
    SELECT 'registrar', 'registrar', CAST(readfile(:registrar_jwks) AS TEXT)
    WHERE NOT EXISTS (SELECT 1 FROM seal_anchor WHERE type = 'registrar' AND at IS NULL);"
}

# Sets UPGRADES, the files that bring the database from its format to this version's, in order. A newer one
# ends the program: the registrar says what is wrong.
find_upgrades() {
  UPGRADES=
  [ -s "$DB" ] || return 0
  # Of a new or a broken file there is none: what follows says which.
  older=$(ask "$DB" look 'SELECT format FROM seal_registrar_data;') || return 0
  case $older in
    *[!0-9]* | '' | ?????*) return 0 ;;
  esac
  newer=$older
  while [ -f "${INSTALL%/*}/upgrade-$newer-$((newer + 1)).sql" ]; do
    UPGRADES="$UPGRADES upgrade-$newer-$((newer + 1)).sql"
    newer=$((newer + 1))
  done
  if [ -n "$UPGRADES" ]; then
    note "$DB goes from format $older to format $newer"
  else
    echo 'SELECT format FROM seal_registrar;' | sql look
  fi
}

# Their statements, without the transaction that each has when it is run alone. Defensive mode guards the
# storage against everything but the registrar itself, and so against them.
upgrade_sql() {
  [ -n "$UPGRADES" ] || return 0
  printf '%s\n' '.output /dev/null' '.dbconfig defensive off' '.output'
  for file in $UPGRADES; do
    sed '/^BEGIN IMMEDIATE;$/d; /^COMMIT;$/d' "${INSTALL%/*}/$file"
  done
  printf '%s\n' '.output /dev/null' '.dbconfig defensive on' '.output'
}

help_sweep() {
  cat <<'T'
usage: seal sweep [--batch N] [--at INSTANT] [--dry-run]

Removes what has ended. It is invisible and uncounted since then; the sweep
gives its room back. Each batch of N rows (default: 10000) is a transaction of
its own, so that others can write in between. Progress is on stderr. What is
valid by the host's clock stays, whatever --at says. --dry-run says how many
rows would go.

Example:
  seal sweep --dry-run
T
}

seal_sweep() {
  take 'batch=number:1-1000000000 at=instant dry_run=flag' "$@"
  [ "$ARGC" -eq 0 ] || wrong "sweep takes options only"
  given batch || bind batch 10000 INTEGER
  if given dry_run; then
    printf '%s\n' "BEGIN IMMEDIATE; INSERT INTO seal_command(command, at) VALUES ('sweep', :at);" '.mode list' \
      "SELECT result FROM seal_command WHERE command = 'sweep' LIMIT 1; ROLLBACK;" | sql write
    total=$(cat "$WORK/out")
    tell removed "$total" "$(plural "$total" row) would be removed"
    return
  fi
  total=0
  while :; do
    printf '%s\n' \
      "INSERT INTO seal_command(command, argument, at) VALUES ('sweep', :batch, :at);" \
      "SELECT result, result < :batch FROM seal_command WHERE command = 'sweep' LIMIT 1;" |
      sql write
    IFS='|' read -r removed last <"$WORK/out"
    total=$((total + removed))
    [ "$last" -eq 0 ] || break
    note "$(plural "$total" row) removed"
  done
  tell removed "$total" "$(plural "$total" row) removed"
}

help_backup() {
  cat <<'T'
usage: seal backup FILE

Writes a copy of the database, as of this moment, while it may be in use, and
checks the copy. FILE must not be there yet. It holds what the database holds:
keep it as safe.

Example:
  seal backup "/var/backups/seal-$(date +%F).db"
T
}

# check_copy FILE: whether a file is a whole database of a registrar; WHY says why not. Nothing is left beside a copy.
check_copy() {
  WHY=
  [ "$1" = "$DB" ] || COPY=1
  answer=$(ask "$1" read 'PRAGMA integrity_check; SELECT count(*) FROM seal_registrar;') ||
    WHY=$(why)
  # shellcheck disable=SC2034 # for sql
  COPY=
  [ -n "$WHY" ] || [ "$answer" = "ok
1" ] || WHY="$(printf '%s' "$answer" | head -n 1)"
  [ -z "$WHY" ]
}

seal_backup() {
  take '' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  [ ! -e "$ARG1" ] || refuse "$ARG1 is there already"
  # It gets its name once it is whole and on the disk.
  part=$(beside "$ARG1") || exit $?
  bind copy "$part"
  # A look at the registrar comes first: what is none, or is not this version's, is not copied.
  printf '%s\n' '.output /dev/null' 'SELECT format FROM seal_registrar;' '.output' 'VACUUM INTO :copy;' | sql write
  check_copy "$part" || fail "the copy is not whole: $WHY"
  put_beside "$part" "$ARG1"
  note "$ARG1 is written, a checked copy of $DB"
}

help_restore() {
  cat <<'T'
usage: seal restore FILE [--replace] [--charged-up-to N]

Puts a copy that `seal backup` made in the place of the database, once it is
checked, whole or not at all. Where there is a database already, --replace is
needed: what it holds is lost.

A new epoch begins with it: SEAL servers that had heard of what is no more are
told everything again by the next seal sync.

--charged-up-to is the last charging record that the charging system has taken,
as it says. Records that came after the copy was made are lost; with it, none of
their numbers is given to another one.

A copy is older than what it replaces: tokens that were used since may be used
again until they expire (an hour at most), and what was removed since is there
again.

Example:
  seal restore /var/backups/seal-2026-11-30.db --replace
T
}

seal_restore() {
  take 'replace=flag charged_up_to=number' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  if [ -e "$DB" ] && ! given replace; then
    refuse "$DB is there already (--replace loses what it holds)"
  fi
  copy=$(input_file "$ARG1") || exit $?
  check_copy "$copy" || case $WHY in
    *' has format '*) fail "$WHY" ;;
    *) fail "$ARG1 is not a whole copy: $WHY" ;;
  esac
  # What follows a restore is done in a copy beside, so that the database changes whole or not at all.
  part=$(beside "$DB") || exit $?
  # The dot command gets names of ours.
  ln -s "$copy" "$WORK/copy.db"
  ln -s "$part" "$WORK/part.db"
  (
    DB=$part
    printf '%s\n' '.restore copy.db' '.output /dev/null' 'PRAGMA journal_mode = WAL;' '.output' \
      "INSERT INTO seal_command(command, argument) VALUES ('new-epoch', :charged_up_to);" | sql make
  ) || exit $?
  check_copy "$part" || fail "the copy is not whole: $WHY"
  if [ -e "$DB" ]; then
    printf '%s\n' '.restore part.db' '.output /dev/null' 'PRAGMA journal_mode = WAL;' '.output' | sql make
  else
    put_beside "$part" "$DB"
  fi
  check_copy "$DB" || fail "the restored database is not whole: $WHY"
  note "$DB is restored from $ARG1"
}

# ask FILE ACCESS SQL: prints what a statement gives on that database, or fails with $WORK/why.
ask() {
  (
    use_db "$1"
    printf '%s\n' "$3" | sql "$2"
  ) 2>"$WORK/why" || return 1
  cat "$WORK/out"
}

why() {
  sed 's/^seal: //; q' "$WORK/why"
}
