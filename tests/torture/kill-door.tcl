# Kills the door, nginx, or both, under load, and looks after each time whether all that was acknowledged is there, once, and
# whether all invariants hold; now and then it reloads them instead.
#
#   make door && tclsh tests/torture/kill-door.tcl ?KILLS? ?RELOADS? ?CLIENTS? ?SEED?         (300 20 8 1)
#
# Prints a line for each 20 kills, and what was found in all: "N kills, N reloads: N acknowledged, 0 lost, 0 doubled, 0 broken".
# Exit 1 if anything was found. It needs nginx and python3.

source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/registrar.tcl

lassign [list {*}$argv {*}[lrange {300 20 8 1} [llength $argv] end]] kills reloads clients seed
expr {srand($seed)}
set seal [list $root/scripts/seal --db test.db --key seal.key]

write_file seal.key [string repeat k 32]
file attributes seal.key -permissions 0600
new_registrar
make_ca root
make_crl root
make_cert client root -san DNS:v2x.example
set ca [read_file root.crt]
set crl [read_file root.crl binary]
db eval {
  INSERT INTO seal_anchor(anchor_id, type, value) VALUES ('root', 'ca', $ca), ('root-crl', 'crl', $crl);
  PRAGMA journal_mode = WAL;
}
db busy [list apply {n {after 5; expr {$n > 4000}}}]

# A free port of this machine.
proc free_port {} {
  set socket [socket -server {} -myaddr 127.0.0.1 0]
  set port [lindex [fconfigure $socket -sockname] 2]
  close $socket
  return $port
}
set address 127.0.0.1:[free_port]

proc start {} {
  lassign [run_command [list timeout 60 {*}$::seal serve start --self-signed localhost --listen $::address --rate 0 --max-connections 0]] rc out err
  if {$rc} {error "serve start: $err"}
}
proc start_again {} {
  lassign [run_command [list timeout 60 {*}$::seal serve start]] rc out err
  if {$rc} {error "serve start: $err"}
}

# The processes of the door and of nginx (its master and its workers): those that work in, or on, this folder.
proc processes {what} {
  set pids {}
  foreach file [glob -nocomplain /proc/\[0-9\]*/cmdline] {
    if {[catch {read_file $file binary} words] || [catch {file readlink [file dirname $file]/cwd} folder]} continue
    set words [string map {\0 { }} $words]
    set pid [lindex [file split $file] 2]
    if {$what ne "nginx" && [string match "*seal-door *" $words] && $folder eq "[pwd]/test.db.serve"} {lappend pids $pid}
    if {$what ne "door" && [string match "*nginx*[pwd]/*" $words]} {
      lappend pids $pid
      catch {lappend pids {*}[exec pgrep -P $pid]}
    }
  }
  return $pids
}

set lost 0
set doubled 0
set broken 0
proc look {} {
  if {[db one {PRAGMA quick_check}] ne "ok"} {incr ::broken}
  set wrong [invariants db]
  if {[llength $wrong]} {
    incr ::broken
    puts "broken: $wrong"
  }
  if {[db one {SELECT seal_audit_verify()}] ne ""} {incr ::broken}
}

# What was acknowledged, against what is there.
proc look_at_answers {} {
  set n 0
  array set seen {}
  foreach line [split [string trim [read_file answers]] \n] {
    lassign $line user status
    if {$status != 201} {
      puts "answered $status: $user"
      incr ::broken
      continue
    }
    incr n
    set seen($user) 1
    set there [db one {SELECT count(*) FROM seal_identity WHERE val_user_id = $user}]
    if {$there == 0} {incr ::lost}
    if {$there > 1} {incr ::doubled}
  }
  set twice [db one {SELECT count(*) FROM (SELECT 1 FROM seal_identity GROUP BY val_user_id HAVING count(*) > 1)}]
  incr ::doubled $twice
  return $n
}

set load 0
try {
  start
  set load [exec python3 $tests_folder/torture/clients.py $address client.crt client.pem $clients answers >& clients.err &]
  set killed 0
  set reloaded 0
  set begun [clock seconds]
  while {$killed < $kills || $reloaded < $reloads} {
    after [expr {30 + int(rand() * 300)}]
    if {$reloaded < $reloads && rand() * ($kills + $reloads) < $reloads * 1.5 || $killed >= $kills} {
      lassign [run_command [list timeout 60 {*}$seal serve reload]] rc out err
      if {$rc} {
        incr broken
        puts "reload: $err"
      }
      incr reloaded
      continue
    }
    set what [lindex {door nginx both} [expr {int(rand() * 3)}]]
    set pids [processes $what]
    if {![llength $pids]} {error "no process of $what"}
    catch {exec kill -KILL {*}$pids}
    incr killed
    look
    start_again
    if {$killed % 20 == 0} {
      puts "$killed kills, $reloaded reloads, [expr {[clock seconds] - $begun}] s: [db one {SELECT count(*) FROM seal_configuration}] stored,\
        $lost lost, $doubled doubled, $broken broken"
      flush stdout
    }
  }
} on error {text options} {
  # Nothing of it stays behind.
  if {$load} {catch {exec kill -KILL $load}}
  run_command [list timeout 60 {*}$seal serve stop]
  puts stderr [dict get $options -errorinfo]
  exit 1
}
exec kill -TERM $load
while {[file exists /proc/$load/stat] && ![regexp {\) Z } [read_file /proc/$load/stat]]} {after 20}
run_command [list timeout 60 {*}$seal serve stop]
look
set n [look_at_answers]
puts "$killed kills, $reloaded reloads: $n acknowledged, $lost lost, $doubled doubled, $broken broken"
exit [expr {$lost + $doubled + $broken > 0 || $n == 0}]
