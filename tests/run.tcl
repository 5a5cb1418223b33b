#!/usr/bin/env tclsh
# Runs the test files, each in a process of its own, two at a time.
#
#   tclsh tests/run.tcl                      all of tests/*.test
#   tclsh tests/run.tcl jose.test validity   these
#   tclsh tests/run.tcl 'attack-*'           those that match
#
# One line for each file, its notes and, in full, what failed below it; then the sum of all tests,
# alone on the last line: "N passed, N failed". Exit 1 if a test failed, a file crashed, ended
# early or took longer than SEAL_TIMEOUT seconds (default 300), or two tests have the same name.
# Environment: that of tester.tcl, and SEAL_JOBS (default 2); SEAL_PRELOAD (libraries put before a
# test process, for sanitizers); SEAL_RUNNER (a command put before it, such as valgrind).

set tests_folder [file dirname [file normalize [info script]]]

proc setting {name default} {
  return [expr {[info exists ::env($name)] && $::env($name) ne "" ? $::env($name) : $default}]
}

# The files that a word of the command line means, or an error.
proc files_of {word} {
  foreach pattern [list $word $word.test] {
    set found [glob -nocomplain -directory $::tests_folder -tails -- $pattern]
    set found [lsearch -all -inline -glob $found *.test]
    if {$found ne {}} {return [lsort $found]}
  }
  puts stderr "run.tcl: no test file $word"
  exit 2
}

# Starts one file. Its own process group, so that a timeout ends what it started as well.
proc start {file} {
  global running
  set command [list setsid {*}[setting SEAL_RUNNER ""] [info nameofexecutable]]
  set channel [open |[list {*}$command $::tests_folder/$file </dev/null 2>@1] r]
  fconfigure $channel -blocking 0 -encoding utf-8
  set running($channel) [list $file [clock milliseconds]]
  set ::output($channel) ""
  set ::timer($channel) [after [expr {[setting SEAL_TIMEOUT 300] * 1000}] [list stop $channel]]
  fileevent $channel readable [list take $channel]
}

proc stop {channel} {
  append ::output($channel) "\nFAIL timeout: the file took too long\n"
  catch {exec kill -KILL -- -[lindex [pid $channel] 0] 2>/dev/null}
}

proc take {channel} {
  append ::output($channel) [read $channel]
  if {[eof $channel]} {finish $channel}
}

# What went wrong with the process itself, as text; empty when it ended as a test file should.
proc process_fault {status failed has_sum} {
  lassign $status kind - what
  if {$kind eq "CHILDKILLED"} {return "killed by $what"}
  if {!$has_sum} {return "ended before finish_test"}
  if {$kind eq "CHILDSTATUS" && !($what == 1 && $failed > 0)} {return "exit code $what"}
  return ""
}

# Names that an earlier file used.
proc repeated_names {file lines} {
  set repeated {}
  foreach line $lines {
    if {![regexp {^(?:ok|FAIL) (\S+)} $line -> name]} continue
    if {[info exists ::name_in($name)] && $::name_in($name) ne $file} {
      lappend repeated "FAIL $name\n  a test of this name is in $::name_in($name) too"
    }
    set ::name_in($name) $file
  }
  return $repeated
}

# One file has ended: counts it and prints what a reader wants to see.
proc finish {channel} {
  global running output total_passed total_failed
  lassign $running($channel) file started
  after cancel $::timer($channel)
  fconfigure $channel -blocking 1
  set status {}
  if {[catch {close $channel} message opts]} {set status [dict get $opts -errorcode]}
  set text [string trimright $output($channel) \n]
  set lines [split $text \n]
  set has_sum [regexp {^(\d+) passed, (\d+) failed$} [lindex $lines end] -> passed failed]
  if {!$has_sum} {
    set passed [llength [lsearch -all -regexp $lines {^ok }]]
    set failed [llength [lsearch -all -regexp $lines {^FAIL }]]
  } else {
    set lines [lrange $lines 0 end-1]
  }
  set fault [process_fault $status $failed $has_sum]
  set extra [repeated_names $file $lines]
  incr failed [llength $extra]
  if {$fault ne ""} {
    incr failed
    lappend extra "FAIL $file: $fault"
  }
  set seconds [format %.1f [expr {([clock milliseconds] - $started) / 1000.0}]]
  set verdict [expr {$failed ? "FAIL" : "ok"}]
  puts [format "%-4s %-28s %6d passed %4d failed %7s s" $verdict $file $passed $failed $seconds]
  foreach line $lines {
    if {[string match "# *" $line] || ($failed && ![string match "ok *" $line])} {
      puts "     $line"
    }
  }
  foreach line $extra {puts "     $line"}
  flush stdout
  incr total_passed $passed
  incr total_failed $failed
  unset running($channel) output($channel)
  next
}

# Keeps SEAL_JOBS files running until none is left.
proc next {} {
  global waiting running
  while {$waiting ne {} && [array size running] < [setting SEAL_JOBS 2]} {
    set waiting [lassign $waiting file]
    start $file
  }
  if {$waiting eq {} && [array size running] == 0} {set ::done 1}
}

# An error here, such as a reader of the output that has gone, ends the run.
proc bgerror {message} {
  catch {puts stderr "run.tcl: $message"}
  exit 2
}

# Whatever the locale that this is started in: what tests write and compare is UTF-8.
set env(LC_ALL) C.UTF-8
fconfigure stdout -encoding utf-8
if {[info exists env(SEAL_PRELOAD)]} {set env(LD_PRELOAD) $env(SEAL_PRELOAD)}
array set running {}
array set name_in {}
set total_passed 0
set total_failed 0
set waiting {}
if {$argv eq {}} {set argv {*.test}}
foreach word $argv {lappend waiting {*}[files_of $word]}
set waiting [lsort -unique $waiting]
next
if {![info exists done]} {vwait done}
puts "$total_passed passed, $total_failed failed"
exit [expr {$total_failed > 0}]
