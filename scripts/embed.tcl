#!/usr/bin/env tclsh
# Embeds the SQL of sql/ in the extension: an enum of statement names and a table of texts.
#
#   tclsh scripts/embed.tcl OUTDIR sql/install.sql sql/statements/*.sql
#
# writes OUTDIR/sql.h and OUTDIR/sql.c. In a statements file, "-- name: agreement_insert" opens a
# statement, which runs to the next such line; it becomes SQL_AGREEMENT_INSERT. "-- fragment: NAME"
# opens a text that statements include as {{NAME}}, from any file; fragments may include fragments.
# Comment lines stay out of the texts. sql/install.sql becomes SQL_INSTALL, as it is.

proc fail {text} {
  puts stderr "embed: $text"
  exit 1
}

proc read_file {path} {
  set f [open $path r]
  fconfigure $f -encoding utf-8
  set text [read $f]
  close $f
  return $text
}

# Adds what one statements file holds to the arrays `statement` and `fragment`.
proc parse {path} {
  global statement fragment order
  set kind ""
  set lineno 0
  foreach line [split [read_file $path] "\n"] {
    incr lineno
    if {[regexp {^-- (name|fragment): ([a-z0-9_]+)$} $line -> kind name]} {
      if {[info exists ${kind}_at($name)]} {fail "$path:$lineno: $name is there already"}
      set target [expr {$kind eq "name" ? "statement" : "fragment"}]
      if {[info exists ${target}($name)]} {fail "$path:$lineno: $name is there already"}
      set ${target}($name) ""
      if {$kind eq "name"} {lappend order $name}
      continue
    }
    if {[string match "--*" [string trimleft $line]] || [string trim $line] eq ""} continue
    if {$kind eq ""} {fail "$path:$lineno: text before the first '-- name:'"}
    append ${target}($name) $line "\n"
  }
}

proc expand {text where {depth 0}} {
  global fragment
  if {$depth > 8} {fail "$where: fragments include each other"}
  set out ""
  while {[regexp -indices {\{\{([a-z0-9_]+)\}\}} $text all name]} {
    set key [string range $text {*}$name]
    if {![info exists fragment($key)]} {fail "$where: no fragment $key"}
    append out [string range $text 0 [expr {[lindex $all 0] - 1}]]
    append out [expand [string trimright $fragment($key)] "$where: $key" [expr {$depth + 1}]]
    set text [string range $text [expr {[lindex $all 1] + 1}] end]
  }
  return $out$text
}

# A C string literal, one source line for each line of text.
proc c_string {text} {
  set lines {}
  foreach line [split $text "\n"] {
    lappend lines "\"[string map {\\ \\\\ \" \\\"} $line]\\n\""
  }
  return [join $lines "\n    "]
}

lassign $argv out install
set order {}
foreach path [lsort [lrange $argv 2 end]] {parse $path}

set h [open $out/sql.h w]
set c [open $out/sql.c w]
fconfigure $h -encoding utf-8
fconfigure $c -encoding utf-8
puts $h "/* Made by scripts/embed.tcl from sql/. */\n#ifndef SEAL_SQL_H\n#define SEAL_SQL_H\n\nenum SealSql \{"
puts $c "/* Made by scripts/embed.tcl from sql/. */\n#include \"sql.h\"\n\nconst char *const seal_sql\[\] = \{"
puts $h "  SQL_INSTALL,"
puts $c "    /* install */\n    [c_string [string trimright [read_file $install]]],"
foreach name $order {
  puts $h "  SQL_[string toupper $name],"
  puts $c "    /* $name */\n    [c_string [string trimright [expand $statement($name) $name]]],"
}
puts $h "  SQL_COUNT\n\};\n\nextern const char *const seal_sql\[\];\n\n#endif"
puts $c "\};"
close $h
close $c
