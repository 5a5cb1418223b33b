# The door for tests: build/seal-door on test.db, spoken to as a web server does. Sourced after registrar.tcl:
#
#   new_registrar
#   door_start --timer 0
#   door POST $ipp [idm_body v2x alice] HTTP_AUTHORIZATION "Bearer [token]"     -> 201
#   door_answer                                                                 -> {STATUS {NAME VALUE ...} BODY}
#   door_stop                                                                   -> its exit code
#
# The log is door.log, the key of the secrets seal.key, the socket door.sock.

set door_program $build/seal-door
set door_client $build/fcgi
set door_pid 0

if {![file exists seal.key]} {
  write_file seal.key [string repeat k 32]
  file attributes seal.key -permissions 0600
}

# Starts it with options of its own besides; an error where it does not start.
proc door_start {args} {
  forcedelete door.out
  set ::door_pid [exec $::door_program --db test.db --socket door.sock --log door.log {*}$args >& door.out &]
  for {set i 0} {$i < 2000} {incr i} {
    if {[file exists door.sock] && [door_is_there]} return
    if {![file exists /proc/$::door_pid/exe]} break
    after 5
  }
  door_forget
  error "the door did not start: [string trim [read_file door.out]]"
}

# Whether somebody listens.
proc door_is_there {} {
  return [expr {[lindex [run_command [list $::door_client -r -m 1 door.sock]] 0] == 0}]
}

# Waits until its process is gone; 0: it stays.
proc door_gone {{ms 20000}} {
  for {set i 0} {$i < $ms / 5} {incr i} {
    if {![file exists /proc/$::door_pid/stat] ||
        [regexp {\) Z } [read_file /proc/$::door_pid/stat]]} {return 1}
    after 5
  }
  return 0
}

proc door_forget {} {
  catch {exec kill -KILL $::door_pid}
  set ::door_pid 0
}

# Ends it, and says how it ended: "stopped" in its log is its last word.
proc door_stop {{signal TERM}} {
  exec kill -$signal $::door_pid
  set gone [door_gone]
  door_forget
  return [expr {$gone ? "gone" : "stays"}]
}

# Sends parameters by name and value, and a body; gives {EXITCODE ANSWER STDERR}.
proc door_send {params {body ""} args} {
  set words {}
  foreach {name value} $params {
    if {[string length $value] < 8192} {
      lappend words $name=$value
    } else {
      write_file param.[incr ::door_params] $value binary
      lappend words $name=@param.$::door_params
    }
  }
  write_file body.bin $body binary
  set ::door_lines [expr {[file exists door.log] ? [llength [door_log method]] : 0}]
  set rc [catch {exec -ignorestderr $::door_client {*}$args door.sock {*}$words < body.bin > answer.bin 2> answer.err}]
  return [list $rc [read_file answer.bin binary] [string trim [read_file answer.err]]]
}
set door_params 0

# An answer's head and body: {STATUS {NAME VALUE ...} BODY}; names in the case in which they came.
proc door_parse {answer} {
  set end [string first \r\n\r\n $answer]
  if {$end < 0} {return {0 {} {}}}
  set status 0
  set headers {}
  foreach line [split [string map [list \r\n \n] [string range $answer 0 $end-1]] \n] {
    if {[regexp {^Status: (\d{3}) .} $line -> status]} continue
    if {[regexp {^([^:]+): (.*)$} $line -> name value]} {lappend headers $name $value}
  }
  return [list $status $headers [string range $answer [expr {$end + 4}] end]]
}

# Sends a request, with more parameters by name and value: the status. ::response is as seal_message has it, so that
# `answer` and `cause` work; door_answer is what came.
proc door {method uri {body ""} args} {
  set params [dict merge [list REQUEST_METHOD $method REQUEST_URI $uri] \
      [expr {$body eq "" ? {} : [list CONTENT_TYPE application/json CONTENT_LENGTH [string length $body]]}] $args]
  lassign [door_send $params $body] rc answer err
  if {$rc} {error "no answer: $err"}
  set ::door_answered [door_parse $answer]
  lassign $::door_answered status headers text
  set names {}
  foreach {name value} $headers {
    if {$name ne "Content-Length"} {lappend names "[json_string $name]:[json_string $value]"}
  }
  set ::response "{\"status\":$status,\"headers\":{[join $names ,]}"
  if {$text ne ""} {
    set text [encoding convertfrom utf-8 $text]
    if {![string match *json* [dict_get $headers Content-Type ""]]} {set text [json_string $text]}
    append ::response ",\"body\":$text"
  }
  append ::response "}"
  return $status
}
proc door_answer {} {return $::door_answered}
proc door_header {name} {return [dict_get [lindex $::door_answered 1] $name ""]}

# The same with a fresh token.
proc door_as {key method uri {body ""} args} {
  return [door $method $uri $body HTTP_AUTHORIZATION "Bearer [token_of $key]" {*}$args]
}

# A member of the last line about a request.
proc log_member {name} {
  # It is written behind the answer.
  for {set i 0} {$i < 1000 && [llength [door_log method]] <= $::door_lines} {incr i} {after 5}
  set line [lindex [door_log method] end]
  return [db one {SELECT $line ->> $name}]
}
# The lines of its log; of those alone that have this member.
proc door_log {{member ""}} {
  set lines {}
  foreach line [split [string trim [read_file door.log]] \n] {
    if {$member ne "" && [db one {SELECT $line ->> $member IS NULL}]} continue
    lappend lines $line
  }
  return $lines
}
