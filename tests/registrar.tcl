# A registrar to test: an agreement, VAL servers with keys, tokens, rows and messages. Sourced after
# tester.tcl:
#
#   source $tests_folder/registrar.tcl
#   new_registrar
#   add_identity v2x alice
#   do_test message-1 {list [send POST /ss-ipp/v1/configurations [idm_body v2x {alice bob}]] [cause]} {201 {}}
#   check_invariants
#
# new_registrar makes agreement sla-7 without limits or ends, the VAL servers v2x.example and
# other.example under it, with the keys v2x and other. Nothing here depends on today's date.

source $tests_folder/keys.tcl
source $tests_folder/invariants.tcl

set ipp /ss-ipp/v1/configurations
set kmpp /ss-kmpp/v1/configurations

# An instant that tests ask `at`, with an agreement around it; noon of 15 November 2026, UTC.
set noon 1794744000

# The keys of the VAL servers: made once, used in every database.
foreach key {v2x other} {make_key ES256 $key}

# A VAL server of an agreement, with the public key called `key`.
proc add_val_server {val_server_id key {agreement sla-7} {db db}} {
  set jwk [jwk $key]
  $db eval {
    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ($val_server_id, $agreement);
    INSERT INTO seal_credential(credential_id, val_server_id, type, value)
    VALUES ('key of ' || $val_server_id, $val_server_id, 'jwk', $jwk);
  }
}

proc add_term {seal_service val_service_id args} {
  set columns {agreement_id seal_service val_service_id}
  set values [list [dict_get $args agreement_id sla-7] $seal_service $val_service_id]
  foreach {column value} $args {
    if {$column eq "agreement_id"} continue
    lappend columns $column
    lappend values $value
  }
  db eval "INSERT INTO seal_term([join $columns ,]) VALUES ([join [lmap v $values {sql_value $v}] ,])"
}

proc dict_get {dict key default} {
  return [expr {[dict exists $dict $key] ? [dict get $dict $key] : $default}]
}

# A Tcl value as an SQL literal: an integer, NULL, or text.
proc sql_value {value} {
  if {$value eq "NULL" || [string is entier -strict $value]} {return $value}
  return '[string map {' ''} $value]'
}

# A new test.db with the agreement and its VAL servers, and, unless `terms` is 0, a term for any VAL
# service of identity, key and group management.
proc new_registrar {{terms 1}} {
  reset_db
  install_seal
  db eval {
    PRAGMA synchronous = OFF;
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
  }
  add_val_server v2x.example v2x
  add_val_server other.example other
  if {$terms} {
    foreach service {identity-management key-management group-management} {add_term $service *}
  }
}

# A token of v2x.example, good from now (or from an instant) on for 5 minutes.
proc token {{at ""} args} {
  return [token_of v2x $at {*}$args]
}
proc token_of {key {at ""} args} {
  set at [expr {$at eq "" ? [now_seconds] : [seconds $at]}]
  return [val_token $key $key.example iat $at exp [expr {$at + 300}] {*}$args]
}

# One row through seal_identity, with a token of its own; further columns by name and value.
proc add_identity {val_service_id val_user_id args} {
  set columns {credential val_service_id val_user_id}
  set at [dict_get $args at ""]
  set values [list [token $at] $val_service_id $val_user_id]
  foreach {column value} $args {
    lappend columns $column
    lappend values $value
  }
  db eval "INSERT INTO seal_identity([join $columns ,])
    VALUES ([join [lmap v $values {sql_value $v}] ,])"
}

# --- Messages ------------------------------------------------------------------------------

# A ValTargetUe: a VAL user id, or after "ue:" a VAL UE id.
proc target {id} {
  if {[string match ue:* $id]} {return "{\"valUeId\":[json_string [string range $id 3 end]]}"}
  return "{\"valUserId\":[json_string $id]}"
}
proc id_list {ids} {
  return "\[[join [lmap id $ids {target $id}] ,]\]"
}
# VALServicesConfig of identity management: VAL services and their identities, then further members.
proc idm_body {val_service_id ids args} {
  return [idm_bodies [list $val_service_id $ids] {*}$args]
}
proc idm_bodies {services args} {
  set list {}
  foreach {val_service_id ids} $services {
    lappend list [json_object valServiceId $val_service_id idList [id_list $ids]]
  }
  return [json_object {*}[dict merge [list valServerId v2x.example valSvcConf "\[[join $list ,]\]"] $args]]
}
# The same of key management.
proc km_body {val_service_id key_format scope args} {
  set service [json_object valServiceId $val_service_id keyFormat $key_format scope $scope]
  return [json_object {*}[dict merge [list valServerId v2x.example valSvcConf "\[$service\]"] $args]]
}

# Sends a request text under a message id: the status. ::response is the answer.
proc send_text {message_id request {at NULL} {db db}} {
  set columns message_id,request
  set values {$message_id,$request}
  if {$at ne "NULL"} {
    append columns ,at
    append values {,$at}
  }
  $db eval "INSERT INTO seal_message($columns) VALUES ($values)"
  $db eval {SELECT status, response FROM seal_message WHERE message_id = $message_id} {
    set ::response $response
    return $status
  }
}

# The request text: method, uri, body (JSON text as it is, "" for none), then members of the envelope by
# name and value; an empty value leaves one out. The token is a fresh one of v2x.example.
proc request {method uri {body ""} args} {
  set at [dict_get $args at ""]
  set type [expr {$method eq "PATCH" ? "application/merge-patch+json" : "application/json"}]
  set members [list method $method uri $uri]
  if {![dict exists $args authorization]} {lappend members authorization "Bearer [token $at]"}
  if {$body ne ""} {lappend members contentType $type}
  foreach {name value} $args {dict set members $name $value}
  dict unset members at
  foreach {name value} $members {
    if {$value eq ""} {dict unset members $name}
  }
  set text [json_object {*}$members]
  if {$body eq ""} {return $text}
  return [string range $text 0 end-1],\"body\":$body\}
}

# Sends a request under a new message id: the status.
proc send {method uri {body ""} args} {
  return [send_text m-[incr ::message_count] [request $method $uri $body {*}$args] \
      [dict_get $args at NULL]]
}

# A value of the last answer by its JSON path; {} where there is none.
proc answer {path} {
  return [db one {SELECT $::response ->> $path}]
}
proc cause {} {return [answer {$.body.cause}]}
# The places that the last answer says are wrong, in order.
proc params {} {
  return [db eval {SELECT value ->> 'param' FROM json_each($::response, '$.body.invalidParams')}]
}
proc location {} {return [answer {$.headers.Location}]}
# POSTs and gives the configuration's URI; an error when it is refused.
proc post {body args} {
  if {[send POST $::ipp $body {*}$args] != 201} {error "refused: $::response"}
  return [location]
}

# What a refusal may not change: everything but the audit, the message itself, and how many refusals there were.
proc snapshot {} {
  set all {}
  foreach table [db eval {
    SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'seal_*' AND rootpage > 0
      AND name NOT IN ('seal_audit_data', 'seal_message_data', 'seal_refusal_use') ORDER BY name
  }] {
    lappend all $table [db eval "SELECT * FROM $table ORDER BY 1, 2"]
  }
  return $all
}

# The same tests, of messages that come another way.
if {[info exists env(SEAL_BY)]} {source $tests_folder/by_$env(SEAL_BY).tcl}
