# Fault simulation: a piece of work is run again and again, and in each run one more step succeeds
# before memory, reading or writing fails, until a run is clean. Sourced in the place of tester.tcl:
#
#   source [file join [file dirname [info script]] faultsim.tcl]
#   install_seal; execsql {...}; faultsim_save_and_close
#   do_faultsim_test term-fault-1 -faults oom* -prep {
#     faultsim_restore_and_reopen
#   } -body {
#     execsql {INSERT INTO seal_term(...) VALUES (...)}
#   } -test {
#     faultsim_test_result {0 {}}
#   }
#
# Kinds of fault: oom-transient (one allocation of SQLite, OpenSSL or jansson fails), oom-persistent
# (that one and all after it), ioerr-transient, ioerr-persistent (calls of the VFS), full-transient,
# full-persistent (writes: the disk is full).

set faultsim_lib [file normalize [expr {[info exists env(SEAL_BUILD)] ? $env(SEAL_BUILD) :
    [file join [file dirname [info script]] ../build]}]]/libsealfault.so
load $faultsim_lib Sealfault
source [file join [file dirname [info script]] tester.tcl]

# Kind of fault to its arguments for fault_arm, and the errors that it may end in.
set fault_kinds {
  oom-transient    {oom 0}    oom-persistent   {oom 1}
  ioerr-transient  {ioerr 0}  ioerr-persistent {ioerr 1}
  full-transient   {full 0}   full-persistent  {full 1}
}
set fault_errors {
  oom   {{1 {out of memory}}}
  ioerr {{1 {disk I/O error}} {1 {unable to open database file}}}
  full  {{1 {database or disk is full}}}
}

# --- The database that each run starts from ------------------------------------------------

# Keeps test.db as it is now, for faultsim_restore.
proc faultsim_save {} {
  forcedelete {*}[glob -nocomplain saved-test.db*]
  foreach file [glob -nocomplain test.db*] {file copy -force $file saved-$file}
}

proc faultsim_save_and_close {} {
  faultsim_save
  catch {db close}
}

# Puts the kept files back. No connection may be open.
proc faultsim_restore {} {
  forcedelete {*}[glob -nocomplain test.db*]
  foreach file [glob -nocomplain saved-test.db*] {
    file copy -force $file [string range $file [string length saved-] end]
  }
}

# The same with `db` closed before and opened after, the extension loaded.
proc faultsim_restore_and_reopen {} {
  catch {db close}
  faultsim_restore
  sqlite3 db test.db
  if {[file exists $::seal_lib]} {load_seal db}
}

# An empty test.db, open as `db`.
proc faultsim_delete_and_reopen {} {
  catch {db close}
  forcedelete {*}[glob -nocomplain test.db*]
  sqlite3 db test.db
  if {[file exists $::seal_lib]} {load_seal db}
}

# --- Running -------------------------------------------------------------------------------

# In -test: the result of the body must be one of these, each {0 RESULT} or {1 MESSAGE} or /re/; or
# one of the errors that belong to the fault, if there was one. `testrc` and `testresult` hold what
# the body gave, `testhits` how many calls failed.
proc faultsim_test_result {args} {
  upvar 1 testrc rc testresult result testhits hits testkind kind
  if {$hits} {lappend args {*}[dict get $::fault_errors $kind]}
  foreach expected $args {
    if {[result_matches [list $rc $result] [normal_list $expected]]} return
  }
  error "result \[[list $rc $result]\] after $hits faults"
}

# What was committed is whole: seen by a connection of its own, once the one under test has ended
# its transaction.
proc faultsim_integrity_check {} {
  catch {db eval ROLLBACK}
  if {![file exists test.db]} return
  sqlite3 faultsim_check test.db
  set found [catch {faultsim_check eval {PRAGMA integrity_check}} result]
  faultsim_check close
  if {$found || $result ne "ok"} {error "integrity: $result"}
}

# One run with the n-th call failing; gives how many failed. Errors of -test go through.
proc faultsim_run {n kind prep body test} {
  lassign [dict get $::fault_kinds $kind] testkind persistent
  uplevel #0 $prep
  fault_arm $testkind $n $persistent
  set testrc [catch {uplevel #0 $body} testresult]
  set testhits [fault_disarm]
  eval $test
  faultsim_integrity_check
  return $testhits
}

# Blocks that live now, with `db` closed. OpenSSL's count is left out: it sets up some of its
# process-wide state late, and keeps it.
proc faultsim_blocks {} {
  catch {db close}
  return [dict remove [fault_blocks] openssl]
}

# do_faultsim_test NAME ?-faults PATTERNS? ?-prep SCRIPT? -body SCRIPT ?-test SCRIPT? ?-from N? ?-step N?
#
# One test for each kind of fault that a pattern matches (default: all of them), called NAME-KIND.
# -prep opens `db` anew; -test judges (default: faultsim_test_result {0 {}}); it sees testrc,
# testresult and testhits. After each run the database is checked, and after all of them that
# SQLite and jansson have as many blocks as before. -from N begins with call N, -step N tries every N-th
# only. -prep and -body run at the global level, -test in a procedure: a global variable is ::name there.
proc do_faultsim_test {name args} {
  set opt [dict merge {-faults * -prep {} -test {faultsim_test_result {0 {}}} -from 1 -step 1} $args]
  foreach {kind -} $::fault_kinds {
    set wanted 0
    foreach pattern [dict get $opt -faults] {incr wanted [string match $pattern $kind]}
    if {$wanted} {faultsim_kind $name-$kind $kind $opt}
  }
}

# All runs with one kind of fault, as one test. It stops after the third that goes wrong.
proc faultsim_kind {name kind opt} {
  set scripts [list [dict get $opt -prep] [dict get $opt -body] [dict get $opt -test]]
  set detail ""
  set bad 0
  # Without a fault first: what is set up once for all is no leak.
  if {[catch {faultsim_run 0x7fffffff $kind {*}$scripts} message]} {
    append detail "\n  without a fault: $message"
    incr bad 3
  }
  set before [faultsim_blocks]
  for {set n [dict get $opt -from]} {$bad < 3} {incr n [dict get $opt -step]} {
    if {[catch {faultsim_run $n $kind {*}$scripts} hits]} {
      append detail "\n  fault $n: $hits"
      incr bad
      continue
    }
    if {$hits == 0} break
  }
  set after [faultsim_blocks]
  if {!$bad && $before ne $after} {
    append detail "\n  blocks before: $before, after: $after"
    incr bad
  }
  puts "$name: [expr {$n - 1}] calls"
  count_test $name [expr {$bad == 0}] $detail
}
