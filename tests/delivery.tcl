# Receivers, and registrars that send to them, for the tests of delivery. Sourced after tester.tcl and keys.tcl.
#
#   set port [start_receiver one]                      tests/receiver.tcl, on that port, with the folder one
#   new_delivery a http://127.0.0.1:$port/a            shell.db: a registrar with a VAL server a
#   make_notifications 2
#   answers one 500 200                                what the receiver does with the next requests
#   push 60                                            `notify push`, a minute later
#   received one target .seq                           what came
#   stop_receiver one

source $tests_folder/shell.tcl

proc start_receiver {folder args} {
  file delete -force $folder
  file mkdir $folder
  set ::receiver_$folder [open "|[list [info nameofexecutable] $::tests_folder/receiver.tcl $folder {*}$args]" r+]
  return [gets [set ::receiver_$folder]]
}
proc stop_receiver {folder} {
  catch {close [set ::receiver_$folder]}
}
proc answers {folder args} {write_file $folder/answers $args}
# What came: of each request what is named: words of the line, members of the body (.seq), headers.
proc received {folder args} {
  set all {}
  if {![file exists $folder/received]} {return {}}
  foreach line [split [string trimright [read_file $folder/received]] \n] {
    lassign $line connection method target headers body answer
    set one {}
    foreach what $args {
      if {$what in {connection method target body answer}} {
        lappend one [set $what]
      } elseif {[string match .* $what]} {
        lappend one [json_get $body \$$what]
      } else {
        lappend one [dict get $headers $what]
      }
    }
    lappend all [expr {[llength $args] == 1 ? [lindex $one 0] : $one}]
  }
  return $all
}
proc forget {folder} {file delete $folder/received}
# An instant so many seconds after the notifications were made.
proc later {seconds} {return [clock format [expr {$::made + $seconds}] -gmt 1 -format %Y-%m-%dT%H:%M:%SZ]}
proc push {seconds args} {
  return [string map {{"} {}} [string trim [seal_do notify push --at [later $seconds] --allow 127.0.0.1 --json {*}$args]]]
}
# Makes notifications for all VAL servers: as many as asked for each.
proc make_notifications {n} {
  for {set i 0} {$i < $n} {incr i} {seal_do agreement [expr {[incr ::acts] % 2 ? "suspend" : "resume"}] sla-7}
  set ::made [clock seconds]
}
# A registrar whose VAL servers have these destinations.
proc new_delivery {args} {
  set ::acts 0
  forcedelete shell.db shell.db-wal shell.db-shm
  if {![file exists new.db]} {
    seal_do init
    seal_do rotate-key
    seal_do agreement add sla-7 --val-provider-id acme
    seal_do backup new.db
  } else {
    file copy new.db shell.db
  }
  foreach {name destination} $args {
    seal_do val-server add $name --agreement-id sla-7 --notification-destination $destination
  }
}
proc listed {args} {return [json_all [seal_do notify list --json --limit none {*}$args] seq]}

write_file seal.key [string repeat k 32]
file attributes seal.key -permissions 0600
set seal_words {--db shell.db --key seal.key}
# Starts seal as the leader of a group, and waits until the receiver has so many requests.
proc start_seal {folder n args} {
  set pid [exec setsid $::root/scripts/seal {*}$::seal_words {*}$args >out 2>err &]
  for {set i 0} {$i < 400 && [llength [received $folder target]] < $n} {incr i} {after 25}
  return $pid
}
proc kill_group {pid} {
  exec kill -9 -- -$pid
  after 100
}
# A registrar with so many charging records.
proc new_charging {n} {
  new_delivery v2x none
  seal_do term add sla-7 identity-management v2x --price-per-invocation 1 --currency EUR
  more_charging $n
}
proc more_charging {n} {
  set token [json_get [seal_do token v2x --scope seal:identity-management] {$.access_token}]
  sqlite3 charged shell.db
  load_seal charged
  charged eval {PRAGMA synchronous = OFF}
  for {set i 0} {$i < $n} {incr i} {
    set user u[incr ::users]
    charged eval {INSERT INTO seal_identity(credential, val_service_id, val_user_id) VALUES ($token, 'v2x', $user)}
  }
  charged close
}

# As a receiver does it: the body between the two dots, then any JWS library.
proc whole {signature body} {
  set payload [string map {+ - / _ = {}} [binary encode base64 [encoding convertto utf-8 $body]]]
  return [string map [list .. .$payload.] $signature]
}
