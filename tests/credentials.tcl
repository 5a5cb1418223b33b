# A registrar to present credentials to, by each of its doors. Sourced after tester.tcl:
#
#   source $tests_folder/credentials.tcl
#   new_registrar
#   do_test jwk-1 {present {own_token v2x}} accepted
#   do_test jwk-2 {present {own_token v2x aud x}} CREDENTIAL_INVALID
#
# Everything takes place `at` noon of 15 November 2026 unless a test says otherwise: nothing here depends
# on today's date. new_registrar makes agreement sla-7 without limits or ends, and under it the VAL
# servers v2x.example and other.example, whose keys are called v2x and other.

source $tests_folder/keys.tcl

set noon 1794744000
set ipp /ss-ipp/v1/configurations
set kmpp /ss-kmpp/v1/configurations
set main_key [binary format H* [string repeat 5a 32]]

foreach name {v2x other} {make_key ES256 $name}

proc new_registrar {} {
  reset_db
  # Power cuts are other tests' subject.
  db eval {PRAGMA synchronous = OFF}
  install_seal
  set v2x [jwk v2x]
  set other [jwk other]
  db eval {
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
    INSERT INTO seal_term(agreement_id, seal_service, val_service_id)
    VALUES ('sla-7', 'identity-management', '*'), ('sla-7', 'key-management', '*');
    INSERT INTO seal_val_server(val_server_id, agreement_id)
    VALUES ('v2x.example', 'sla-7'), ('other.example', 'sla-7');
    INSERT INTO seal_credential(credential_id, val_server_id, type, value)
    VALUES ('v2x-key', 'v2x.example', 'jwk', $v2x), ('other-key', 'other.example', 'jwk', $other);
  }
}

# Another connection to test.db, or to another database, as `name`; with `key` unlocked.
proc connect {name {file test.db} {key ""}} {
  open_seal $name $file
  $name timeout 5000
  if {$key ne ""} {$name eval {SELECT seal_unlock($key)}}
}

proc unlock {{db db}} {
  set key $::main_key
  $db eval {SELECT seal_unlock($key)}
}

# A VAL server's own token: as val_token makes it, at noon. `header` is a name of the claims like any
# other, and adds to the header.
proc own_token {key args} {
  set claims [list iss $key.example sub $key.example aud urn:seal:registrar iat $::noon]
  lappend claims exp [expr {$::noon + 300}] jti j-[incr ::jti_count]
  set header {}
  foreach {claim value} $args {
    if {$claim eq "header"} {set header $value} else {dict set claims $claim $value}
  }
  foreach {claim value} $claims {
    if {$value eq ""} {dict unset claims $claim}
  }
  return [fast_jwt $key $header [json_object {*}$claims]]
}

# An access token as an issuer makes it.
proc access_token {key args} {
  set claims [list iss https://as.example client_id v2x.example sub v2x.example]
  lappend claims aud urn:seal:registrar iat $::noon exp [expr {$::noon + 300}] jti a-[incr ::jti_count]
  lappend claims scope "seal:identity-management seal:key-management"
  return [own_token $key header {typ at+jwt} {*}[dict merge $claims $args]]
}

# A credential of several parts, as SQL takes it.
proc both {token certificate} {
  return "{\"authorization\":[json_string "Bearer $token"],\"clientCertificate\":[json_string $certificate]}"
}

# The cause of a refusal, or the message where there is none.
proc cause_of {message} {
  if {[regexp {^([A-Z][A-Z_]+): } $message -> cause]} {return $cause}
  return $message
}

# --- The three doors: each gives what came of a credential ----------------------------------

proc by_function {credential {at ""} {db db}} {
  if {$at eq ""} {set at $::noon}
  if {[catch {$db one {SELECT seal_authenticate($credential, CAST($at AS INTEGER))}} result]} {
    return [cause_of $result]
  }
  return $result
}

proc by_row {credential {at ""} {db db}} {
  if {$at eq ""} {set at $::noon}
  set user user-[incr ::user_count]
  if {[catch {$db eval {
    INSERT INTO seal_identity(credential, val_service_id, val_user_id, at)
    VALUES ($credential, 'v2x', $user, CAST($at AS INTEGER))
  }} result]} {return [cause_of $result]}
  return ok
}

# The members of an envelope that present a credential.
proc envelope {credential} {
  if {[string index $credential 0] eq "\{"} {
    return [db eval {
      SELECT 'authorization', $credential->>'authorization', 'clientCertificate',
        $credential->>'clientCertificate'
    }]
  }
  if {[string index $credential 0] eq "-"} {return [list clientCertificate $credential]}
  return [list authorization "Bearer $credential"]
}

# Sends a message; gives its status, and leaves the answer in ::answer. Options: at, db, id, body, type,
# and every member of the envelope by its name.
proc send {method uri credential args} {
  set opt [dict merge [list at $::noon db db id m-[incr ::message_count] body "" type application/json] $args]
  set members [list method $method uri $uri {*}[envelope $credential]]
  set body [dict get $opt body]
  if {$body ne ""} {lappend members contentType [dict get $opt type]}
  set request [json_object {*}$members]
  if {$body ne ""} {
    if {[string index $body 0] ne "\{"} {set body [json_string $body]}
    set request [string range $request 0 end-1],\"body\":$body\}
  }
  set id [dict get $opt id]
  set at [dict get $opt at]
  set db [dict get $opt db]
  if {$at eq "now"} {
    $db eval {INSERT INTO seal_message(message_id, request) VALUES ($id, $request)}
  } else {
    $db eval {INSERT INTO seal_message(message_id, request, at) VALUES ($id, $request, CAST($at AS INTEGER))}
  }
  $db eval {SELECT status, response FROM seal_message WHERE message_id = $id} {
    set ::answer $response
    return $status
  }
}
proc answer {path} {return [db one {SELECT $::answer ->> $path}]}

proc idm_body {{val_server_id v2x.example}} {
  set user user-[incr ::user_count]
  set service "{\"valServiceId\":\"v2x\",\"idList\":\[{\"valUserId\":\"$user\"}\]}"
  return "{\"valServerId\":\"$val_server_id\",\"valSvcConf\":\[$service\]}"
}

proc by_message {credential {at ""} {db db} {val_server_id v2x.example}} {
  if {$at eq ""} {set at $::noon}
  set status [send POST $::ipp $credential at $at db $db body [idm_body $val_server_id]]
  return [expr {$status < 300 ? $status : [answer {$.body.cause}]}]
}

# Runs a script that makes a credential before each door: {FUNCTION ROW MESSAGE}; one word where all
# three refuse alike, "accepted" where all three accept.
proc present {script {at ""}} {
  set results {}
  foreach door {by_function by_row by_message} {
    lappend results [$door [uplevel 1 $script] $at]
  }
  if {$results eq {v2x.example ok 201}} {return accepted}
  return [expr {[llength [lsort -unique $results]] == 1 ? [lindex $results 0] : $results}]
}
