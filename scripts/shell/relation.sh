# shellcheck shell=sh
# Relations that the operator writes: add, list, show, set, suspend, resume, remove.
#
#   seal term add sla-7 identity-management v2x --max-identities 100000
#   seal val-server suspend v2x.acme.example
#
# The commands are made from a description of each relation. To add a relation: a line in
# `describe` here, and one in `commands` of scripts/seal.

# Sets what is known of a relation: COLUMNS (name=kind, in the order of the relation), BRIEF (those
# that a table for people shows) and OFF, the status that suspends ('-': it has none). Kinds:
#   key      part of the primary key; key? is one that the registrar derives when it is left out
#   id       text that is needed       word     one of a few words
#   text     text that may be empty    instant  may be empty     count  integer, may be empty
#   file     the value is the bytes of this file; they are no secret on the way
#   document the value is the text of this file
describe() {
  case $1 in
    agreement)
      COLUMNS='agreement_id=key val_provider_id=id start_time=instant stop_time=instant status=word
        max_val_servers=count'
      BRIEF='agreement_id val_provider_id start_time stop_time status'
      OFF=suspended
      ;;
    term)
      COLUMNS='agreement_id=key seal_service=key val_service_id=key max_identities=count
        max_key_records=count max_validity=count key_formats=text scopes=text
        allowed_total_invocations=count allowed_invocations_per_second=count
        allowed_invocation_time_ranges=text start_time=instant stop_time=instant
        price_per_invocation=text price_per_identity_day=text currency=text'
      BRIEF='agreement_id seal_service val_service_id max_identities max_validity stop_time'
      OFF=-
      ;;
    val-server)
      COLUMNS='val_server_id=key agreement_id=id end_pt=text notification_destination=text
        exp_time=instant status=word'
      BRIEF='val_server_id agreement_id end_pt exp_time status'
      OFF=suspended
      ;;
    credential)
      COLUMNS='credential_id=key? val_server_id=id type=word value=file start_time=instant
        exp_time=instant status=word'
      BRIEF='credential_id val_server_id type exp_time status'
      OFF=revoked
      ;;
    anchor)
      COLUMNS='anchor_id=key type=id subject=text iss=text value=file exp_time=instant status=word'
      BRIEF='anchor_id type subject iss exp_time status'
      OFF=revoked
      ;;
    server)
      COLUMNS='seal_server_id=key seal_service=id end_pt=text jwk=document acked=count status=word'
      BRIEF='seal_server_id seal_service end_pt acked status'
      OFF=suspended
      ;;
    policy)
      COLUMNS='seal_service=key val_service_id=key name=key value=id start_time=instant
        exp_time=instant'
      BRIEF='seal_service val_service_id name value exp_time'
      OFF=-
      ;;
  esac
  COLUMNS=$(printf '%s' "$COLUMNS" | tr -s ' \n' '  ')
  TABLE=seal_$(printf '%s' "$1" | tr '-' '_')
  KEYS=
  for column in $COLUMNS; do
    case $column in
      *=key*) KEYS="$KEYS ${column%%=*}" ;;
    esac
  done
}

# What a user sees of a relation's name, its keys and its options.
spaced() {
  printf '%s' "$1" | tr '_-' '  '
}
hyphens() {
  printf '%s' "$1" | tr '_' '-'
}

help_relation() {
  describe "$1"
  keys=
  for key in $KEYS; do keys="$keys $(hyphens "$key" | tr '[:lower:]' '[:upper:]')"; done
  adds=$keys
  [ "$1" != credential ] || adds=' [CREDENTIAL-ID]'
  cat <<T
usage: seal $1 add$adds [OPTIONS]
       seal $1 list [OPTIONS] [--at INSTANT | --all]
       seal $1 show$keys
       seal $1 set$keys OPTIONS
T
  [ "$OFF" = - ] || cat <<T
       seal $1 suspend$keys    (status '$OFF')
       seal $1 resume$keys     (status 'active')
T
  cat <<T
       seal $1 remove$keys

Options, one for each column:
T
  for column in $COLUMNS; do
    kind=${column#*=}
    case $kind in
      key*) text='part of the key' ;;
      id) text='needed' ;;
      word) text='a word' ;;
      text) text='text, or none' ;;
      count) text='an integer, or none' ;;
      instant) text='an instant, or none' ;;
      file | document) text='a file that holds the value; - is the input' ;;
    esac
    name=${column%%=*}
    printf '  --%-32s %s\n' "$(hyphens "$name")" "$(column_text "$1" "$name" "$text")"
  done
  cat <<'T'

list shows what is valid now, or --at an instant, or --all rows; its options are
filters. The parts of the key may be given as options too.
T
  [ "$1" != credential ] || cat <<'T'

A credential's id is its thumbprint, unless another is given.
T
}

# What to say about a column, where more than its kind is worth saying.
column_text() {
  case $1.$2 in
    term.seal_service) printf '%s' 'identity-management, key-management, ...' ;;
    term.val_service_id) printf '%s' "a VAL service; * is any (exact wins)" ;;
    term.max_validity) printf '%s' 'seconds that a request may ask for, or none' ;;
    term.key_formats | term.scopes) printf '%s' 'JSON array of words, or none (any)' ;;
    term.allowed_invocation_time_ranges) printf '%s' 'JSON [{startTime, stopTime}], or none' ;;
    term.price_*) printf '%s' 'a decimal number, or none' ;;
    term.currency) printf '%s' 'three capital letters, or none' ;;
    val-server.end_pt) printf '%s' "JSON EndPoint: {\"fqdn\":\"...\"}, or none" ;;
    credential.type) printf '%s' 'jwk, x509, psk' ;;
    anchor.type) printf '%s' 'ca, intermediate, crl, issuer, capif' ;;
    anchor.subject) printf '%s' 'of a certificate or a CRL: read from it' ;;
    anchor.iss) printf '%s' 'of an issuer: what its tokens say' ;;
    anchor.value) printf '%s' 'a file: PEM, DER or JWKS; - is the input' ;;
    credential.value) printf '%s' 'a file: JWK, PEM, DER, or a secret' ;;
    server.seal_service | policy.seal_service)
      printf '%s' 'identity-management, key-management, ...'
      ;;
    server.jwk) printf '%s' "a file: what rotate-key made there" ;;
    server.acked) printf '%s' 'the last change that it has' ;;
    server.status) printf '%s' 'active, suspended (gets no bundles)' ;;
    policy.value) printf '%s' 'JSON; needed' ;;
    credential.status | anchor.status) printf '%s' 'active, revoked' ;;
    *.status) printf '%s' 'active, suspended, terminated (for good)' ;;
    *) printf '%s' "$3" ;;
  esac
}

# Binds the positional words to the keys; with `all`, each key must be known then.
bind_keys() {
  n=0
  for key in $KEYS; do
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

seal_relation() {
  describe "$COMMAND"
  [ $# -gt 0 ] || wrong "add, list, show, set, suspend, resume or remove?"
  action=$1
  shift
  case $action in
    add | set) take "$COLUMNS" "$@" ;;
    list) take "$COLUMNS at=instant all=flag limit=count" "$@" ;;
    show | suspend | resume | remove)
      spec=
      for key in $KEYS; do spec="$spec$key=key "; done
      take "$spec" "$@"
      ;;
    --help | -h)
      help_relation "$COMMAND"
      return
      ;;
    *) wrong "$COMMAND cannot $action" ;;
  esac
  "relation_$action"
}

relation_add() {
  bind_keys some
  names=
  values=
  for column in $COLUMNS; do
    name=${column%%=*}
    given "$name" || continue
    case $column in
      *=file) value="readfile(:$name)" ;;
      *=document) value="CAST(readfile(:$name) AS TEXT)" ;;
      *) value=":$name" ;;
    esac
    names="$names${names:+, }$name"
    values="$values${values:+, }$value"
  done
  [ -n "$names" ] || wrong "what is to be added?"
  {
    printf 'INSERT INTO %s(%s) VALUES (%s);\n' "$TABLE" "$names" "$values"
    modes line
    select_row 'rowid = last_insert_rowid()'
  } | sql write
  show
}

relation_list() {
  [ "$ARGC" -eq 0 ] || wrong "list takes options only"
  when
  shown=$COLUMNS
  [ "$FORMAT" != table ] || shown=$BRIEF
  {
    modes table
    printf 'SELECT %s FROM %s WHERE %s%s ORDER BY %s LIMIT coalesce(:limit, -1);\n' \
      "$(select_columns "$shown")" "$TABLE" "$WHEN" "$(filter ' AND ' "$COLUMNS")" \
      "$(printf '%s' "${KEYS# }" | tr -s ' ' ',')"
  } | sql read
  show
}

relation_show() {
  bind_keys all
  {
    modes line
    select_row "$(filter '' "$KEYS")"
  } | sql read
  [ -s "$WORK/out" ] || missing
  show
}

# change STATEMENT: one that must meet a row; then the row is shown.
change() {
  {
    printf '%s;\n' "$1"
    printf '%s\n' '.output changes' 'SELECT changes();' '.output'
    modes line
    select_row "$(filter '' "$KEYS")"
  } | sql write
  [ "$(cat "$WORK/changes")" -gt 0 ] || missing
  show
}

missing() {
  refuse "RESOURCE_CONTEXT_NOT_FOUND: there is no such $(spaced "$COMMAND")"
}

relation_set() {
  bind_keys all
  changes=
  for column in $COLUMNS; do
    name=${column%%=*}
    case $column in
      *=key*) continue ;;
      *=file) value="readfile(:$name)" ;;
      *=document) value="CAST(readfile(:$name) AS TEXT)" ;;
      *) value=":$name" ;;
    esac
    ! given "$name" || changes="$changes${changes:+, }$name = $value"
  done
  [ -n "$changes" ] || wrong "what is to be set?"
  change "UPDATE $TABLE SET $changes WHERE $(filter '' "$KEYS") AND at IS NULL"
}

# A status that is fixed text of ours.
set_status() {
  [ "$OFF" != - ] ||
    wrong "a $(spaced "$COMMAND") has no status: suspend its agreement, or set when it ends"
  bind_keys all
  change "UPDATE $TABLE SET status = '$1' WHERE $(filter '' "$KEYS") AND at IS NULL"
}

relation_suspend() {
  set_status "$OFF"
}

relation_resume() {
  set_status active
}

relation_remove() {
  bind_keys all
  printf '%s\n' "DELETE FROM $TABLE WHERE $(filter '' "$KEYS") AND at IS NULL;" \
    'SELECT changes();' | sql write
  [ "$(cat "$WORK/out")" -gt 0 ] || missing
}
