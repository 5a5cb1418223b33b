# shellcheck shell=sh
# Keys and tokens: token, assertion, jwks, key-file, rotate-key, rekey.
#
#   seal key-file seal.key
#   seal --key seal.key rotate-key
#   seal --key seal.key token v2x.acme.example --scope seal:key-management

# The result of a command of seal_command; :argument is its argument.
run_command() {
  {
    printf "INSERT INTO seal_command(command, argument, at) VALUES ('%s', %s, :at);\n" "$1" "$2"
    printf "SELECT result FROM seal_command WHERE command = '%s' LIMIT 1;\n" "$1"
  } | sql write
  out <"$WORK/out"
}

help_token() {
  cat <<'T'
usage: seal --key FILE token VAL-SERVER-ID [--scope SCOPE] [--ttl SECONDS]
                             [--at INSTANT]

Prints a token response of RFC 6749 5.1 with an access token for the VAL server,
for --ttl seconds (default: 3600), never beyond its agreement's end. SCOPE is
words with spaces between: seal:identity-management, seal:key-management,
seal:key-provisioning (default: all that its agreement grants).

The response is JSON, with --json and without: access_token; token_type, which
is Bearer; expires_in, in seconds; scope, what was granted.

Example:
  seal --key seal.key token v2x.acme.example --scope seal:key-management
T
}

seal_token() {
  take 'scope=text ttl=number:1-86400 at=instant' "$@"
  [ "$FORMAT" != csv ] || wrong "a token response is JSON"
  [ "$ARGC" -eq 1 ] || wrong "which VAL server?"
  bind val_server_id "$ARG1"
  run_command issue-token \
    "json_patch('{}', json_object('val_server_id', :val_server_id, 'scope', :scope, 'ttl', :ttl))"
}

help_assertion() {
  cat <<'T'
usage: seal assertion VAL-SERVER-ID KEY-FILE [--aud IDENTIFIER] [--ttl SECONDS]

Prints a token that a VAL server makes itself, with the private key in KEY-FILE
(a JWK, as seal credential new makes it): a credential for one message or one
load, for --ttl seconds (1 to 3600, default: 300). --aud is what the registrar
is called (default: the identifier of the database, if there is one, else
urn:seal:registrar). No database is needed.

Example:
  seal assertion v2x.acme.example acme.key >token.jwt
T
}

seal_assertion() {
  take 'aud=id ttl=number:1-3600' "$@"
  [ "$ARGC" -eq 2 ] || wrong "which VAL server, and which private key?"
  bind val_server_id "$ARG1"
  bind_kind private key-file "$ARG2"
  given ttl || bind ttl 300 INTEGER
  if ! given aud; then
    aud=urn:seal:registrar
    if [ -f "$DB" ]; then
      printf '%s\n' '.mode list' 'SELECT identifier FROM seal_registrar;' | sql read
      aud=$(cat "$WORK/out")
    fi
    bind aud "$aud"
  fi
  printf '%s\n' '.output /dev/null' "SELECT writefile('result', seal_sign(json_object('iss', :val_server_id, 'sub', :val_server_id,
    'aud', :aud, 'iat', unixepoch(), 'exp', unixepoch() + :ttl, 'jti', lower(hex(randomblob(16)))),
    readfile(:private)) || char(10));" | sql none
  out <"$WORK/result"
}

help_jwks() {
  cat <<'T'
usage: seal jwks

Prints the registrar's public keys, a JWK Set: what VAL servers check access
tokens with, and what a SEAL server needs once (seal init --registrar-jwks).

Example:
  seal jwks >registrar.jwks
T
}

seal_jwks() {
  take '' "$@"
  [ "$ARGC" -eq 0 ] || wrong "jwks takes no words"
  printf '%s\n' '.output /dev/null' "SELECT writefile('result', seal_jwks() || char(10));" | sql read
  out <"$WORK/result"
}

help_key_file() {
  cat <<'T'
usage: seal key-file FILE

Makes the key of the secrets: 32 random bytes in a new FILE, which only its
owner may read. --key FILE or SEAL_KEY names it from then on. Keep a copy of it
apart from the copies of the database: without it the secrets are lost.

Example:
  seal key-file /etc/seal/seal.key
T
}

seal_key_file() {
  take '' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  new_file "$ARG1"
  head -c 32 /dev/urandom >"$WORK/made"
  [ "$(wc -c <"$WORK/made")" -eq 32 ] || fail "/dev/urandom gives nothing"
  put_file made "$ARG1"
  note "$ARG1 is written"
}

help_rotate_key() {
  cat <<'T'
usage: seal --key FILE rotate-key [--leaked] [--at INSTANT]

Makes a new key for the registrar's signatures and prints its public half (a
JWK). The first time, after seal key-file, there is none before: without it the
registrar signs no token, bundle or checkpoint. From then on the one before
stays valid until the last token that it signed has ended, and for 30 days it
signs what brings SEAL servers the new one: nobody has to do anything there.

In a SEAL server's own database it is the key that key records are sealed for:
what is printed is its jwk at the registrar (seal help server). For 30 days the
one before opens what was sealed for it.

--leaked: somebody else has the key. Nothing that was signed so far is believed
any more, and each SEAL server needs the new keys (seal init --registrar-jwks).
At a SEAL server nothing that was sealed for it so far is opened any more: it
needs a full copy (seal help sync).

Example:
  seal --key seal.key rotate-key
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

Example:
  seal --key seal.key rekey new.key
T
}

seal_rekey() {
  take '' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  bind_kind new_key key-file "$ARG1"
  count=$(run_command rekey 'readfile(:new_key)') || exit $?
  tell resealed "$count" "$(plural "$count" secret) sealed again"
}
