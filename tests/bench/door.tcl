# What the HTTPS door costs, as ratios to the same work in one process: POSTs of one identity, each with a fresh ES256 token,
# and GETs, over TLS. nginx's static file and the door's /health are the floor of all.
#
#   make door && tclsh tests/bench/door.tcl ?SECONDS? ?ROUNDS?         (5 5)
#
# Each line is measured ROUNDS times, in turns with its floor, for SECONDS; the medians, and the lowest and highest. It needs
# nginx, and wrk (Debian's) as the client.

source [file join [file dirname [file normalize [info script]]] door_common.tcl]

# One message in process: {STATUS RESPONSE}.
set stored 0
proc message {method token} {
  set id p-[incr ::stored]
  set authorization "Bearer $token"
  if {$method eq "POST"} {
    set body "{\"valSvcConf\":\[{\"valServiceId\":\"v2x\",\"idList\":\[{\"valUserId\":\"p$::stored@acme.example\"}\]}\]}"
    db eval {INSERT INTO seal_message(message_id, method, uri, authorization, content_type, body)
      VALUES ($id, 'POST', '/ss-ipp/v1/configurations', $authorization, 'application/json', $body)}
  } else {
    set uri $::resource
    db eval {INSERT INTO seal_message(message_id, method, uri, authorization) VALUES ($id, 'GET', $uri, $authorization)}
  }
  return [db eval {SELECT status, response FROM seal_message WHERE message_id = $id}]
}

# Messages a second in groups of `group`, for about a fifth of the seconds.
proc in_process {method group} {
  set n [expr {max($group, 64) * 8}]
  set tokens [tokens $n]
  set begun [clock microseconds]
  for {set i 0} {$i < $n} {incr i $group} {
    db eval {BEGIN IMMEDIATE}
    for {set j $i} {$j < $i + $group} {incr j} {
      lassign [message $method [lindex $tokens $j]] status
      if {$status > 299} {error "in process: $status"}
    }
    db eval COMMIT
  }
  return [expr {$n * 1e6 / ([clock microseconds] - $begun)}]
}

proc line {what ratio aim text} {puts [format "%-46s %6.2f  (aim %s)  %s" $what $ratio $aim $text]; flush stdout}

# As large as /health's.
file mkdir static
write_file static/static.json {{"live":true,"ready":true,"sealed":false,"reason":null}}
set conf [read_file test.db.serve/nginx.conf]
write_file test.db.serve/nginx.conf [string map [list "    location / \{" "    location = /static.json \{\n      root \"[pwd]/static\";\n    \}\n    location / \{"] $conf]
try {
  open_door
  lassign [message POST [lindex [tokens 1] 0]] status response
  set resource [db one {SELECT $response ->> '$.headers.Location'}]

  foreach {what method connections group aim} {
    "POST, 64 connections; in groups of 64" POST 64 64 0.75
    "POST, 1 connection; one by one"        POST 1 1 0.7
    "GET, 64 connections; in groups of 64"  GET 64 64 0.4
  } {
    set ours {}
    set floor {}
    set p50 {}
    set p99 {}
    for {set i 0} {$i < $rounds} {incr i} {
      lappend floor [in_process $method $group]
      lassign [by_door $method [expr {$method eq "POST" ? $ipp : $resource}] $connections $enough] rate a b
      lappend ours $rate
      lappend p50 $a
      lappend p99 $b
    }
    line $what [expr {[median $ours] / [median $floor]}] ">= $aim" \
      "[format %.0f [median $ours]]/s ([spread $ours]), in process [format %.0f [median $floor]]/s ([spread $floor])"
    if {$connections == 64} {
      line "  p99 to p50" [expr {[median $p99] / [median $p50]}] "<= 2.5" "[format %.1f [median $p50]] ms, [format %.1f [median $p99]] ms"
    }
  }
  foreach connections {8 256} {
    set ours {}
    for {set i 0} {$i < $rounds} {incr i} {lappend ours [lindex [by_door POST $ipp $connections $enough] 0]}
    line "POST, $connections connections" 1 - "[format %.0f [median $ours]]/s ([spread $ours])"
  }
  set ours {}
  set floor {}
  for {set i 0} {$i < $rounds} {incr i} {
    lappend floor [lindex [by_door GET /static.json 64] 0]
    lappend ours [lindex [by_door GET /health 64] 0]
  }
  line "/health; nginx's static file" [expr {[median $ours] / [median $floor]}] ">= 0.6" \
    "[format %.0f [median $ours]]/s ([spread $ours]), [format %.0f [median $floor]]/s ([spread $floor])"
} finally {
  close_door
}
close $signer
