# What the HTTPS door costs, as ratios to the same work in one process: POSTs of one identity, each with a fresh ES256 token,
# and GETs, over TLS. nginx's static file and the door's /health are the floor of all.
#
#   make door && tclsh tests/bench/door.tcl ?SECONDS? ?ROUNDS?         (5 5)
#
# Each line is measured ROUNDS times, in turns with its floor, for SECONDS; the medians, and the lowest and highest. It needs
# nginx, and wrk (Debian's) as the client.

source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/registrar.tcl

lassign [list {*}$argv {*}[lrange {5 5} [llength $argv] end]] seconds rounds
if {[auto_execok wrk] eq "" || [auto_execok nginx] eq ""} {
  puts "wrk or nginx is missing (apt install wrk nginx-light)"
  exit 77
}

write_file seal.key [string repeat k 32]
file attributes seal.key -permissions 0600
new_registrar
db eval {PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY}
db busy [list apply {n {after 5; expr {$n > 4000}}}]
set seal [list $root/scripts/seal --db test.db --key seal.key]

set socket [socket -server {} -myaddr 127.0.0.1 0]
set port [lindex [fconfigure $socket -sockname] 2]
close $socket
set url https://127.0.0.1:$port

# Tokens of v2x.example, by its key as a JWK: n of them, in a file, or as a list.
set signer [open |[list $build/jwt v2x.pem] r+]
fconfigure $signer -buffering line
set tokens_made 0
proc tokens {n} {
  set exp [expr {[clock seconds] + 3000}]
  set list {}
  for {set i 0} {$i < $n} {incr i} {
    puts $::signer [json_object iss v2x.example sub v2x.example aud urn:seal:registrar exp $exp jti t[incr ::tokens_made]]
    lappend list [gets $::signer]
  }
  return $list
}

# --- In process -------------------------------------------------------------------------------

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

# --- By the door ------------------------------------------------------------------------------

write_file client.lua {
local tokens, n, body = {}, 0, nil
function init(args)
  for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = line end
end
function request()
  n = n + 1
  local headers = {["Authorization"] = "Bearer " .. (tokens[n] or "none")}
  if os.getenv("METHOD") == "POST" then
    headers["Content-Type"] = "application/json"
    body = '{"valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"' .. os.getenv("RUN") .. "-" .. n .. '@acme.example"}]}]}'
  end
  return wrk.format(os.getenv("METHOD"), os.getenv("RESOURCE"), headers, body)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %.1f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.timeout + e.status))
end
}
set runs 0
# {RATE P50 P99} in requests a second and milliseconds.
proc by_door {method resource connections {expected 0}} {
  if {$expected} {write_file tokens "[join [tokens $expected] \n]\n"} else {write_file tokens ""}
  set env [list env TOKENS=tokens METHOD=$method RESOURCE=$resource RUN=r[incr ::runs]]
  set out [exec {*}$env wrk -t1 -c$connections -d${::seconds}s -s client.lua $::url 2>@1]
  if {![regexp {RESULT (\S+) (\S+) (\S+) (\d+)} $out -> rate p50 p99 errors]} {error $out}
  if {$errors} {error "wrk: $errors answers were errors: $method $resource $connections"}
  return [list $rate $p50 $p99]
}

proc median {list} {
  set list [lsort -real $list]
  return [lindex $list [expr {[llength $list] / 2}]]
}
proc spread {list} {
  set list [lsort -real $list]
  return [format "%.0f to %.0f" [lindex $list 0] [lindex $list end]]
}
proc line {what ratio aim text} {puts [format "%-46s %6.2f  (aim %s)  %s" $what $ratio $aim $text]; flush stdout}

exec {*}$seal serve config --self-signed 127.0.0.1 --listen 127.0.0.1:$port --rate 0 --max-connections 0 --timer 0 2>@stderr
# As large as /health's.
file mkdir static
write_file static/static.json {{"live":true,"ready":true,"sealed":false,"reason":null}}
set conf [read_file test.db.serve/nginx.conf]
write_file test.db.serve/nginx.conf [string map [list "    location / \{" "    location = /static.json \{\n      root \"[pwd]/static\";\n    \}\n    location / \{"] $conf]
try {
  exec {*}$seal serve start 2>@stderr
  lassign [message POST [lindex [tokens 1] 0]] status response
  set resource [db one {SELECT $response ->> '$.headers.Location'}]

  # Tokens that a run may need: more than it can use.
  set enough [expr {$seconds * 4000}]
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
  exec {*}$seal serve stop 2>@stderr
}
close $signer
