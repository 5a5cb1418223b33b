# A registrar under random acts of both faces, with what must hold after every one of them. Sourced by
# sequence.test:
#
#   use_seed 17
#   new_world
#   random_step                   -> one act, on one of two connections, and what must hold after it
#
# What is wrong is an error with the error code {SEQUENCE NAME}: the sequence ends there. ::history has the
# acts so far, each a statement that can be typed again, but for tokens, which are $::tok(NAME).
#
# The operator's clock moves by acts of its own, also a little back. What must hold is asked of the storage
# tables in plain SQL. Rows of a transaction may wait in memory: a look through seal_registrar writes them, and
# so it is sometimes left out, so that what waits meets what comes next.

source $tests_folder/registrar.tcl
source $tests_folder/clock.tcl
source $tests_folder/sequence-messages.tcl
source $tests_folder/sequence-holds.tcl
make_key ES256 as

set main_key [binary format H* [string repeat 5a 32]]
set servers {a.example b.example c.example}
array set key_of {a.example v2x b.example other c.example other}
set val_services {s1 s2 s3}
array set path_of [list identity-management $ipp key-management $kmpp]

# --- Chance ----------------------------------------------------------------------------------------
# Tcl's own generator, seeded: the same in every Tcl.

proc use_seed {seed} {
  set ::seed $seed
  expr {srand($seed * 7919 + 1)}
  for {set i 0} {$i < 5} {incr i} {expr {rand()}}
}
proc chance {percent} {return [expr {rand() * 100 < $percent}]}
proc pick {list} {return [lindex $list [expr {int(rand() * [llength $list])}]]}
proc upto {n} {return [expr {1 + int(rand() * $n)}]}
# One of the words, each as often as its weight says.
proc pick_weighted {weights} {
  set sum 0
  foreach {word weight} $weights {set sum [expr {$sum + $weight}]}
  set at [expr {rand() * $sum}]
  foreach {word weight} $weights {
    set at [expr {$at - $weight}]
    if {$at < 0} {return $word}
  }
  return $word
}

# --- Faults ----------------------------------------------------------------------------------------

# What is known to be wrong and belongs to later work: sequence.test fills this in.
array set excluded {}

proc wrong {name detail} {
  if {[info exists ::excluded($name)]} {
    incr ::seen_excluded($name)
    return
  }
  return -code error -errorcode [list SEQUENCE $name] "$name: $detail"
}

# --- Acts ------------------------------------------------------------------------------------------

set refusals {^[A-Z][A-Z_]+: |UNIQUE constraint failed|FOREIGN KEY constraint failed}

proc remember {command} {lappend ::history $command}
# What came of the last act, for the reader.
proc came_out {result} {lset ::history end "[lindex $::history end] ;# [string map {\n { }} $result]"}

# Runs a statement on the connection of the step, and remembers it: {0 VALUES} or {1 MESSAGE}.
proc sql {sql} {
  remember [list sql $sql]
  set rc [catch {$::C eval $sql} result]
  if {$rc} {
    came_out $result
    if {![regexp $::refusals $result]} {wrong error "$sql: $result"}
  }
  incr ::done([expr {$rc ? "refused" : "accepted"}])
  if {$rc} {incr ::causes(rows-[lindex [split $result :] 0])}
  return [list $rc $result]
}
# The same of a question that the checks ask: it is not remembered, and has no business to fail.
proc ask {sql} {return [uplevel 1 [list $::C eval $sql]]}

# Rows that wait go into storage.
proc look {} {
  if {[in_transaction]} {remember look}
  ask {SELECT count(*) FROM seal_registrar}
}

# --- The world -------------------------------------------------------------------------------------

proc prefix {server} {return [string index $server 0]}

# A token that may be used again and again, made once.
proc access_token {server} {
  return [fast_jwt as {typ at+jwt} [json_object iss https://as.example client_id $server sub $server \
      aud urn:seal:registrar iat [clock_vfs now] exp [expr {$::noon + 8640000}] \
      scope {seal:identity-management seal:key-management seal:key-provisioning} SKeyProv yes]]
}
# A token for one use, and its name.
proc once {server} {
  set name [prefix $server][incr ::once_count]
  remember [list make_once $name $server]
  make_once $name $server
  return $name
}
proc make_once {name server} {
  set now [clock_vfs now]
  set ::tok($name) [val_token $::key_of($server) $server iat $now exp [expr {$now + 300}] jti $::seed-$name]
  lappend ::once_names $name
  set ::once_server($name) $server
}
# The name of a token: mostly the one for everything, sometimes a fresh one, sometimes one that was used.
proc token_name {server} {
  if {[chance 75]} {return $server}
  if {[chance 70] || $::once_names eq {}} {return [once $server]}
  return [pick $::once_names]
}
# Whom a token proves.
proc token_server {name} {
  return [expr {[info exists ::once_server($name)] ? $::once_server($name) : $name}]
}

proc some_instant {} {
  set now [clock_vfs now]
  if {[chance 15]} {return [expr {$now + [upto 5]}]}
  set unit [pick {20 60 600 600 3600 3600 86400}]
  return [expr {($now / $unit + 1) * $unit}]
}
proc some_end {} {return [expr {[chance 55] ? "NULL" : [some_instant]}]}

# A term's limits as SQL values by column.
proc some_limits {} {
  set now [clock_vfs now]
  return [list max_identities [pick {NULL 4 6 9 12}] max_key_records [pick {NULL 3 5}] \
    max_validity [pick {NULL NULL NULL NULL NULL 60 900 7200}] \
    allowed_invocations_per_second [pick {NULL NULL NULL NULL 3}] \
    allowed_total_invocations [pick {NULL NULL NULL NULL NULL NULL 40}] \
    start_time [pick [list NULL NULL NULL NULL NULL NULL [expr {$now - 60}] [expr {$now + 20}]]] \
    stop_time [pick [list NULL NULL NULL NULL NULL [expr {$now + 300}] [expr {$now + 7200}] [expr {$now + 200000}]]] \
    price_per_invocation '0.01' price_per_identity_day '0.24' currency 'EUR']
}
proc insert_term {agreement service val_service} {
  set limits [dict filter [some_limits] script {column value} {expr {$value ne "NULL"}}]
  sql "INSERT INTO seal_term(agreement_id, seal_service, val_service_id, [join [dict keys $limits] {, }])
    VALUES ('$agreement', '$service', '$val_service', [join [dict values $limits] {, }])"
}
proc insert_val_server {server agreement} {
  # One of them is told nothing.
  set destination [expr {$server eq "c.example" ? "NULL" : "'https://$server'"}]
  lassign [sql "INSERT INTO seal_val_server(val_server_id, agreement_id, notification_destination)
    VALUES ('$server', '$agreement', $destination)"] rc
  if {$rc} return
  # What another registration of the name was answered is not this one's.
  foreach key [dict keys $::state [list message $server *]] {dict unset ::state $key}
  set ::tok($server) [access_token $server]
  sql "INSERT INTO seal_credential(credential_id, val_server_id, type, value)
    VALUES ('key of $server', '$server', 'jwk', \$::public($::key_of($server)))"
}

proc open_world {db} {
  open_seal $db test.db
  $db cache size 100
  $db timeout 2000
  $db eval {PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY}
  if {[$db eval {SELECT count(*) FROM sqlite_schema}] == 0} {install_seal $db}
  $db eval {SELECT seal_unlock($::main_key)}
}

set noon 1794744000
foreach key {v2x other as} {set public($key) [jwk $key]}
foreach server $servers {set tok($server) ""}

proc empty_world {} {
  use_clock $::noon
  catch {db close}
  catch {db2 close}
  forcedelete test.db test.db-journal test.db-wal test.db-shm
  foreach server $::servers {
    set ::tok($server) [access_token $server]
  }
  set ::history {}
  set ::once_count 0
  set ::once_names {}
  array unset ::once_server
  set ::message_count 0
  set ::C db
  open_world db
  open_world db2
  # What follows the transaction: message outcomes, used token ids.
  set ::state [dict create]
  set ::levels {}
  set ::repeatable {}
  set ::transaction 0
  set ::latest $::noon
  array unset ::allowance
  unset -nocomplain ::last_rows
}
proc new_world {} {
  empty_world
  set ::goes_back [chance 25]
  sql "INSERT INTO seal_command(command) VALUES ('rotate-key')"
  sql "INSERT INTO seal_anchor(anchor_id, type, iss, value)
    VALUES ('as', 'issuer', 'https://as.example', '{\"keys\":\[' || \$::public(as) || '\]}')"
  foreach agreement {sla-1 sla-2} {
    sql "INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('$agreement', 'acme')"
    foreach service {identity-management key-management} {
      if {[chance 85]} {insert_term $agreement $service *}
      foreach val_service $::val_services {
        if {[chance 25]} {insert_term $agreement $service $val_service}
      }
    }
  }
  foreach server $::servers agreement [list sla-1 [pick {sla-1 sla-1 sla-2}] sla-2] {
    insert_val_server $server $agreement
  }
  check_all operator
}

# Runs a history again in an empty world, whatever is refused.
proc replay {history} {
  empty_world
  foreach command $history {catch {eval $command}}
}

# --- Rows ------------------------------------------------------------------------------------------

proc some_or {} {return [pick {"" "" "" "" "OR IGNORE " "OR REPLACE " "OR FAIL " "OR ABORT "}]}

# Optional columns of a row: its end, its configuration, whose it says it is.
proc row_columns {server service} {
  set columns {}
  set named [chance 35]
  if {$named} {lappend columns conf_id '[some_conf_id $server $service]'}
  if {[chance [expr {$named ? 15 : 55}]]} {lappend columns exp_time [some_instant]}
  if {[chance 10]} {lappend columns val_server_id '[pick [list $server $server [pick $::servers]]]'}
  return $columns
}
# INSERT INTO RELATION of one row, or of several by values that a list holds: {COLUMN {VALUE …}}.
proc insert_text {relation token fixed {many {}}} {
  set columns [concat credential [dict keys $fixed] [dict keys $many]]
  set values [concat \$::tok($token) [dict values $fixed]]
  set text "INSERT [some_or]INTO ${relation}([join $columns {, }])"
  if {[dict size $many] == 0} {return "$text VALUES ([join $values {, }])"}
  set rows {}
  set n [llength [lindex [dict values $many] 0]]
  for {set i 0} {$i < $n} {incr i} {
    lappend rows ([join [lmap list [dict values $many] {lindex $list $i}] {, }])
  }
  if {$n == 1} {return "$text VALUES ([join [concat $values [lmap list [dict values $many] {lindex $list 0}]] {, }])"}
  for {set i 1} {$i <= [dict size $many]} {incr i} {lappend values column$i}
  return "$text SELECT [join $values {, }] FROM (VALUES [join $rows {, }])"
}

# Often as the rows before: those come to the same slot (ext/registrar/held/slot.c).
proc step_identity_rows {} {
  if {[in_transaction] && [chance [expr {$::load > 0 ? 75 : 40}]] && [info exists ::last_rows]} {
    lassign $::last_rows token server fixed one
  } else {
    set token [token_name [pick $::servers]]
    set server [token_server $token]
    set fixed [row_columns $server identity-management]
    set one [pick $::val_services]
    set ::last_rows [list $token $server $fixed $one]
  }
  set services {}
  set users {}
  set ues {}
  foreach id [some_ids $server] {
    lappend services '[expr {[chance 75] ? $one : [pick $::val_services]}]'
    set is_ue [string match ?-e* $id]
    lappend users [expr {$is_ue ? "NULL" : "'$id'"}]
    lappend ues [expr {$is_ue ? "'$id'" : "NULL"}]
  }
  rows_and_check $server identity-management $token \
      [insert_text seal_identity $token $fixed [list val_service_id $services val_user_id $users val_ue_id $ues]]
}
proc step_key_row {} {
  set token [token_name [pick $::servers]]
  set server [token_server $token]
  dict set fixed val_service_id '[pick $::val_services]'
  dict set fixed key_format '[pick {f g}]'
  set fixed [concat $fixed [row_columns $server key-management]]
  rows_and_check $server key-management $token [insert_text seal_key $token $fixed]
}
proc step_record_row {} {
  set token [pick $::servers]
  if {[chance 10]} {set token [token_name $token]}
  set server [token_server $token]
  set fixed [list val_service_id '[pick $::val_services]' key_format 'f' key_info '[prefix $server]-secret']
  set id [lindex [some_ids $server] 0]
  set column [pick {val_user_id val_user_id val_ue_id client_id -}]
  if {$column ne "-"} {lappend fixed $column '$id'}
  set fixed [concat $fixed [row_columns $server key-management]]
  rows_and_check $server key-management $token [insert_text seal_key_record $token $fixed]
}
proc step_configuration_row {} {
  set service [pick {identity-management identity-management key-management}]
  set token [token_name [pick $::servers]]
  set server [token_server $token]
  set fixed [list seal_service '$service']
  if {[chance 75]} {lappend fixed conf_id '[expr {[chance 60] ? [pick {shared mine x}] : [some_conf_id $server $service]}]'}
  if {[chance 50]} {lappend fixed exp_time [some_instant]}
  if {[chance 40]} {lappend fixed supp_feat '[prefix $server]'}
  rows_and_check $server $service $token [insert_text seal_configuration $token $fixed]
}

proc counted {} {
  return [ask {SELECT (SELECT count(*) FROM seal_identity_data), (SELECT count(*) FROM seal_key_record_data)}]
}

# Runs an INSERT of rows. In a transaction what came of it is asked at the end (check_ledgers); elsewhere, and
# sometimes there, at once.
proc rows_and_check {server service token text} {
  set alone [expr {![in_transaction]}]
  if {$alone} {
    set before [fingerprint]
    lassign [counted] identities records
    lassign [heads] audit usage
    set places [ask {SELECT id, next FROM seal_configuration_service}]
  }
  if {[info exists ::excluded(statement.savepoint)] && [string match "* SELECT *" $text]} look
  set taken [rows_taken $token]
  lassign [sql $text] rc result
  if {[rows_taken $token] > $taken} {token_used $token rows}
  if {$rc && $alone && ![string match "INSERT OR FAIL*" $text] && [fingerprint] ne $before} {
    wrong rows.refused "$text\n$before\n[fingerprint]"
  }
  if {$rc || !($alone || [chance 25])} return
  if {!$alone} look
  # Whom did it reach: by the entries of the audit, which name configurations.
  if {!$alone} return
  lassign [counted] identities_after records_after
  set added [expr {$identities_after - $identities}]
  set who [token_server $token]
  set units [ask {
    SELECT u.val_server_id, u.operation, u.result, u.seal_service, u.identities,
      (SELECT group_concat(n.val_service_id) FROM (SELECT val_service_id FROM seal_usage_unit
        WHERE usage = u.seq ORDER BY 1) AS n)
    FROM seal_usage_data AS u WHERE u.seq > $usage
  }]
  if {$units eq {} && $added == 0} return
  lassign $units w operation result s n terms
  if {[llength $units] != 6 || $w ne $who || $operation ne "INSERT" || $result != 201 || $s ne $service ||
      $n != $added} {wrong rows.usage "$text\n$added more: $units"}
  # The configurations that took them, each row seen, under the terms that grant.
  set granted {}
  foreach {object action outcome} [ask {
    SELECT object, action, outcome FROM seal_audit_data WHERE seq > $audit
  }] {
    # Rows that were refused, and that the statement went on without: they changed nothing.
    if {$action eq "INSERT" && $outcome eq "refused" && [regexp {^seal_[a-z_]+$} $object] &&
        [string match "INSERT OR IGNORE*" $text]} continue
    if {$action ne "INSERT" || $outcome ne "done" || ![regexp {^seal_configuration:([^/]*)/(.*)$} $object -> w conf_id]
        || $w ne $who} {wrong rows.audit "$text\n$object $action $outcome"}
    check_services $who $service $conf_id $places
    if {[ask {SELECT count(*) FROM seal_configuration WHERE val_server_id = $who AND conf_id = $conf_id}] != 1} {
      wrong rows.unseen "$text\n$object is not valid"
    }
    lappend granted {*}[lmap v [services_of $who $conf_id] {granting_term $who $service $v}]
  }
  foreach term [split $terms ,] {
    if {$term ni $granted && $granted ne {}} {wrong rows.terms "$text\ncharged under $terms, granted by $granted"}
  }
}

# How many entries of rows there are of whom a one-time token proves: whether a statement has used it, for all of
# its rows may have been ignored.
proc rows_taken {name} {
  if {![info exists ::once_server($name)]} {return 0}
  look
  set server $::once_server($name)
  return [ask {SELECT count(*) FROM seal_audit_data WHERE actor = $server AND action = 'INSERT' AND outcome = 'done'}]
}

# --- The operator ----------------------------------------------------------------------------------

# The row id of one of the relation's rows, or empty.
proc some_rowid {relation} {
  set n [ask "SELECT count(*) FROM $relation WHERE at IS NULL"]
  if {$n == 0} {return ""}
  set n [expr {[upto $n] - 1}]
  return [ask "SELECT rowid FROM $relation WHERE at IS NULL ORDER BY rowid LIMIT 1 OFFSET $n"]
}
proc step_operator_row {} {
  switch [pick {identity-new identity-gone identity-many key-new key-gone record-gone}] {
    identity-new {
      set id [some_rowid seal_identity]
      if {$id eq ""} return
      set name [ask "SELECT coalesce(substr(val_user_id, 1, 1), substr(val_ue_id, 1, 1)) || '-u[upto 7]'
        FROM seal_identity WHERE rowid = $id AND at IS NULL"]
      sql "UPDATE seal_identity SET val_user_id = '$name', val_ue_id = NULL WHERE rowid = $id AND at IS NULL"
    }
    identity-gone {
      set id [some_rowid seal_identity]
      if {$id ne ""} {sql "DELETE FROM seal_identity WHERE rowid = $id AND at IS NULL"}
    }
    identity-many {
      sql "DELETE FROM seal_identity WHERE val_user_id GLOB '[pick {a b c}]-u\[[upto 3]-[expr {3 + [upto 3]}]\]' AND at IS NULL"
    }
    key-new {
      set id [some_rowid seal_key]
      if {$id ne ""} {sql "UPDATE seal_key SET key_format = 'h', scope = 'y z' WHERE rowid = $id AND at IS NULL"}
    }
    key-gone {
      set id [some_rowid seal_key]
      if {$id ne ""} {sql "DELETE FROM seal_key WHERE rowid = $id AND at IS NULL"}
    }
    record-gone {
      set id [some_rowid seal_key_record]
      if {$id ne ""} {sql "DELETE FROM seal_key_record WHERE rowid = $id AND at IS NULL"}
    }
  }
}
proc step_operator_configuration {} {
  set id [some_rowid seal_configuration]
  if {$id eq ""} return
  switch [pick {end end end gone feature}] {
    end {sql "UPDATE seal_configuration SET exp_time = [some_end] WHERE rowid = $id AND at IS NULL"}
    gone {sql "DELETE FROM seal_configuration WHERE rowid = $id AND at IS NULL"}
    feature {sql "UPDATE seal_configuration SET supp_feat = substr(val_server_id, 1, 1) WHERE rowid = $id AND at IS NULL"}
  }
}
proc step_operator_term {} {
  set service [pick {identity-management identity-management key-management}]
  set agreement [pick {sla-1 sla-1 sla-2}]
  set val_service [pick [concat * $::val_services]]
  set where "WHERE agreement_id = '$agreement' AND seal_service = '$service'
    AND val_service_id = '$val_service' AND at IS NULL"
  set now [clock_vfs now]
  switch [pick {add add add quota quota validity window price end remove}] {
    add {insert_term $agreement $service $val_service}
    quota {sql "UPDATE seal_term SET max_identities = [pick {NULL 2 4 9}], max_key_records = [pick {NULL 1 3}],
      allowed_total_invocations = NULL $where"}
    validity {sql "UPDATE seal_term SET max_validity = [pick {NULL NULL 30 600}] $where"}
    window {sql "UPDATE seal_term SET start_time = [pick [list NULL NULL [expr {$now + 10}]]],
      stop_time = [pick [list NULL NULL [expr {$now + 30}] [expr {$now + 3000}]]] $where"}
    price {sql "UPDATE seal_term SET price_per_identity_day = '0.[upto 9]' $where"}
    end {sql "UPDATE seal_term SET start_time = NULL, stop_time = $now $where"}
    remove {
      if {[chance 60]} {sql "UPDATE seal_term SET start_time = NULL, stop_time = $now $where"}
      sql "DELETE FROM seal_term $where"
    }
  }
}
proc step_operator_agreement {} {
  set where "WHERE agreement_id = '[pick {sla-1 sla-2}]' AND at IS NULL"
  set now [clock_vfs now]
  switch [pick {suspend resume window open open open open}] {
    suspend {sql "UPDATE seal_agreement SET status = 'suspended' $where"}
    resume {sql "UPDATE seal_agreement SET status = 'active' $where"}
    window {sql "UPDATE seal_agreement SET start_time = [pick [list NULL NULL [expr {$now + 5}]]],
      stop_time = [pick [list NULL NULL $now [expr {$now + 60}] [expr {$now + 3600}]]] $where"}
    open {sql "UPDATE seal_agreement SET start_time = NULL, stop_time = NULL, status = 'active' $where"}
  }
}
proc step_operator_server {} {
  set server [pick $::servers]
  set where "WHERE val_server_id = '$server' AND at IS NULL"
  set now [clock_vfs now]
  switch [pick {suspend resume end well well well well well again}] {
    suspend {sql "UPDATE seal_val_server SET status = 'suspended' $where"}
    resume {sql "UPDATE seal_val_server SET status = 'active' $where"}
    end {sql "UPDATE seal_val_server SET exp_time = [expr {$now + [pick {0 5 60 600 86400}]}] $where"}
    well {sql "UPDATE seal_val_server SET exp_time = NULL, status = 'active' WHERE at IS NULL"}
    again {
      if {[chance 50]} return
      sql "UPDATE seal_val_server SET status = 'terminated' $where"
      if {[chance 30]} return
      sql "DELETE FROM seal_val_server $where"
      insert_val_server $server [pick {sla-1 sla-2}]
    }
  }
  if {[ask {SELECT count(*) FROM seal_val_server_data WHERE val_server_id = $server AND status <> 'terminated'}] == 0} {
    sql "DELETE FROM seal_val_server $where"
    insert_val_server $server [pick {sla-1 sla-2}]
  }
}
proc step_command {} {
  switch [pick {sweep sweep sweep-some checkpoint notice notice deliver}] {
    notice {
      sql "INSERT INTO seal_command(command) VALUES ('notice')"
      check_noticed
    }
    deliver {
      sql "UPDATE seal_notification SET delivered_time = [clock_vfs now], attempts = attempts + 1
        WHERE seq % 3 = [upto 3] - 1 AND delivered_time IS NULL"
    }
    sweep {sql "INSERT INTO seal_command(command) VALUES ('sweep')"}
    sweep-some {sql "INSERT INTO seal_command(command, argument) VALUES ('sweep', [upto 3])"}
    checkpoint {sql "INSERT INTO seal_command(command) VALUES ('checkpoint')"}
  }
}

# --- Transactions ------------------------------------------------------------------------------------

# ::levels has, for BEGIN and each savepoint, its name, a dump of storage and what the test itself knew.
proc in_transaction {} {return [expr {$::levels ne {}}]}

proc dump_storage {} {
  set all {}
  foreach table $::storage {lappend all $table [ask "SELECT * FROM $table"]}
  return $all
}
set storage {seal_registrar_data seal_agreement_data seal_term_data seal_term_use seal_term_held seal_val_server_data
  seal_credential_data seal_credential_replay seal_configuration_data seal_configuration_service seal_identity_data
  seal_key_record_data seal_usage_data seal_usage_unit seal_audit_data seal_audit_checkpoint seal_change_data
  seal_message_data seal_refusal_data seal_val_server_rate
  seal_occupancy_data seal_occupancy_term seal_occupancy_gap seal_occupancy_price seal_occupancy_party
  seal_notification_data seal_notification_cause}

# What two dumps differ in.
proc difference {before after} {
  foreach {table rows} $before {
    if {[dict get $after $table] ne $rows} {return "$table\n  was $rows\n  is  [dict get $after $table]"}
  }
}
proc must_be {name before} {
  set after [dump_storage]
  if {$after ne $before} {wrong $name [difference $before $after]}
}
proc step_begin {} {
  if {[in_transaction]} {return [step_savepoint]}
  set ::transaction [incr ::transactions]
  set dump [dump_storage]
  set ::begun [heads]
  set ::load [expr {[chance 40] ? [upto 15] : 0}]
  sql [pick {BEGIN "BEGIN IMMEDIATE" "SAVEPOINT p1"}]
  set ::levels [list [list [expr {[string match *SAVE* [lindex $::history end]] ? "p1" : "begin"}] \
      $dump [list $::state $::repeatable [array get ::allowance]]]]
}
proc step_savepoint {} {
  if {![in_transaction]} {return [step_begin]}
  if {[llength $::levels] > 3} return
  set name p[expr {[llength $::levels] + 1}]
  # What waits is written by SAVEPOINT itself, or by a look before.
  if {[chance 50]} look
  sql "SAVEPOINT $name"
  lappend ::levels [list $name [dump_storage] [list $::state $::repeatable [array get ::allowance]]]
}
proc step_release {} {
  if {![in_transaction]} return
  set i [expr {[upto [llength $::levels]] - 1}]
  if {$i == 0} {return [step_commit]}
  sql "RELEASE [lindex $::levels $i 0]"
  set ::levels [lrange $::levels 0 $i-1]
}
proc forget_since {level} {
  lassign [lindex $level 2] ::state ::repeatable allowance
  array unset ::allowance
  array set ::allowance $allowance
  # The time that has passed is not taken back.
  if {![dict exists $::state went_back] && [clock_vfs now] >= $::latest} {hold_until $::latest} else {
    dict set ::state went_back 1
  }
}
proc step_rollback_to {} {
  if {![in_transaction]} return
  set i [expr {[upto [llength $::levels]] - 1}]
  set level [lindex $::levels $i]
  if {[lindex $level 0] eq "begin"} {return [step_rollback]}
  sql "ROLLBACK TO [lindex $level 0]"
  set ::levels [lrange $::levels 0 $i]
  must_be rollback.to [lindex $level 1]
  forget_since $level
}
proc step_rollback {} {
  if {![in_transaction]} return
  set level [lindex $::levels 0]
  set ::levels {}
  sql ROLLBACK
  must_be rollback [lindex $level 1]
  forget_since $level
  check_all operator
}
proc step_commit {} {
  if {![in_transaction]} return
  set name [lindex $::levels 0 0]
  sql [expr {$name eq "begin" ? "COMMIT" : "RELEASE $name"}]
  set ::levels {}
  check_ledgers {*}$::begun
  check_all operator
}
proc step_connection {} {
  if {[in_transaction]} return
  connection [expr {$::C eq "db" ? "db2" : "db"}]
}
proc connection {name} {
  set ::C $name
  remember [list connection $name]
}
proc reopen {} {
  remember reopen
  $::C close
  open_world $::C
}
proc step_reopen {} {
  reopen
  if {![in_transaction]} return
  set level [lindex $::levels 0]
  set ::levels {}
  must_be reopen [lindex $level 1]
  forget_since $level
  check_all operator
}

# --- Time --------------------------------------------------------------------------------------------

proc step_time {} {
  if {[info exists ::excluded(slot.time)] && [in_transaction]} return
  if {$::goes_back && [chance 20] && [clock_vfs now] > $::latest - 10} {
    set step -[upto 15]
  } else {
    set step [pick_weighted {1 20 2 10 5 10 10 10 30 10 60 10 300 6 900 4 3600 2 90000 1}]
  }
  time_step $step
}
proc time_step {step} {
  remember [list time_step $step]
  if {$step > 0} {hold_until [expr {[clock_vfs now] + $step}]} else {dict set ::state went_back 1}
  clock_vfs step $step
  if {[clock_vfs now] > $::latest} {set ::latest [clock_vfs now]}
}

# --- A step ----------------------------------------------------------------------------------------

set weights_outside {
  message 30 repeat 6 identity_rows 22 key_row 4 record_row 6 configuration_row 4 operator_row 5
  operator_configuration 4 operator_term 5 operator_agreement 3 operator_server 3 command 3 time 9 begin 9
  connection 3 reopen 1
}
set weights_inside {
  message 16 repeat 3 identity_rows 30 key_row 4 record_row 6 configuration_row 4 operator_row 7
  operator_configuration 4 operator_term 5 operator_agreement 2 operator_server 2 command 2 time 5
  savepoint 7 release 4 rollback_to 6 commit 7 rollback 3 reopen 0.3
}

# Rows among themselves, as a host loads them: what waits lives longest there.
set weights_load {identity_rows 60 operator_row 6 time 10 savepoint 6 rollback_to 5 release 3}

proc step_message {} {
  send_new [pick_weighted {POST 12 PUT 5 PATCH 8 DELETE 2 GET 4 GET-LIST 2}] \
      [pick {identity-management identity-management key-management}]
}
# A message again: by the same requester with the same token or another, or the same by another.
proc step_repeat {} {
  if {$::repeatable eq {}} return
  set m [pick $::repeatable]
  switch [pick {same same fresh fresh other}] {
    fresh {dict set m token [token_name [dict get $m server]]}
    other {dict set m token [pick $::servers]}
  }
  dict set m server [token_server [dict get $m token]]
  send_and_check $m
}

proc random_step {} {
  set weights [expr {![in_transaction] ? $::weights_outside : $::load > 0 ? $::weights_load : $::weights_inside}]
  set kind [pick_weighted $weights]
  incr ::load -1
  incr ::steps_done($kind)
  set alone [expr {![in_transaction]}]
  if {$alone} {set before [heads]}
  step_$kind
  set who [expr {[string match operator* $kind] || $kind in {command time} ? "operator" : "VAL server"}]
  if {$alone && ![in_transaction]} {
    if {$kind ni {time connection}} {check_ledgers {*}$before}
    check_all $who
  } elseif {[in_transaction] && [chance 30]} {
    # Acts since the last look were anybody's.
    check_all [expr {$::looked ? $who : "operator"}]
    set ::looked 1
  } else {
    set ::looked 0
  }
}
set looked 0
set load 0
set transactions 0
