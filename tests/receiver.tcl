# An HTTP server for tests, in a process of its own: it answers as a script says, and writes down what came. Run by
# start_receiver (delivery.tcl):
#
#   tclsh receiver.tcl FOLDER [EXTENSION DATABASE]
#
# It prints its port, of 127.0.0.1, and ends when its input does. FOLDER/answers has what it does with the next requests, a
# word each, the last one for all that follow; it is read anew for each request:
#
#   200 500 ...     that status, without a body           301     and a Location elsewhere
#   half            200, and less of a body than it says  close   nothing, and the connection is closed
#   slow            200, after three seconds              hang    no answer
#
# FOLDER/received gets a line for each, a Tcl list: the number of the connection, method, target, headers (a dictionary,
# names in small letters), body, answer. With a database it is a registrar's door: what comes is a message there.

lassign $argv folder extension database
if {$database ne {}} {
  package require sqlite3
  sqlite3 db $database
  db enable_load_extension 1
  db eval {SELECT load_extension($extension)}
  set key [string repeat k 32]
  db eval {SELECT seal_unlock($key)}
}

proc read_text {name} {
  if {[catch {open $name} f]} {return {}}
  set text [read $f]
  close $f
  return $text
}
set requests 0
proc next_answer {} {
  set words [read_text $::folder/answers]
  if {[llength $words] == 0} {return 200}
  if {[llength $words] > 1} {
    set f [open $::folder/answers.new w]
    puts $f [lrange $words 1 end]
    close $f
    file rename -force $::folder/answers.new $::folder/answers
  }
  return [lindex $words 0]
}

proc accept {socket address port} {
  fconfigure $socket -translation binary -blocking 0 -buffering none
  set ::input($socket) {}
  set ::number($socket) [incr ::connections]
  fileevent $socket readable [list readable $socket]
}
proc readable {socket} {
  append ::input($socket) [read $socket]
  if {[eof $socket]} {
    catch {close $socket}
    unset -nocomplain ::input($socket)
    return
  }
  while {[info exists ::input($socket)] && [set end [string first \r\n\r\n $::input($socket)]] >= 0} {
    set lines [split [string map {\r\n \n} [string range $::input($socket) 0 [expr {$end - 1}]]] \n]
    set headers {}
    foreach line [lrange $lines 1 end] {
      regexp {^([^:]+): *(.*)$} $line - name value
      dict set headers [string tolower $name] $value
    }
    set n 0
    if {[dict exists $headers content-length]} {set n [dict get $headers content-length]}
    if {[string length $::input($socket)] < $end + 4 + $n} return
    set body [string range $::input($socket) [expr {$end + 4}] [expr {$end + 3 + $n}]]
    set ::input($socket) [string range $::input($socket) [expr {$end + 4 + $n}] end]
    request $socket {*}[lrange [lindex $lines 0] 0 1] $headers $body
  }
}

proc request {socket method target headers body} {
  set answer [next_answer]
  set f [open $::folder/received a]
  puts $f [list $::number($socket) $method $target $headers $body $answer]
  close $f
  if {$::database ne {} && $answer == 200} {
    door $socket $method $target $headers $body
    return
  }
  switch -glob $answer {
    close {
      close $socket
      unset ::input($socket)
    }
    half {
      puts -nonewline $socket "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
      close $socket
      unset ::input($socket)
    }
    slow {after 3000 [list respond $socket 200]}
    hang {}
    301 {respond $socket 301 "Location: http://127.0.0.1:9/elsewhere\r\n"}
    default {respond $socket $answer}
  }
}
proc respond {socket status {headers {}} {body {}}} {
  catch {
    puts -nonewline $socket "HTTP/1.1 $status Said\r\n${headers}Content-Length: [string length $body]\r\n\r\n$body"
  }
}

proc door {socket method target headers body} {
  set id [incr ::requests]-[clock microseconds]
  set authorization [expr {[dict exists $headers authorization] ? [dict get $headers authorization] : {}}]
  db eval {
    INSERT INTO seal_message(message_id, method, uri, authorization) VALUES ($id, $method, $target, nullif($authorization, ''))
  }
  db eval {
    SELECT status, response ->> '$.headers."Content-Type"' AS type, response ->> '$.body' AS body
    FROM seal_message WHERE message_id = $id
  } {
    respond $socket $status [expr {$type eq {} ? {} : "Content-Type: $type\r\n"}] [encoding convertto utf-8 $body]
  }
}

set server [socket -server accept -myaddr 127.0.0.1 0]
puts [lindex [fconfigure $server -sockname] 2]
flush stdout
fileevent stdin readable {if {[gets stdin] < 0 && [eof stdin]} exit}
vwait forever
