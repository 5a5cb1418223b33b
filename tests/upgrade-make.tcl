# Makes what upgrade.test upgrades, by the extension of release 0.1.0: a registrar's database with everything in
# it, those of two SEAL servers that it has told, and what they answered. Not run by `make test`; needed again
# only if there is more of 0.1.0 to be tried:
#
#   SEAL_LIB=/path/to/0.1.0/build/seal.so tclsh tests/upgrade-make.tcl
#
# writes beside this file
#
#   upgrade-1.sql, upgrade-1-sims.sql, upgrade-1-skms.sql   databases, as statements that `db eval` runs
#   upgrade-1.tcl                                           what was answered, and tokens that are left
#
# Everything takes place `at` noon of 15 November 2026, so that it answers the same on any day.

source [file join [file dirname [info script]] tester.tcl]
source $tests_folder/credentials.tcl

set version [db one {SELECT seal_version()}]
if {$version ne "0.1.0"} {error "this is $version: SEAL_LIB must name the extension of 0.1.0"}

# --- Writing databases down ------------------------------------------------------------------

# The statements that make a database again. What is virtual has no storage of its own: its place in the
# schema is all there is to it, and is written there, so that no extension is needed.
proc dump {db} {
  set out "BEGIN;\n"
  set virtual ""
  $db eval {SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid} {
    if {[string match "CREATE VIRTUAL*" $sql]} {
      append virtual "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql)\
          VALUES ('table', '$name', '$name', 0, '$sql');\n"
      continue
    }
    append out "$sql;\n"
    if {$type ne "table"} continue
    set columns [$db eval {SELECT name FROM pragma_table_info($name) ORDER BY cid}]
    set values [join [lmap c $columns {string cat quote("$c")}] { || ', ' || }]
    foreach row [$db eval "SELECT $values FROM $name ORDER BY 1"] {
      append out "INSERT INTO $name VALUES ($row);\n"
    }
  }
  return "${out}PRAGMA writable_schema = ON;\n${virtual}PRAGMA writable_schema = RESET;\nCOMMIT;\n"
}

# What each relation shows: NAME {COLUMNS ROWS-AT-NOON ALL-ROWS}.
proc relations {db} {
  set all {}
  foreach name [$db eval {
    SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'
      AND name NOT IN ('seal_command', 'seal_message') ORDER BY name
  }] {
    set columns [$db eval {SELECT name FROM pragma_table_info($name) ORDER BY name}]
    set select "SELECT [join $columns ,] FROM $name"
    set clock [$db one {SELECT count(*) FROM pragma_table_xinfo($name) WHERE name = 'at'}]
    set order "ORDER BY [join $columns ,]"
    set now [expr {$clock ? [$db eval "$select WHERE at = 1794744000 $order"] : {}}]
    set ever [$db eval "$select [expr {$clock ? {WHERE at IS NULL} : {}}] $order"]
    lappend all $name [list $columns $now $ever]
  }
  return $all
}

# --- What happens ----------------------------------------------------------------------------

proc command {db name {argument ""} {instant 1794744000}} {
  $db eval {INSERT INTO seal_command(command, argument, at) VALUES ($name, nullif($argument, ''), CAST($instant AS INTEGER))}
  return [$db one {SELECT result FROM seal_command LIMIT 1}]
}
# Sends a message that has to be answered so.
proc sent {status method uri credential args} {
  set got [send $method $uri $credential {*}$args]
  if {$got != $status} {error "$method $uri: $got $::answer"}
  return [answer {$.headers.Location}]
}
proc ipp_body {val_server_id val_service_id users args} {
  set ids [join [lmap u $users {json_object valUserId $u}] ,]
  set service "{\"valServiceId\":\"$val_service_id\",\"idList\":\[$ids\]}"
  return [json_object valServerId $val_server_id valSvcConf "\[$service\]" {*}$args]
}
proc identity {credential service user {exp NULL} {conf NULL}} {
  db eval {
    INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time, conf_id, at)
    VALUES ($credential, $service, $user, nullif($exp, 'NULL'), nullif($conf, 'NULL'), 1794744000)
  }
}

make_key ES256 odd
make_key HS256 secret
make_key ES256 revoked
make_ca root -start 2026-01-01 -end 2046-01-01
make_cert v2xcert root -san DNS:v2x.example -start 2026-01-01 -end 2046-01-01
make_cert chained root -san DNS:other.example -start 2026-01-01 -end 2046-01-01
set odd_id urn:a/b%c

proc odd_token {} {return [own_token odd iss $::odd_id sub $::odd_id]}
proc secret_token {} {return [own_token secret iss other.example sub other.example]}

proc new_database {db file} {
  forcedelete $file
  sqlite3 $db $file
  load_seal $db
  $db eval {PRAGMA synchronous = OFF}
  $db eval [$db one {SELECT seal_schema()}]
  set key $::main_key
  $db eval {SELECT seal_unlock($key)}
}

catch {db close}
new_database db registrar.db
set kid [command db rotate-key]
db eval {UPDATE seal_registrar SET skms_uri = 'https://skms.example'}

# The operator's side.
set jwk [jwk v2x]
set odd_jwk [jwk odd]
set other_jwk [jwk other]
set revoked_jwk [jwk revoked]
set secret [read_file secret.secret binary]
set certificate [read_file v2xcert.crt]
set root_pem [read_file root.crt]
make_crl root -start 2026-01-01 -end 2046-01-01
set crl [read_file root.crl]
set issuer_jwks [jwks [jwk other kid as-1]]
db eval {
  INSERT INTO seal_agreement(agreement_id, val_provider_id, start_time, stop_time, status, max_val_servers) VALUES
    ('sla-7', 'acme', '2026-01-01', '2098-12-31', 'active', 10),
    ('sla-stopped', 'acme', NULL, NULL, 'active', NULL),
    ('sla-gone', 'acme', NULL, NULL, 'active', NULL),
    ('sla-over', 'other', '2026-01-01', '2026-11-01', 'active', NULL);
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities, max_validity,
    price_per_invocation, price_per_identity_day, currency, allowed_total_invocations) VALUES
    ('sla-7', 'identity-management', 'v2x', 100, NULL, '0.25', '0.10', 'EUR', 1000),
    ('sla-7', 'identity-management', 'short', NULL, 3600, NULL, NULL, NULL, NULL),
    ('sla-7', 'identity-management', '*', NULL, NULL, NULL, '0.05', 'EUR', NULL),
    ('sla-7', 'group-management', '*', NULL, NULL, NULL, NULL, NULL, NULL),
    ('sla-stopped', 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL),
    ('sla-gone', 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL),
    ('sla-over', 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL);
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_key_records, key_formats, scopes)
  VALUES ('sla-7', 'key-management', '*', 50, '["kmpp-1","kmpp-2"]', '["mcx","file"]');
  INSERT INTO seal_val_server(val_server_id, agreement_id, end_pt, notification_destination, exp_time) VALUES
    ('v2x.example', 'sla-7', '{"fqdn":"v2x.example"}', 'https://v2x.example/notify', NULL),
    ('other.example', 'sla-7', NULL, NULL, '2098-01-01'),
    ($odd_id, 'sla-7', NULL, NULL, NULL),
    ('stopped.example', 'sla-stopped', NULL, NULL, NULL),
    ('gone.example', 'sla-gone', NULL, NULL, NULL),
    ('over.example', 'sla-over', NULL, NULL, NULL),
    ('off.example', 'sla-7', NULL, NULL, NULL);
  INSERT INTO seal_credential(credential_id, val_server_id, type, value) VALUES
    ('v2x-key', 'v2x.example', 'jwk', $jwk), ('odd-key', $odd_id, 'jwk', $odd_jwk),
    ('other-key', 'other.example', 'jwk', $other_jwk), ('secret', 'other.example', 'psk', $secret),
    ('certificate', 'v2x.example', 'x509', $certificate), ('revoked', 'v2x.example', 'jwk', $revoked_jwk);
  UPDATE seal_credential SET status = 'revoked' WHERE credential_id = 'revoked';
  INSERT INTO seal_anchor(anchor_id, type, iss, value) VALUES
    ('root', 'ca', NULL, $root_pem), ('as', 'issuer', 'https://as.example', $issuer_jwks);
  INSERT INTO seal_anchor(anchor_id, type, value) VALUES ('crl', 'crl', $crl);
  INSERT INTO seal_policy(seal_service, val_service_id, name, value, start_time, exp_time) VALUES
    ('group-management', 'v2x', 'max-group', '{"members":100}', NULL, NULL),
    ('identity-management', 'v2x', 'a/b', '7', '2026-01-01', '2098-01-01');
}
foreach name {stopped gone over} {
  make_key ES256 $name
  set jwk_of [jwk $name]
  set id $name.example
  db eval {INSERT INTO seal_credential(credential_id, val_server_id, type, value) VALUES ($name, $id, 'jwk', $jwk_of)}
}

# The SEAL servers, in databases of their own.
foreach {name service} {sims identity-management skms key-management} {
  new_database $name $name.db
  set public [command $name rotate-key]
  set registrar_jwks [db one {SELECT seal_jwks()}]
  $name eval {
    UPDATE seal_registrar SET identifier = $name;
    INSERT INTO seal_anchor(anchor_id, type, iss, value)
    VALUES ('registrar', 'issuer', 'urn:seal:registrar', $registrar_jwks);
  }
  db eval {INSERT INTO seal_server(seal_server_id, seal_service, jwk) VALUES ($name, $service, $public)}
}
db eval {INSERT INTO seal_server(seal_server_id, seal_service, status) VALUES ('gms', 'group-management', 'suspended')}
proc tell {name} {
  set since [$name one {SELECT applied FROM seal_registrar}]
  set bundle [db one {SELECT seal_bundle($name, nullif($since, ''), 1794744000)}]
  command $name apply $bundle
}

# Rows without a conf_id: standing configurations, by term and end.
set used_row [own_token v2x]
identity $used_row v2x alice
identity [own_token v2x] v2x bob
identity [own_token v2x] v2x carol 2026-11-30
identity [own_token v2x] elsewhere dave
identity [own_token v2x] elsewhere2 dora
identity [own_token v2x] short erin
identity [odd_token] v2x alice
identity [secret_token] v2x alice
db eval {
  INSERT INTO seal_identity(credential, val_service_id, val_ue_id, at)
  VALUES ($certificate, 'v2x', 'ue-1', 1794744000)
}
# One of them has lost a row, one is changed by the operator, one loses all.
identity [own_token v2x] v2x lost
identity [own_token v2x] v2x frank 2027-01-01
identity [own_token v2x] v2x empty 2027-02-01
db eval {
  DELETE FROM seal_identity WHERE val_user_id IN ('lost', 'empty') AND at = 1794744000;
  UPDATE seal_configuration SET exp_time = '2027-03-01' WHERE exp_time = '2027-01-01' AND at = 1794744000;
}
# Configurations as rows: one with a name, and one without that rows were put into by its name.
set token [own_token v2x]
db eval {
  BEGIN;
  INSERT INTO seal_configuration(credential, seal_service, conf_id, at)
  VALUES ($token, 'identity-management', 'by hand/1%', 1794744000);
  INSERT INTO seal_configuration(credential, seal_service, exp_time, at)
  VALUES ($token, 'identity-management', '2028-01-01', 1794744000),
    ($token, 'identity-management', '2028-02-01', 1794744000);
  COMMIT;
}
set alone [db one {SELECT conf_id FROM seal_configuration WHERE exp_time = '2028-01-01' AND at IS NULL}]
identity [own_token v2x] v2x gina NULL "by hand/1%"
identity [own_token v2x] v2x hans NULL $alone
identity [own_token v2x] v2x jo NULL \
    [db one {SELECT conf_id FROM seal_configuration WHERE exp_time = '2028-02-01' AND at IS NULL}]
# What has ended: swept, and not swept yet.
identity [own_token v2x] v2x swept [expr {$noon + 60}]
command db sweep "" [expr {$noon + 120}]
identity [own_token v2x] v2x ended [expr {$noon + 90}]

# Messages.
set used_message [own_token v2x]
set posted [sent 201 POST $ipp $used_message id old-1 body [ipp_body v2x.example v2x {p1 p2 p3}]]
sent 200 PUT $posted [own_token v2x] body [ipp_body v2x.example v2x {p1 p4}]
set dropped [sent 201 POST $ipp [own_token v2x] body [ipp_body v2x.example v2x {gone}]]
set patched [sent 201 POST $ipp [secret_token] body [ipp_body other.example v2x {q1}]]
sent 200 GET $posted [own_token v2x]
sent 403 POST $ipp [own_token v2x] body [ipp_body other.example v2x {x}]
set access [command db issue-token \
    {{"val_server_id":"v2x.example","scope":"seal:key-management seal:key-provisioning","ttl":86400}}]
set access [db one {SELECT $access ->> 'access_token'}]
set records {[{"keyInfo":"of the service"},{"valUserId":"alice","keyInfo":"of alice","userUri":"sip:a@x"},{"clientId":"c","keyInfo":"of c"}]}
set service "{\"valServiceId\":\"v2x\",\"keyFormat\":\"kmpp-1\",\"scope\":\"mcx file\",\"keyRecords\":$records}"
set keyed [sent 201 POST $kmpp $access id old-2 body "{\"valServerId\":\"v2x.example\",\"valSvcConf\":\[$service\]}"]
sent 200 GET "/ss-kir/v1/key-records?val-service-id=v2x&val-tgt-ue=%7B%22valUserId%22:%22alice%22%7D" $access id old-3
set token [own_token v2x]
db eval {
  INSERT INTO seal_key(credential, val_service_id, key_format, scope, at)
  VALUES ($token, 'keys', 'kmpp-2', 'mcx', 1794744000);
}
db eval {
  INSERT INTO seal_key_record(credential, val_service_id, val_user_id, key_format, key_info, at)
  VALUES ($access, 'records', 'ruth', 'kmpp-1', 'of ruth', 1794744000);
}

# The SEAL servers know all of this.
foreach name {sims skms} {tell $name}
set told [db eval {SELECT seal_server_id, acked FROM seal_server}]

# And this is what they have not heard of.
sent 204 DELETE $dropped [own_token v2x]
db eval {
  UPDATE seal_configuration SET supp_feat = '3' WHERE conf_id = $alone AND at = 1794744000;
  DELETE FROM seal_configuration WHERE conf_id IN (
    SELECT conf_id FROM seal_identity WHERE val_user_id = 'dora' AND at = 1794744000) AND at = 1794744000;
  UPDATE seal_policy SET value = '8' WHERE name = 'a/b';
}
# One that was removed is made again by the next row.
identity [own_token v2x] later ida
sent 201 POST $ipp [own_token stopped] body [ipp_body stopped.example v2x {s1}]
sent 201 POST $ipp [own_token gone] body [ipp_body gone.example v2x {g1}]
db eval {
  UPDATE seal_agreement SET status = 'suspended' WHERE agreement_id = 'sla-stopped';
  UPDATE seal_agreement SET status = 'terminated' WHERE agreement_id = 'sla-gone';
  UPDATE seal_val_server SET status = 'suspended' WHERE val_server_id = 'off.example';
}
command db rotate-key
set checkpoint [command db checkpoint]
identity [own_token v2x] v2x last

# --- What is written down --------------------------------------------------------------------

# A Tcl list that stands over several lines.
proc lines {list} {
  set out "\{\n"
  foreach {name value} $list {append out "  [list $name] [list $value]\n"}
  return "$out\}"
}

set serves {}
foreach {service val_service id} {
  identity-management v2x alice  identity-management v2x carol  identity-management v2x nobody
  identity-management v2x s1  key-management v2x alice  key-management keys alice
  group-management v2x bob  identity-management short erin
} {
  foreach when {1794744000 1794747599 1794747600 1796083200} {
    lappend serves [list $service $val_service $id $when] \
        [db one {SELECT seal_serves($service, $val_service, $id, CAST($when AS INTEGER))}]
  }
}
set answers [list relations [relations db] sims [relations sims] skms [relations skms] serves $serves \
    charging [db eval {SELECT seq, request FROM seal_charging}] jwks [db one {SELECT seal_jwks()}] \
    checkpoint $checkpoint alone $alone posted $posted dropped $dropped patched $patched keyed $keyed]
set tokens [list used_row $used_row used_message $used_message access $access certificate $certificate]
foreach name {alice carol dave jo new again repeat} {lappend tokens $name [own_token v2x]}
lappend tokens odd [odd_token] secret [secret_token] revoked [own_token revoked iss v2x.example sub v2x.example]
lappend tokens issuer [access_token other header {typ at+jwt kid as-1}]

set note "Made by upgrade-make.tcl with release 0.1.0; upgrade.test says what for."
write_file $tests_folder/upgrade-1.sql "-- $note\n[dump db]"
foreach name {sims skms} {write_file $tests_folder/upgrade-1-$name.sql "-- $note\n[dump $name]"}
write_file $tests_folder/upgrade-1.tcl "# $note\nset old [lines $answers]\nset tokens [lines $tokens]\n"
foreach db {db sims skms} {$db close}
