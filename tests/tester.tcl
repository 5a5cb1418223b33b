# The test harness: the verbs of SQLite's own, on a database with the extension loaded.
#
#   source [file join [file dirname [info script]] tester.tcl]
#   install_seal
#   do_execsql_test term-1.1 { SELECT count(*) FROM seal_term } {0}
#   do_catchsql_test term-1.2 { INSERT INTO seal_term(agreement_id) VALUES ('x') } {/1 .*x.*/}
#   finish_test
#
# `tclsh tests/sla.test` runs one file; `make test` runs all of them through run.tcl. Each file
# has a fresh folder of its own, SEAL_BUILD/test/FILE, which is its current one. Environment:
#
#   SEAL_BUILD    the build folder (default: build, beside tests)
#   SEAL_LIB      the extension (default: SEAL_BUILD/seal.so)
#   SEAL_VECTORS  the public test suites, if there are any
#
# Output: one line "ok NAME" or "FAIL NAME" for each test, what was expected and got below the
# latter, "# text" for notes, and "N passed, N failed" last.

# What tests write and compare is UTF-8, and so are the scripts themselves: one that is started in another locale is
# started again in this one, which every Debian has.
set env(LC_ALL) C.UTF-8
if {[encoding system] ne "utf-8"} {
  if {[catch {exec [info nameofexecutable] $argv0 {*}$argv <@stdin >@stdout 2>@stderr} - options]} {
    exit [expr {[lindex [dict get $options -errorcode] 0] eq "CHILDSTATUS" ? [lindex [dict get $options -errorcode] 2] : 1}]
  }
  exit 0
}

package require sqlite3

set root [file dirname [file dirname [file normalize [info script]]]]
set tests_folder $root/tests
set build $root/build
if {[info exists env(SEAL_BUILD)]} {set build [file normalize $env(SEAL_BUILD)]}
set seal_lib $build/seal.so
if {[info exists env(SEAL_LIB)]} {set seal_lib [file normalize $env(SEAL_LIB)]}

# How many tests passed and failed; the names that were used.
set passed 0
set failed 0
array set test_seen {}

# --- Files ---------------------------------------------------------------------------------

# Removes files, or whole folders, that may or may not be there.
proc forcedelete {args} {
  foreach path $args {file delete -force -- $path}
}

# The bytes of a file read as UTF-8 text. read_file PATH binary gives the bytes themselves.
proc read_file {path {how text}} {
  set f [open $path [expr {$how eq "binary" ? "rb" : "r"}]]
  if {$how ne "binary"} {fconfigure $f -encoding utf-8}
  set text [read $f]
  close $f
  return $text
}

# The objects of the floors below SQLite: cryptography and what it stands on. Those of which there is a
# source: a file that was moved leaves its old object behind.
proc crypto_objects {} {
  set sources [glob -directory $::root/ext -tails base/*.c crypto/*.c crypto/*/*.c]
  return [lsort [lmap source $sources {string cat $::build/obj/ [file rootname $source] .o}]]
}

# Makes a file of a text (UTF-8) or, with `binary`, of bytes.
proc write_file {path text {how text}} {
  set f [open $path [expr {$how eq "binary" ? "wb" : "w"}]]
  if {$how ne "binary"} {fconfigure $f -encoding utf-8 -translation lf}
  puts -nonewline $f $text
  close $f
}

# Runs a program without a shell: {EXITCODE STDOUT STDERR}; the code is -1 after a signal.
#   run_command {sqlite3 test.db} "SELECT 1;"    -> 0 {1} {}
proc run_command {command {input ""}} {
  set err [file join [pwd] .stderr]
  set rc 0
  if {[catch {exec -ignorestderr {*}$command << $input 2> $err} out opts]} {
    set code [dict get $opts -errorcode]
    set rc [expr {[lindex $code 0] eq "CHILDSTATUS" ? [lindex $code 2] : -1}]
    regsub {\n?(child process exited abnormally|child killed: [^\n]*)$} $out {} out
  }
  return [list $rc $out [string trimright [read_file $err] \n]]
}

# Runs statements and dot commands in the sqlite3 shell, which stops at the first error:
# {EXITCODE STDOUT STDERR}.
proc sqlite3_shell {script {file :memory:}} {
  return [run_command [list sqlite3 -batch -bail $file] $script]
}

# --- Databases -----------------------------------------------------------------------------

# Loads the extension into the connection.
proc load_seal {db} {
  $db enable_load_extension 1
  $db eval {SELECT load_extension($::seal_lib)}
}

# Opens a database file as the command `db`, with the extension loaded. With clock.tcl it may have a
# clock that the test sets.
set open_options {}
proc open_seal {db file} {
  sqlite3 $db $file {*}$::open_options
  load_seal $db
}

# What that clock shows, in seconds since 1970.
proc now_seconds {} {
  return [clock seconds]
}

# A new, empty test.db, open as `db`, with the extension loaded.
proc reset_db {} {
  catch {db close}
  forcedelete test.db test.db-journal test.db-wal test.db-shm
  open_seal db test.db
}

# The relations, made by sql/install.sql.
proc install_seal {{db db}} {
  $db eval [read_file $::root/sql/install.sql]
}

# Runs SQL and gives all values as one list. Variables in it are the caller's.
proc execsql {sql {db db}} {
  return [uplevel 1 [list $db eval $sql]]
}

# The same, and gives {0 VALUES} or {1 MESSAGE}.
proc catchsql {sql {db db}} {
  set rc [catch {uplevel 1 [list $db eval $sql]} result]
  return [list $rc $result]
}

# --- Tests ---------------------------------------------------------------------------------

# Counts a test. `detail` says what went wrong; it is shown when `ok` is false.
proc count_test {name ok {detail ""}} {
  set name $::test_prefix$name
  if {[info exists ::test_seen($name)]} {
    set ok 0
    append detail "\n  a test of this name was there before"
  }
  set ::test_seen($name) 1
  if {$ok} {
    incr ::passed
    puts "ok $name"
  } else {
    incr ::failed
    puts "FAIL $name[string map {\0 \\0} [string trimright $detail]]"
  }
  flush stdout
}

# Whether a result is the one expected: equal, or as the regular expression in /re/ or ~/re/ says.
proc result_matches {got expected} {
  if {[regexp {^/(.+)/$} $expected -> re]} {return [regexp -- $re $got]}
  if {[regexp {^~/(.+)/$} $expected -> re]} {return [expr {![regexp -- $re $got]}]}
  return [expr {$got eq $expected}]
}

# A list written over several lines becomes one in Tcl's own spelling; /re/ stays as it is.
proc normal_list {expected} {
  if {[regexp {^~?/.+/$} $expected]} {return $expected}
  return [list {*}$expected]
}

# Runs a script; passes when its result is `expected`, or matches it if that is /re/ or ~/re/.
# An error that the script does not catch fails the test.
proc do_test {name script expected} {
  if {[catch {uplevel 1 $script} got opts]} {
    count_test $name 0 "\n  error: [dict get $opts -errorinfo]"
    return
  }
  set detail "\n  expected: \[$expected\]\n  got:      \[$got\]"
  count_test $name [result_matches $got $expected] $detail
}

# Takes "?-db HANDLE? NAME SQL ?EXPECTED?" apart: {HANDLE NAME SQL EXPECTED}.
proc sql_test_args {arguments} {
  set db db
  if {[lindex $arguments 0] eq "-db"} {
    set db [lindex $arguments 1]
    set arguments [lrange $arguments 2 end]
  }
  if {[llength $arguments] ni {2 3}} {error "wrong # args: ?-db DB? NAME SQL ?EXPECTED?"}
  return [list $db {*}[lrange $arguments 0 1] [normal_list [lindex $arguments 2]]]
}

# do_execsql_test ?-db HANDLE? NAME SQL ?VALUES?: SQL gives exactly these values.
proc do_execsql_test {args} {
  lassign [sql_test_args $args] db name sql expected
  uplevel 1 [list do_test $name [list execsql $sql $db] $expected]
}

# do_catchsql_test ?-db HANDLE? NAME SQL EXPECTED: SQL gives {0 VALUES} or fails with {1 MESSAGE}.
proc do_catchsql_test {args} {
  lassign [sql_test_args $args] db name sql expected
  uplevel 1 [list do_test $name [list catchsql $sql $db] $expected]
}

# The database file holds together.
proc integrity_check {name {db db}} {
  do_execsql_test -db $db $name {PRAGMA integrity_check} ok
}

# A line for the reader of the whole run, such as the score of a suite.
proc note {text} {
  puts "# $text"
}

# Ends the file here, with the reason why the rest of it cannot run.
proc skip_file {reason} {
  note "skipped: $reason"
  finish_test
}

# The folder of one public suite; ends the file when the run has none.
proc vectors {suite} {
  if {![info exists ::env(SEAL_VECTORS)]} {skip_file "no VECTORS"}
  set folder [file join $::env(SEAL_VECTORS) $suite]
  if {![file isdirectory $folder]} {skip_file "no $suite in VECTORS"}
  return $folder
}

# Closes the database, gives the count and ends the process: the last line of every file.
proc finish_test {} {
  catch {db close}
  puts "$::passed passed, $::failed failed"
  exit [expr {$::failed > 0}]
}

# --- Start ---------------------------------------------------------------------------------

# The same file may be run another way at the same time: in a folder of its own, with names of its own.
set test_prefix [expr {[info exists env(SEAL_TEST_PREFIX)] ? $env(SEAL_TEST_PREFIX) : ""}]
set test_file $test_prefix[file tail [expr {[info exists argv0] ? $argv0 : "tclsh"}]]
set test_folder $build/test/$test_file
forcedelete $test_folder
file mkdir $test_folder
cd $test_folder
if {[file exists $seal_lib]} {reset_db}
