# The door beside PostgreSQL doing the same by a client program (postgres.c, postgres.sql): POSTs of one identity, each with
# a fresh ES256 token, under an agreement with a quota and a rate, durable when they are answered.
#
#   make bench-door                                     (door.tcl, then this)
#   make door && tclsh tests/bench/peers/postgres.tcl ?SECONDS? ?ROUNDS?         (5 5)
#
# At 1, 8 and 64 connections, ROUNDS times in turns, for SECONDS each; the medians, and the lowest and highest.
#
#   door           over TLS and HTTP, by nginx
#   each           a connection and a transaction for each client: one term's counters and one audit chain, kept until COMMIT
#   group          the client program writes what waits in one transaction, as the door does
#   apart          a VAL server, a term and an audit chain for each client: PostgreSQL where nothing is shared, which is less
#                  than is asked for
#   pgbench        plain INSERTs of one short row, for scale
#
# The cluster is its own, below the build folder, by an ordinary user, on a Unix socket alone. It ends with this process,
# however that ends: it lives as long as a pipe from here. Exit 77 with a reason where PostgreSQL is missing.

proc skip {reason} {
  puts "left out: $reason"
  exit 77
}
# The newest that has pipelines.
set programs ""
foreach folder [lsort -dictionary [glob -nocomplain /usr/lib/postgresql/*/bin]] {
  if {[file tail [file dirname $folder]] < 14} continue
  if {![catch {lmap name {initdb postgres psql pgbench} {file size $folder/$name}}]} {set programs $folder}
}
if {$programs eq ""} {skip "PostgreSQL 14 or later is missing (apt install postgresql postgresql-client)"}

source [file join [file dirname [file dirname [file normalize [info script]]]] door_common.tcl]
set peer $build/bench-postgres
if {![file exists $peer]} {skip "$peer is not built (apt install libpq-dev pkg-config; make bench-door)"}

# --- The cluster ------------------------------------------------------------------------------

# Who it runs as: PostgreSQL refuses root.
set as {}
set owner ""
if {[exec id -u] == 0} {
  foreach user {postgres nobody} {
    if {[catch {exec id -u $user}]} continue
    set owner $user
    break
  }
  if {$owner eq "" || [auto_execok setpriv] eq ""} {skip "root has no user for PostgreSQL, or no setpriv"}
  set as [list setpriv --reuid $owner --regid [exec id -g $owner] --clear-groups]
}
set cluster [pwd]/cluster
if {[string length $cluster/.s.PGSQL.5432.lock] > 107} {skip "$cluster is too long a name for a Unix socket"}
file mkdir $cluster
if {$owner ne ""} {file attributes $cluster -owner $owner}
file attributes $cluster -permissions 0700
if {[catch {exec {*}$as test -w $cluster}]} {skip "$owner can't reach $cluster"}

proc start_cluster {} {
  exec {*}$::as $::programs/initdb -D $::cluster/data -U bench -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>@1
  # Durable, and otherwise as fast as it can be: no checkpoint and no file of the log to be made while it is measured.
  set f [open $::cluster/data/postgresql.conf a]
  puts $f "
    listen_addresses = ''
    unix_socket_directories = '$::cluster'
    unix_socket_permissions = 0700
    max_connections = 100
    fsync = on
    synchronous_commit = on
    full_page_writes = on
    wal_compression = off
    wal_level = minimal
    max_wal_senders = 0
    wal_buffers = 16MB
    min_wal_size = 2GB
    max_wal_size = 8GB
    checkpoint_timeout = 1h
    shared_buffers = 512MB
    random_page_cost = 1.1
    jit = off
  "
  close $f
  set ::cluster_stop [open |[list {*}$::as sh -c {
    trap '' INT TERM HUP
    "$1" -D "$2/data" >"$2/log" 2>&1 </dev/null &
    read -r end
    kill -INT $! && wait $!
  } sh $::programs/postgres $::cluster 2>@stderr] w]
  for {set i 0} {[catch {sql {SELECT 1}} message]} {incr i} {
    if {$i > 300} {error "PostgreSQL does not start: $message\n[read_file $::cluster/log]"}
    after 100
  }
}
proc stop_cluster {} {
  if {[info exists ::cluster_stop] && [catch {close $::cluster_stop} message]} {puts stderr "PostgreSQL: $message"}
  file delete -force $::cluster
}

# Statements, one transaction: the values, by columns and lines.
proc sql {statements} {
  return [exec $::programs/psql -X -q -A -t -h $::cluster -U bench -d postgres -v ON_ERROR_STOP=1 \
      << "BEGIN;\n$statements;\nCOMMIT;\n" 2>@1]
}

# --- What is asked -----------------------------------------------------------------------------

# The limits of both: never reached, always looked at.
set limits {max_identities 100000000 allowed_invocations_per_second 1000000}

# VAL server i under an agreement and with an audit chain of its own.
proc add_party {i val_server_id pem} {
  sql "
    INSERT INTO agreement VALUES ($i, 'sla-$i', 'acme', NULL, NULL, 'active');
    INSERT INTO val_server VALUES ($i, '$val_server_id', $i, NULL, 'active', $i);
    INSERT INTO credential VALUES ($i, $i, '$pem', NULL, NULL, 'active');
    INSERT INTO term VALUES ($i, $i, 'identity-management', '*', [dict get $::limits max_identities], NULL, NULL,
      [dict get $::limits allowed_invocations_per_second], NULL, NULL, NULL, NULL);
    INSERT INTO term_use VALUES ($i, 0, 0, 0, 0);
    INSERT INTO audit_head VALUES ($i, 0, '')
  "
}
proc issuers {connections} {
  set list {}
  for {set i 1} {$i <= $connections} {incr i} {lappend list v2x-$i.example}
  return $list
}

# The client program: its output.
proc peer {how clients seconds tokens} {
  set conninfo "host=$::cluster user=bench dbname=postgres"
  return [exec $::peer $how $conninfo $clients $seconds r[incr ::runs] << "[join $tokens \n]\n"]
}
proc measure {how connections} {
  switch $how {
    door {return [by_door POST $::ipp $connections $::enough]}
    pgbench {
      set threads [expr {min(2, $connections)}]
      set out [exec $::programs/pgbench -h $::cluster -U bench -n -M prepared -f plain.sql -c $connections -j $threads \
          -T $::seconds postgres 2>@1]
      if {![regexp {latency average = (\S+) ms.*tps = (\S+)} $out -> average rate]} {error $out}
      return [list $rate $average -]
    }
    apart {return [result [peer each $connections $::seconds [tokens [expr {$::enough * 2}] [issuers $connections]]]]}
  }
  return [result [peer $how $connections $::seconds [tokens [expr {$::enough * 2}]]]]
}

# --- Whether it is done -------------------------------------------------------------------------

proc expect {what got expected} {
  if {$got ne $expected} {error "the peer is wrong: $what: $got instead of $expected"}
}
# A token of v2x.example with other claims.
proc odd_token {args} {
  set exp [expr {[clock seconds] + 300}]
  set claims [list iss v2x.example sub v2x.example aud urn:seal:registrar exp $exp jti o[incr ::tokens_made]]
  puts $::signer [json_object {*}[dict merge $claims $args]]
  return [gets $::signer]
}
proc check_refusals {} {
  lassign [tokens 3] token second third
  set forged [regsub {[^.]{9}$} $second AAAAAAAAA]
  set wrong [list $token $forged [odd_token aud urn:another] [odd_token exp [expr {[clock seconds] - 1}]] \
      [odd_token sub another] [odd_token iss another sub another]]
  expect tokens [split [peer say 1 0 [list $token {*}$wrong $second]] \n] [list 201 {*}[lrepeat 6 401] 201]
  foreach {table off on} {
    credential revoked active  val_server suspended active  agreement suspended active
  } {
    sql "UPDATE $table SET status = '$off' WHERE id = 1"
    expect $table [peer say 1 0 [list $third]] 403
    sql "UPDATE $table SET status = '$on' WHERE id = 1"
  }
  sql {UPDATE term SET allowed_invocations_per_second = 1 WHERE id = 1}
  expect rate [lindex [lsort [peer say 1 0 [tokens 20]]] end] 429
  # The quota holds where several ask for the last of it.
  sql {UPDATE term SET max_identities = (SELECT identities FROM term_use WHERE term = 1) + 5,
    allowed_invocations_per_second = NULL WHERE id = 1}
  if {![catch {result [peer each 8 1 [tokens 20000]]} message] || ![regexp {answers were errors} $message]} {
    error "the peer is wrong: no quota: $message"
  }
  expect quota [sql {SELECT max_identities - identities FROM term JOIN term_use ON term = id WHERE id = 1}] 0
  dict for {column value} $::limits {sql "UPDATE term SET $column = $value WHERE id = 1"}
}

# --- Main --------------------------------------------------------------------------------------

write_file plain.sql "INSERT INTO plain(value) VALUES ('p1@acme.example');\n"
try {
  start_cluster
  sql [read_file $root/tests/bench/peers/postgres.sql]
  sql {INSERT INTO registrar VALUES ('urn:seal:registrar')}
  sql {CREATE TABLE plain(id bigserial PRIMARY KEY, value text NOT NULL)}
  set pem [openssl pkey -in v2x.pem -pubout]
  add_party 1 v2x.example $pem
  set i 1
  foreach val_server_id [issuers 64] {add_party [incr i] $val_server_id $pem}
  sql ANALYZE
  check_refusals
  dict for {column value} $limits {
    db eval "UPDATE seal_term SET $column = $value WHERE seal_service = 'identity-management'"
  }
  open_door

  puts "[sql {SELECT 'PostgreSQL ' || current_setting('server_version')}]; [join [split [sql {
    SELECT name || ' ' || current_setting(name) FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit',
      'full_page_writes', 'wal_sync_method', 'shared_buffers') ORDER BY 1}] \n] {, }]\n"
  puts [format "%-12s %-10s %10s  %-16s %9s %9s  %s" "" connections "a second" "lowest, highest" "p50, ms" "p99, ms" \
      "door / this"]
  foreach connections {1 8 64} {
    # One alone waits for nobody: there is no group, and nothing to share.
    set all [expr {$connections == 1 ? {door each pgbench} : {door each group apart pgbench}}]
    set got {}
    for {set i 0} {$i < $rounds} {incr i} {
      foreach how $all {dict lappend got $how [measure $how $connections]}
    }
    set door [median [lmap result [dict get $got door] {lindex $result 0}]]
    foreach how $all {
      lassign [lmap i {0 1 2} {lmap result [dict get $got $how] {lindex $result $i}}] rates p50 p99
      # pgbench says no percentiles: the mean is beside them.
      puts [format "%-12s %-10d %10.0f  %-16s %9.2f %9s  %s" $how $connections [median $rates] [spread $rates] \
          [median $p50] \
          [expr {$how eq "pgbench" ? "(mean)" : [format %.2f [median $p99]]}] \
          [expr {$how eq "door" ? "" : [format %.2f [expr {$door * 1.0 / [median $rates]}]]}]]
      flush stdout
    }
  }
  expect "what is stored" [sql {SELECT * FROM wrong}] 0|0
} finally {
  close_door
  stop_cluster
  close $signer
}
