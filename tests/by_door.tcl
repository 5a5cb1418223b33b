# Messages of the tests through the door, in the place of SQL: sourced by registrar.tcl where SEAL_BY=door. What a host alone
# can say (`at`, an envelope that is none) still goes by SQL.

source $tests_folder/door.tcl

set by_door_file ""
set by_door_count 0

# The door serves test.db as it is now: new_registrar makes it anew.
proc by_door_start {} {
  file stat test.db stat
  set file $stat(ino)
  if {$file eq $::by_door_file && [file exists /proc/$::door_pid/exe]} return
  if {$::door_pid} {door_stop KILL}
  forcedelete door.sock
  door_start --timer 0 {*}[expr {$::by_door_sealed ? {} : {--key seal.key}}]
  set ::by_door_file $file
}
set by_door_sealed 1

# Whether it is an object without repeated members, and nobody holds a transaction.
proc by_door_may {request} {
  if {![db one {SELECT json_valid($request)}]} {return 0}
  if {![db one {SELECT json_type($request) = 'object' AND (SELECT count(*) = count(DISTINCT key) FROM json_each($request))}]} {return 0}
  if {[catch {db eval BEGIN}]} {return 0}
  db eval ROLLBACK
  return 1
}

# The parameters of an envelope; {}: it has what none can say.
proc by_door_params {request} {
  set names {method REQUEST_METHOD uri REQUEST_URI authorization HTTP_AUTHORIZATION clientCertificate SSL_CLIENT_CERT
    contentType CONTENT_TYPE accept HTTP_ACCEPT traceparent HTTP_TRACEPARENT}
  set params {}
  db eval {SELECT key, type, value FROM json_each($request)} {
    if {$key eq "body"} continue
    if {![dict exists $names $key] || $type ne "text" || $value eq "" || [regexp {[\0-\x08\n]} $value] && $key ne "clientCertificate"} {return {}}
    lappend params [dict get $names $key] [encoding convertto utf-8 $value]
  }
  return $params
}

rename send_text send_text_by_sql
proc send_text {message_id request {at NULL} {db db}} {
  set params {}
  if {$at eq "NULL" && $db eq "db" && [string length $request] < 16777216 && [by_door_may $request]} {
    set params [by_door_params $request]
  }
  if {![dict exists $params REQUEST_METHOD] || ![dict exists $params REQUEST_URI] ||
      ![regexp {^[ -~]{1,255}$} $message_id]} {
    return [send_text_by_sql $message_id $request $at $db]
  }
  # The body as it stands there, or the text of a string.
  set body [db one {SELECT coalesce(iif(json_type($request, '$.body') = 'text', $request ->> '$.body', $request -> '$.body'), '')}]
  by_door_start
  incr ::by_door_count
  set method [dict get $params REQUEST_METHOD]
  set uri [dict get $params REQUEST_URI]
  set type [dict_get $params CONTENT_TYPE ""]
  foreach name {REQUEST_METHOD REQUEST_URI} {dict unset params $name}
  return [door $method $uri [encoding convertto utf-8 $body] CONTENT_TYPE $type \
      HTTP_IDEMPOTENCY_KEY "\"[string map {\\ \\\\ \" \\\"} $message_id]\"" {*}$params]
}
