# Random queries on relations and on plain tables with the same columns, declared types, keys and rows. Sourced by
# differential.test after registrar.tcl and clock.tcl:
#
#   make_both                         -> a registrar with all relations, and beside each relation its plain tables
#   expr {srand($seed)}
#   lassign [random_select] kind n template   -> n columns; [as_relation $template], [as_plain $template] are the SQL
#
# Beside seal_NAME stand plain_NAME, with the rows that are valid now and the instant as its column `at`, and at_NAME, with
# the rows of each of `instants` and, with `at` NULL, all that are stored: so that a term on `at` is one on a plain
# column. In a template {NAME} is the one, {NAME@} the other; {=N} is instant N, in any spelling for a relation, and
# {!N} in its own: where two terms are of one column SQLite may put the one's text into the other.

set relations {agreement term val_server credential policy server configuration identity key key_record audit change usage
  occupancy charge registrar anchor notification}
set keys {
  agreement agreement_id term {agreement_id seal_service val_service_id} val_server val_server_id credential credential_id
  policy {seal_service val_service_id name} server seal_server_id anchor anchor_id configuration {val_server_id conf_id}
}
set instants {2026-11-10T00:00:00Z 2026-11-15T12:00:00Z 2026-12-01T00:00:00Z 2027-02-01T00:00:00Z}
set spellings {
  {'2026-11-10' '2026-11-10T00:00:00Z' 1794268800 '2026-11-10T01:00:00+01:00'}
  {'2026-11-15T12:00:00Z' 1794744000 '2026-11-15T13:30:00+01:30'}
  {'2026-12-01' '2026-12-01T00:00:00Z'}
  {'2027-02-01' '2027-02-01T00:00:00Z' 1801440000}
}

# --- Rows --------------------------------------------------------------------------------------

# Names that look like numbers, differ in case alone, or are no ASCII.
proc fill_registrar {} {
  use_clock 2026-11-15T12:00:00Z
  new_registrar
  foreach {id provider start stop max} {
    7 acme NULL NULL 3   07 ACME 2026-11-01 2027-01-01 7   7.0 Acme 2026-11-15T12:00:00Z NULL NULL
    abc 7 NULL 2026-12-01 0   ABC acme 2026-12-01 2027-03-01 10   é É NULL NULL NULL
    sla-9 sla-9 2026-01-01 2026-11-15T12:00:00Z 1   1e1 10 2026-11-10 NULL 10
  } {
    db eval "INSERT INTO seal_agreement(agreement_id, val_provider_id, start_time, stop_time, max_val_servers, at) VALUES
      ('$id', '$provider', [sql_value $start], [sql_value $stop], $max, '2026-10-01')"
  }
  foreach {agreement service val identities records start stop price} {
    7 identity-management 7 7 NULL NULL NULL 0.5   7 identity-management 07 100 NULL NULL 2026-12-01 7
    abc key-management * NULL 7 NULL NULL NULL   ABC group-management V2X 0 0 2026-12-01 2027-01-01 7.0
    07 identity-management v2x 10 1 NULL 2027-02-01 NULL   é location-management * NULL NULL 2026-11-10 2026-11-20 1
  } {
    db eval "INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities, max_key_records, start_time,
      stop_time, price_per_identity_day, at) VALUES ('$agreement', '$service', '$val', $identities, $records, [sql_value $start],
      [sql_value $stop], [expr {$price eq "NULL" ? $price : "'$price'"}], '2026-10-01')"
  }
  foreach {id agreement exp} {7.example 7 NULL 07 sla-7 2026-12-01 10 é NULL V2X.example sla-7 2027-01-15} {
    db eval "INSERT INTO seal_val_server(val_server_id, agreement_id, exp_time, end_pt) VALUES
      ('$id', '$agreement', [sql_value $exp], '{\"fqdn\":\"h[string length $id].example\"}')"
  }
  db eval {UPDATE seal_agreement SET status = 'suspended' WHERE agreement_id = '1e1'}
  foreach {service val name value start exp} {
    identity-management v2x 7 7 NULL NULL   identity-management v2x 07 "7" NULL 2026-12-01   key-management * a null 2026-12-01 NULL
    group-management V2X A {{"a":7}} NULL NULL   identity-management 7 a [7] 2026-11-10 2027-02-01
  } {
    db eval {INSERT INTO seal_policy(seal_service, val_service_id, name, value) VALUES ($service, $val, $name, $value)}
    db eval "UPDATE seal_policy SET start_time = [sql_value $start], exp_time = [sql_value $exp]
      WHERE seal_service = '$service' AND val_service_id = '$val' AND name = '$name'"
  }
  foreach {id service acked} {idm-1 identity-management 7 IDM-1 identity-management 10 7 key-management NULL} {
    db eval "INSERT INTO seal_server(seal_server_id, seal_service, acked) VALUES ('$id', '$service', $acked)"
  }
  set set "{\"keys\":\[[jwk v2x]\]}"
  db eval {INSERT INTO seal_anchor(anchor_id, type, iss, value, exp_time) VALUES ('7', 'issuer', '07', $set, '2027-01-01')}
  fill_rows
}

proc fill_rows {} {
  set key [binary format H* [string repeat 5a 32]]
  db eval {SELECT seal_unlock($key); INSERT INTO seal_command(command) VALUES ('rotate-key')}
  set n 0
  foreach user {7 07 7.0 alice ALICE Alice é 1e1 10 ue:7 ue:alice ue:07} {
    foreach {service exp} {v2x NULL V2X 2026-12-01} {
      if {[incr n] % 3 == 0} continue
      set id [expr {[string match ue:* $user] ? "val_ue_id" : "val_user_id"}]
      set user_id [regsub ^ue: $user ""]
      set t [token]
      db eval "INSERT INTO seal_identity(credential, val_service_id, $id, exp_time) VALUES (\$t, '$service', '$user_id', [sql_value $exp])"
    }
  }
  send POST $::ipp [idm_bodies {v2x {bob 7 carol} 7 {alice 07}}]
  send POST $::ipp [idm_body 07 {bob bob2 10} expTime '2026-12-15T00:00:00Z']
  send POST $::kmpp [km_body v2x jwk {read write}]
  foreach {service format scope} {7 jwk 7 07 JWK NULL V2X pem read} {
    set t [token]
    db eval "INSERT INTO seal_key(credential, val_service_id, key_format, scope) VALUES (\$t, '$service', '$format', [expr {$scope eq "NULL" ? $scope : "'$scope'"}])"
  }
  db eval {INSERT INTO seal_command(command, argument) VALUES ('issue-token', '{"val_server_id":"v2x.example"}')}
  set access [db one {SELECT result ->> 'access_token' FROM seal_command WHERE command = 'issue-token'}]
  foreach {user info} {alice 7 7 07 07 secret} {
    db eval {INSERT INTO seal_key_record(credential, val_service_id, val_user_id, key_info) VALUES ($access, 'v2x', $user, $info)}
  }
  db eval {INSERT INTO seal_command(command, at) VALUES ('charge', '2026-11-18')}
  db eval {
    UPDATE seal_val_server SET notification_destination = 'https://' || val_server_id || '/7' WHERE val_server_id <> '10';
    UPDATE seal_val_server SET status = 'suspended'; UPDATE seal_val_server SET status = 'active';
    UPDATE seal_configuration SET exp_time = '2027-01-01' WHERE val_server_id = 'v2x.example' AND exp_time IS NULL;
    UPDATE seal_notification SET delivered_time = '2026-11-15T12:00:00Z', attempts = 1 WHERE seq IN (1, 5);
    UPDATE seal_notification SET attempts = 7, last_error = '07' WHERE seq IN (2, 7);
    INSERT INTO seal_command(command, at) VALUES ('notice', '2026-12-10');
  }
}

# --- Plain tables ------------------------------------------------------------------------------

proc make_both {} {
  global columns type relations
  fill_registrar
  foreach name $relations {
    set columns($name) {}
    set declared {}
    db eval {SELECT name AS c, type AS t, hidden FROM pragma_table_xinfo('seal_' || $name)} {
      if {$c eq "credential"} continue
      lappend declared "\"$c\" $t"
      set type($name,$c) $t
      if {$c ne "at"} {lappend columns($name) $c} else {set ::has_at($name) 1}
    }
    if {[dict exists $::keys $name]} {lappend declared "UNIQUE ([join [dict get $::keys $name] ,])"}
    db eval "CREATE TABLE plain_$name\([join $declared ,])"
    set list [join [lmap c $columns($name) {string cat \" $c \"}] ,]
    set at [expr {[info exists ::has_at($name)] ? ",at" : ""}]
    db eval "INSERT INTO plain_$name\(rowid,$list$at) SELECT rowid,$list$at FROM seal_$name"
    set ::rows($name) [db one "SELECT count(*) FROM plain_$name"]
    if {$at ne ""} {
      db eval "CREATE TABLE at_$name AS SELECT * FROM plain_$name WHERE 0"
      db eval "DROP TABLE at_$name; CREATE TABLE at_$name\([join [lsearch -all -inline -not $declared UNIQUE*] ,])"
      foreach instant $::instants {
        db eval "INSERT INTO at_$name\($list,at) SELECT $list,at FROM seal_$name WHERE at = '$instant'"
      }
      db eval "INSERT INTO at_$name\($list) SELECT $list FROM seal_$name WHERE at IS NULL"
    }
    foreach c $columns($name) {
      set ::values($name,$c) [db eval "SELECT DISTINCT quote($c) FROM plain_$name ORDER BY 1 LIMIT 12"]
    }
  }
  db eval {
    CREATE TABLE mix(i INTEGER, t TEXT, x, r REAL, n NUMERIC, c TEXT COLLATE NOCASE);
    CREATE INDEX mix_t ON mix(t);
    CREATE TABLE moment(m);
    INSERT INTO moment VALUES ('2026-11-10T00:00:00Z'), ('2026-12-01T00:00:00Z'), ('2027-02-01T00:00:00Z'), (NULL);
    INSERT INTO mix VALUES (7, '7', 7, 7, '7', 'ACME'), (10, '07', '7', 7.5, '07', 'abc'), (NULL, 'acme', x'37', 10, 'abc', 'V2X'),
      (1, '7.0', NULL, 1, '7.0', '7'), (0, 'alice', '2026-12-01T00:00:00Z', NULL, NULL, 'alice'), (100, 'ABC', 1.0, 0, 10, NULL),
      ('abc', 'v2x', '07', 'x', '1e1', 'é');
  }
}

# --- Random ------------------------------------------------------------------------------------

proc any {list} {return [lindex $list [expr {int(rand() * [llength $list])}]]}
proc upto {n} {return [expr {int(rand() * $n)}]}
proc chance {percent} {return [expr {rand() * 100 < $percent}]}

# Literals that any column may be compared with.
set literals {7 '7' '07' 7.0 '7.0' x'37' NULL '' 0 '0' -1 1e20 10 '10' '1e1' 'acme' 'ACME' 'Acme%' 'a' 'abc' 'v2x' 'V2X' 'alice' 'é'
  '2026-12-01' '2026-12-01T00:00:00Z' '2026-11-15T12:00:00Z' 1794744000 '2026' 'active' 'identity-management' '*' 1 2 '1' 100}

# The tables of a FROM: {ALIAS NAME …}; a name is a relation's, with @ if `at` is asked there, or mix.
proc columns_of {name} {
  if {$name eq "mix"} {return {i t x r n c}}
  return $::columns([string trimright $name @])
}
proc column {tables} {
  lassign [any_table $tables] alias name
  if {$name ne "mix" && ![string match *@ $name] && [chance 4]} {return $alias.rowid}
  return $alias.[any [columns_of $name]]
}
proc any_table {tables} {
  set i [expr {2 * [upto [expr {[llength $tables] / 2}]]}]
  return [lrange $tables $i $i+1]
}
# A column of a relation and a literal that it may well have.
proc column_and_value {tables} {
  lassign [any_table $tables] alias name
  if {$name eq "mix"} {return [list $alias.[any [columns_of mix]] [any $::literals]]}
  if {![string match *@ $name] && [chance 5]} {return [list $alias.rowid [any {1 2 3 '2' 2.0 7 'x' NULL}]]}
  set name [string trimright $name @]
  set c [any $::columns($name)]
  set value [expr {[chance 60] ? [any $::values($name,$c)] : [any $::literals]}]
  if {[chance 5]} {set value "upper($value)"}
  if {[chance 5]} {set value "CAST($value AS [any {INTEGER TEXT REAL BLOB}])"}
  if {[chance 4]} {set value "+$value"}
  return [list $alias.$c $value]
}
proc collate {text} {
  return [expr {[chance 12] ? "$text COLLATE [any {NOCASE BINARY RTRIM}]" : $text}]
}

# A subquery's SELECT of one column.
proc subquery {tables depth {alias s}} {
  set name [any {agreement term val_server policy identity configuration mix mix audit registrar server}]
  append alias $depth
  set inner [list $alias $name]
  set c [column $inner]
  set where [expr {[chance 75] ? " WHERE [term [concat $inner [expr {[chance 50] ? $tables : {}}]] [expr {$depth + 1}]]" : ""}]
  return "SELECT $c FROM [from_name $name] AS $alias$where"
}
proc from_name {name} {return [expr {$name eq "mix" ? "mix" : "{$name}"}]}

# One term of a WHERE or ON.
proc term {tables {depth 0}} {
  lassign [column_and_value $tables] c v
  set other [column $tables]
  switch [upto [expr {$depth > 1 ? 14 : 20}]] {
    0 - 1 - 2 {return "$c [any {= = = == <> < <= > >= IS {IS NOT}}] [collate $v]"}
    3 {return "[collate $c] [any {= <> < <= > >= IS}] $v"}
    4 {return "$v [any {= < >= <> IS}] $c"}
    5 {return "[collate $c] [any {= = <> < > IS {IS NOT}}] [collate $other]"}
    6 {return "$c [any {{IS NULL} {IS NOT NULL} NOTNULL}]"}
    7 {
      lassign [column_and_value $tables] - w
      return "[collate $c] [any {BETWEEN BETWEEN {NOT BETWEEN}}] $v AND $w"
    }
    8 {return "$c [any {LIKE GLOB {NOT LIKE}}] [any {'a%' 'A%' '%7' '07' 'V*' '*e*' '2026-1%' '%' 'acme'}]"}
    9 {
      set list [list $v]
      while {[chance 65]} {lappend list [any $::literals] [lindex [column_and_value $tables] 1]}
      return "[collate $c] [any {IN IN {NOT IN}}] ([join $list ,])"
    }
    10 {return "([term $tables 2] [any {OR OR AND}] [term $tables 2])"}
    11 {return "NOT ([term $tables 2])"}
    12 {
      lassign [column_and_value $tables] d w
      return "($c, $d) [any {= < <= > >= > <> IS}] ($v, $w)"
    }
    13 {return "CASE WHEN [term $tables 2] THEN $c ELSE $other END [any {= < >}] $v"}
    14 - 15 {return "$c [any {IN IN {NOT IN}}] ([subquery $tables [expr {$depth + 1}]])"}
    16 {return "[any {EXISTS {NOT EXISTS}}] ([subquery $tables [expr {$depth + 1}]])"}
    17 {return "$c [any {= < >= IS}] ([subquery $tables [expr {$depth + 1}]] ORDER BY 1 LIMIT 1)"}
    18 {return "[any {+ -}]length($c) [any {= < >}] $other"}
    19 {return "$c || '' [any {= <}] $v"}
  }
}
proc terms {tables {depth 0}} {
  set list [list [term $tables $depth]]
  while {[chance 50]} {lappend list [term $tables $depth]}
  if {[chance 2]} {for {set i 0} {$i < 40} {incr i} {lappend list "[column $tables] IS NOT 'never$i'"}}
  return [join $list [expr {[chance 85] ? " AND " : " OR "}]]
}

# Alternatives that each find few rows: SQLite may ask for each alone, and `at` with it.
proc alternatives {alias name} {
  set name [string trimright $name @]
  set list {}
  while {[llength $list] < 2 || [chance 20]} {
    set c [expr {[chance 50] ? [lindex $::columns($name) 0] : [any $::columns($name)]}]
    set v [lmap i {1 2} {any $::values($name,$c)}]
    lappend list "$alias.$c [any [list "= [lindex $v 0]" "IS [lindex $v 0]" "IN ([join $v ,])"]]"
  }
  return [join $list { OR }]
}

# A term on `at` of each table that has it; `joined`: an earlier table's column gives it.
proc at_term {alias} {
  switch [upto 10] {
    0 {return "$alias.at IS NULL"}
    6 {return "$alias.at IN (SELECT m FROM moment)"}
    7 {return "$alias.at = (SELECT m FROM moment ORDER BY m DESC LIMIT 1)"}
    1 {return "$alias.at IN ({=[upto 4]}, {=[upto 4]})"}
    2 {return "$alias.at IS {=[upto 4]}"}
    3 {return "$alias.at = {![upto 4]} AND $alias.at = {![upto 4]}"}
    4 {return "$alias.at = {![upto 4]} AND $alias.at IN ({![upto 4]}, {![upto 4]}, NULL)"}
    5 {return "$alias.at IN (SELECT {=[upto 4]} UNION ALL SELECT {=[upto 4]})"}
    default {return "$alias.at = {=[upto 4]}"}
  }
}

# FROM and WHERE: {TABLES TEXT}. At most one table is large.
proc from_where {} {
  if {[chance 3]} {return [moments]}
  set n [any {1 1 1 2 2 2 3}]
  set tables {}
  set text ""
  set asked {}
  set outer 0
  for {set i 0} {$i < $n} {incr i} {
    set name [any [expr {$i == 0 ? $::relations : {agreement val_server term policy server mix mix registrar key configuration identity}}]]
    set alias [string index abc $i]
    set at [expr {$name ne "mix" && [info exists ::has_at($name)] && [chance 15]}]
    if {$at} {append name @}
    lappend tables $alias $name
    set item "[from_name $name] AS $alias"
    if {$i == 0} {
      set text $item
    } else {
      set join [any {, JOIN JOIN {LEFT JOIN} {LEFT JOIN} {CROSS JOIN} {RIGHT JOIN} {FULL JOIN}}]
      if {[regexp {RIGHT|FULL|LEFT} $join]} {set outer 1}
      append text " $join $item"
      if {$join ne ","} {append text " ON [join_on $tables $alias]"}
    }
    if {$at} {lappend asked $alias}
  }
  # With a RIGHT or FULL JOIN SQLite 3.40 loses rows of plain tables where a subquery looks at the other side.
  set depth [expr {[regexp {RIGHT|FULL} $text] ? 2 : 0}]
  set where [expr {[chance 80] || $n > 2 ? [list [terms $tables $depth]] : {}}]
  foreach alias $asked {
    if {[chance 25]} {lappend where [alternatives $alias [dict get $tables $alias]]}
    lappend where [at_term $alias]
  }
  # An outer join takes no term of WHERE: there `at` is a column of what stands beside it.
  if {$outer && $asked ne {}} {return [from_where]}
  if {$where ne {}} {append text " WHERE [join [lmap t $where {string cat ( $t )}] { AND }]"}
  return [list $tables $text]
}
# Several instants, each from a row of a table.
proc moments {} {
  set name [any [array names ::has_at]]@
  set tables [list b $name]
  return [list $tables "moment AS a [any {, JOIN}] {$name} AS b WHERE ([terms $tables]) AND b.at [any {= IS}] a.m"]
}
proc join_on {tables alias} {
  set name [lindex $tables end]
  set own $alias.[any [columns_of $name]]
  set list [list "$own [any {= = = = IS < >}] [collate [column [lrange $tables 0 end-2]]]"]
  if {[chance 40]} {lappend list [term $tables 1]}
  return [join $list " AND "]
}

# A SELECT: {KIND COLUMNS TEMPLATE}. Kinds: set (rows in any order), sequence, limit (some of the rows of the query before LIMIT).
proc simple_select {{n 0}} {
  lassign [from_where] tables text
  set list {}
  if {$n == 0} {set n [expr {1 + [upto 4]}]}
  for {set i 0} {$i < $n} {incr i} {
    lappend list [expr {[chance 12] ? "typeof([column $tables])" : [column $tables]}]
  }
  if {[chance 5] && [llength $tables] == 2 && [info exists ::has_at([string trimright [lindex $tables 1] @])]} {lset list 0 a.at}
  return [list $tables $list $text]
}
proc random_select {} {
  lassign [simple_select] tables list text
  set n [llength $list]
  switch [upto 12] {
    0 {
      set keys [lrange $list 0 [upto $n]]
      set aggregate "count(*), [any {count min max total}]([column $tables])"
      return [list set [expr {[llength $keys] + 2}] "SELECT [join $keys ,], $aggregate FROM $text GROUP BY [join $keys ,]\
          [expr {[chance 30] ? "HAVING count(*) > 1" : ""}]"]
    }
    1 {return [list set 4 "SELECT count(*), count(DISTINCT [lindex $list 0]), min([lindex $list end]), max([lindex $list 0]) FROM $text"]}
    2 {return [list set $n "SELECT DISTINCT [join $list ,] FROM $text"]}
    3 {
      set window "PARTITION BY [column $tables] ORDER BY [column $tables] [any {{} DESC}]"
      return [list set [expr {$n + 1}] "SELECT [join $list ,], [any {rank() dense_rank() count(*)}] OVER ($window) FROM $text"]
    }
    4 {
      lassign [simple_select $n] - more text2
      # Of two texts that are the same without regard to case either may stay.
      set list [lmap c $list {regsub {^(\w)\.c$} $c {\1.c COLLATE BINARY}}]
      return [list set $n "SELECT [join $list ,] FROM $text [any {UNION {UNION ALL} INTERSECT EXCEPT}] SELECT [join $more ,] FROM $text2"]
    }
    5 {
      lassign [simple_select 2] tables list text
      set list [lmap c $list {string map {a.at a.at||''} $c}]
      return [list set 3 "WITH w(p, q) AS [any {{} MATERIALIZED {NOT MATERIALIZED}}] (SELECT [join $list ,] FROM $text)\
          SELECT w.p, w.q, o.t FROM w [any {JOIN {LEFT JOIN}}] mix AS o ON [any {w.p w.q}] [any {= IS <}] o.[any {t x c n i}]"]
    }
    default {}
  }
  set sql "SELECT [join $list ,] FROM $text"
  if {[chance 40]} {return [list set $n $sql]}
  set order {}
  while {[chance 60]} {
    lappend order "[collate [any [concat $list [column $tables]]]] [any {{} ASC DESC {DESC NULLS LAST} {NULLS FIRST}}]"
  }
  if {[chance 70]} {
    for {set i 1} {$i <= $n} {incr i} {lappend order "$i [any {{} DESC}]"}
    set limit [expr {[chance 50] ? "LIMIT [upto 6] [expr {[chance 40] ? "OFFSET [upto 4]" : ""}]" : ""}]
    return [list sequence $n "$sql ORDER BY [join $order ,] $limit"]
  }
  if {$order ne {}} {append sql " ORDER BY [join $order ,]"}
  if {[chance 60]} {return [list limit $n "$sql LIMIT [upto 6] [expr {[chance 40] ? "OFFSET [upto 4]" : ""}]"]}
  return [list set $n $sql]
}

# An UPDATE or DELETE that is legal: {NAME TEMPLATE}.
proc random_write {} {
  set changes {
    agreement {max_val_servers = {NUMBER}} agreement {status = 'suspended'} term {max_identities = {NUMBER}} policy {value = CAST({NUMBER} AS TEXT)}
    server {acked = {NUMBER}} key {scope = 'changed'} val_server {end_pt = NULL} configuration {supp_feat = '7'}
    agreement {max_val_servers = max_val_servers + 1, status = 'active'} policy {value = value || ' '}
  }
  if {[chance 55]} {
    set i [expr {2 * [upto [expr {[llength $changes] / 2}]]}]
    lassign [lrange $changes $i $i+1] name set
    set number [any [list [upto 9] "(SELECT count(*) FROM {term} AS u)" "(SELECT count(*) FROM {agreement@} AS u WHERE u.at = {=[upto 4]})"]]
    set what "UPDATE {$name} AS a SET [string map [list {{NUMBER}} $number] $set]"
  } else {
    set name [any {policy server identity key key_record}]
    set what "DELETE FROM {$name} AS a"
  }
  # SQLite 3.40 changes a plain table while a subquery of its WHERE still reads it.
  while {[string match "*{$name}*" [set where [terms [list a $name]]]]} {}
  return [list $name "$what WHERE $where"]
}

proc own_spellings {template} {
  set map {}
  foreach n {0 1 2 3} {lappend map "{!$n}" '[lindex $::instants $n]'}
  return [string map $map $template]
}
proc as_relation {template} {
  set template [own_spellings $template]
  regsub -all {\{([a-z_]+)@?\}} $template {seal_\1} sql
  while {[regexp -indices {\{=(\d)\}} $sql all n]} {
    set n [string range $sql {*}$n]
    set sql [string replace $sql {*}$all [any [lindex $::spellings $n]]]
  }
  return $sql
}
proc as_plain {template} {
  set template [own_spellings $template]
  regsub -all {\{([a-z_]+)\}} $template {plain_\1} sql
  regsub -all {\{([a-z_]+)@\}} $sql {at_\1} sql
  while {[regexp -indices {\{=(\d)\}} $sql all n]} {
    set n [string range $sql {*}$n]
    set sql [string replace $sql {*}$all '[lindex $::instants $n]']
  }
  return $sql
}
