# What must hold after every step of a random sequence, asked of storage in plain SQL: whose each row is, counters,
# quotas, ledgers, occupancy. Sourced by sequence.tcl, whose words it uses.

set structure {
  SELECT 'service.rows', s.id, s.identities, s.key_records FROM seal_configuration_service AS s
  WHERE s.identities <> (SELECT count(*) FROM seal_identity_data WHERE id BETWEEN s.id << 28 AND (s.id << 28) + 268435455)
    OR s.key_records <> (SELECT count(*) FROM seal_key_record_data
      WHERE id BETWEEN s.id << 28 AND (s.id << 28) + 268435455)
  UNION ALL SELECT 'service.next', s.id, s.next, NULL FROM seal_configuration_service AS s
  WHERE (SELECT max(id) FROM (SELECT max(id) AS id FROM seal_identity_data WHERE id < (s.id + 1) << 28
    UNION ALL SELECT max(id) FROM seal_key_record_data WHERE id < (s.id + 1) << 28)) >= (s.id << 28) + s.next
  UNION ALL SELECT 'identity.owner', i.id, coalesce(i.val_user_id, i.val_ue_id), v.val_server_id
  FROM seal_identity_data AS i LEFT JOIN seal_configuration_service AS s ON s.id = i.service
  LEFT JOIN seal_configuration_data AS c ON c.id = s.configuration
  LEFT JOIN seal_val_server_data AS v ON v.id = c.val_server
  WHERE substr(coalesce(i.val_user_id, i.val_ue_id), 1, 1) IS NOT substr(v.val_server_id, 1, 1)
    OR i.id >> 28 <> i.service OR c.seal_service <> 'identity-management' OR (val_user_id IS NULL) = (val_ue_id IS NULL)
  UNION ALL SELECT 'record.owner', i.id, coalesce(i.val_user_id, i.val_ue_id, client_id), v.val_server_id
  FROM seal_key_record_data AS i LEFT JOIN seal_configuration_service AS s ON s.id = i.service
  LEFT JOIN seal_configuration_data AS c ON c.id = s.configuration
  LEFT JOIN seal_val_server_data AS v ON v.id = c.val_server
  WHERE substr(coalesce(i.val_user_id, i.val_ue_id, client_id, val_server_id), 1, 1) IS NOT substr(v.val_server_id, 1, 1)
    OR i.id >> 28 <> i.service OR c.seal_service <> 'key-management'
  UNION ALL SELECT 'service.owner', s.id, t.id, t.val_service_id FROM seal_configuration_service AS s
  LEFT JOIN seal_configuration_data AS c ON c.id = s.configuration
  LEFT JOIN seal_val_server_data AS v ON v.id = c.val_server LEFT JOIN seal_term_data AS t ON t.id = s.term
  WHERE t.agreement IS NOT v.agreement OR t.seal_service IS NOT c.seal_service
    OR t.val_service_id NOT IN ('*', s.val_service_id)
  UNION ALL SELECT 'configuration.owner', c.id, c.conf_id, c.supp_feat FROM seal_configuration_data AS c
  LEFT JOIN seal_val_server_data AS v ON v.id = c.val_server
  WHERE v.id IS NULL OR substr(v.val_server_id, 1, 1) <> c.supp_feat
  UNION ALL SELECT 'term.use', t.id, u.identities || '/' || u.key_records, n.i || '/' || n.k
  FROM seal_term_data AS t LEFT JOIN seal_term_use AS u ON u.term = t.id
  LEFT JOIN (SELECT term, sum(identities) AS i, sum(key_records) AS k FROM seal_configuration_service GROUP BY 1) AS n
    ON n.term = t.id
  WHERE coalesce(u.identities, 0) <> coalesce(n.i, 0) OR coalesce(u.key_records, 0) <> coalesce(n.k, 0)
  UNION ALL SELECT 'term.use', term, NULL, 'no term' FROM seal_term_use WHERE term NOT IN (SELECT id FROM seal_term_data)
  UNION ALL SELECT 'term.held', term, until, val_server || ': ' || sum(i) || '/' || sum(k) FROM (
    SELECT term, until, val_server, identities AS i, key_records AS k FROM seal_term_held
    UNION ALL SELECT s.term, c.until, c.val_server, -s.identities, -s.key_records
    FROM seal_configuration_service AS s JOIN seal_configuration_data AS c ON c.id = s.configuration)
  GROUP BY term, until, val_server HAVING sum(i) <> 0 OR sum(k) <> 0
  UNION ALL SELECT 'term.held', term, until, 'negative' FROM seal_term_held WHERE identities < 0 OR key_records < 0
  UNION ALL SELECT 'ledger.gaps', 'change', count(*), max(seq) FROM seal_change_data HAVING count(*) <> max(seq)
  UNION ALL SELECT 'ledger.gaps', 'usage', count(*), max(seq) FROM seal_usage_data HAVING count(*) <> max(seq)
  UNION ALL SELECT 'ledger.gaps', 'charge', count(*), max(seq) FROM seal_charge_data HAVING count(*) <> max(seq)
  UNION ALL SELECT 'ledger.charge', n.usage, n.term, n.val_service_id FROM seal_usage_unit AS n
  WHERE 1 IS NOT (SELECT sum(g.quantity) FROM seal_charge_data AS g WHERE g.usage_seq = n.usage AND g.rating_group = n.term)
  UNION ALL SELECT 'ledger.gaps', 'audit', count(*), max(seq) FROM seal_audit_data HAVING count(*) <> max(seq)
  UNION ALL SELECT 'ledger.gaps', 'notification', count(*), max(seq) FROM seal_notification_data HAVING count(*) <> max(seq)
  UNION ALL SELECT 'notification.whom', seq, val_server_id, destination FROM seal_notification_data
  WHERE destination <> 'https://' || val_server_id OR val_server_id = 'c.example'
  UNION ALL SELECT 'notification.level', seq, event, detail FROM seal_notification_data WHERE event GLOB 'QUOTA_*'
    AND (detail ->> 'held' > detail ->> 'limit'
      OR 10 * (detail ->> 'held') < (detail ->> 'limit') * iif(event = 'QUOTA_NEAR', 9, 10))
  UNION ALL SELECT 'notification.once', max(seq), event, object || detail FROM seal_notification_data
  WHERE event IN ('VALIDITY_ENDING', 'ENDED', 'CREDENTIAL_ENDING')
  GROUP BY val_server, event, object, detail ->> 'validUntil', detail ->> 'lead' HAVING count(*) > 1
  UNION ALL SELECT 'notification.status', seq, event, object FROM (SELECT seq, event, object,
      lag(event) OVER (PARTITION BY val_server, object ORDER BY seq) AS before FROM seal_notification_data
    WHERE event IN ('SUSPENDED', 'RESUMED', 'TERMINATED')) WHERE event = before OR before = 'TERMINATED'
  UNION ALL SELECT 'occupancy.overlap', o.service, o.start, o.stop FROM seal_occupancy_data AS o
  WHERE o.stop > (SELECT min(start) FROM seal_occupancy_data AS n WHERE n.service = o.service AND n.start > o.start)
}

# What is valid under terms with a quota that is not kept, at now and at each start to come.
set over_quota {
  WITH moment(at) AS (SELECT $now UNION SELECT start_time FROM seal_term_data WHERE start_time > $now
    UNION SELECT start_time FROM seal_agreement_data WHERE start_time > $now)
  SELECT s.term, m.at, sum(s.identities), t.max_identities, sum(s.key_records), t.max_key_records
  FROM moment AS m CROSS JOIN seal_configuration_data AS c ON c.until > m.at
  JOIN seal_val_server_data AS v ON v.id = c.val_server AND v.status = 'active' AND coalesce(v.exp_time, 1e18) > m.at
  JOIN seal_agreement_data AS a ON a.id = v.agreement AND a.status = 'active'
    AND coalesce(a.start_time, 0) <= m.at AND coalesce(a.stop_time, 1e18) > m.at
  JOIN seal_configuration_service AS s ON s.configuration = c.id JOIN seal_term_data AS t ON t.id = s.term
  WHERE NOT EXISTS (SELECT 1 FROM seal_configuration_service AS x JOIN seal_term_data AS y ON y.id = x.term
    WHERE x.configuration = c.id AND (coalesce(y.start_time, 0) > m.at OR coalesce(y.stop_time, 1e18) <= m.at))
  GROUP BY s.term, m.at HAVING sum(s.identities) > t.max_identities OR sum(s.key_records) > t.max_key_records
}

# After an act of `who`: only the operator, or the clock, may leave more under a term than it allows.
proc check_quotas {who} {
  set now [clock_vfs now]
  array set over {}
  foreach {term at identities max_identities records max_records} [ask $::over_quota] {
    foreach what {identities records} {
      if {[set max_$what] eq "" || [set $what] <= [set max_$what]} continue
      set index $term-$what
      if {![info exists over($index)] || $over($index) < [set $what]} {set over($index) [set $what]}
      if {$who eq "operator" || ([info exists ::allowance($index)] && $::allowance($index) >= [set $what])} continue
      wrong quota.$what "term $term has [set $what] of [set max_$what] at $at"
    }
  }
  array unset ::allowance
  array set ::allowance [array get over]
}

proc check_all {who} {
  look
  set found [ask $::structure]
  if {$found ne {}} {wrong [lindex $found 0] $found}
  check_quotas $who
  if {![in_transaction] && [chance 10]} check_seldom
}

# After the command notice: each end that has come as near as the registrar says is told of to who holds what ends then,
# and nothing else is.
proc check_noticed {} {
  set now [clock_vfs now]
  set missing [ask {
    WITH e AS (SELECT DISTINCT v.id, min(c.until, coalesce(v.exp_time, 1 << 60), coalesce(a.stop_time, 1 << 60),
        (SELECT coalesce(min(coalesce(y.stop_time, 1 << 60)), 1 << 60) FROM seal_configuration_service AS x
          JOIN seal_term_data AS y ON y.id = x.term WHERE x.configuration = c.id)) AS until
      FROM seal_configuration_data AS c JOIN seal_val_server_data AS v ON v.id = c.val_server
      JOIN seal_agreement_data AS a ON a.id = v.agreement
      WHERE v.notification_destination IS NOT NULL AND 'terminated' NOT IN (v.status, a.status))
    SELECT e.id, e.until, l.lead FROM e
    JOIN (SELECT 0 AS lead UNION ALL SELECT value FROM json_each((SELECT notice_before FROM seal_registrar_data))) AS l
      ON e.until - l.lead <= $now
    WHERE NOT EXISTS (SELECT 1 FROM seal_notification_data AS n WHERE n.val_server = e.id
      AND n.event = iif(l.lead, 'VALIDITY_ENDING', 'ENDED') AND unixepoch(n.detail ->> 'validUntil') = e.until
      AND coalesce(n.detail ->> 'lead', 0) = l.lead AND n.due_time = e.until - l.lead)
  }]
  if {$missing ne {}} {wrong notification.missing $missing}
  sql "INSERT INTO seal_command(command) VALUES ('notice')"
  set twice [ask {SELECT result FROM seal_command LIMIT 1}]
  if {$twice != 0} {wrong notification.twice $twice}
}

# What costs more.
proc check_seldom {} {
  set broken [ask {SELECT seal_audit_verify()}]
  if {$broken ne "{}"} {wrong audit.chain $broken}
  set foreign [ask {
    SELECT seq, actor, object FROM seal_audit_data WHERE actor NOT IN ('operator', 'unknown') AND outcome = 'done'
      AND object NOT GLOB 'seal_configuration:' || actor || '/*' AND object <> 'seal_val_server:' || actor
      AND object NOT GLOB '/ss-*'
  }]
  if {$foreign ne {}} {wrong audit.object $foreign}
  check_occupancy
}

# Adds what is held from the last instant to this one to what the state knows: identity- and record-seconds of each
# VAL server, SEAL service and VAL service. Rows that wait are not seen, so this looks; what is taken back later is
# taken back here too, and counted anew.
proc hold_until {until} {
  look
  set from $::noon
  if {[dict exists $::state held_to]} {set from [dict get $::state held_to]}
  foreach {server service val_service n k} [ask {
    SELECT v.val_server_id, c.seal_service, s.val_service_id, sum(s.identities * w.seconds), sum(s.key_records * w.seconds)
    FROM (SELECT c.id, min(c.until, coalesce(v.exp_time, 1 << 60), coalesce(a.stop_time, 1 << 60), $until,
        (SELECT min(coalesce(y.stop_time, 1 << 60)) FROM seal_configuration_service AS x
          JOIN seal_term_data AS y ON y.id = x.term WHERE x.configuration = c.id))
        - max($from, coalesce(a.start_time, 0), (SELECT max(coalesce(y.start_time, 0)) FROM seal_configuration_service AS x
          JOIN seal_term_data AS y ON y.id = x.term WHERE x.configuration = c.id)) AS seconds
      FROM seal_configuration_data AS c JOIN seal_val_server_data AS v ON v.id = c.val_server AND v.status = 'active'
      JOIN seal_agreement_data AS a ON a.id = v.agreement AND a.status = 'active') AS w
    JOIN seal_configuration_data AS c ON c.id = w.id JOIN seal_val_server_data AS v ON v.id = c.val_server
    JOIN seal_configuration_service AS s ON s.configuration = c.id
    WHERE w.seconds > 0 AND s.identities + s.key_records > 0 GROUP BY 1, 2, 3
  }] {
    set key [list held $server $service $val_service]
    lassign [expr {[dict exists $::state $key] ? [dict get $::state $key] : {0 0}}] n0 k0
    dict set ::state $key [list [expr {$n0 + $n}] [expr {$k0 + $k}]]
  }
  dict set ::state held_to $until
}

# What was held is what occupancy sums up to, unless the clock went back: then a second may stand twice.
proc check_held {} {
  if {[dict exists $::state went_back]} return
  set now [clock_vfs now]
  hold_until $now
  foreach {server service val_service n k} [ask {
    SELECT val_server_id, seal_service, val_service_id, sum(identities * seconds), sum(key_records * seconds) FROM (
      SELECT *, min(coalesce(unixepoch(stop_time), 1 << 60), $now) - unixepoch(start_time) AS seconds FROM seal_occupancy)
    WHERE seconds > 0 GROUP BY 1, 2, 3
  }] {
    set sums([list held $server $service $val_service]) [list $n $k]
  }
  foreach {key value} $::state {
    if {[lindex $key 0] ne "held"} continue
    set is [expr {[info exists sums($key)] ? $sums($key) : "0 0"}]
    if {$is ne $value} {wrong occupancy.sum "[lrange $key 1 end]: $is, held $value"}
    unset -nocomplain sums($key)
  }
  if {[array size sums]} {wrong occupancy.sum "more: [array get sums]"}
}

# What is held now is what the open rows of occupancy say.
proc check_occupancy {} {
  set now $::latest
  set found [ask {
    SELECT who, seal_service, val_service_id, sum(n), sum(k) FROM (
      SELECT val_server_id AS who, seal_service, val_service_id, identities AS n, key_records AS k
      FROM seal_occupancy WHERE start_time <= strftime('%Y-%m-%dT%H:%M:%SZ', $now, 'unixepoch')
        AND coalesce(stop_time, '9') > strftime('%Y-%m-%dT%H:%M:%SZ', $now, 'unixepoch')
      UNION ALL
      SELECT v.val_server_id, c.seal_service, s.val_service_id, -s.identities, -s.key_records
      FROM seal_configuration_data AS c
      JOIN seal_val_server_data AS v ON v.id = c.val_server AND v.status = 'active' AND coalesce(v.exp_time, 1e18) > $now
      JOIN seal_agreement_data AS a ON a.id = v.agreement AND a.status = 'active'
        AND coalesce(a.start_time, 0) <= $now AND coalesce(a.stop_time, 1e18) > $now
      JOIN seal_configuration_service AS s ON s.configuration = c.id
      WHERE c.until > $now AND NOT EXISTS (SELECT 1 FROM seal_configuration_service AS x
        JOIN seal_term_data AS y ON y.id = x.term
        WHERE x.configuration = c.id AND (coalesce(y.start_time, 0) > $now OR coalesce(y.stop_time, 1e18) <= $now)))
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(k) <> 0
  }]
  if {$found ne {}} {wrong occupancy.now "at $now: $found"}
}

# The new entries of a transaction: rows make one event for each VAL server and SEAL service; what events, their
# units and audit entries count is the same.
proc check_ledgers {audit usage change} {
  look
  set found [ask {
    SELECT 'ledger.events', val_server_id, seal_service, count(*) FROM seal_usage_data
    WHERE seq > $usage AND operation = 'INSERT' GROUP BY val_server_id, seal_service HAVING count(*) > 1
    UNION ALL SELECT 'ledger.units', u.seq, u.identities, u.key_records FROM seal_usage_data AS u WHERE u.seq > $usage
      AND (u.identities, u.key_records) IS NOT (SELECT sum(n.identities), sum(n.key_records)
        FROM seal_usage_unit AS n WHERE n.usage = u.seq)
    UNION ALL SELECT 'ledger.added', who, sum(n), NULL FROM (
      SELECT val_server_id AS who, identities AS n FROM seal_usage_data WHERE seq > $usage AND operation = 'INSERT'
      UNION ALL SELECT actor, -(detail ->> 'added') FROM seal_audit_data WHERE seq > $audit AND action = 'INSERT'
        AND outcome = 'done' AND detail ->> 'seal_service' = 'identity-management')
    GROUP BY who HAVING sum(n) <> 0
    UNION ALL SELECT 'ledger.object', seq, actor, object FROM seal_audit_data WHERE seq > $audit
      AND actor NOT IN ('operator', 'unknown') AND outcome = 'done' AND object NOT GLOB '/ss-*'
      AND object NOT GLOB 'seal_configuration:' || actor || '/*'
  }]
  if {$found ne {}} {wrong [lindex $found 0] $found}
}
