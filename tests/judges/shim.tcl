# From HTTP to seal_message: an HTTP/1.1 server on loopback that hands each request to the registrar of a
# database. Guards nothing itself: it is what judges.tcl and its programs ask. Sourced after tester.tcl:
#
#   source $tests_folder/judges/shim.tcl
#   shim_start
#   shim_registrar               -> http://127.0.0.1:40123
#   vwait forever
#
# What a host has to do is all here: the parts of a request go to hidden columns of seal_message as they came, and
# the answer's status, headers and body go back. An Idempotency-Key is the message_id. There is no TLS, so nobody
# has a client certificate. A statement that fails is 599, a status that no file of 3GPP has.

source $tests_folder/keys.tcl
source $tests_folder/clock.tcl

set shim_key [binary format H* [string repeat 5a 32]]
set shim_count 0
set shim_port 0

# Which connection answers: "db", or "locked", which has not the key of the secrets.
set shim_connection db

# --- The registrar -------------------------------------------------------------------------

# A new database: agreement sla for VAL service provider acme, every VAL service granted; VAL servers
# v2x.example, whose key is v2x, and other.example, whose key is other; SEAL server sims-1, whose key is
# sims. Unlocked, with a signing key and its URIs set. Its clock is the host's, or stands so many seconds from it.
# Gives the URL of its APIs: this server's, or another's that is given.
proc shim_registrar {{seconds ""} {root ""}} {
  catch {locked close}
  set ::shim_connection db
  use_clock [clock seconds]
  shim_clock $seconds
  reset_db
  db eval {PRAGMA synchronous = OFF}
  install_seal
  if {$root eq ""} {set root http://127.0.0.1:$::shim_port}
  foreach name {v2x other sims} {set jwk_$name [jwk $name]}
  db eval {SELECT seal_unlock($::shim_key)}
  db eval {
    INSERT INTO seal_command(command) VALUES ('rotate-key');
    UPDATE seal_registrar SET api_root = $root, skms_uri = 'https://skms.example';
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla', 'acme');
    INSERT INTO seal_term(agreement_id, seal_service, val_service_id)
    VALUES ('sla', 'identity-management', '*'), ('sla', 'key-management', '*');
    INSERT INTO seal_val_server(val_server_id, agreement_id)
    VALUES ('v2x.example', 'sla'), ('other.example', 'sla');
    INSERT INTO seal_credential(val_server_id, type, value)
    VALUES ('v2x.example', 'jwk', $jwk_v2x), ('other.example', 'jwk', $jwk_other);
    INSERT INTO seal_server(seal_server_id, seal_service, jwk) VALUES ('sims-1', 'identity-management', $jwk_sims);
  }
  open_seal locked test.db
  return $root
}

# Which connection answers from here on.
proc shim_connection {name} {
  set ::shim_connection $name
  return ""
}

# Sets the registrar's clock to seconds from the host's, where it then stands, or with "" to the host's.
proc shim_clock {seconds} {
  if {$seconds eq ""} {
    clock_vfs real
  } else {
    clock_vfs set [expr {[clock seconds] + $seconds}]
  }
}

# --- HTTP ----------------------------------------------------------------------------------

# Listens on a port that nobody has.
proc shim_start {} {
  foreach name {v2x other sims} {make_key ES256 $name}
  set socket [socket -server shim_accept -myaddr 127.0.0.1 0]
  set ::shim_port [lindex [fconfigure $socket -sockname] 2]
}

proc shim_accept {channel address port} {
  fconfigure $channel -translation binary -blocking 0 -buffering full -buffersize 65536
  coroutine shim_$channel shim_serve $channel
}

# One connection, request after request, until the peer closes it.
proc shim_serve {channel} {
  fileevent $channel readable [info coroutine]
  yield
  if {[catch {while {[shim_request $channel]} {}} message opts]} {
    puts stderr "shim: [dict get $opts -errorinfo]"
  }
  catch {close $channel}
}

# A line without its end; 0 where the peer has closed. Waits, as long as it is not there.
proc shim_line {channel variable} {
  upvar 1 $variable line
  while {[gets $channel line] < 0} {
    if {[eof $channel]} {return 0}
    yield
  }
  set line [string trimright $line \r]
  return 1
}
proc shim_bytes {channel n} {
  set bytes ""
  while {[string length $bytes] < $n} {
    append bytes [read $channel [expr {$n - [string length $bytes]}]]
    if {[string length $bytes] == $n} break
    if {[eof $channel]} {error "the body ends early"}
    yield
  }
  return $bytes
}
proc shim_chunks {channel} {
  set bytes ""
  while {[shim_line $channel size]} {
    set n [scan $size %x]
    append bytes [shim_bytes $channel $n]
    shim_line $channel end
    if {$n == 0} break
  }
  return $bytes
}

# Reads a request and answers it; 0 where there is none more.
proc shim_request {channel} {
  if {![shim_line $channel line] || [scan $line "%s %s HTTP/1.%d" method uri minor] != 3} {return 0}
  set headers {}
  while {[shim_line $channel line] && $line ne ""} {
    regexp {^([^:]+):\s*(.*)$} $line -> name value
    dict set headers [string tolower $name] $value
  }
  set body ""
  if {[dict exists $headers transfer-encoding]} {
    set body [shim_chunks $channel]
  } elseif {[dict exists $headers content-length]} {
    set body [shim_bytes $channel [dict get $headers content-length]]
  }
  lassign [shim_answer $method $uri $headers $body] status answer_headers answer
  set lines [list "HTTP/1.1 $status Answer"]
  foreach {name value} $answer_headers {lappend lines "$name: $value"}
  # RFC 9110 8.6: none with 204; of HEAD it would be that of GET.
  if {$status != 204 && $method ne "HEAD"} {lappend lines "Content-Length: [string length $answer]"}
  puts -nonewline $channel "[encoding convertto utf-8 [join $lines \r\n]]\r\n\r\n$answer"
  flush $channel
  return 1
}

# What the registrar answers: {STATUS {NAME VALUE …} BYTES}.
proc shim_answer {method uri headers body} {
  set id shim-[incr ::shim_count]
  foreach {variable name} {authorization authorization type content-type accept accept id idempotency-key} {
    if {[dict exists $headers $name]} {set $variable [encoding convertfrom utf-8 [dict get $headers $name]]}
  }
  # Variables that are not set are NULL.
  set columns {message_id, method, uri, authorization, content_type, accept}
  set values {$id, $method, $uri, $authorization, $type, $accept}
  if {$body ne ""} {append columns {, body}; append values {, @body}}
  if {[catch {$::shim_connection eval "INSERT INTO seal_message($columns) VALUES ($values)"} message]} {
    return [list 599 {Content-Type text/plain} [encoding convertto utf-8 $message]]
  }
  $::shim_connection eval {SELECT status, response FROM seal_message WHERE message_id = $id} {}
  set answer_headers [db eval {SELECT key, atom FROM json_each($response, '$.headers')}]
  set answer [db one {SELECT CASE json_type($response, '$.body') WHEN 'text' THEN $response ->> '$.body'
    ELSE coalesce($response -> '$.body', '') END}]
  return [list $status $answer_headers [encoding convertto utf-8 $answer]]
}
