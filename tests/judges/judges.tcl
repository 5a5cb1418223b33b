#!/usr/bin/env tclsh
# The registrar before judges that nobody of this project wrote: its answers, its charging records and its tokens
# are held against 3GPP's OpenAPI files by programs of npm and Debian. Guards ext/messages, ext/host and seal_charging.
#
#   tclsh tests/judges/judges.tcl ../openapi           all parts; or make judges OPENAPI=../openapi
#   tclsh tests/judges/judges.tcl ../openapi answers   some of them
#
# Parts: answers (each operation with each status), bodies (random ones, right and wrong), clients (programs that
# are driven by the files, and OAuth's), charging (the records), authlib, and door, which is again answers, clients,
# authlib by HTTPS, answers by Prism as a proxy, and tls; door-tls is one of these. The folder has the files as 3GPP
# publishes them, TS29549_SS_IdmParameterProvisioning.yaml and what it refers to; nothing of it stays here.
#
# The packages that package.json names are installed in SEAL_JUDGES (default: build-judges), once. Where there is
# no npm, no network or no folder of files it exits 77, and the last line says what is missing; otherwise that is
# "N passed, M failed". Environment: that of tester.tcl.
#
# How: this process has the database and answers HTTP (shim.tcl), all in its event loop. A part is a program that it
# starts, in the folder of packages: "ok NAME", "FAIL NAME" and what is indented below are counted, "@ACTION BASE64" is
# an action of this process, answered with a line in base64, and other lines are shown.

# The folder, before tester.tcl goes to another one.
set openapi [lindex $argv 0]
if {$openapi eq ""} {
  puts stderr "usage: make judges OPENAPI=FOLDER, or tclsh tests/judges/judges.tcl FOLDER ?PART …?"
  exit 2
}
set openapi [file normalize $openapi]
source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/judges/shim.tcl
source $tests_folder/judges/door.tcl

set judges $root/build-judges
if {[info exists env(SEAL_JUDGES)]} {set judges [file normalize $env(SEAL_JUDGES)]}

proc missing {what} {
  puts "judges: $what"
  exit 77
}

# --- Packages ------------------------------------------------------------------------------

# Installs what package.json names, unless it is there. The file of that name in the folder is written last.
proc install_packages {} {
  set wanted [read_file $::tests_folder/judges/package.json]
  set done $::judges/installed.json
  if {[file exists $done] && [read_file $done] eq $wanted} return
  if {[auto_execok npm] eq "" || [auto_execok node] eq ""} {missing "npm and node are not there"}
  file mkdir $::judges
  write_file $::judges/package.json $wanted
  set options {--no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error}
  lassign [run_command [list npm install --prefix $::judges {*}$options]] rc out err
  if {$rc != 0} {
    missing "npm can't install the packages of tests/judges/package.json: [lindex [split [string trim $err] \n] 0]"
  }
  write_file $done $wanted
}

# --- Parts ---------------------------------------------------------------------------------

# By what a part's requests come to the registrar: shim or door. What its tests are called then.
set by shim
set prefix judges-

# What a part may ask of this process; each gives a text.

# A new registrar, whose clock may stand so many seconds from the host's: its URL.
proc action_registrar {seconds} {return [${::by}_registrar $seconds]}
# Statements: all values of their results, a line each.
proc action_sql {sql} {return [join [db eval $sql] \n]}
# The clock of the registrar: seconds to the host's, where it then stands; nothing: the host's again.
proc action_clock {seconds} {return [${::by}_clock $seconds]}
# The connection that answers: db or locked.
proc action_connection {name} {return [${::by}_connection $name]}
# An access token of v2x.example with these scopes; none: all.
proc action_access_token {scope} {
  set argument [json_object val_server_id v2x.example {*}[expr {$scope eq "" ? {} : [list scope $scope]}]]
  return [db one {INSERT INTO seal_command(command, argument) VALUES ('issue-token', $argument);
    SELECT result ->> 'access_token' FROM seal_command LIMIT 1}]
}
# A one-time token by a key (v2x, other, sims) for who has it: "KEY ?CLAIM VALUE …?".
proc action_assertion {arguments} {
  set ids {v2x v2x.example other other.example sims sims-1}
  return [val_token [lindex $arguments 0] [dict get $ids [lindex $arguments 0]] {*}[lrange $arguments 1 end]]
}
# A private key as PEM, by its name.
proc action_private_key {name} {return [read_file $name.pem]}

proc count_pending {} {
  if {$::pending eq ""} return
  lassign $::pending ok name
  count_test $name $ok $::pending_detail
  set ::pending ""
  set ::pending_detail ""
}

# A line of a part, or its end.
proc take_line {channel} {
  if {[gets $channel line] < 0} {
    if {[eof $channel]} {set ::part_done 1}
    return
  }
  if {[regexp {^@(\w+) ?(\S*)$} $line -> action argument]} {
    set argument [encoding convertfrom utf-8 [binary decode base64 $argument]]
    if {[catch {action_$action $argument} result opts]} {
      puts "  action $action: [dict get $opts -errorinfo]"
      set result "error: $result"
    }
    puts $channel [binary encode base64 [encoding convertto utf-8 $result]]
  } elseif {[string match "  *" $line] && $::pending ne ""} {
    append ::pending_detail \n$line
  } else {
    count_pending
    if {[regexp {^(ok|FAIL) (\S+)$} $line -> verdict name]} {
      set ::pending [list [expr {$verdict eq "ok"}] [regsub ^judges- $name $::prefix]]
    } else {
      puts $line
      flush stdout
    }
  }
}

# Runs a part: a program that has to end with 0.
proc run_part {name command} {
  set started [clock milliseconds]
  set ::pending ""
  set ::pending_detail ""
  set channel [open |[list {*}$command 2>@1] r+]
  fconfigure $channel -blocking 0 -buffering line -encoding utf-8
  fileevent $channel readable [list take_line $channel]
  set timer [after 300000 [list set ::part_done "took over 300 seconds"]]
  vwait ::part_done
  after cancel $timer
  count_pending
  if {$::part_done ne 1} {exec kill -KILL {*}[pid $channel]}
  fconfigure $channel -blocking 1
  set failed [catch {close $channel} message]
  count_test $::prefix$name.end [expr {!$failed && $::part_done eq 1}] "\n  $message $::part_done"
  note "[string range $::prefix 7 end]$name: [expr {([clock milliseconds] - $started) / 1000}] s"
}

# --- Start ---------------------------------------------------------------------------------

if {![file exists $openapi/TS29549_SS_IdmParameterProvisioning.yaml]} {
  missing "there are no official files in [file tail $openapi]"
}
install_packages
foreach file [glob $tests_folder/judges/*.mjs] {file copy -force $file $judges}

set parts [lrange $argv 1 end]
if {$parts eq {}} {set parts {answers bodies clients charging authlib door}}
shim_start
set env(SEAL_OPENAPI) $openapi

# Runs a part by its name.
proc run_named {part} {
  if {$part ne "authlib"} {
    run_part $part [list node $::judges/$part.mjs]
  } elseif {[catch {exec /usr/bin/python3 -c "import authlib, requests"}]} {
    note "skipped: authlib is not there (scripts/setup judges)"
  } else {
    run_part authlib [list /usr/bin/python3 $::tests_folder/judges/authlib_client.py]
  }
}

# All that speaks HTTP once more, by the door (or one part of it, door-NAME): each operation and status by curl, then by
# Prism as a validating proxy; clients; and TLS itself.
proc run_door {only} {
  set why [door_missing]
  if {$why ne ""} {
    note "skipped: the door ($why)"
    return
  }
  door_setup
  set ::by door
  set ::prefix judges-door-
  foreach part {answers clients authlib tls} {
    if {$only in [list "" $part]} {run_named $part}
  }
  if {$only in {"" prism}} {
    set ::prefix judges-prism-
    set ::env(SEAL_PRISM) yes
    run_named answers
    unset ::env(SEAL_PRISM)
  }
  door_stop
  set ::by shim
  set ::prefix judges-
}

foreach part $parts {
  if {[regexp {^door-?(\w*)$} $part - only]} {run_door $only} else {run_named $part}
}
finish_test
