#!/bin/sh
# The registrar in the sqlite3 shell: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
#
#   sh scripts/examples/with_sqlite3.sh [LIBRARY]
#
# Needs the program sqlite3, 3.40 or newer.
set -eu
library=$(readlink -f -- "${1:-/usr/local/lib/seal/seal.so}" || :)
[ -f "$library" ] || {
  echo "there is no library ${1:-/usr/local/lib/seal/seal.so}" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The extension comes with each connection; the relations, once, with the database. A program without the file
# install.sql takes the text from the extension itself.
sqlite3 -batch -bail seal.db ".load '$library'" "SELECT writefile('install.sql', seal_schema());" >/dev/null

# The log tells what the extension refused. A refused statement ends the script here, as -bail has it: it is the last.
sqlite3 -batch -bail seal.db >out 2>/dev/null <<S || true
.load '$library'
.log log
.read install.sql
SELECT 'seal ' || seal_version();

-- The contract: what acme may provision, and who acts for it.
INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
  VALUES ('sla-7', 'identity-management', 'v2x', 1);
INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');

-- The VAL server's key pair: the registrar is given the public half. The temporary table is the VAL server's side.
CREATE TEMP TABLE acme AS SELECT seal_generate_key() AS private_key;
INSERT INTO seal_credential(val_server_id, type, value)
  SELECT 'v2x.acme.example', 'jwk', seal_public_key(private_key) FROM acme;

-- Each act is proved by a token that the VAL server signs; a token serves once.
CREATE TEMP VIEW claims AS SELECT json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example',
  'aud', 'urn:seal:registrar', 'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))) AS value;
INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time)
  SELECT seal_sign(claims.value, private_key), 'v2x', 'alice@acme.example', '2098-12-31' FROM acme, claims;
SELECT 'valid ' || val_service_id || ' ' || val_user_id || ' until ' || valid_until FROM seal_identity;

-- The contract allows one user. The refusal is an error of SQL, which begins with its cause.
INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time)
  SELECT seal_sign(claims.value, private_key), 'v2x', 'bob@acme.example', '2098-12-31' FROM acme, claims;
S
cat out
sed -n 's/.*seal refused [0-9]*: /refused /p' log

# What was stored stays; what was refused left nothing.
sqlite3 -batch -bail seal.db ".load '$library'" "SELECT 'stored ' || count(*) FROM seal_identity;"
