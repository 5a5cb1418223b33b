# One of several processes that work on a database at the same time (concurrency.test).
#
#   tclsh worker.tcl LIB DATABASE SYNCHRONOUS INPUT
#
# Says "ready" when the database is open, waits for a line, then does what INPUT says, line by line:
#
#   message ID TOKEN USER    a POST of one identity under this message id
#   row ID TOKEN USER        an INSERT into seal_identity
#   die ID TOKEN USER        as message; then the process kills itself, with nothing said
#
# INPUT.out gets a line for each, once it is committed: "ID STATUS ANSWER", where a row's status is 201
# or the cause of its refusal, and ANSWER the response of a message, on one line.

package require sqlite3
lassign $argv lib file synchronous input
sqlite3 db $file
db enable_load_extension 1
db eval {SELECT load_extension($lib)}
# Short sleeps: SQLite's own handler backs off so far that a writer among eight waits for seconds.
db busy [list apply {n {after 1; expr {$n > 30000}}}]
db eval "PRAGMA synchronous = $synchronous"

proc request {token user} {
  return [subst -nocommands [string map {\n {}} {{"method":"POST","uri":"/ss-ipp/v1/configurations",
"authorization":"Bearer $token","contentType":"application/json","body":{
"valServerId":"v2x.acme.example","valSvcConf":[{"valServiceId":"v2x",
"idList":[{"valUserId":"$user"}]}]}}}]]
}

proc message {id token user} {
  set request [request $token $user]
  db eval {INSERT INTO seal_message(message_id, request) VALUES ($id, $request)}
  return [db eval {SELECT status, response FROM seal_message WHERE message_id = $id}]
}

proc row {id token user} {
  if {[catch {
    db eval {INSERT INTO seal_identity(credential, val_service_id, val_user_id)
      VALUES ($token, 'v2x', $user)}
  } text]} {
    return [list [lindex [split $text :] 0] $text]
  }
  return [list 201 {}]
}

puts ready
flush stdout
gets stdin
set out [open $input.out w]
fconfigure $out -buffering line
set in [open $input]
while {[gets $in line] >= 0} {
  lassign $line kind id token user
  if {$kind eq "die"} {
    message $id $token $user
    exec kill -KILL [pid]
  }
  lassign [$kind $id $token $user] status answer
  puts $out "$id $status $answer"
}
close $out
db close
