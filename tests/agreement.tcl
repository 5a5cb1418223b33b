# An agreement, its VAL server and messages at simulated instants, for tests of what an SLA limits,
# counts and charges.
#
#   source $tests_folder/agreement.tcl
#   new_agreement
#   add_term v2x max_identities 2
#   post 2026-11-10 {v2x {alice bob}}          -> 201
#   set message_cause                          -> "" or SLA_QUOTA_EXCEEDED, ...
#
# `at` is seconds since 1970, RFC 3339 text with any offset, or a date.

source $tests_folder/keys.tcl

set server v2x.acme.example
set message_count 0
make_key ES256 acme

# A database with agreement sla (November 2026) and a VAL server; no term yet.
proc new_agreement {{start 2026-11-01} {stop 2026-12-01}} {
  reset_db
  install_seal
  set jwk [jwk acme]
  db eval {
    INSERT INTO seal_agreement(agreement_id, val_provider_id, start_time, stop_time)
    VALUES ('sla', 'acme', $start, $stop);
    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ($::server, 'sla');
    INSERT INTO seal_credential(val_server_id, type, value) VALUES ($::server, 'jwk', $jwk);
  }
}

# A term of agreement sla, for identity-management unless `seal_service` is given.
#   add_term v2x max_identities 2 stop_time 2026-11-20
proc add_term {val_service_id args} {
  set values [dict merge {agreement_id sla seal_service identity-management} $args]
  dict set values val_service_id $val_service_id
  set names [join [dict keys $values] ", "]
  set marks {}
  foreach name [dict keys $values] {
    set bound_$name [dict get $values $name]
    if {[string match max_* $name] || [string match *_per_second $name] ||
        [string match *_total_* $name]} {
      incr bound_$name 0
    }
    lappend marks \$bound_$name
  }
  db eval "INSERT INTO seal_term($names) VALUES ([join $marks {, }])"
}

# Changes columns of a term.
proc set_term {val_service_id args} {
  foreach {name value} $args {
    db eval "UPDATE seal_term SET $name = $value WHERE val_service_id = \$val_service_id AND at IS NULL"
  }
}

# An instant as seconds since 1970.
proc moment {at} {
  if {[string is entier -strict $at]} {return $at}
  return [clock scan [regsub {Z$} $at +0000] -gmt 1 -format \
      [expr {[string length $at] == 10 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%S%z"}]]
}

proc token_at {at {id ""}} {
  if {$id eq ""} {set id $::server}
  set at [moment $at]
  return [val_token acme $id iat $at exp [expr {$at + 300}]]
}

# Sends a message; gives its status and sets message_cause, message_response (the whole answer).
proc send_message {method uri body at {db db}} {
  global message_cause message_response
  if {[string is entier -strict $at]} {set at [instant $at]}
  set id m-[pid]-[incr ::message_count]
  set request "{\"method\":\"$method\",\"uri\":\"$uri\",\"authorization\":\"Bearer [token_at $at]\""
  if {$body ne ""} {append request ",\"body\":$body"}
  append request "}"
  $db eval {INSERT INTO seal_message(message_id, request, at) VALUES ($id, $request, $at)}
  $db eval {
    SELECT status, response, coalesce(response->>'$.body.cause', '') AS cause
    FROM seal_message WHERE message_id = $id
  } {
    set message_cause $cause
    set message_response $response
    return $status
  }
}

# A VALServicesConfig: VAL services and the VAL users of each.
proc idm_body {services {exp_time ""}} {
  set list {}
  foreach {service users} $services {
    set ids {}
    foreach user $users {lappend ids "{\"valUserId\":\"$user\"}"}
    lappend list "{\"valServiceId\":\"$service\",\"idList\":\[[join $ids ,]\]}"
  }
  set body "{\"valServerId\":\"$::server\",\"valSvcConf\":\[[join $list ,]\]"
  if {$exp_time ne ""} {append body ",\"expTime\":\"[instant [seconds $exp_time]]\""}
  return "$body}"
}

# POST, and the path of what it made in `location`.
proc post {at services {exp_time ""} {db db}} {
  set status [send_message POST /ss-ipp/v1/configurations [idm_body $services $exp_time] $at $db]
  if {$status == 201} {
    set ::location [$db onecolumn {SELECT $::message_response->>'$.headers.Location'}]
  }
  return $status
}
proc put {at path services {exp_time ""}} {
  return [send_message PUT $path [idm_body $services $exp_time] $at]
}
proc get {at path} {return [send_message GET $path "" $at]}
proc drop {at path} {return [send_message DELETE $path "" $at]}

# What a message is answered: its status when it is done, else its cause.
proc answer {script} {
  set status [uplevel 1 $script]
  return [expr {$::message_cause eq "" ? $status : $::message_cause}]
}
