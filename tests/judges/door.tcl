# The judges' registrar behind the HTTPS door: `seal serve` on a free port of the loopback, with a certificate of its own,
# has the database of judges.tcl. Guards nothing itself. Sourced after shim.tcl, whose registrar it is:
#
#   source $tests_folder/judges/door.tcl
#   door_missing                 -> "", or why the door can't be tried
#   door_registrar               -> https://127.0.0.1:40123
#   door_stop
#
# Programs find what they need in the folder that they are started in: tls-NAME.crt and tls-NAME.pem, the client
# certificates of v2x, other, sims, of "ended" (v2x.example's, expired) and "strange" (of a CA that nobody knows).

source $tests_folder/shell.tcl
source $tests_folder/https.tcl

set folder [pwd]/test.db.serve
set seal_words {--db test.db --key door.key}
set door_options {}

# Why the door can't be tried on this machine.
proc door_missing {} {
  foreach program {nginx curl} {
    if {[auto_execok $program] eq ""} {return "no $program"}
  }
  return [expr {[file executable $::door] ? "" : "no seal-door (make door)"}]
}

# What outlives a registrar: the key of the secrets, and certificates. The door's own has to be there before a program is
# started that trusts it.
proc door_setup {} {
  write_file door.key $::shim_key binary
  file attributes door.key -permissions 0600
  make_ca root
  make_ca stranger
  make_cert tls-v2x root -san DNS:v2x.example
  make_cert tls-other root -san DNS:other.example
  make_cert tls-sims root -san DNS:sims-1
  make_cert tls-ended root -san DNS:v2x.example -start 2026-01-01 -end 2026-01-02
  make_cert tls-strange stranger -san DNS:v2x.example
  door_registrar
  set ::env(NODE_EXTRA_CA_CERTS) $::folder/tls.crt
  set ::env(REQUESTS_CA_BUNDLE) $::folder/tls.crt
}

# The registrar of shim.tcl, anew, behind the door.
proc door_registrar {{seconds ""}} {
  door_stop
  set url [shim_registrar $seconds https://127.0.0.1:$::port]
  db timeout 20000
  set anchor [read_file root.crt]
  db eval {INSERT INTO seal_anchor(anchor_id, type, value) VALUES ('root', 'ca', $anchor)}
  serve_do start --self-signed 127.0.0.1 --rate 0 --max-connections 0 --timer 0
  set ::door_options [split [string trim [read_file $::folder/door.options]] \n]
  return $url
}
proc door_stop {} {
  if {[file exists $::folder]} {serve_do stop}
}

# Nobody but a host sets its clock. The registrar knows how late it was, though, and so can be made to find the clock an
# hour back; for anything else the clock is the host's.
proc door_clock {seconds} {
  set ahead [expr {$seconds eq "" ? 0 : max(0, -$seconds)}]
  db eval {UPDATE seal_registrar_data SET clock_time = unixepoch('now') + $ahead}
  return ""
}

# The door with the key of the secrets (db) or without (locked).
proc door_connection {name} {
  set options $::door_options
  if {$name eq "locked"} {
    set at [lsearch -exact $options --key]
    set options [lreplace $options $at $at+1]
  }
  set pid [string trim [read_file $::folder/door.pid]]
  exec kill $pid
  # It answers what is on its way to it, by the key that it has.
  await [list expr "!\[file exists /proc/$pid/exe\]"]
  write_file $::folder/door.pid [exec $::door {*}$options >& /dev/null &]
  if {![await {file exists $::folder/door.sock}]} {error "the door does not start"}
  return ""
}
