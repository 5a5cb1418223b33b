# What work costs by its size: a table for each kind. Work is linear in what came, or bounded.
#
#   tclsh tests/bench/scale.tcl

# What was freed must be given back, or nothing larger would be seen at a peak: glibc reads this when it starts.
if {![info exists env(MALLOC_MMAP_THRESHOLD_)]} {
  set env(MALLOC_MMAP_THRESHOLD_) 65536
  set env(MALLOC_TRIM_THRESHOLD_) 65536
  exec [info nameofexecutable] [info script] >@stdout 2>@stderr
  exit
}
source [file join [file dirname [file dirname [file normalize [info script]]]] tester.tcl]
source $tests_folder/registrar.tcl
source $tests_folder/der.tcl

# A message by the number of VAL services that it brings, all under one term, then each under its own: milliseconds, and
# how many times that of a tenth of them.
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
# What costs anyone's input: milliseconds of a request, and by how many KB the process was larger at its peak.
proc peak {} {
  regexp {VmHWM:\s+(\d+)} [read_file /proc/self/status] -> kb
  return $kb
}
proc cost {what size bytes script} {
  write_file /proc/self/clear_refs 5
  set before [peak]
  set all {}
  for {set i 0} {$i < 5} {incr i} {
    set t [clock microseconds]
    uplevel 1 $script
    lappend all [expr {([clock microseconds] - $t) / 1000.0}]
  }
  set ms [lindex [lsort -real $all] 2]
  puts [format "%-22s %12s %9.2f %9s %9d" $what $size $ms \
      [expr {$bytes >= 1 << 20 ? [format %.2f [expr {$ms * (1 << 20) / $bytes}]] : ""}] [expr {[peak] - $before}]]
}
proc of_size {bytes} {return [expr {$bytes >= 1 << 20 ? "[expr {$bytes >> 20}] MB" : "[expr {$bytes >> 10}] KB"}]}

puts [format "\n%-22s %12s %9s %9s %9s" "who is not known sends" size ms "ms a MB" "KB more"]
new_registrar
foreach bytes {1024 65536 1048576 16777216 67108864} {
  set body [binary format a$bytes ""]
  cost "in parts" [of_size $bytes] $bytes {
    db eval {INSERT INTO seal_message(message_id, method, uri, content_type, body) VALUES ('p', 'POST', $ipp, 'application/json', @body)}
  }
  unset body
}
foreach {what unit last} {text x {} digits 1, 1 arrays {[],} {[]} names {{"a":1},} 1} {
  foreach bytes {1024 65536 1048576 16777216 67108864} {
    set inside [string repeat $unit [expr {$bytes / [string length $unit]}]]$last
    set inside [expr {$what eq "text" ? "\"$inside\"" : "\[$inside\]"}]
    set text [encoding convertto utf-8 "{\"method\":\"POST\",\"uri\":\"$ipp\",\"body\":$inside}"]
    unset inside
    cost "an envelope of $what" [of_size $bytes] $bytes {db eval {INSERT INTO seal_message(message_id, request) VALUES ('e', @text)}}
    unset text
  }
}

# A stranger's messages: what they leave in the database.
puts [format "\n%-22s %12s %9s %9s" "a stranger's messages" count ms "KB kept"]
proc kilobytes_kept {} {return [expr {[db one {PRAGMA page_count}] * [db one {PRAGMA page_size}] / 1024}]}
new_registrar
set text [request GET $ipp "" authorization "Bearer [token_of v2x "" iss nobody sub nobody]"]
foreach n {10 100 1000 10000} {
  set before [kilobytes_kept]
  set t [clock microseconds]
  for {set i 0} {$i < $n} {incr i} {db eval {INSERT INTO seal_message(message_id, request) VALUES ('s' || $n || $i, $text)}}
  puts [format "%-22s %12d %9.1f %9d" "" $n [expr {([clock microseconds] - $t) / 1000.0}] [expr {[kilobytes_kept] - $before}]]
}

# Of n configurations, n that a query names; a message under an agreement of n terms.
puts [format "\n%-22s %12s %9s %9s %9s" "of a VAL server" count ms "ms a MB" "KB more"]
foreach n {10 100 1000} {
  new_registrar
  set ids {}
  for {set i 0} {$i < $n} {incr i} {lappend ids [file tail [post [idm_body s$i u]]]}
  cost config-ids $n 0 {send GET $ipp?config-ids=[join $ids ,]}
}
foreach n {10 100 1000 10000} {
  new_registrar
  db eval BEGIN
  for {set i 0} {$i < $n} {incr i} {add_term identity-management s$i}
  db eval COMMIT
  cost "a POST among terms" $n 0 {post [idm_body s[expr {$n / 2}] u[incr count]]}
}

# A CRL of n entries that an anchor signed, and that another did.
puts [format "\n%-22s %12s %9s %9s %9s" "a CRL" entries ms "ms a MB" "KB more"]
new_registrar
foreach key {one two} {make_key ES256 $key}
cert one one -kind ca -end 271130235959Z
set value [pem one]
db eval {INSERT INTO seal_anchor(anchor_id, type, value) VALUES ('one', 'ca', $value)}
foreach {what signer} {signed one "signed by another" two} {
  foreach n {100 1000 10000 100000} {
    set entries [string repeat [seq [integer 77] [time_value 261105000000Z]] $n]
    set tbs [seq [integer 1] [signature_algorithm $signer sha256] $subject_of(one) [time_value 261101000000Z] \
      [time_value 261130235959Z] [seq $entries] [explicit 0 [seq [aki one] [extension 2.5.29.20 0 [integer 9]]]]]
    set crl [seq $tbs [signature_algorithm $signer sha256] [bits [signature $signer sha256 $tbs]]]
    cost $what $n [string length $crl] {
      catch {db eval {SAVEPOINT s; INSERT INTO seal_anchor(anchor_id, type, value, at) VALUES ('x', 'crl', @crl, '2026-11-15T12:00:00Z')}}
      db eval {ROLLBACK TO s; RELEASE s}
    }
  }
}
db close
