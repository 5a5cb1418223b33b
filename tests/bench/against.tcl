# What `make bench BEFORE=FOLDER` prints: this build beside an older one, each measured by its own bench (bench.h),
# work by work in turns, so that both meet the same machine.
#
#   tclsh tests/bench/against.tcl ../seal-0.1.0/build build 5 "-r 1000000" operation lookup
#
# FOLDER has `bench` and seal.so of the other version. For each line of a work: the registrar's own figure before and
# after, medians over the rounds; their ratio, the median over the rounds of after / before; and the least and the
# largest of these ratios. A line that the other version does not have is left out.

lassign $argv before after rounds options
set works [lrange $argv 4 end]
if {$works eq ""} {set works {message insert operation token lookup refusal sweep exchange}}

# Seconds, or bytes, of a figure as the bench prints it; "" if it is none.
proc amount {text} {
  if {![regexp {^([0-9.]+) (us|ms|s|MB|B)$} [string trim $text] - n unit]} {return ""}
  return [expr {$n * [dict get {us 1e-6 ms 1e-3 s 1.0 MB 1e6 B 1.0} $unit]}]
}

# The lines of one work: name and the registrar's figure. Columns are bench.c's.
proc measure {folder options work} {
  set list {}
  set text [exec $folder/bench -l $folder/seal -d $folder/bench.db {*}$options $work]
  foreach line [lrange [split $text \n] 1 end] {
    set figure [amount [string range $line 72 83]]
    if {$figure ne ""} {lappend list [string trimright [string range $line 0 57]] $figure}
  }
  return $list
}

proc median {list} {
  set list [lsort -real $list]
  set n [llength $list]
  return [expr {([lindex $list [expr {($n - 1) / 2}]] + [lindex $list [expr {$n / 2}]]) / 2.0}]
}
proc figure {n} {
  if {$n >= 1000} {return [format "%.2f MB" [expr {$n / 1e6}]]}
  if {$n < 1e-3} {return [format "%.2f us" [expr {$n * 1e6}]]}
  return [format "%.2f ms" [expr {$n * 1e3}]]
}

puts [format "%-58s %12s %12s %7s  %s" "work (medians of $rounds rounds, in turns)" before after ratio "least to largest"]
foreach work $works {
  array unset old
  array unset new
  set names {}
  for {set i 0} {$i < $rounds} {incr i} {
    foreach {name n} [measure $before $options $work] {lappend old($name) $n}
    foreach {name n} [measure $after $options $work] {
      lappend new($name) $n
      if {$i == 0} {lappend names $name}
    }
  }
  foreach name $names {
    if {![info exists old($name)] || [llength $old($name)] != [llength $new($name)]} continue
    set ratios [lsort -real [lmap a $new($name) b $old($name) {expr {$a / $b}}]]
    puts [format "%-58s %12s %12s %7.2f  %.2f to %.2f" $name [figure [median $old($name)]] [figure [median $new($name)]] \
        [median $ratios] [lindex $ratios 0] [lindex $ratios end]]
  }
  flush stdout
}
