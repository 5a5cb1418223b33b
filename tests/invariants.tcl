# What must hold in every database at every commit, counted anew from the rows. Sourced by
# registrar.tcl and faultsim tests:
#
#   check_invariants rows-3.invariants     -> a test that passes when nothing is found
#   puts [invariants db]                   -> a list of what is wrong
#
# It reads storage tables with plain SQL, on purpose by other queries than the registrar's.

# Each is a query that gives a row for what is wrong.
set invariant_queries {
  service.identities {
    SELECT s.id, s.identities, count(i.id) FROM seal_configuration_service AS s
    LEFT JOIN seal_identity_data AS i ON i.service = s.id GROUP BY s.id
    HAVING s.identities <> count(i.id)
  }
  service.next {
    SELECT s.id, s.next, max(i.id) FROM seal_configuration_service AS s
    JOIN seal_identity_data AS i ON i.service = s.id GROUP BY s.id
    HAVING s.next <= max(i.id) - (s.id << 28) OR min(i.id) < (s.id << 28) OR s.next > 1 << 28
  }
  identity.service {
    SELECT id, service FROM seal_identity_data
    WHERE service NOT IN (SELECT id FROM seal_configuration_service) OR id >> 28 <> service
  }
  identity.one {
    SELECT id FROM seal_identity_data WHERE (val_user_id IS NULL) = (val_ue_id IS NULL)
  }
  identity.once {
    SELECT service, val_user_id, val_ue_id, count(*) FROM seal_identity_data GROUP BY 1, 2, 3
    HAVING count(*) > 1
  }
  service.configuration {
    SELECT id FROM seal_configuration_service
    WHERE configuration NOT IN (SELECT id FROM seal_configuration_data)
  }
  service.term {
    SELECT id FROM seal_configuration_service WHERE term NOT IN (SELECT id FROM seal_term_data)
  }
  service.agreement {
    SELECT s.id FROM seal_configuration_service AS s
    JOIN seal_configuration_data AS c ON c.id = s.configuration
    JOIN seal_val_server_data AS v ON v.id = c.val_server
    JOIN seal_term_data AS t ON t.id = s.term
    WHERE t.agreement <> v.agreement OR t.seal_service <> c.seal_service
      OR t.val_service_id NOT IN ('*', s.val_service_id)
  }
  configuration.val_server {
    SELECT id FROM seal_configuration_data
    WHERE val_server NOT IN (SELECT id FROM seal_val_server_data)
  }
  val_server.agreement {
    SELECT id FROM seal_val_server_data WHERE agreement NOT IN (SELECT id FROM seal_agreement_data)
    UNION ALL
    SELECT id FROM seal_term_data WHERE agreement NOT IN (SELECT id FROM seal_agreement_data)
    UNION ALL
    SELECT id FROM seal_credential_data
    WHERE val_server NOT IN (SELECT id FROM seal_val_server_data)
  }
  term.use {
    WITH counted AS (
      SELECT s.term, count(i.id) AS n FROM seal_configuration_service AS s
      JOIN seal_identity_data AS i ON i.service = s.id GROUP BY 1)
    SELECT t.id, coalesce(u.identities, 0), coalesce(n, 0) FROM seal_term_data AS t
    LEFT JOIN seal_term_use AS u ON u.term = t.id LEFT JOIN counted ON counted.term = t.id
    WHERE coalesce(u.identities, 0) <> coalesce(n, 0)
    UNION ALL
    SELECT term, identities, 'no term' FROM seal_term_use
    WHERE term NOT IN (SELECT id FROM seal_term_data)
  }
  term.held {
    WITH counted AS (
      SELECT s.term, c.until, c.val_server, count(i.id) AS n FROM seal_configuration_service AS s
      JOIN seal_configuration_data AS c ON c.id = s.configuration
      JOIN seal_identity_data AS i ON i.service = s.id GROUP BY 1, 2, 3)
    SELECT c.term, c.until, c.val_server, n, h.identities FROM counted AS c
    LEFT JOIN seal_term_held AS h USING (term, until, val_server) WHERE h.identities IS NOT n
    UNION ALL
    SELECT h.term, h.until, h.val_server, 0, h.identities FROM seal_term_held AS h
    WHERE h.identities <> 0 AND NOT EXISTS (SELECT 1 FROM counted AS c
      WHERE c.term = h.term AND c.until = h.until AND c.val_server = h.val_server)
  }
  ledger.gaps {
    SELECT 'audit', count(*), max(seq) FROM seal_audit_data HAVING count(*) <> max(seq)
    UNION ALL
    SELECT 'usage', count(*), max(seq) FROM seal_usage_data HAVING count(*) <> max(seq)
    UNION ALL
    SELECT 'change', count(*), max(seq) FROM seal_change_data HAVING count(*) <> max(seq)
    UNION ALL
    SELECT 'charge', count(*), max(seq) FROM seal_charge_data HAVING count(*) <> max(seq)
    UNION ALL
    SELECT 'notification', count(*), max(seq) FROM seal_notification_data HAVING count(*) <> max(seq)
  }
  ledger.charge {
    SELECT n.usage, n.term FROM seal_usage_unit AS n WHERE 1 IS NOT (SELECT sum(g.quantity) FROM seal_charge_data AS g
      WHERE g.usage_seq = n.usage AND g.rating_group = n.term)
    UNION ALL
    SELECT g.usage_seq, g.seq FROM seal_charge_data AS g WHERE g.kind = 'invocation'
      AND NOT EXISTS (SELECT 1 FROM seal_usage_unit AS n WHERE n.usage = g.usage_seq AND n.term = g.rating_group)
  }
  notification.once {
    SELECT val_server, event, object, detail, count(*) FROM seal_notification_data
    WHERE event IN ('VALIDITY_ENDING', 'ENDED', 'CREDENTIAL_ENDING')
    GROUP BY val_server, event, object, detail ->> 'validUntil', detail ->> 'lead' HAVING count(*) > 1
  }
  notification.cause {
    SELECT val_server FROM seal_notification_cause
    WHERE val_server NOT IN (SELECT id FROM seal_val_server_data)
  }
  audit.hash {SELECT seq FROM seal_audit_data WHERE typeof(hash) <> 'blob' OR length(hash) <> 32}
  replay.txn {SELECT iss, jti FROM seal_credential_replay
    WHERE txn > (SELECT max(seq) FROM seal_audit_data)}
}

# Whether each audit entry's hash is that of the entry and the one before; the first that is not.
# Needs sha256 of keys.tcl, one process for each entry.
proc audit_break {{db db}} {
  set before [string repeat \0 32]
  $db eval {SELECT * FROM seal_audit_data ORDER BY seq} row {
    set text ""
    foreach field {seq time written_time actor action object outcome cause detail} {
      if {$row($field) eq ""} {
        append text ~,
      } else {
        set bytes [encoding convertto utf-8 $row($field)]
        append text [string length $bytes]:$bytes,
      }
    }
    set before [sha256 $before$text]
    if {$before ne $row(hash)} {return $row(seq)}
  }
  return {}
}

# What is wrong in a database: a list of invariants and the rows that break them.
proc invariants {{db db}} {
  set wrong {}
  foreach {name query} $::invariant_queries {
    set rows [$db eval $query]
    if {$rows ne {}} {lappend wrong $name $rows}
  }
  set check [$db eval {PRAGMA integrity_check}]
  if {$check ne "ok"} {lappend wrong integrity $check}
  return $wrong
}

# The same as a test.
proc check_invariants {name {db db}} {
  do_test $name [list invariants $db] {}
}
