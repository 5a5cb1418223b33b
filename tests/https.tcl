# The HTTPS door for tests: `seal serve` on a free port of the loopback, asked by curl and by openssl's own client. Sourced
# after tester.tcl, keys.tcl and shell.tcl; the database is shell.db, the folder shell.db.serve.
#
#   need_door
#   new_door_registrar
#   serve start --self-signed localhost
#   curl GET /health                        -> 200; headers in ::headers, the body in ::body
#   finish_door                             in the place of finish_test
#
# Nothing outside of the test's folder is touched, and nothing listens but on 127.0.0.1.

set folder [pwd]/shell.db.serve
set door $build/seal-door
if {[info exists env(SEAL_DOOR)]} {set door $env(SEAL_DOOR)}
set env(SEAL_DOOR) $door
set env(SEAL_EXTENSION) $seal_lib
set env(PATH) $env(PATH):/usr/sbin:/sbin

# Ends the file where the door can't be tried.
proc need_door {} {
  # Programs of the system's don't start under the sanitizers' libraries.
  if {[info exists ::env(LD_PRELOAD)]} {skip_file "a build for sanitizers has no web server"}
  foreach program {nginx curl} {
    if {[auto_execok $program] eq ""} {skip_file "no $program"}
  }
  if {![file executable $::door]} {skip_file "no seal-door (make door)"}
}

# A port of the loopback that nobody listens on.
proc free_port {} {
  set socket [socket -server {} -myaddr 127.0.0.1 0]
  set port [lindex [fconfigure $socket -sockname] 2]
  close $socket
  return $port
}
set port [free_port]

# A registrar in shell.db with the VAL server v2x.example, whose key is v2x, and whose certificate v2x.crt is registered.
proc new_door_registrar {} {
  make_key ES256 v2x
  make_ca root
  make_cert v2x root -san DNS:v2x.example
  write_file v2x.jwk [jwk v2x]
  seal_do init
  seal_do agreement add sla-7 --val-provider-id acme
  seal_do term add sla-7 identity-management *
  seal_do term add sla-7 key-management *
  seal_do val-server add v2x.example --agreement-id sla-7
  seal_do credential add --val-server-id v2x.example --type jwk --value v2x.jwk
  seal_do anchor add root --type ca --value root.crt
}

# seal serve: {EXITCODE STDOUT STDERR}; what is said of root is left out.
proc serve {what args} {
  if {$what in {start config reload} && "--self-signed" in $args} {lappend args --listen 127.0.0.1:$::port}
  lassign [seal serve $what {*}$args] code out err
  return [list $code $out [regsub {seal: serve: as root[^\n]*\n?} $err {}]]
}
# {EXITCODE MESSAGE}, as seal_refused gives them.
proc serve_refused {args} {
  lassign [serve {*}$args] code out err
  return [list $code [regsub {^seal: } [lindex [split $err \n] 0] {}]]
}
proc serve_do {args} {
  lassign [serve {*}$args] code out err
  if {$code != 0} {error "serve $args: exit $code: $err"}
  return $out
}

# curl METHOD PATH ?OPTION...?: the status of the answer. Options are curl's; --base another scheme and port.
proc curl {method path args} {
  set base https://127.0.0.1:$::port
  if {[lindex $args 0] eq "--base"} {set args [lassign $args - base]}
  set how [expr {$method eq "HEAD" ? "--head" : [list -X $method]}]
  forcedelete headers body
  lassign [run_command [list curl -qsk --max-time 30 --noproxy * --path-as-is -D headers -o body -w %{http_code} \
    {*}$how {*}$args $base$path]] rc out err
  set ::headers [expr {[file exists headers] ? [string map {\r {}} [read_file headers]] : ""}]
  set ::body [expr {[file exists body] ? [read_file body] : ""}]
  return [expr {$rc == 0 ? $out : "curl $rc"}]
}
# The last value of a header of the last answer.
proc header {name} {
  set value ""
  foreach {- value} [regexp -all -inline -line -nocase "^$name: *(.*)$" $::headers] {}
  return $value
}
# A member of the last answer's body.
proc got {name} {return [json_get $::body $.$name]}

# What says who asks: a client certificate, or a token of its own.
proc by_certificate {name} {return [list --cert $name.crt --key $name.pem]}
proc by_token {} {return [list -H "Authorization: Bearer [val_token v2x v2x.example]"]}

set user_count 0
# A body of SS_IdmParameterProvisioning with a user that is new.
proc idm_body {} {
  return "{\"valSvcConf\":\[{\"valServiceId\":\"v2x\",\"idList\":\[{\"valUserId\":\"user-[incr ::user_count]\"}\]}\]}"
}
proc json_of {body} {return [list -H "Content-Type: application/json" --data-binary $body]}

# Sends these bytes by TLS, and gives all that comes until the other side ends it; with `end`, this side ends it first.
proc raw {bytes {how ""}} {
  write_file raw.in $bytes binary
  set option [expr {$how eq "end" ? "-no_ign_eof" : ""}]
  set client "openssl s_client -connect 127.0.0.1:$::port -quiet $option"
  lassign [run_command [list sh -c "exec timeout 20 $client <raw.in 2>/dev/null"]] - out
  return [string map {\r {}} $out]
}
# Of the first answer in it: {STATUS problem}, if it is a problem that says this status itself, else {STATUS TYPE}.
proc judged {answer} {
  if {![regexp {^HTTP/1\.1 (\d+)} $answer - status]} {return "no answer"}
  regexp -line -nocase {^content-type: *(\S+)} $answer - type
  regexp {\n\n(.*)$} $answer - body
  if {$type eq "application/problem+json" && [json_get $body {$.status}] == $status && [json_get $body {$.title}] ne ""} {
    return [list $status problem]
  }
  return [list $status $type]
}

# The processes that have to do with a folder.
proc processes {{path ""}} {
  if {$path eq ""} {set path $::folder/}
  set found {}
  foreach file [glob -nocomplain /proc/\[0-9\]*/cmdline] {
    if {![catch {read_file $file} line] && [string first $path $line] >= 0} {lappend found [lindex [split $file /] 2]}
  }
  return $found
}

# Waits until a script is true, at most so many seconds.
proc await {script {seconds 10}} {
  for {set i 0} {$i < $seconds * 20} {incr i} {
    if {[uplevel 1 $script]} {return 1}
    after 50
  }
  return 0
}

# Ends what is left of the door, and the file.
proc finish_door {} {
  serve stop
  finish_test
}
