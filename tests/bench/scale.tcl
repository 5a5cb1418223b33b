# What a message costs by the number of VAL services that it brings, all under one term, then each under its own:
# milliseconds, and how many times that of a tenth of them. Work is linear: about 10, and never more than 11 or so.
#
#   tclsh tests/bench/scale.tcl

source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/registrar.tcl

# Sends a request: milliseconds.
proc timed {method uri {body ""}} {
  set text [request $method $uri $body]
  set t [clock microseconds]
  if {[send_text s-[incr ::message_count] $text] >= 300} {error $::response}
  return [expr {([clock microseconds] - $t) / 1000.0}]
}
puts [format "%-9s %-7s %10s %10s %10s %10s %10s" "services" "terms" POST GET PATCH PUT DELETE]
foreach own {0 1} {
  set last {}
  foreach n {10 100 1000 10000} {
    new_registrar
    set services {}
    db eval BEGIN
    for {set i 0} {$i < $n} {incr i} {
      if {$own} {add_term identity-management s$i}
      lappend services s$i u
    }
    db eval COMMIT
    set all [timed POST $ipp [idm_bodies $services]]
    set one [answer {$.headers.Location}]
    lappend all [timed GET $one] [timed PATCH $one {{"expTime":"2999-01-01T00:00:00Z"}}] \
        [timed PUT $one [idm_bodies $services]] [timed DELETE $one]
    set row [format "%-9d %-7d" $n [expr {$own ? $n : 1}]]
    foreach ms $all before [expr {$last eq {} ? {0 0 0 0 0} : $last}] {
      append row [format " %10s" [format "%.1f%s" $ms [expr {$before ? [format " x%.0f" [expr {$ms / $before}]] : ""}]]]
    }
    puts $row
    set last $all
  }
}
db close
