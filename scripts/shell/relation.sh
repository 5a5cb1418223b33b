# shellcheck shell=sh
# Relations that the operator writes: add, list, show, set, suspend, resume, terminate, remove.
#
#   seal term add sla-7 identity-management v2x --max-identities 100000
#   seal val-server suspend v2x.acme.example
#   seal identity remove v2x alice@acme.example --yes
#
# The commands are made from what seal_columns() says of a relation. To add a relation: a line in `describe` here, and
# one in `commands` of scripts/seal.

# Sets what is known of a relation beside its columns: BRIEF, those that a table for people shows, and KEYS, what names a
# row, where that is not its primary key.
describe() {
  KEYS=
  case $1 in
    agreement) BRIEF='agreement_id val_provider_id start_time stop_time status' ;;
    term) BRIEF='agreement_id seal_service val_service_id identities max_identities' ;;
    val-server) BRIEF='val_server_id agreement_id exp_time status' ;;
    credential) BRIEF='credential_id val_server_id type exp_time status' ;;
    anchor) BRIEF='anchor_id type subject iss exp_time status' ;;
    server) BRIEF='seal_server_id seal_service acked status' ;;
    policy) BRIEF='seal_service val_service_id name value exp_time' ;;
    configuration)
      BRIEF='conf_id val_server_id seal_service valid_until'
      KEYS='conf_id'
      ;;
    identity)
      BRIEF='val_service_id val_user_id val_ue_id val_server_id valid_until'
      KEYS='val_service_id val_user_id'
      ;;
    key)
      BRIEF='val_service_id key_format scope val_server_id valid_until'
      KEYS='val_service_id'
      ;;
  esac
  TABLE=seal_$(printf '%s' "$1" | tr '-' '_')
  load_columns "$TABLE"
  [ -n "$KEYS" ] || KEYS=$(awk -F '|' '$2 ~ /^key/ { printf " %s", $1 }' "$WORK/columns")
}

# Whether a column has a word among those that it may be.
has_word() {
  awk -F '|' -v name="$1" -v word="$2" '$1 == name && ("," substr($2, 5) ",") ~ ("," word ",") { found = 1 }
    END { exit !found }' "$WORK/columns"
}

help_relation() {
  describe "$1"
  keys=
  for key in $KEYS; do keys="$keys $(hyphens "$key" | tr '[:lower:]' '[:upper:]')"; done
  cat <<T
usage: seal $1 add$(add_keys "$1") [OPTIONS]
       seal $1 list [OPTIONS] [--at INSTANT | --all] [--limit N]
       seal $1 show$keys
       seal $1 set$keys OPTIONS
T
  ! has_word status suspended || echo "       seal $1 suspend$keys"
  ! has_word status revoked || echo "       seal $1 suspend$keys  (status 'revoked')"
  ! has_word status active || echo "       seal $1 resume$keys"
  ! has_word status terminated || echo "       seal $1 terminate$keys  (for good)"
  cat <<T
       seal $1 remove$keys
T
  [ "$1" != credential ] || cat <<'T'
       seal credential new VAL-SERVER-ID KEY-FILE [--alg ALG] [OPTIONS]

new makes a key pair: the private key into the new KEY-FILE, the public one into
the registrar. ALG is ES256 (default), ES384, EdDSA, RS256, or HS256, a secret
that both have (--key is needed).
T
  [ "$1" != identity ] || cat <<'T'

set gives it another name: --new-val-user-id ID, or of a UE --new-val-ue-id ID.
How long it is valid is its configuration's: seal configuration set --exp-time.
T
  cat <<'T'

Options, one for each column:
T
  while IFS='|' read -r name kind flags meaning; do
    case $name:$flags in
      at:* | *:read-only) continue ;;
    esac
    case $kind in
      file | document | text-file) meaning="a file: $meaning" ;;
    esac
    printf '%s\n' "--$(hyphens "$name")  $meaning" | fold -s -w 74 | sed '1s/^/  /; 2,$s/^/      /; s/ *$//'
  done <"$WORK/columns"
  cat <<'T'

list shows what is valid now, or --at an instant, or --all rows; its options are
filters. The parts of the key may be given as options too. remove and terminate,
and set where something ends by it, say first what goes: --yes asks nobody,
--dry-run says it and no more.
T
  help_example "$1"
}

# The words that `add` takes.
add_keys() {
  case $1 in
    credential) printf ' [CREDENTIAL-ID]' ;;
    configuration) printf ' [CONF-ID] --credential FILE' ;;
    identity | key) printf '%s' "$keys --credential FILE" ;;
    *) printf '%s' "$keys" ;;
  esac
}

help_example() {
  printf '\nExample:\n'
  case $1 in
    agreement) echo '  seal agreement add sla-7 --val-provider-id acme --stop-time 2030-01-01' ;;
    term) echo '  seal term add sla-7 identity-management v2x --max-identities 100000' ;;
    val-server) echo '  seal val-server add v2x.acme.example --agreement-id sla-7' ;;
    credential)
      echo '  seal credential new v2x.acme acme.key'
      echo '  seal credential add --val-server-id v2x.acme --type x509 --value acme.pem'
      ;;
    anchor) echo '  seal anchor add ca --type ca --value ca.pem' ;;
    server) echo '  seal server add sim-s --seal-service identity-management' ;;
    policy) echo "  seal policy add group-management v2x max-members --value 50" ;;
    configuration) echo '  seal configuration list --val-server-id v2x.acme.example' ;;
    identity) echo '  seal identity add v2x alice@acme.example --credential token.jwt' ;;
    key) echo '  seal key list --val-service-id v2x' ;;
  esac
}

# The kind of a key among the columns that were read, for `take`.
key_specs() {
  for key in $KEYS; do printf '%s=key ' "$key"; done
}

# Binds the positional words to the keys; with `all`, each key must be known then.
bind_keys() {
  n=0
  NAMED=
  for key in $KEYS; do
    # An identity is a user or a UE.
    if [ "$key" = val_user_id ] && given val_ue_id; then key=val_ue_id; fi
    NAMED="$NAMED $key"
    ! given "$key" || continue
    n=$((n + 1))
    if [ "$n" -le "$ARGC" ]; then
      eval "value=\$ARG$n"
      # shellcheck disable=SC2154 # set by eval
      bind_kind "$key" key "$value"
    elif [ "$1" = all ]; then
      wrong "--$(hyphens "$key") is missing"
    fi
  done
  [ "$n" -ge "$ARGC" ] || wrong "there are more words than the key has parts"
}

# The columns of the output: all, or for people in a table the brief ones. A value that came from
# a file is shown as text.
select_columns() {
  mark=
  for column in $1; do
    case $column in
      *=file)
        column=${column%%=*}
        expression="CASE WHEN instr($column, x'00') THEN hex($column)
          ELSE rtrim(CAST($column AS TEXT), char(10)) END AS $column"
        ;;
      *) expression=${column%%=*} ;;
    esac
    printf '%s%s' "$mark" "$expression"
    mark=', '
  done
}

# The statement that shows the row that was written, or looked for.
select_row() {
  printf 'SELECT %s FROM %s WHERE %s AND at IS NULL;\n' "$(select_columns "$COLUMNS")" "$TABLE" "$1"
}

# value_sql COLUMN=KIND: what is written into a column.
value_sql() {
  case $1 in
    credential=*) credential_sql ;;
    *=file) printf 'readfile(:%s)' "${1%%=*}" ;;
    *=document) printf 'CAST(readfile(:%s) AS TEXT)' "${1%%=*}" ;;
    *) printf ':%s' "${1%%=*}" ;;
  esac
}

# What may be done with a relation, before it is described: as the words of its status have it.
actions() {
  printf 'add list show set'
  case $COMMAND in
    agreement | val-server | server) printf ' suspend resume terminate' ;;
    anchor) printf ' suspend resume' ;;
    credential) printf ' suspend resume new' ;;
  esac
  printf ' remove'
}

seal_relation() {
  if ! pick "$(actions)" "$@"; then
    case ${1-} in
      '') wrong "add, list, show, set, suspend, resume, terminate or remove?" ;;
      suspend | resume) wrong "a $(spaced "$COMMAND") has no status suspended: see when it ends, or remove it" ;;
      terminate) wrong "a $(spaced "$COMMAND") can't be terminated: suspend or remove it" ;;
      *) wrong "$COMMAND cannot $1" ;;
    esac
  fi
  describe "$COMMAND"
  action=$1
  shift
  case $action in
    add) take "$WRITTEN at=instant" "$@" ;;
    set) take "$(names_kinds set) $(which_specs)$(new_names) yes=flag dry_run=flag" "$@" ;;
    new) take "$(names_kinds new) alg=one:ES256,ES384,EdDSA,RS256,HS256" "$@" ;;
    list) take "$COLUMNS at=instant all=flag limit=limit" "$@" ;;
    show | suspend | resume) take "$(which_specs)" "$@" ;;
    terminate | remove) take "$(which_specs) yes=flag dry_run=flag" "$@" ;;
  esac
  # shellcheck disable=SC2034 # for sql
  ON_REFUSED=is_there
  "relation_$action"
}

# is_there MESSAGE: of a UNIQUE refusal, what is there already, by the columns that were given; new_NAME comes before NAME.
is_there() {
  case $1 in
    'UNIQUE constraint failed: '*) ;;
    *) return 0 ;;
  esac
  bind unique ",$(printf '%s' "${1#*: }" | sed 's/ seal_[a-z_]*\./,/g; s/^seal_[a-z_]*\.//; s/,,/,/g'),"
  printf '%s\n' '.output /dev/null' "SELECT writefile('there', group_concat(name || ' \"' || value || '\"', ', '))
    FROM (SELECT substr(p.key, 2) AS name, coalesce(n.value, p.value) AS value
      FROM temp.sqlite_parameters AS p LEFT JOIN temp.sqlite_parameters AS n ON n.key = ':new_' || substr(p.key, 2)
      WHERE instr(:unique, ',' || substr(p.key, 2) || ',') ORDER BY name);" | sql none
  refuse "$COMMAND $action: $(if [ -s "$WORK/there" ]; then cat "$WORK/there"; else echo it; fi) is there already"
}

# What says which row, or narrows it down where several have the same name.
which_specs() {
  key_specs
  case $COMMAND in
    configuration) printf 'val_server_id=id' ;;
    identity) printf 'val_ue_id=id val_server_id=id conf_id=id' ;;
    key) printf 'val_server_id=id conf_id=id' ;;
  esac
}

# The columns that may be set; for a new key, those that are not made by it.
names_kinds() {
  awk -F '|' -v what="$1" '
    what == "set" && $3 !~ /read-only|fixed|hidden/ && $2 !~ /^key/ || what == "new" && $1 ~ /_time$/ {
      printf " %s=%s", $1, $2 }' "$WORK/columns"
}

# The condition that names the row: its keys, and what was given besides to narrow it down.
which() {
  # shellcheck disable=SC2086 # a list of words
  filter '' "$(printf '%s\n' $NAMED val_server_id conf_id | awk '!seen[$0]++' | tr '\n' ' ')"
}

relation_add() {
  bind_keys some
  names=
  values=
  for column in $WRITTEN at=instant; do
    name=${column%%=*}
    given "$name" || continue
    names="$names${names:+, }$name"
    values="$values${values:+, }$(value_sql "$column")"
  done
  [ -n "$names" ] || wrong "what is to be added?"
  {
    printf 'INSERT INTO %s(%s) VALUES (%s);\n' "$TABLE" "$names" "$values"
    modes line
    select_row 'rowid = last_insert_rowid()'
  } | sql write
  show
}

# A pair of keys: the private half into a file that its owner alone may read, the public half into the registrar.
relation_new() {
  [ "$ARGC" -eq 2 ] || wrong "which VAL server, and which file for the private key?"
  new_file "$ARG2"
  bind val_server_id "$ARG1"
  given alg || bind alg ES256
  times=
  for name in start_time exp_time; do ! given "$name" || times="$times, $name"; done
  # The file comes first: a key that is registered is one that somebody has.
  printf '%s\n' '.output /dev/null' "SELECT writefile('private', seal_generate_key(:alg) || char(10));" | sql none
  put_file private "$ARG2"
  bind private "$WORK/private"
  {
    cat <<T
CREATE TEMP TABLE made AS SELECT trim(CAST(readfile(:private) AS TEXT), char(10)) AS jwk;
INSERT INTO seal_credential(val_server_id, type, value$times)
SELECT :val_server_id, iif(:alg = 'HS256', 'psk', 'jwk'),
  iif(:alg = 'HS256', CAST(jwk AS BLOB), seal_public_key(jwk))$(printf '%s' "$times" | sed 's/, /, :/g') FROM made;
T
    modes line
    select_row 'rowid = last_insert_rowid()'
  } >"$WORK/new.sql"
  (sql write <"$WORK/new.sql") || {
    code=$?
    rm -f -- "$ARG2"
    exit "$code"
  }
  show
}

relation_list() {
  [ "$ARGC" -eq 0 ] || wrong "list takes options only"
  when
  shown=$COLUMNS
  [ "$FORMAT" != table ] || shown=$BRIEF
  valid=
  active=
  ! has_word status active || active=" WHERE status = 'active'"
  ! given all || valid=", iif(rowid IN (SELECT rowid FROM $TABLE$active), 'yes', 'no') AS valid"
  {
    modes table "$(names_of "$shown")${valid:+ valid}"
    printf 'SELECT %s%s FROM %s WHERE %s%s ORDER BY %s LIMIT coalesce(:limit, -1);\n' \
      "$(select_columns "$shown")" "$valid" "$TABLE" "$WHEN" "$(filter ' AND ' "$COLUMNS")" \
      "$(printf '%s' "${KEYS# }" | tr -s ' ' ',')"
  } | sql read
  show
}

relation_show() {
  bind_keys all
  {
    modes line
    select_row "$(which)"
  } | sql read
  [ -s "$WORK/rows" ] || missing
  show
}

missing() {
  refuse "RESOURCE_CONTEXT_NOT_FOUND: there is no such $(spaced "$COMMAND")"
}

# change STATEMENT: an UPDATE or a DELETE whose WHERE is open at its end. It changes the one row that was named: none, if
# several have the name.
change() {
  printf '%s\n' '.output /dev/null' "SELECT writefile('found', count(*)) FROM $TABLE WHERE $(which) AND at IS NULL;" '.output'
  printf '%s %s AND at IS NULL AND (SELECT count(*) = 1 FROM %s WHERE %s AND at IS NULL);\n' "$1" "$(which)" "$TABLE" \
    "$(which)"
}

# Whether it was one row; where it is not, what was done is nothing.
found_one() {
  case $(cat "$WORK/found") in
    0) missing ;;
    1) ;;
    *)
      refuse "$(cat "$WORK/found") rows are called so: $(printf ' %s' "$(which_specs)" | sed 's/ *$//; s/=[a-z]*//g; s/ / --/g; s/_/-/g') say which"
      ;;
  esac
}

# What a row is called by may be another name from now on: of an identity.
new_names() {
  [ "$COMMAND" != identity ] || printf ' new_val_user_id=text new_val_ue_id=text'
}

relation_set() {
  bind_keys all
  changes=
  for column in $(names_kinds set); do
    name=${column%%=*}
    # By these it is named.
    case " $NAMED " in
      *" $name "*) continue ;;
    esac
    ! given "$name" || changes="$changes${changes:+, }$name = $(value_sql "$column")"
  done
  for name in val_user_id val_ue_id; do
    ! given "new_$name" || changes="$changes${changes:+, }$name = :new_$name"
  done
  [ -n "$changes" ] || wrong "what is to be set?"
  if ends "$changes" || given dry_run; then
    act "UPDATE $TABLE SET $changes WHERE" some
    show_row
    return
  fi
  {
    change "UPDATE $TABLE SET $changes WHERE"
    for name in val_user_id val_ue_id; do
      ! given "new_$name" || echo "REPLACE INTO temp.sqlite_parameters VALUES (':$name', :new_$name);"
    done
    modes line
    select_row "$(which)"
  } | sql write
  found_one
  show
}

# Whether by these changes something may end that is valid: a sweep would take it away.
ends() {
  case $1 in
    *'_time = '*) return 0 ;;
    *'status = '*) grep -Fq "':status', $(literal terminated)" "$WORK/parameters" ;;
    *) return 1 ;;
  esac
}

# A status that is fixed text of ours.
set_status() {
  bind_keys all
  {
    change "UPDATE $TABLE SET status = '$1' WHERE"
    modes line
    select_row "$(which)"
  } | sql write
  found_one
  show
}

relation_suspend() {
  if has_word status revoked; then set_status revoked; else set_status suspended; fi
}

relation_resume() {
  set_status active
}

relation_terminate() {
  bind_keys all
  act "UPDATE $TABLE SET status = 'terminated' WHERE" any
  show_row
}

relation_remove() {
  bind_keys all
  act "DELETE FROM $TABLE WHERE" any
}

# The row as it is now.
show_row() {
  {
    modes line
    select_row "$(which)"
  } | sql read
  show
}

# act STATEMENT WHEN: a change that may end what is valid. What goes with it is said and asked about before, in `any` case
# or where there is `some`; --dry-run wants no more.
act() {
  if given dry_run || ! given yes; then
    goes_sql "$1" 'ROLLBACK;' | sql write
    found_one
    if given dry_run; then
      show
      exit 0
    fi
    ASKED=$(cat "$WORK/asked")
    if [ "$2" = any ] || [ "$ASKED" -gt 0 ]; then confirm "$(spaced "$COMMAND") $action: $(cat "$WORK/gone") would go"; fi
    goes_sql "$1" 'COMMIT;' | sql write
  else
    change "$1" | sql write
  fi
  found_one
}

# goes_sql ACT END: the act in a transaction, and what goes with it: no more than ASKED, if that is set.
goes_sql() {
  echo 'BEGIN IMMEDIATE; CREATE TEMP TABLE was AS'
  report_sql goes
  echo ';'
  change "$1"
  echo 'CREATE TEMP TABLE gone AS SELECT n, one, many, was.valid - now.valid AS gone FROM was JOIN ('
  report_sql goes
  echo ') AS now USING (n, one, many) WHERE was.valid > now.valid;'
  printf '%s\n' '.output /dev/null' "SELECT writefile('gone', coalesce(group_concat(gone || ' ' || iif(gone = 1, one, many), ', '),
    'nothing that is valid')) FROM (SELECT * FROM gone ORDER BY n);"
  modes table 'what gone'
  echo 'SELECT iif(gone = 1, one, many) AS what, gone FROM gone ORDER BY n;'
  printf '%s\n' '.output /dev/null' "SELECT writefile('asked', coalesce(sum(gone), 0)) FROM gone;" '.output'
  [ -z "$ASKED" ] || no_more "(SELECT coalesce(sum(gone), 0) FROM gone) > $ASKED"
  echo "$2"
}
