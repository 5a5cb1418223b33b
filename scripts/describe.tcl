# Relations: each is described once, in sql/relations/NAME.sql, and scripts/embed.tcl makes of it what SQL and
# C need to know. A description is lines of comment among the statements of the file:
#
#   -- relation: term
#   -- storage: id              INTEGER PRIMARY KEY insert({{next_term}})
#   -- column: agreement_id     id key bundle refers(agreement)  "the agreement that it is part of"
#   -- column: max_identities   count bundle                     "identities held at a time; NULL: no limit"
#   -- column: at               instant hidden                   "the clock"
#   -- statements: find insert update bundle bundle_all apply
#
# `relation` says the name, and after it what statements call its storage, if that is not w.
#
# `column` is one column, in the order in which the relation shows them: its name, its kind, flags, and what it
# means. Kinds: id text uri url instant count word(active revoked) service words ranges endpoint json decimal currency
# value. Flags that C and the host see (store/description.h): key required fixed read-only hidden write-only
# derived lookup virtual. Besides:
#   bundle        SEAL servers are told it
#   not-null      storage always has one; said of what is neither key nor required
#   refers(NAME)  it names a row of relation NAME by its key; storage has that row's id, in a column NAME
#   from(SQL)     it is not in the relation's storage: what the view has for it
#   shown(SQL)    it is stored, but the view shows this
#   insert(SQL)   what INSERT stores; :NAME is what is given for a column, :id the row id, :extra what the
#                 relation's check computed
#
# `storage` is a column that storage alone has: name and type, insert(SQL), update(SQL), and bundle(KIND) if
# SEAL servers are told it; kind until: an instant, or the largest integer, which a bundle has as
# null. A relation with a line for `id` has a table seal_NAME_data of all that is stored.
#
# `statements` says which statements are made: find insert update remove, bundle (the state of one object),
# bundle_all (the next one in a full copy), apply (the state as a bundle brings it). What is special is written
# out in the file instead. Fragments are there for that:
#   {{NAME_storage}}   the columns of CREATE TABLE, with UNIQUE for the key
#   {{NAME_view}}      the columns of the view, behind the row id
#   {{NAME_from}}      storage, joined with what it refers to under that one's first letter
#   {{NAME_state}}     the arguments of json_object for a bundle
#   {{NAME_told}}, {{NAME_given}}   what a bundle brings: the columns of storage, and their values

set kinds {id text uri url instant count word service words ranges endpoint json decimal currency value until}
set flags {key required fixed read-only hidden write-only derived lookup virtual not-null}

# The words of a text: spaces in parentheses part nothing.
proc tokens {text} {
  set list {}
  set token ""
  set depth 0
  foreach c [split "$text " ""] {
    if {$depth == 0 && $c eq " "} {
      if {$token ne ""} {lappend list $token}
      set token ""
      continue
    }
    if {$c eq "("} {incr depth}
    if {$c eq ")"} {incr depth -1}
    append token $c
  }
  if {$depth != 0} {error "parentheses that do not match"}
  return $list
}

# A kind with its words: {word "active revoked"}.
proc kind_of {token} {
  if {[regexp {^word\(([a-z0-9 ]+)\)$} $token -> words]} {return [list word $words]}
  if {$token eq "word" || $token ni $::kinds} {error "no kind $token: one of $::kinds, word with its words"}
  return [list $token ""]
}

# What has a value in parentheses, of those that are allowed: 1, and it is in the item.
proc take_option {itemvar token allowed} {
  upvar 1 $itemvar item
  if {![regexp {^([a-z]+)\((.+)\)$} $token -> option value] || $option ni $allowed} {return 0}
  dict set item $option $value
  return 1
}

proc read_column {rest} {
  if {![regexp {^([a-z_]+) +(\S.*?) +"([^"]+)"$} $rest -> name middle meaning]} {
    error "a column is its name, kind, flags, and \"what it means\""
  }
  set tokens [tokens $middle]
  lassign [kind_of [lindex $tokens 0]] kind words
  set item [dict create what column name $name kind $kind words $words meaning $meaning flags {}]
  foreach token [lrange $tokens 1 end] {
    if {$token eq "bundle"} {
      dict set item bundle $kind
    } elseif {$token in $::flags} {
      dict lappend item flags $token
    } elseif {![take_option item $token {from shown refers insert}]} {
      error "no flag $token: one of $::flags bundle, from() shown() refers() insert()"
    }
  }
  if {$kind eq "value" && [dict exists $item bundle]} {error "a bundle is JSON: it has no bytes"}
  if {$kind eq "until"} {error "no column is of kind until: that is storage's"}
  return $item
}

proc read_storage {rest} {
  if {![regexp {^([a-z_]+) +(\S.*)$} $rest -> name middle]} {error "storage is a name and a type"}
  set item [dict create what storage name $name flags {} words "" meaning "" type {}]
  foreach token [tokens $middle] {
    if {![take_option item $token {insert update bundle}]} {dict lappend item type $token}
  }
  if {[dict exists $item bundle]} {dict set item kind [lindex [kind_of [dict get $item bundle]] 0]}
  return $item
}

# One line of a description, in a file of sql/relations.
proc describe {path lineno key rest} {
  global relation statements_of
  set here "$path:$lineno"
  set name [file rootname [file tail $path]]
  if {$key ni {relation column storage statements}} {fail "$here: '-- $key:' is none of relation, column, storage, statements"}
  if {($key eq "relation") == [info exists relation($name)]} {
    fail "$here: '-- relation: $name' comes first, and once"
  }
  if {$key eq "relation"} {
    if {![regexp {^([a-z_]+)( [a-z]+)?$} $rest -> called alias]} {fail "$here: a relation has a name, and perhaps an alias"}
    if {$called ne $name} {fail "$here: the file of relation $called is $called.sql"}
    set relation($name) [dict create at $here alias [expr {$alias eq "" ? "w" : [string trim $alias]}] items {}]
    set statements_of($name) {}
    return
  }
  if {$key eq "statements"} {
    foreach word [regexp -all -inline {\S+} $rest] {
      if {![regexp {^[a-z_]+$} $word] || $word eq "sql" || [info commands make_$word] eq ""} {fail "$here: no statement $word is made"}
      lappend statements_of($name) $word $here
    }
    return
  }
  if {[catch {read_$key $rest} item]} {fail "$here: $item"}
  foreach other [dict get $relation($name) items] {
    if {[dict get $other name] eq [dict get $item name]} {fail "$here: [dict get $item name] is there already"}
  }
  dict set item at $here
  dict lappend relation($name) items $item
}

# ---------------------------------------------------------------------------------------------
# What items are.

proc is_flag {item flag} {return [expr {$flag in [dict get $item flags]}]}
proc is_column {item} {return [expr {[dict get $item what] eq "column"}]}
proc option {item name} {return [expr {[dict exists $item $name] ? [dict get $item $name] : ""}]}

# Which INSERT and UPDATE are given a value for.
proc is_given {item} {
  return [expr {[is_column $item] && ![is_flag $item hidden] && ![is_flag $item read-only]}]
}
proc is_stored {item} {
  return [expr {![is_column $item] || !([is_flag $item hidden] || [dict exists $item from])}]
}
proc is_never_null {item} {
  foreach flag {key required not-null} {
    if {[is_flag $item $flag]} {return 1}
  }
  return [expr {[option $item kind] eq "word"}]
}

proc is_any {item} {return 1}
proc is_key {item} {return [is_flag $item key]}
proc items {name {test is_any}} {
  set list {}
  foreach item [dict get $::relation($name) items] {
    if {[$test $item]} {lappend list $item}
  }
  return $list
}
proc keys {name} {return [items $name is_key]}
# What a bundle tells of it, its key first.
proc members {name} {
  set list {}
  foreach first {1 0} {
    foreach item [items $name] {
      if {[dict exists $item bundle] && [is_key $item] == $first} {lappend list $item}
    }
  }
  return $list
}

# The column by which rows of a relation are named.
proc key_of {item parent} {
  if {![info exists ::relation($parent)] || [llength [keys $parent]] != 1} {
    fail "[dict get $item at]: no relation $parent with one key"
  }
  return [dict get [lindex [keys $parent] 0] name]
}

# The name in storage, and what SQL has for a column in a statement on {{NAME_from}}.
proc stored_name {item} {return [expr {[dict exists $item refers] ? [dict get $item refers] : [dict get $item name]}]}
proc expression {name item} {
  foreach given {from shown} {
    if {[dict exists $item $given]} {return [dict get $item $given]}
  }
  if {[dict exists $item refers]} {
    set parent [dict get $item refers]
    return "[string index $parent 0].[key_of $item $parent]"
  }
  return "[dict get $::relation($name) alias].[dict get $item name]"
}

# The row id of what a value names.
proc row_of {item value} {
  if {![dict exists $item refers]} {return $value}
  set parent [dict get $item refers]
  return "(SELECT id FROM main.seal_${parent}_data WHERE [key_of $item $parent] = $value)"
}

# Puts ?2, ?3, … for :column: the numbers that row_write.c binds them to.
proc numbered {name item text} {
  set numbers {id 1}
  set n 1
  foreach given [items $name is_given] {dict set numbers [dict get $given name] [incr n]}
  dict set numbers extra [incr n]
  set out ""
  while {[regexp -indices {:([a-z_]+)} $text all word]} {
    set word [string range $text {*}$word]
    if {![dict exists $numbers $word]} {fail "[dict get $item at]: nothing is given for :$word"}
    append out [string range $text 0 [expr {[lindex $all 0] - 1}]] "?[dict get $numbers $word]"
    set text [string range $text [expr {[lindex $all 1] + 1}] end]
  }
  return $out$text
}

# ---------------------------------------------------------------------------------------------
# Fragments.

proc storage_type {item} {
  if {![is_column $item]} {return [join [dict get $item type] " "]}
  set type TEXT
  if {[dict get $item kind] in {instant count} || [dict exists $item refers]} {set type INTEGER}
  if {[dict get $item kind] eq "value"} {set type BLOB}
  return "$type[expr {[is_never_null $item] ? " NOT NULL" : ""}]"
}

proc fragment_storage {name} {
  set keys [keys $name]
  set lines {}
  foreach item [items $name is_stored] {
    set line "[stored_name $item] [storage_type $item]"
    if {[llength $keys] == 1 && $item eq [lindex $keys 0]} {append line " UNIQUE"}
    lappend lines $line
  }
  if {[llength $keys] > 1} {lappend lines "UNIQUE ([join [lmap key $keys {stored_name $key}] {, }])"}
  return [join $lines ",\n  "]
}

proc fragment_view {name} {
  set list {}
  foreach item [items $name is_column] {
    if {[is_flag $item hidden]} continue
    set text [expression $name $item]
    if {![regexp "^\[a-z\]+\\.[dict get $item name]$" $text]} {append text " AS [dict get $item name]"}
    lappend list $text
  }
  return [join $list ", "]
}

proc fragment_from {name} {
  set alias [dict get $::relation($name) alias]
  set text "main.seal_${name}_data AS $alias"
  foreach item [items $name is_column] {
    if {![dict exists $item refers]} continue
    set parent [dict get $item refers]
    set letter [string index $parent 0]
    append text " JOIN main.seal_${parent}_data AS $letter ON $letter.id = $alias.$parent"
  }
  return $text
}

proc fragment_state {name} {
  return [join [lmap item [members $name] {
    set value [expression $name $item]
    if {[dict get $item bundle] eq "until"} {set value "nullif($value, {{forever}})"}
    string cat '[dict get $item name]', " " $value
  }] ", "]
}
proc fragment_told {name} {return [join [lmap item [members $name] {stored_name $item}] ", "]}
proc fragment_given {name} {
  return [join [lmap item [members $name] {
    set value [row_of $item ?1->>'[dict get $item name]']
    if {[dict get $item bundle] eq "until"} {set value "coalesce($value, {{forever}})"}
    set value
  }] ", "]
}

# ---------------------------------------------------------------------------------------------
# Statements.

# The key's columns are ?1, ?2, …
proc where_key {name} {
  set n 0
  return [join [lmap key [keys $name] {string cat [expression $name $key] " = ?[incr n]"}] " AND "]
}

# Storage, joined only where the key needs it.
proc from_key {name} {
  foreach key [keys $name] {
    if {[dict exists $key refers]} {return [fragment_from $name]}
  }
  return "main.seal_${name}_data AS [dict get $::relation($name) alias]"
}

proc make_find {name} {
  return "SELECT [dict get $::relation($name) alias].id FROM [from_key $name] WHERE [where_key $name]"
}

proc make_insert {name} {
  set names {}
  set values {}
  foreach item [items $name is_stored] {
    set own [dict get $item name]
    if {[dict exists $item insert]} {
      set value [numbered $name $item [dict get $item insert]]
    } elseif {$own eq "id"} {
      set value ?1
    } elseif {[is_given $item]} {
      set value [row_of $item [numbered $name $item :$own]]
    } else {
      continue
    }
    lappend names [stored_name $item]
    lappend values $value
  }
  return "INSERT INTO main.seal_${name}_data([join $names {, }])\nVALUES ([join $values {, }])"
}

# Neither a key nor what is fixed ever changes.
proc make_update {name} {
  set changes {}
  foreach item [items $name is_stored] {
    if {[dict exists $item update]} {
      lappend changes "[dict get $item name] = [numbered $name $item [dict get $item update]]"
    } elseif {[is_given $item] && ![is_flag $item key] && ![is_flag $item fixed]} {
      lappend changes "[dict get $item name] = [numbered $name $item :[dict get $item name]]"
    }
  }
  return "UPDATE main.seal_${name}_data SET [join $changes {, }]\nWHERE id = ?1"
}

proc make_remove {name} {return "DELETE FROM main.seal_${name}_data WHERE id = ?1"}

proc make_bundle {name} {
  return "SELECT json_object([fragment_state $name])\nFROM [fragment_from $name] WHERE [where_key $name]"
}

# 'seal_term:' and the key, percent-encoded where it has several parts.
proc make_bundle_all {name} {
  set id [dict get $::relation($name) alias].id
  set parts [lmap key [keys $name] {expression $name $key}]
  return "SELECT $id, [join $parts {, }]\nFROM [from_key $name] WHERE $id > ?1 ORDER BY $id LIMIT 1"
}

proc make_apply {name} {
  set changes {}
  foreach item [members $name] {
    if {![is_flag $item key]} {lappend changes "[stored_name $item] = excluded.[stored_name $item]"}
  }
  return "INSERT INTO main.seal_${name}_data([fragment_told $name])\nVALUES ([fragment_given $name])\nON\
      CONFLICT DO UPDATE SET [join $changes {, }]"
}

# Adds what the descriptions give to the fragments and statements that the files have.
proc make_sql {} {
  global relation statements_of statement fragment owner order place
  foreach name [lsort [array names relation]] {
    set at [dict get $relation($name) at]
    if {[items $name is_column] eq {}} {fail "$at: $name has no column"}
    foreach item [keys $name] {
      if {[members $name] ne {} && ![dict exists $item bundle]} {
        fail "[dict get $item at]: a bundle that tells of a $name needs its key"
      }
    }
    foreach part {storage view from state told given} {
      if {[info exists fragment(${name}_$part)]} {fail "$at: fragment ${name}_$part is made, not written"}
      set fragment(${name}_$part) [fragment_$part $name]
    }
    foreach {word here} $statements_of($name) {
      set made [expr {$word in {bundle bundle_all apply} ? "${word}_$name" : "${name}_$word"}]
      if {[info exists statement($made)]} {fail "$here: $made is there already"}
      set statement($made) [make_$word $name]
      set owner($made) $name
      set place($made) $here
      lappend order $made
    }
  }
}

# ---------------------------------------------------------------------------------------------
# C.

proc c_item {item kind} {
  set bits {}
  foreach flag $::flags {
    if {[is_flag $item $flag] && $flag ne "not-null"} {lappend bits SEAL_COL_[string toupper [string map {- _} $flag]]}
  }
  if {[is_never_null $item]} {lappend bits SEAL_COL_NOT_NULL}
  if {$bits eq {}} {set bits 0}
  set words [dict get $item words]
  return "    \{\"[dict get $item name]\", SEAL_KIND_[string toupper $kind], [join $bits { | }],\
      [expr {$words eq "" ? "NULL" : "\"$words\""}],\n     \"[string map {\\ \\\\} [dict get $item meaning]]\"\},\n"
}

# The enum's name of a statement that each relation has, in whatever file.
proc c_needed {name statement} {
  if {![info exists ::statement($statement)]} {fail "[dict get $::relation($name) at]: no statement $statement"}
  return SQL_[string toupper $statement]
}
# Of one that the relation's own file has; what others call so is not the relation's.
proc c_statement {name statement} {
  if {![info exists ::owner($statement)] || $::owner($statement) ne $name} {return SEAL_NO_SQL}
  return SQL_[string toupper $statement]
}

proc c_description {name} {
  global order
  set big [string toupper $name]
  set columns ""
  foreach item [items $name is_column] {append columns [c_item $item [dict get $item kind]]}
  set members ""
  foreach item [members $name] {append members [c_item $item [dict get $item kind]]}
  set removes {}
  foreach statement $order {
    if {![regexp "^${name}_remove(_|\$)" $statement]} continue
    if {[c_statement $name $statement] ne "SEAL_NO_SQL"} {lappend removes [c_statement $name $statement]}
  }
  set text "static const SealColumn ${name}_columns\[\] = \{\n$columns\};\n"
  if {$members ne ""} {append text "static const SealColumn ${name}_members\[\] = \{\n$members\};\n"}
  if {$removes ne {}} {
    append text "static const enum SealSql ${name}_remove\[\] = \{[join [lappend removes SEAL_NO_SQL] {, }]\};\n"
  }
  append text "const SealDescription seal_description_$name = \{\n    .name = \"$name\",\n    .prefix = \"seal_$name:\",\n"
  append text "    .columns = ${name}_columns,\n    .n_columns = ${big}_COLUMNS,\n"
  append text "    .n_keys = [llength [keys $name]],\n"
  if {$members ne ""} {
    append text "    .members = ${name}_members,\n    .n_members = [llength [members $name]],\n"
  }
  foreach word {create drop view} {append text "    .$word = [c_needed $name ${word}_$name],\n"}
  set all [c_statement $name view_${name}_all]
  append text "    .view_all = [expr {$all eq "SEAL_NO_SQL" ? [c_needed $name view_$name] : $all}],\n"
  foreach word {find insert update in_use} {append text "    .$word = [c_statement $name ${name}_$word],\n"}
  foreach word {bundle apply} {append text "    .$word = [c_statement $name ${word}_$name],\n"}
  if {$removes ne {}} {append text "    .remove = ${name}_remove,\n"}
  return "$text\};\n\n"
}

# The relations in the order of the installation, which has each once.
proc installed {install} {
  set text [read_file $install]
  set names [lmap {- name} [regexp -all -inline {USING seal\(([a-z_]+)\)} $text] {set name}]
  if {[lsort $names] ne [lsort [array names ::relation]]} {
    fail "$install: it makes [lsort $names], but sql/relations describes [lsort [array names ::relation]]"
  }
  return $names
}

proc write_c {out install made} {
  set h "${made}#ifndef SEAL_COLUMNS_H\n#define SEAL_COLUMNS_H\n\n#include \"store/description.h\"\n\n"
  set c "${made}#include \"columns.h\"\n\n#include <stddef.h>\n\n"
  set inc $made
  set all ""
  foreach name [installed $install] {
    set big [string toupper $name]
    set columns [lmap item [items $name is_column] {string cat ${big}_ [string toupper [dict get $item name]]}]
    append h "enum \{\n  [join [lappend columns ${big}_COLUMNS] ",\n  "]\n\};\n"
    append h "extern const SealDescription seal_description_$name;\n\n"
    append c [c_description $name]
    append inc "X($name)\n"
    append all "    &seal_description_$name,\n"
  }
  append h "/* All of them, ended by NULL. */\nextern const SealDescription *const seal_descriptions\[\];\n\n#endif\n"
  append c "const SealDescription *const seal_descriptions\[\] = \{\n$all    NULL,\n\};\n"
  write_file $out/columns.h $h
  write_file $out/columns.c $c
  write_file $out/relations.inc $inc
}
