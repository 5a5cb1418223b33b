# Many clients for a long time: no error but 429, and neither memory nor descriptors grow.
#
#   make door && tclsh tests/torture/soak-door.tcl ?SECONDS? ?CLIENTS?         (600 200)
#
# One request in ten is a POST of one identity, the others read it, all with an access token; the limits are those that `seal serve`
# has by itself. Prints a line for each tenth of the time, then what was answered. Exit 1 if anything was wrong. It needs nginx and wrk.

source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/registrar.tcl

lassign [list {*}$argv {*}[lrange {600 200} [llength $argv] end]] seconds clients
set seal [list $root/scripts/seal --db test.db --key seal.key]
write_file seal.key [string repeat k 32]
file attributes seal.key -permissions 0600
new_registrar
set key [string repeat k 32]
db eval {SELECT seal_unlock(CAST($key AS BLOB)); INSERT INTO seal_command(command) VALUES ('rotate-key');
  INSERT INTO seal_command(command, argument) VALUES ('issue-token', '{"val_server_id":"v2x.example","ttl":86400}')}
set token [db one {SELECT result ->> 'access_token' FROM seal_command WHERE command = 'issue-token'}]
if {[send POST $ipp [idm_body v2x first]] != 201} {error $response}
set resource [location]
db eval {PRAGMA journal_mode = WAL}
db close

set socket [socket -server {} -myaddr 127.0.0.1 0]
set port [lindex [fconfigure $socket -sockname] 2]
close $socket
write_file client.lua {
local n = 0
local thread_count = 0
function setup(thread) thread:set("id", thread_count); thread_count = thread_count + 1 end
local statuses = {}
function request()
  n = n + 1
  local headers = {["Authorization"] = "Bearer " .. os.getenv("TOKEN"), ["Content-Type"] = "application/json"}
  if n % 10 == 0 then
    return wrk.format("POST", "/ss-ipp/v1/configurations", headers,
      '{"valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"s' .. id .. "-" .. n .. '"}]}]}')
  end
  return wrk.format("GET", os.getenv("RESOURCE"), headers)
end
function response(status)
  if status ~= 200 and status ~= 201 and status ~= 429 then io.write("STATUS " .. status .. "\n") end
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %.1f %.1f %d\n", summary.requests, e.status, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.timeout))
end
}

# Kilobytes and descriptors of the door and of nginx.
proc sizes {} {
  set sum {}
  foreach file {door.pid nginx.pid} {
    set pid [string trim [read_file test.db.serve/$file]]
    set pids [list $pid]
    if {$file eq "nginx.pid"} {lappend pids {*}[exec pgrep -P $pid]}
    set kb 0
    set fds 0
    foreach pid $pids {
      regexp {VmRSS:\s+(\d+)} [read_file /proc/$pid/status] -> rss
      incr kb $rss
      incr fds [llength [glob -nocomplain /proc/$pid/fd/*]]
    }
    lappend sum $kb $fds
  }
  return $sum
}

set faults {}
exec {*}$seal serve start --self-signed 127.0.0.1 --listen 127.0.0.1:$port 2>@stderr
try {
  set before [sizes]
  set load [exec env TOKEN=$token RESOURCE=$resource wrk -t2 -c$clients -d${seconds}s --timeout 10s -s client.lua https://127.0.0.1:$port >& wrk.out &]
  set door {}
  for {set i 1} {$i <= 10} {incr i} {
    after [expr {$seconds * 100 - ($i == 10 ? 1000 : 0)}]
    set now [sizes]
    lappend door [lindex $now 0]
    puts [format "%5d s: door %d MB, %d descriptors; nginx %d MB, %d descriptors" [expr {$seconds * $i / 10}] \
      [expr {[lindex $now 0] / 1024}] [lindex $now 1] [expr {[lindex $now 2] / 1024}] [lindex $now 3]]
    flush stdout
  }
  while {[file exists /proc/$load/stat] && ![regexp {\) Z } [read_file /proc/$load/stat]]} {after 100}
  set out [read_file wrk.out]
  regexp {RESULT (\d+) (\d+) (\S+) (\S+) (\d+)} $out -> requests refused p50 p99 errors
  puts "$requests requests, $refused of them 429, $errors failed; p50 $p50 ms, p99 $p99 ms"
  foreach line [lsort -unique [regexp -all -inline {STATUS \d+} $out]] {lappend faults $line}
  if {$errors} {lappend faults "$errors requests failed"}
  # Until then SQLite fills its page cache of 64 MB a connection.
  if {[lindex $door end] > [lindex $door 4] * 1.1 + 4096} {lappend faults "the door's memory grew: $door"}
  # Clients are gone; what nginx keeps for the door stays.
  after 2000
  set after [sizes]
  if {[lindex $after 1] > [lindex $before 1] + 280} {lappend faults "descriptors stay: [lindex $after 1]"}
} finally {
  exec {*}$seal serve stop 2>@stderr
}
open_seal db test.db
lappend faults {*}[invariants db]
if {[db one {SELECT seal_audit_verify()}] ne ""} {lappend faults "the audit chain is broken"}
foreach fault $faults {puts "FAULT $fault"}
exit [expr {[llength $faults] > 0}]
