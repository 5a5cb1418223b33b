#!/usr/bin/env tclsh
# Embeds the SQL of sql/ in the extension: an enum of statement names and a table of texts.
#
#   tclsh scripts/embed.tcl OUTDIR sql/install.sql sql/statements/*.sql sql/relations/*.sql
#
# writes OUTDIR/sql.h and OUTDIR/sql.c;
#
#   tclsh scripts/embed.tcl OUTDIR host sql/host/*.sql sql/reports/metrics.sql
#
# OUTDIR/host_sql.h and OUTDIR/host_sql.c, of the statements of a program that embeds the extension: HOST_SQL_MESSAGE. In a statements file, "-- name: agreement_insert" opens a
# statement, which runs to the next such line; it becomes SQL_AGREEMENT_INSERT. "-- fragment: NAME"
# opens a text that statements include as {{NAME}}, from any file; fragments may include fragments.
# Comment lines stay out of the texts. sql/install.sql becomes SQL_INSTALL, as it is.
#
# A file of sql/relations describes a relation besides (scripts/describe.tcl says how): more statements and
# fragments come of it, and OUTDIR/columns.h, columns.c and relations.inc.
#
# The columns that a SELECT gives have names in C as well: of "-- name: term_find" with "SELECT t.id AS term, …"
# the first is TERM_FIND_TERM, 0. One without a name has none there. Files are written only when they differ,
# so that nothing is compiled anew for nothing.

source [file join [file dirname [info script]] describe.tcl]

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

# Adds what one file holds to the arrays `statement` and `fragment`, and a relation's to `relation`; `place` is
# where each stands, `owner` whose file that is.
proc parse {path} {
  global statement fragment order place owner
  set kind ""
  set lineno 0
  set describes [expr {[file tail [file dirname $path]] eq "relations"}]
  foreach line [split [read_file $path] "\n"] {
    incr lineno
    if {[regexp {^-- (name|fragment): ([a-z0-9_]+)$} $line -> kind name]} {
      set target [expr {$kind eq "name" ? "statement" : "fragment"}]
      if {[info exists ${target}($name)]} {fail "$path:$lineno: $name is there already"}
      set ${target}($name) ""
      set place($name) $path:$lineno
      if {$kind eq "name"} {
        lappend order $name
        if {$describes} {set owner($name) [file rootname [file tail $path]]}
      }
      continue
    }
    if {$describes && [regexp {^-- ([a-z]+): *(.*)$} $line -> key rest]} {
      describe $path $lineno $key $rest
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

# The name of a result column by its text in the SELECT: what stands behind AS, or the last part of a plain
# column; "" for any other expression.
proc column_name {text} {
  set text [string trim $text]
  if {[regexp {\mAS\s+"?([a-z_]+)"?$} $text -> name]} {return $name}
  if {[regexp {^(?:[a-z]+\.)?([a-z_]+)$} $text -> name]} {return $name}
  return ""
}

# The result columns of a statement that begins with SELECT: those of its first one.
proc columns {text} {
  if {![regexp {^SELECT\s+(?:DISTINCT\s+)?} $text head]} return
  set list {}
  set depth 0
  set start [string length $head]
  set i $start
  while {$i < [string length $text]} {
    set c [string index $text $i]
    if {$c eq "'"} {
      set i [string first ' $text [expr {$i + 1}]]
    } elseif {$c eq "("} {
      incr depth
    } elseif {$c eq ")"} {
      incr depth -1
    } elseif {$depth == 0 && $c eq ","} {
      lappend list [column_name [string range $text $start [expr {$i - 1}]]]
      set start [expr {$i + 1}]
    } elseif {$depth == 0 && [regexp {^\sFROM\s} [string range $text $i [expr {$i + 5}]]]} {
      break
    }
    incr i
  }
  return [lappend list [column_name [string range $text $start [expr {$i - 1}]]]]
}

# Writes a file, unless it has this text already.
proc write_file {path text} {
  if {[file exists $path] && [read_file $path] eq $text} return
  set f [open $path w]
  fconfigure $f -encoding utf-8
  puts -nonewline $f $text
  close $f
}

# The enum of all statements, their texts, and the names of their columns: {H C NAMES}.
proc tables {prefix} {
  global order statement place
  set h ""
  set c ""
  set names ""
  foreach name $order {
    set text [string trimright [expand $statement($name) "$place($name): $name"]]
    append h "  ${prefix}SQL_[string toupper $name],\n"
    append c "    /* $name */\n    [c_string $text],\n"
    set i 0
    set enum {}
    foreach column [columns $text] {
      if {$column ne ""} {
        set id $prefix[string toupper ${name}_$column]
        if {[lsearch -glob $enum "$id = *"] >= 0} {fail "$place($name): $name: two columns $column"}
        lappend enum "$id = $i"
      }
      incr i
    }
    if {[llength $enum]} {append names "enum \{[join $enum {, }]\};\n"}
  }
  return [list $h $c $names]
}

lassign $argv out install
set order {}
foreach path [lsort [lrange $argv 2 end]] {parse $path}
set made "/* Made by scripts/embed.tcl from sql/. */\n"

if {$install eq "host"} {
  lassign [tables HOST_] h c names
  write_file $out/host_sql.h "${made}#ifndef HOST_SQL_H\n#define HOST_SQL_H\n\nenum HostSql \{\n$h  HOST_SQL_COUNT\n\};\n\n\
$names\nextern const char *const host_sql\[\];\n\n#endif\n"
  write_file $out/host_sql.c "${made}#include \"host_sql.h\"\n\nconst char *const host_sql\[\] = \{\n$c\};\n"
  close [open $out/host_sql.stamp w]
  exit 0
}

make_sql
set h "${made}#ifndef SEAL_SQL_H\n#define SEAL_SQL_H\n\nenum SealSql \{\n  SQL_INSTALL,\n"
set c "${made}#include \"sql.h\"\n\nconst char *const seal_sql\[\] = \{\n"
append c "    /* install */\n    [c_string [string trimright [read_file $install]]],\n"
lassign [tables ""] enum texts names
append h "$enum  SQL_COUNT\n\};\n\n/* No statement. */\n#define SEAL_NO_SQL ((enum SealSql) - 1)\n\n"
append h "$names\nextern const char *const seal_sql\[\];\n\n#endif\n"
append c "$texts\};\n"
write_file $out/sql.h $h
write_file $out/sql.c $c
write_c $out $install $made
# What was made is as new as what it was made of, also where it did not differ.
close [open $out/sql.stamp w]
