# What the audit chain and the SLA cost, as ratios to their bare floors.
#
#   make build/seal.so build/jwt build/sla-bench && tclsh tests/bench/sla.tcl ?ENTRIES?
#
# One line for each: what, the ratio, what it is a ratio of.

source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/agreement.tcl

set entries [expr {$argc ? [lindex $argv 0] : 1000000}]
set bench $build/sla-bench

proc line {what ratio text} {puts [format "%-52s %6.2f  %s" $what $ratio $text]}

# --- Audit -----------------------------------------------------------------------------------

new_agreement
db close
exec $bench chain test.db $seal_lib $entries
lassign [exec $bench verify test.db $seal_lib] n verify loop scan
line "seal_audit_verify, $n entries" [expr {$verify / $loop}] \
    "of a bare SHA-256 loop ([format %.0f $loop] ms)"
line "" [expr {$verify / ($loop + $scan)}] \
    "of the loop and a bare SELECT of the rows ([format %.0f $scan] ms)"

# --- authorize() -----------------------------------------------------------------------------

# A database with this much in it, and a quota that is used up.
proc make_database {file terms agreements identities} {
  new_agreement
  db eval {BEGIN}
  add_term v2x max_identities $identities
  for {set i 1} {$i < $terms} {incr i} {add_term service-$i max_identities 5}
  for {set i 1} {$i < $agreements} {incr i} {
    db eval {INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('a' || $i, 'other');
      INSERT INTO seal_term(agreement_id, seal_service, val_service_id)
      VALUES ('a' || $i, 'identity-management', 'v2x');
      INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('s' || $i, 'a' || $i)}
  }
  set token [token_at 2026-11-10]
  db eval {
    WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < CAST($identities AS INTEGER))
    INSERT INTO seal_identity(credential, val_service_id, val_user_id, at)
    SELECT $token, 'v2x', 'user-' || i, '2026-11-10' FROM n
  }
  db eval {COMMIT}
  db close
  file rename -force test.db $file
}

set arguments {}
set names {}
foreach {what terms agreements identities} {
  "one of each" 1 1 1  "1,000 terms" 1000 1 1  "10,000 agreements" 1 10000 1
  "100,000 identities" 1 1 100000  "all of these" 1000 10000 100000
} {
  set file bench[llength $names].db
  make_database $file $terms $agreements $identities
  lappend names $what
  lappend arguments $file [token_at 2026-11-10]
}
set times [exec $bench refuse $seal_lib 2026-11-10 {*}$arguments]
foreach what $names time $times {
  line "a row refused by quota, $what" [expr {$time / [lindex $times 0]}] \
      "of the same with one of each ([format %.1f [lindex $times 0]] µs)"
}
