#!/usr/bin/env tclsh
# The registrar in Tcl: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
#
#   tclsh scripts/examples/with_tcl.tcl [LIBRARY]
#
# Needs Debian's libsqlite3-tcl, or the package sqlite3 of another Tcl, with SQLite 3.40 or newer.
package require sqlite3

set library [expr {$argc > 0 ? [lindex $argv 0] : "/usr/local/lib/seal/seal"}]

# The extension comes with each connection; the relations, once, with the database.
sqlite3 db :memory:
db enable_load_extension 1
db eval {SELECT load_extension($library)}
db enable_load_extension 0
db eval [db onecolumn {SELECT seal_schema()}]
puts "seal [db onecolumn {SELECT seal_version()}]"

# The contract: what acme may provision, and who acts for it.
db eval {
  INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
    VALUES ('sla-7', 'identity-management', 'v2x', 1);
  INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
}

# The VAL server's key pair: the registrar is given the public half.
set private_key [db onecolumn {SELECT seal_generate_key()}]
db eval {
  INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key($private_key))
}

# Each act is proved by a token that the VAL server signs; a token serves once.
proc token {private_key} {
  return [db onecolumn {SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example',
    'aud', 'urn:seal:registrar', 'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), $private_key)}]
}
proc provision {private_key user} {
  set token [token $private_key]
  db eval {
    INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES ($token, 'v2x', $user, '2098-12-31')
  }
}

provision $private_key alice@acme.example
db eval {SELECT val_service_id, val_user_id, valid_until FROM seal_identity} {
  puts "valid $val_service_id $val_user_id until $valid_until"
}

# The contract allows one user. The refusal is an error of SQL, which begins with its cause.
if {[catch {provision $private_key bob@acme.example} refusal]} {
  puts "refused $refusal"
}

# What was stored stays; what was refused left nothing.
puts "stored [db onecolumn {SELECT count(*) FROM seal_identity}]"
db close
