# shellcheck shell=sh
# What needs the key of the secrets: token, rotate-key, rekey.
#
#   openssl rand -out seal.key 32
#   seal --key seal.key rotate-key
#   seal --key seal.key token v2x.acme.example --scope seal:key-management

# The result of a command of seal_command; :argument is its argument.
run_command() {
  {
    printf "INSERT INTO seal_command(command, argument, at) VALUES ('%s', %s, :at);\n" "$1" "$2"
    printf "SELECT result FROM seal_command WHERE command = '%s' LIMIT 1;\n" "$1"
  } | sql write
  cat "$WORK/out"
}

help_token() {
  cat <<'T'
usage: seal --key FILE token VAL-SERVER-ID [--scope SCOPE] [--ttl SECONDS]
                             [--at INSTANT]

Prints a token response of RFC 6749 with an access token for the VAL server, for
--ttl seconds (default: 3600), never beyond its agreement's end. SCOPE is words
with spaces between: seal:identity-management, seal:key-management,
seal:key-provisioning (default: all that its agreement grants).
T
}

seal_token() {
  take 'scope=text ttl=count at=instant' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which VAL server?"
  bind val_server_id "$ARG1"
  run_command issue-token \
    "json_patch('{}', json_object('val_server_id', :val_server_id, 'scope', :scope, 'ttl', :ttl))"
}

help_rotate_key() {
  cat <<'T'
usage: seal --key FILE rotate-key [--leaked]

Makes a new key for the registrar's signatures and prints its public half (a
JWK). The one before stays valid until the last token that it signed has ended,
and for 30 days it signs what brings SEAL servers the new one: nobody has to do
anything there.

--leaked: somebody else has the key. Nothing that was signed so far is believed
any more, and each SEAL server needs the new keys (seal init --registrar-jwks).
T
}

seal_rotate_key() {
  take 'at=instant leaked=flag' "$@"
  [ "$ARGC" -eq 0 ] || wrong "rotate-key takes no words"
  if given leaked; then
    run_command rotate-key "'leaked'"
  else
    run_command rotate-key NULL
  fi
}

help_rekey() {
  cat <<'T'
usage: seal --key FILE rekey NEW-FILE

Seals every secret of the database under the key in NEW-FILE (32 bytes, readable
by its owner only), all or none. From then on --key names that file.
T
}

seal_rekey() {
  take '' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  bind_kind new_key key-file "$ARG1"
  count=$(run_command rekey 'readfile(:new_key)') || exit $?
  case $FORMAT in
    json) printf '[{"resealed":%s}]\n' "$count" ;;
    csv) printf 'resealed\n%s\n' "$count" ;;
    *) printf '%s secrets sealed again\n' "$count" ;;
  esac
}
