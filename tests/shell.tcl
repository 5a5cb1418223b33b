# scripts/seal for tests, on the database shell.db in the current folder. Sourced after tester.tcl and keys.tcl.
#
#   seal status --json                  -> {EXITCODE STDOUT STDERR}
#   seal_do agreement list --json       -> the output; a refusal is an error of the test
#   seal_refused status x               -> {EXITCODE MESSAGE}
#
# seal_words are the words before each command: another --db, or --key.

set seal_words {--db shell.db}

proc seal {args} {
  return [run_command [list $::root/scripts/seal {*}$::seal_words {*}$args]]
}
# The same, with another database and other options in the place of seal_words.
proc seal_with {words args} {
  return [run_command [list $::root/scripts/seal {*}$words {*}$args]]
}
proc seal_code {args} {return [lindex [seal {*}$args] 0]}
proc seal_do {args} {
  lassign [seal {*}$args] code out err
  if {$code != 0} {error "seal $args: exit $code: $err"}
  return $out
}
proc seal_refused {args} {
  lassign [seal {*}$args] code out err
  return [list $code [regsub {^seal: } [lindex [split $err \n] 0] {}]]
}

# What SQLite finds in JSON that the shell printed; one member of each of its rows.
proc json_get {json path} {
  return [db one {SELECT json_extract($json, $path)}]
}
proc json_all {json member} {
  return [db eval {SELECT value ->> $member FROM json_each($json)}]
}

# A date, so many days from today.
proc day {n} {
  return [clock format [expr {[clock seconds] + $n * 86400}] -gmt 1 -format %Y-%m-%d]
}

# The characters of the longest line.
proc widest {text} {
  return [tcl::mathfunc::max 0 {*}[lmap line [split $text \n] {string length $line}]]
}
