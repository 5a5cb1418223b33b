# What door.tcl and peers/postgres.tcl share: a registrar, the door before it on a port of its own, tokens, and wrk as its
# client; ?SECONDS? ?ROUNDS? of the command line. The door runs from open_door to close_door, or to the end of this process,
# however that comes.

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

# Tokens by v2x.example's key, each of the next of the issuers.
set signer [open |[list $build/jwt v2x.pem] r+]
fconfigure $signer -buffering line
set tokens_made 0
proc tokens {n {issuers v2x.example}} {
  set exp [expr {[clock seconds] + 3000}]
  set list {}
  for {set i 0} {$i < $n} {incr i} {
    set iss [lindex $issuers [expr {$i % [llength $issuers]}]]
    puts $::signer [json_object iss $iss sub $iss aud urn:seal:registrar exp $exp jti t[incr ::tokens_made]]
    lappend list [gets $::signer]
  }
  return $list
}

# --- Clients of the door -----------------------------------------------------------------------

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
    body = '{"valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"' .. os.getenv("RUN") .. "-" .. n ..
      '@acme.example"}]}]}'
  end
  return wrk.format(os.getenv("METHOD"), os.getenv("RESOURCE"), headers, body)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %.1f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.timeout + e.status))
end
}
# Tokens that a run may need: more than it can use.
set enough [expr {$seconds * 4000}]
set runs 0
# {RATE P50 P99} in requests a second and milliseconds.
proc by_door {method resource connections {expected 0}} {
  if {$expected} {write_file tokens "[join [tokens $expected] \n]\n"} else {write_file tokens ""}
  set env [list env TOKENS=tokens METHOD=$method RESOURCE=$resource RUN=r[incr ::runs]]
  set out [exec {*}$env wrk -t1 -c$connections -d${::seconds}s -s client.lua $::url 2>@1]
  return [result $out]
}
proc result {out} {
  if {![regexp {RESULT (\S+) (\S+) (\S+) (\d+)} $out -> rate p50 p99 errors]} {error $out}
  if {$errors} {error "$errors answers were errors: $out"}
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

exec {*}$seal serve config --self-signed 127.0.0.1 --listen 127.0.0.1:$port --rate 0 --max-connections 0 --timer 0 2>@stderr
proc open_door {} {
  exec {*}$::seal serve start 2>@stderr
  # Stops it when this process has closed the pipe.
  set stop {trap '' INT TERM HUP; read -r end; exec "$@" >/dev/null}
  set ::door_stop [open |[list sh -c $stop sh {*}$::seal serve stop 2>@stderr] w]
}
proc close_door {} {
  if {[info exists ::door_stop]} {close $::door_stop}
}
