#!/usr/bin/env tclsh
# What the tests guard: edits of the sources, one at a time, each against the test files that guard its room. An edit that
# no test finds is a rule that no test knows.
#
#   tclsh tests/mutate/mutate.tcl                       240 edits, by seed 1
#   tclsh tests/mutate/mutate.tcl --count 40 --seed 7 'ext/crypto/*'
#   tclsh tests/mutate/mutate.tcl --list 'sql/*'        what could be edited, without doing it
#   tclsh tests/mutate/mutate.tcl --again edits.log     the edits of an earlier run, whose output that is, or of a part of it
#
# Options: --count N, --seed N, --jobs N (2), --seconds N: after which no further test of one edit begins (20). Patterns choose
# files; none: all that rooms.tcl names. What --again finds no more, since the line is another one, is left out and counted.
#
# An edit flips a comparison (< <=, > >=, == !=), drops one side of && or ||, an assignment or a call, makes a condition
# always true or never, or moves a constant by one; in SQL it flips a comparison, drops a term behind AND, or takes
# another side of coalesce, min and max. An edit whose object code stays the same is none; nor is one that only a fault of
# the system would tell: fault.test fails each of those in its turn. What can't be told from the
# original, with the reason, is in equivalent.txt, and is not counted.
#
# Prints a line per edit (killed by which test, survived, "late" where the time was over before all tests had run, or did
# not build) and the sum per room; exit 1 if less than 95 % of what built and is not equivalent was killed. Each job works
# in a copy of its own below the build folder (build-mutate/N); the sources here are not touched.

set mutate_folder [file dirname [file normalize [info script]]]
set root [file dirname [file dirname $mutate_folder]]
source $mutate_folder/rooms.tcl

set options {--count 240 --seed 1 --jobs 2 --seconds 20 --list 0 --again {} --worker {}}
set patterns {}
for {set i 0} {$i < [llength $argv]} {incr i} {
  set word [lindex $argv $i]
  if {$word eq "--list"} {
    dict set options --list 1
  } elseif {[dict exists $options $word] && $i + 1 < [llength $argv]} {
    dict set options $word [lindex $argv [incr i]]
  } elseif {[string match -* $word]} {
    puts stderr "mutate.tcl: no option $word"
    exit 2
  } else {
    lappend patterns $word
  }
}
proc option {name} {return [dict get $::options --$name]}

proc read_text {path} {
  set f [open $path r]
  fconfigure $f -encoding utf-8 -translation lf
  set text [read $f]
  close $f
  return $text
}
proc write_text {path text} {
  set f [open $path w]
  fconfigure $f -encoding utf-8 -translation lf
  puts -nonewline $f $text
  close $f
}

# --- Edits -------------------------------------------------------------------------------------------
# The text with comments, strings and what the preprocessor reads made blank, at the same places.
proc blank {text is_sql} {
  set kinds [expr {$is_sql ? {--[^\n]*|'[^']*'|"[^"]*"} :
    {(?w)/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|^#(?:[^\n]*\\\n)*[^\n]*$|\massert\([^;]*\);}}]
  set out ""
  set from 0
  foreach range [regexp -all -inline -indices -- $kinds $text] {
    lassign $range a b
    append out [string range $text $from $a-1] [regsub -all {[^\n]} [string range $text $a $b] " "]
    set from [expr {$b + 1}]
  }
  return $out[string range $text $from end]
}

# From a place to where the operand of && or || there ends, forward (1) or back (-1).
proc operand_end {text at step} {
  set depth 0
  set stops [expr {$step > 0 ? {[;?:,{}]} : {[;?:,{}=]}}]
  for {set i $at} {$i >= 0 && $i < [string length $text]} {incr i $step} {
    set c [string index $text $i]
    if {$c eq ($step > 0 ? "(" : ")")} {incr depth}
    if {$c eq ($step > 0 ? ")" : "(")} {
      if {$depth == 0} {return [expr {$i - $step}]}
      incr depth -1
    }
    if {$depth > 0} continue
    if {$c eq "=" && $step < 0 && ([string index $text $i-1] in {= ! < >})} {incr i -1; continue}
    if {[regexp $stops $c]} {return [expr {$i - $step}]}
    if {$c in {& |} && [string index $text [expr {$i + $step}]] eq $c} {return [expr {$i - $step}]}
    if {$step < 0 && $c eq "n" && [string range $text $i-5 $i] eq "return"} {return [expr {$i + 1}]}
  }
  return $at
}

# Where the parenthesis that opens at a place closes.
proc closing {text at} {
  for {set i $at; set depth 0} {$i < [string length $text]} {incr i} {
    switch -- [string index $text $i] {
      ( {incr depth}
      ) {if {[incr depth -1] == 0} {return $i}}
    }
  }
  return -1
}

# The edits of a text: {START END NEW RULE ...}, places of the characters that become NEW.
proc edits_of {text is_sql} {
  set found {}
  foreach {pattern flips rule} {
    {(?:^|[^<>=!-])(<=|>=|<|>)(?=[^<>=])} {< <= <= < > >= >= >} order
    {(==|!=)} {== != != ==} equality
  } {
    foreach {- range} [regexp -all -inline -indices -- $pattern $text] {
      lassign $range a b
      lappend found $a $b [dict get $flips [string range $text $a $b]] $rule
    }
  }
  foreach range [regexp -all -inline -indices -- {\m[1-9][0-9]*\M(?![.])} $text] {
    lassign $range a b
    if {[string index $text $a-1] in {? x . \"}} continue
    lappend found $a $b [expr {[string range $text $a $b] + 1}] constant
  }
  return [concat $found [expr {$is_sql ? [sql_edits $text] : [c_edits $text]}]]
}
proc sql_edits {text} {
  set found {}
  foreach range [regexp -all -inline -indices -- {\mAND\M} $text] {
    lappend found {*}$range OR condition
  }
  foreach {- range} [regexp -all -inline -indices -- {[^<>=!](=)[^=]} $text] {
    lappend found {*}$range <> equality
  }
  foreach {name other} {max min min max} {
    foreach range [regexp -all -inline -indices -- "\\m$name\\M(?=\\()" $text] {lappend found {*}$range $other side}
  }
  foreach range [regexp -all -inline -indices -- {\mNOT EXISTS\M} $text] {lappend found {*}$range EXISTS condition}
  foreach range [regexp -all -inline -indices -- {\mIS NOT NULL\M} $text] {lappend found {*}$range {IS NULL} condition}
  foreach range [regexp -all -inline -indices -- {\mcoalesce(?=\()} $text] {lappend found {*}$range nullif side}
  return $found
}
proc c_edits {text} {
  set found {}
  foreach range [regexp -all -inline -indices -- {&&|\|\|} $text] {
    lassign $range a b
    set neutral [expr {[string index $text $a] eq "&" ? 1 : 0}]
    lappend found [operand_end $text [expr {$a - 1}] -1] [expr {$a - 1}] " $neutral " condition
    lappend found [expr {$b + 1}] [operand_end $text [expr {$b + 1}] 1] " $neutral" condition
  }
  foreach {all open} [regexp -all -inline -indices -- {\mif (\()} $text] {
    set a [lindex $open 0]
    set b [closing $text $a]
    if {$b < 0} continue
    foreach value {0 1} {lappend found $a $b ($value) if}
  }
  # A whole statement on a line: an assignment or a call; not what only gives memory back.
  set statement {(?n)^ +(?:\(void\))?[a-zA-Z_][a-zA-Z0-9_.>\[\]-]*(?: [|&+-]?= [^;{}]*|\([^;{}]*\));$}
  foreach range [regexp -all -inline -indices -- $statement $text] {
    set words [string range $text {*}$range]
    if {[regexp {memset\(|free\(|clear\(|finalize\(|decref\(|reset\(|return|ERR_} $words]} continue
    lappend found {*}$range ";" statement
  }
  foreach range [regexp -all -inline -indices -- {\+\+|--(?=[a-z])} $text] {lappend found {*}$range "" constant}
  return $found
}

proc line_at {text at} {
  set from [string last \n $text $at]
  return [string range $text $from+1 [string first \n $text $at]-1]
}
# What only a fault of the system reaches: conditions on it that are dropped, and whatever memory is asked for.
proc is_system {words rule line} {
  if {[string match *SQLITE_NOMEM* $line] || [regexp {== NULL} $line] && [regexp {alloc|_new|malloc|out of memory} $line]} {return 1}
  set on_rc {^[\s(!]*(?:\*?rc|bad|ok)(?: [=!]= (?:SQLITE_(?:OK|ROW|DONE)|0|1))?[\s)]*$}
  return [expr {$rule in {condition if} && [regexp $on_rc $words]}]
}

proc files {} {
  set all {}
  foreach place {ext/registrar ext/tables ext/messages ext/crypto} {
    lappend all {*}[glob -nocomplain -directory $::root -tails $place/*.c $place/*/*.c]
  }
  lappend all {*}[glob -directory $::root -tails sql/statements/*.sql sql/relations/*.sql]
  set patterns [expr {$::patterns eq {} ? {*} : $::patterns}]
  return [lsort [lmap file $all {
    set wanted 0
    foreach pattern $patterns {if {[string match $pattern $file]} {set wanted 1}}
    expr {$wanted ? $file : [continue]}
  }]]
}
proc room_of {file} {
  set folder [file dirname $file]
  return [expr {[string match sql/* $file] ? "sql" : $folder}]
}
proc guards_of {file} {
  foreach {pattern tests} $::guard_order {
    if {![string match $pattern $file]} continue
    return [lmap test $tests {
      if {![file exists $::root/tests/$test.test]} continue
      set test
    }]
  }
  return {}
}

# All edits: {FILE LINE START END NEW RULE}.
proc all_edits {} {
  set all {}
  foreach file [files] {
    set text [read_text $::root/$file]
    set is_sql [string match *.sql $file]
    foreach {a b new rule} [edits_of [blank $text $is_sql] $is_sql] {
      if {$b < $a || [is_system [string range $text $a $b] $rule [line_at $text $a]]} continue
      set line [expr {1 + [regexp -all \n [string range $text 0 $a-1]]}]
      lappend all [list $file $line $a $b $new $rule]
    }
  }
  return $all
}

# N of them by seed: the rooms in turns, each time a rule of it in turns.
proc choose {all count seed} {
  expr {srand($seed)}
  set shuffled [lsort -real -index 0 [lmap edit $all {list [expr {rand()}] $edit}]]
  set by {}
  foreach pair $shuffled {
    set edit [lindex $pair 1]
    dict lappend by [list [room_of [lindex $edit 0]] [lindex $edit 5]] $edit
  }
  set chosen {}
  for {set round 0} {[llength $chosen] < $count && $by ne {}} {incr round} {
    foreach key [dict keys $by] {
      set list [dict get $by $key]
      lappend chosen [lindex $list 0]
      if {[llength $list] == 1} {dict unset by $key} else {dict set by $key [lrange $list 1 end]}
      if {[llength $chosen] == $count} break
    }
  }
  return $chosen
}

# The edits that an earlier run's output names, by file, edit and line; those of one line by their order in it.
proc named_in {all path} {
  foreach line [split [read_text $path] \n] {
    if {[regexp {^(?:killed|survived|equivalent) .{0,22}?((?:ext|sql)/\S+):(\d+)  (.*)$} $line - file - rest]} {
      dict incr wanted [list $file $rest]
    }
  }
  set found {}
  foreach edit $all {
    lassign $edit file line
    if {![info exists text] || $file ne $was} {set text [read_text $::root/$file]; set was $file}
    set key [list $file "[words_of $text $edit]  |  [string range [line_of $text $line] 0 90]"]
    if {![dict exists $wanted $key]} continue
    lappend found $edit
    dict incr wanted $key -1
    if {[dict get $wanted $key] == 0} {dict unset wanted $key}
  }
  set lost 0
  dict for {key n} $wanted {incr lost $n}
  if {[option worker] eq ""} {puts "[llength $found] edits again, $lost are there no more"}
  return $found
}

# An edit in words: the line as it was, and what became of the place.
proc line_of {text line} {return [string trim [lindex [split $text \n] $line-1]]}
proc words_of {text edit} {
  lassign $edit file line a b new
  set old [regsub -all {\s+} [string range $text $a $b] " "]
  return "[string trim $old] -> [string trim $new]"
}

# --- Equivalents -------------------------------------------------------------------------------------
# equivalent.txt: three lines each, FILE: the line, trimmed / the edit in words / the reason, then an empty one.
proc read_equivalents {} {
  set known {}
  set path $::mutate_folder/equivalent.txt
  if {![file exists $path]} {return $known}
  foreach block [split [regsub -all {(?n)^#.*\n} [read_text $path] ""] \x00] {
    foreach part [split [string map {\n\n \x00} $block] \x00] {
      lassign [split [string trim $part] \n] where words reason
      if {$reason ne ""} {dict set known "$where\n$words" $reason}
    }
  }
  return $known
}

# --- A job -------------------------------------------------------------------------------------------
# Runs a test file: "", "failed", or "hangs".
proc run_test {folder test} {
  set longest [expr {[clock milliseconds] + 3 * [dict get $::baseline $test] + 3000}]
  set ::env(SEAL_BUILD) $folder/build
  set channel [open |[list setsid [info nameofexecutable] $folder/tests/$test.test </dev/null 2>@1] r]
  fconfigure $channel -blocking 0 -encoding binary
  set result ""
  set text ""
  while {1} {
    append text [read $channel]
    if {[string match "*FAIL *" $text]} {set result failed; break}
    if {[eof $channel]} break
    if {[clock milliseconds] > $longest} {set result hangs; break}
    after 20
  }
  set pid [lindex [pid $channel] 0]
  if {$result ne ""} {catch {exec kill -KILL -- -$pid 2>/dev/null}}
  fconfigure $channel -blocking 1
  if {[catch {close $channel}] && $result eq ""} {set result failed}
  return $result
}

proc build {folder} {
  return [catch {exec make -s -C $folder BUILD=$folder/build CFLAGS=-O1 "WARN=-std=c11 -w -fwrapv" all tools >& $folder/make.log}]
}
proc object_of {folder file} {
  if {[string match *.sql $file]} {return $folder/build/gen/sql.c}
  return $folder/build/obj/[file rootname [string range $file 4 end]].o
}
proc digest {path} {
  if {[catch {exec sha256sum $path} text]} {return ""}
  return [lindex $text 0]
}

# What became of an edit: {KIND TEST}.
proc judge {folder edit} {
  lassign $edit file line a b new
  set text [read_text $folder/$file]
  set object [object_of $folder $file]
  set was [digest $object]
  write_text $folder/$file [string range $text 0 $a-1]$new[string range $text $b+1 end]
  set result survived
  if {[build $folder]} {
    set result "not built"
  } elseif {[digest $object] eq $was} {
    set result same
  } else {
    set deadline [expr {[clock milliseconds] + [option seconds] * 1000}]
    foreach test [guards_of $file] {
      # A file that has begun may end: one that the edit made endless is to be seen as such.
      if {[clock milliseconds] > $deadline} {
        set result "survived late"
        break
      }
      set how [run_test $folder $test]
      if {$how ne ""} {
        set result "killed $test"
        break
      }
    }
  }
  write_text $folder/$file $text
  return $result
}

# Work in a copy: what is committed and what is not, but nothing built.
proc worker {n jobs edits} {
  set folder $::root/build-mutate/$n
  file delete -force $folder
  file mkdir $folder
  exec sh -c "cd '$::root' && tar cf - --exclude=./build --exclude='./build-*' --exclude=./.git . | tar xf - -C '$folder'"
  if {[build $folder]} {
    puts stderr "mutate.tcl: it does not build: [read_text $folder/make.log]"
    exit 2
  }
  set ::baseline {}
  set mine [lmap edit $edits {if {[incr k] % $jobs != $n} continue; set edit}]
  foreach edit $mine {
    foreach test [guards_of [lindex $edit 0]] {
      if {[dict exists $::baseline $test]} continue
      dict set ::baseline $test 60000
      set start [clock milliseconds]
      set how [run_test $folder $test]
      if {$how ne ""} {puts stderr "mutate.tcl: $test.test fails without an edit"; exit 2}
      dict set ::baseline $test [expr {[clock milliseconds] - $start}]
    }
  }
  foreach edit $mine {
    puts [list [judge $folder $edit] $edit]
    flush stdout
  }
}

# --- The whole ---------------------------------------------------------------------------------------
proc print_one {result edit text} {
  lassign $edit file line
  puts [format "%-24s %s:%d  %s  |  %s" $result $file $line [words_of $text $edit] [string range [line_of $text $line] 0 90]]
}

proc main {} {
  set all [all_edits]
  if {[option list]} {
    foreach edit $all {print_one [lindex $edit 5] $edit [read_text $::root/[lindex $edit 0]]}
    puts "[llength $all] edits"
    return 0
  }
  set again [option again]
  set edits [expr {$again ne "" ? [named_in $all $again] : [choose $all [option count] [option seed]]}]
  set jobs [option jobs]
  if {[option worker] ne ""} {
    worker [option worker] $jobs $edits
    return 0
  }
  set known [read_equivalents]
  set ::open 0
  for {set n 0} {$n < $jobs} {incr n} {
    set channel [open |[list [info nameofexecutable] [info script] {*}$::argv --worker $n 2>@stderr] r]
    fconfigure $channel -encoding utf-8
    fileevent $channel readable [list take $channel $known]
    incr ::open
  }
  vwait ::done
  return [sum]
}
proc take {channel known} {
  if {[gets $channel line] < 0} {
    if {![eof $channel]} return
    if {[catch {close $channel}]} {exit 2}
    if {[incr ::open -1] == 0} {set ::done 1}
    return
  }
  lassign $line result edit
  set file [lindex $edit 0]
  set text [read_text $::root/$file]
  if {[string match survived* $result]} {
    set key "$file: [line_of $text [lindex $edit 1]]\n[words_of $text $edit]"
    if {[dict exists $known $key]} {set result equivalent}
  }
  print_one $result $edit $text
  flush stdout
  dict incr ::sums [list [room_of $file] [lindex $result 0]]
}
proc sum {} {
  set killed_all [set tried_all 0]
  puts [format "\n%-28s%8s%10s%12s%8s%8s" ROOM KILLED SURVIVED EQUIVALENT "NO EDIT" "%"]
  foreach room [lsort -unique [lmap key [dict keys $::sums] {lindex $key 0}]] {
    foreach kind {killed survived equivalent same not} {
      set $kind [expr {[dict exists $::sums [list $room $kind]] ? [dict get $::sums [list $room $kind]] : 0}]
    }
    set tried [expr {$killed + $survived}]
    puts [format "%-28s%8d%10d%12d%8d%8s" $room $killed $survived $equivalent [expr {$same + $not}] \
        [expr {$tried ? [format %.1f [expr {100.0 * $killed / $tried}]] : "-"}]]
    incr killed_all $killed
    incr tried_all $tried
  }
  set percent [expr {$tried_all ? 100.0 * $killed_all / $tried_all : 0}]
  puts [format "%d edits that change something, %d killed: %.1f %%" $tried_all $killed_all $percent]
  return [expr {$percent < 95}]
}
exit [main]
