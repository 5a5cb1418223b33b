# Messages of a random sequence, and what an answer must be, by storage: whose, counted and charged under which
# term, in the ledgers once, and nothing changed by a refusal. Sourced by sequence.tcl, whose words it uses.

proc id_object {id} {
  return "{\"[expr {[string index $id 2] eq "e" ? "valUeId" : "valUserId"}]\":\"$id\"}"
}
# Identities of a VAL server: their names begin with its letter, so that each row says whose it is.
proc some_ids {server} {
  set ids {}
  for {set n [upto 4]} {$n > 0} {incr n -1} {
    lappend ids [prefix $server]-[pick {u u u e}][upto 7]
  }
  return $ids
}
proc instant_member {end} {
  return [expr {$end eq "NULL" ? "null" : "\"[clock format $end -gmt 1 -format %Y-%m-%dT%H:%M:%SZ]\""}]
}
# The VAL services of a body, as JSON; ::body_services and ::body_ids say what is in it.
proc some_services {server service} {
  set list {}
  set ::body_services {}
  set ::body_ids {}
  foreach val_service $::val_services {
    if {[llength $list] && [chance 60]} continue
    lappend ::body_services $val_service
    if {$service eq "identity-management"} {
      set ids [some_ids $server]
      foreach id $ids {lappend ::body_ids $val_service/$id}
      lappend list "{\"valServiceId\":\"$val_service\",\"idList\":\[[join [lmap id $ids {id_object $id}] ,]\]}"
    } else {
      set records {}
      foreach id [lsort -unique [some_ids $server]] {
        if {[chance 40]} {lappend records [string range [id_object $id] 0 end-1],\"keyInfo\":\"$id\"\}}
      }
      set more ""
      if {$records ne {}} {set more ",\"keyRecords\":\[[join $records ,]\]"}
      lappend list "{\"valServiceId\":\"$val_service\",\"keyFormat\":\"f\",\"scope\":\"x\"$more}"
    }
  }
  set ::body_ids [lsort -unique $::body_ids]
  return \[[join $list ,]\]
}

# Sends a message: its status. ::cause and ::response say more.
proc message {id method path body token} {
  set type [expr {$method eq "PATCH" ? "application/merge-patch+json" : "application/json"}]
  set request "{\"method\":\"$method\",\"uri\":\"$path\",\"authorization\":\"Bearer $::tok($token)\""
  if {$body ne ""} {append request ",\"contentType\":\"$type\",\"body\":$body"}
  append request "}"
  remember [list message $id $method $path $body $token]
  if {[catch {
    $::C eval {INSERT INTO seal_message(message_id, request) VALUES ($id, $request)}
    lassign [$::C eval {SELECT status, response FROM seal_message WHERE message_id = $id}] status ::response
  } result]} {wrong error $result}
  set ::cause ""
  regexp {"cause":"([A-Z_]+)"} $::response -> ::cause
  came_out "$status $::cause"
  incr ::done([expr {$status < 300 ? "answered" : "not answered"}])
  if {$status >= 300} {incr ::causes(message-$::cause)}
  return $status
}

# Configurations in storage: {VAL-SERVER CONF-ID SEAL-SERVICE} each.
proc configurations {} {
  set all {}
  foreach {v c s} [ask {SELECT v.val_server_id, c.conf_id, c.seal_service FROM seal_configuration_data AS c
      JOIN seal_val_server_data AS v ON v.id = c.val_server ORDER BY c.id}] {
    lappend all [list $v $c $s]
  }
  return $all
}
# The name of one: mostly the VAL server's own, or another's, or none's.
proc some_conf_id {server service} {
  set all [configurations]
  set own [lsearch -all -inline $all [list $server * $service]]
  if {$own ne {} && [chance 80]} {return [lindex [pick $own] 1]}
  if {$all ne {} && [chance 60]} {return [lindex [pick $all] 1]}
  return [pick {shared mine nobody}]
}

proc send_new {method service} {
  set token [token_name [pick $::servers]]
  set server [token_server $token]
  set path $::path_of($service)
  set body ""
  set ::body_services {}
  set ::body_ids {}
  set conf_id ""
  switch $method {
    GET-LIST {set method GET}
    POST {}
    default {
      set conf_id [some_conf_id $server $service]
      append path /$conf_id
    }
  }
  if {$method in {POST PUT}} {
    set says [expr {[chance 95] ? $server : [pick $::servers]}]
    set body "{\"valServerId\":\"$says\",\"valSvcConf\":[some_services $server $service]"
    if {[chance 50]} {append body ",\"expTime\":[instant_member [some_instant]]"}
    if {[chance 30]} {append body ",\"suppFeat\":\"[prefix $server]\""}
    append body "}"
  } elseif {$method eq "PATCH"} {
    set members {}
    if {[chance 40]} {lappend members "\"valSvcConf\":[some_services $server $service]"}
    if {[chance 60]} {lappend members "\"expTime\":[instant_member [some_end]]"}
    if {[chance 20]} {lappend members "\"suppFeat\":\"[prefix $server]\""}
    set body "{[join $members ,]}"
  }
  set id m[expr {[chance 90] ? [incr ::message_count] : [upto [expr {$::message_count + 1}]]}]
  send_and_check [list id $id method $method path $path body $body token $token service $service conf_id $conf_id \
      server $server body_services $::body_services body_ids $::body_ids]
}

# The term that grants a VAL service now, or the one of an act that names none, by val_service_id.
proc granting_term {server service val_service} {
  return [ask {
    SELECT t.val_service_id FROM seal_val_server_data AS v JOIN seal_term_data AS t ON t.agreement = v.agreement
    WHERE v.val_server_id = $server AND t.seal_service = $service
      AND t.val_service_id IN ($val_service, '*')
    ORDER BY t.val_service_id = '*' LIMIT 1
  }]
}
proc any_term {server service} {
  set now [clock_vfs now]
  return [ask {
    SELECT t.val_service_id FROM seal_val_server_data AS v JOIN seal_term_data AS t ON t.agreement = v.agreement
    WHERE v.val_server_id = $server AND t.seal_service = $service
      AND coalesce(t.start_time, 0) <= $now AND coalesce(t.stop_time, 1e18) > $now
    ORDER BY t.val_service_id <> '*', coalesce(t.stop_time, 1e18) DESC, t.val_service_id LIMIT 1
  }]
}
proc services_of {server conf_id} {
  return [ask {
    SELECT s.val_service_id FROM seal_configuration_service AS s
    JOIN seal_configuration_data AS c ON c.id = s.configuration
    JOIN seal_val_server_data AS v ON v.id = c.val_server
    WHERE v.val_server_id = $server AND c.conf_id = $conf_id ORDER BY s.id
  }]
}

# Where the ledgers are, and, looked into, what is stored: what a refusal may not change.
proc heads {} {
  return [ask {SELECT (SELECT coalesce(max(seq), 0) FROM seal_audit_data),
    (SELECT coalesce(max(seq), 0) FROM seal_usage_data), (SELECT coalesce(max(seq), 0) FROM seal_change_data)}]
}
proc fingerprint {} {
  return [ask {
    SELECT (SELECT coalesce(max(seq), 0) FROM seal_usage_data), (SELECT coalesce(max(seq), 0) FROM seal_change_data),
      (SELECT count(*) || '/' || coalesce(sum(id % 1000003), 0) FROM seal_identity_data),
      (SELECT count(*) || '/' || coalesce(sum(id % 1000003), 0) FROM seal_key_record_data),
      (SELECT count(*) || '/' || coalesce(sum(id * 31 + until % 1000003 + updated_time), 0)
        FROM seal_configuration_data),
      (SELECT group_concat(id || ' ' || term || ' ' || identities || ' ' || key_records || ' ' || next)
        FROM seal_configuration_service),
      (SELECT group_concat(term || ' ' || identities || ' ' || key_records || ' ' || invocations)
        FROM seal_term_use WHERE identities + key_records + invocations <> 0),
      (SELECT count(*) || '/' || coalesce(sum(identities * 31 + until % 1000003), 0) FROM seal_term_held),
      (SELECT count(*) FROM seal_message_data), (SELECT count(*) FROM seal_credential_replay),
      (SELECT count(*) || '/' || coalesce(sum(start % 1000003 + 7 * (stop % 1000003)), 0) FROM seal_occupancy_data)
  }]
}

# What is answered to whoever may not ask at all.
set not_known {CREDENTIAL_INVALID CREDENTIAL_EXPIRED CREDENTIAL_REVOKED REQUESTER_NOT_ACTIVE SYSTEM_FAILURE
  INSUFFICIENT_SCOPE}

# Sends a message that a dictionary describes, and holds the answer against what it must be.
proc send_and_check {m} {
  dict with m {}
  # What waits is written first, or else all that follows is asked of the ledgers' new entries only.
  set settled [expr {![in_transaction] || [chance 50]}]
  if {$settled} look
  set before [fingerprint]
  lassign [heads] audit usage change
  if {$method eq "POST"} {
    set services $body_services
  } elseif {$conf_id ne "" && $body_services eq {}} {
    set services [services_of $server $conf_id]
  } else {
    set services $body_services
  }
  set any [any_term $server $service]
  set terms [lsort -unique [lmap s $services {granting_term $server $service $s}]]
  if {$services eq {}} {set terms $any}
  set owned [expr {$conf_id eq "" || [ask {
    SELECT count(*) FROM seal_configuration_data AS c JOIN seal_val_server_data AS v ON v.id = c.val_server
    WHERE v.val_server_id = $server AND c.conf_id = $conf_id AND c.seal_service = $service
  }] > 0}]
  set old ""
  if {[dict exists $::state [list message $server $id]]} {set old [dict get $::state [list message $server $id]]}
  set status [message $id $method $path $body $token]
  set cause $::cause
  set response $::response
  set request [list $method $path $body]
  if {$status == 500 && $cause ne "SYSTEM_FAILURE"} {wrong message.500 $response}
  if {$old ne "" && [clock_vfs now] < [dict get $old time] + 86400} {
    if {[dict get $old request] eq $request} {
      # A token that something else has used repeats nothing.
      set used [dict exists $::state [list token $token]]
      set mine [expr {!$used || [dict get $::state [list token $token]] eq [list message $server $id $request]}]
      if {!$mine && $cause ni [concat $::not_known CREDENTIAL_REPLAYED]} {
        wrong repeat.token "$id of $server with $token, which was used: $status $cause"
      } elseif {!$mine} {
        # refused, as it has to be
      } elseif {$status == [dict get $old status]} {
        if {$settled && [fingerprint] ne $before} {wrong repeat.changed "$id of $server"}
      } elseif {$cause ni $::not_known} {
        wrong repeat.status "$id of $server: $status $cause, was [dict get $old status]"
      }
      return
    }
    if {$cause ni [concat $::not_known MESSAGE_ID_REUSED] && $status < 400} {
      wrong message.reused "$id of $server was another request, and is answered $status"
    }
  }
  lassign [heads] audit_after usage_after
  set object [expr {$method eq "GET" ? $path : "seal_configuration:$server/$conf_id"}]
  if {$method eq "POST" && $status == 201} {
    regexp {"Location":"[^"]*/([^/"]+)"} $response -> made
    set conf_id $made
    set object seal_configuration:$server/$made
  }
  if {$status >= 300} {
    # Refused rows that waited come with it.
    set entries [ask {SELECT action, object, cause FROM seal_audit_data
      WHERE seq > $audit AND outcome = 'refused' AND action <> 'INSERT'}]
    set minute [expr {[clock_vfs now] - [clock_vfs now] % 60}]
    set only_counted [expr {$entries eq {} &&
        [ask {SELECT coalesce(sum(audited), 0) FROM seal_refusal_data WHERE minute = $minute}] == 20}]
    if {!$only_counted && $entries ne [list $method $path $cause]} {wrong refused.audit "$method $path $cause: $entries"}
    if {$settled && [fingerprint] ne $before} {wrong refused.changed "$before\n[fingerprint]"}
    if {$settled && $audit_after != $audit + 1} {wrong refused.entries "[expr {$audit_after - $audit}] entries"}
    return
  }
  if {!$owned} {wrong message.foreign "$method $path by $server: $status"}
  token_used $token [list message $server $id $request]
  # One entry, one event, under the terms that grant it.
  set entries [ask {
    SELECT object, outcome FROM seal_audit_data WHERE seq > $audit AND actor = $server AND action = $method
  }]
  if {$entries ne [list $object done]} {wrong done.audit "$method $object by $server: $entries"}
  set event [ask {
    SELECT seq, result, conf_id, identities FROM seal_usage_data
    WHERE seq > $usage AND operation = $method AND val_server_id = $server AND seal_service = $service
  }]
  if {[llength $event] != 4} {wrong done.usage "$method $object by $server: {$event}"}
  lassign $event seq result usage_conf identities
  if {$result != $status || $usage_conf ne $conf_id} {wrong done.usage "$method $object by $server: $event"}
  set units [ask {SELECT val_service_id FROM seal_usage_unit WHERE usage = $seq ORDER BY 1}]
  if {$units ne [lsort $terms]} {
    wrong [expr {$services eq {} ? "done.any_term" : "done.terms"}] \
        "$method $object by $server: $units, granted by [lsort $terms]"
  }
  if {$settled && $audit_after != $audit + 1} {wrong done.entries "[expr {$audit_after - $audit}] entries"}
  if {$settled && $usage_after != $usage + 1} {wrong done.events "[expr {$usage_after - $usage}] events"}
  switch $method {
    GET {check_answer $server $response}
    DELETE {
      if {[ask {SELECT count(*) FROM seal_configuration WHERE val_server_id = $server AND conf_id = $conf_id
          AND at IS NULL}]} {wrong delete.there $object}
    }
    default {
      check_services $server $service $conf_id
      if {$body_ids ne {}} {
        set seen [ask {SELECT val_service_id || '/' || coalesce(val_user_id, val_ue_id) FROM seal_identity
          WHERE val_server_id = $server AND conf_id = $conf_id ORDER BY 1}]
        if {[lsort $seen] ne $body_ids} {wrong message.stored "$object: $seen, sent $body_ids"}
        if {$identities != [llength $body_ids]} {wrong done.identities "$object: $identities"}
      }
    }
  }
  if {$method ne "GET"} {
    dict set ::state [list message $server $id] [dict create request $request status $status time [clock_vfs now]]
    lappend ::repeatable $m
    set ::repeatable [lrange $::repeatable end-19 end]
  }
}

# An answer shows its VAL server's own names, and the features that both sides have: none.
proc check_answer {server response} {
  foreach {- letter} [regexp -all -inline {"val(?:User|Ue)Id":"(.)} $response] {
    if {$letter ne [prefix $server]} {wrong answer.foreign "$server reads $response"}
  }
  foreach {- other} [regexp -all -inline {"valServerId":"([^"]*)"} $response] {
    if {$other ne $server} {wrong answer.foreign "$server reads $response"}
  }
  foreach {- features} [regexp -all -inline {"suppFeat":"([^"]*)"} $response] {
    if {$features ne "0"} {wrong answer.features "$server reads $response"}
  }
}

# What was just granted lies under the terms that grant it: all of the configuration, but for VAL services that took
# no row (`places` is as it was before).
proc check_services {server service conf_id {places {}}} {
  foreach {val_service term id next} [ask {
    SELECT s.val_service_id, t.val_service_id, s.id, s.next FROM seal_configuration_service AS s
    JOIN seal_configuration_data AS c ON c.id = s.configuration
    JOIN seal_val_server_data AS v ON v.id = c.val_server JOIN seal_term_data AS t ON t.id = s.term
    WHERE v.val_server_id = $server AND c.conf_id = $conf_id
  }] {
    if {[dict exists $places $id] && [dict get $places $id] == $next} continue
    if {$term ne [granting_term $server $service $val_service]} {
      wrong service.term "$server/$conf_id $val_service lies under $term"
    }
  }
}

# A one-time token serves one message and its repetition, or the rows of one transaction.
proc token_used {name use} {
  if {![info exists ::once_server($name)]} return
  if {[lindex $use 0] eq "rows"} {set use [list rows [expr {[in_transaction] ? $::transaction : [incr ::transaction]}]]}
  if {[dict exists $::state [list token $name]]} {
    if {[dict get $::state [list token $name]] ne $use} {
      wrong token.twice "$name: [dict get $::state [list token $name]], then $use"
    }
    return
  }
  dict set ::state [list token $name] $use
}
