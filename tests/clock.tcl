# A clock that the test sets, in place of waiting for the host's. Sourced after tester.tcl:
#
#   source $tests_folder/clock.tcl
#   use_clock 2026-11-15T12:00:00Z
#   new_registrar
#   add_identity v2x alice exp_time 2026-11-15T12:01:00Z
#   clock_vfs step 59                      -> alice is there
#   clock_vfs step 1                       -> and now she is not
#   use_host_clock
#
# clock_vfs is the command of tests/host/clock.c, which says all that it does. One clock for the whole
# process, and not for others: what a test starts has the host's.

load $build/libsealclock.so Sealclock

# From here on reset_db (new_registrar, ...), open_seal and connect give databases with this clock, and
# tokens are made by it. It stands at an instant; connections that are open stay as they are.
proc use_clock {instant} {
  clock_vfs set $instant
  set ::open_options {-vfs sealclock}
  proc ::now_seconds {} {return [clock_vfs now]}
}

# And from here on the host's, also for connections that were opened with the other.
proc use_host_clock {} {
  clock_vfs real
  set ::open_options {}
  proc ::now_seconds {} {return [clock seconds]}
}

# One connection with this clock, extension loaded, whatever others have.
#   open_with_clock other test.db
proc open_with_clock {db {file test.db} {vfs sealclock}} {
  sqlite3 $db $file -vfs $vfs
  load_seal $db
}
