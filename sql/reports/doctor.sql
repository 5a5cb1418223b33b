-- What is wrong with a registrar's database, and what mends it: a statement for each check, below a line with its name.
-- Each gives verdict ('warn', 'fail'; or one row 'ok'), what, mend; no row: the check is none of this database's. A fourth
-- column, name, takes the place of each '?' in mend, quoted for a shell.
-- scripts/shell/doctor.sh runs each by itself, so that what breaks one leaves the others. A check of the kind "rows"
-- reads every row, and is left out of a quick look.
--
-- Parameters: :db the database's file, quoted for a shell; :schema a file with the schema that this version makes
-- (JSON of type, name, sql); :folder the one of `seal serve`; :sealed_open 1 where a key was given that
-- opens what is sealed, -1 where it does not.
--
-- The storage is read as it is: what is wrong there is no relation's to show. Where a row says that an end is near, it is
-- 14 days or less ahead.

-- check: schema
-- What the version would not have, where it touches the registrar's: a trigger, an index or a table that refers to it acts
-- on every write. What is the application's own stays unsaid. Layout doesn't count: an upgraded table has another.
WITH should AS MATERIALIZED (
  SELECT e.value ->> 'type' AS type, e.value ->> 'name' AS name, e.value ->> 'sql' AS text
  FROM json_each(readfile(:schema)) AS e
), has AS MATERIALIZED (
  SELECT type, name, tbl_name, coalesce(sql, '') AS text FROM main.sqlite_schema WHERE name NOT GLOB 'sqlite_*'
), foreigner AS (
  SELECT type, name, tbl_name, iif(type = 'view', 'warn', 'fail') AS verdict,
    format('DROP %s "%w"', upper(type), name) AS remedy
  FROM has WHERE name NOT IN (SELECT name FROM should)
    AND (tbl_name LIKE 'seal\_%' ESCAPE '\' OR text LIKE '%seal\_%' ESCAPE '\')
), lost AS (
  SELECT s.type, s.name, s.text, s.text LIKE 'CREATE VIRTUAL TABLE%' AS is_relation
  FROM should AS s WHERE s.name NOT IN (SELECT name FROM has)
), wrong(verdict, what, mend) AS (
  SELECT verdict, format('the %s %s is not the registrar''s, and touches what is%s', type, name,
      iif(type IN ('trigger', 'index'), ': ' || tbl_name, '')),
    format('sqlite3 %s ''%s''', :db, replace(remedy, '''', '''\'''''))
  FROM foreigner
  UNION ALL
  SELECT 'fail', format('the %s %s is missing', iif(is_relation, 'relation', type), name),
    CASE WHEN is_relation THEN 'seal init'
      WHEN type = 'index' THEN format('sqlite3 %s ''%s''', :db, replace(replace(text, char(10), ' '), '''', '''\'''''))
      ELSE 'seal restore COPY --replace' END
  FROM lost
  UNION ALL
  SELECT 'fail', format('the %s %s is not as this version makes it', h.type, h.name), 'seal restore COPY --replace'
  FROM should AS s JOIN has AS h ON h.name = s.name
  WHERE h.type <> s.type OR replace(replace(replace(replace(h.text, ' ', ''), char(10), ''), char(13), ''), char(9), '')
    <> replace(replace(replace(replace(s.text, ' ', ''), char(10), ''), char(13), ''), char(9), '')
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', format('%d tables, indexes and relations, as this version makes them', count(*)), NULL
FROM should WHERE NOT EXISTS (SELECT 1 FROM wrong) HAVING count(*) > 0;

-- check: clock
-- A clock more than 30 seconds behind the last one that was seen is not believed: every credential is refused. Nothing
-- moves that instant back: the ids of one-time tokens were forgotten by it.
SELECT iif(behind > 30, 'fail', 'ok') AS verdict,
  iif(behind > 30, format('the host''s clock is %d seconds behind one that was seen before, %s: every credential is refused '
    || 'until then', behind, seal_instant(mark)),
    'the host''s is not behind what was seen before') AS what,
  iif(behind > 30, 
    'timedatectl set-ntp true (where it is right: wait until then, or give each command its --at INSTANT, or '
      || 'seal restore COPY --replace, a copy of before)', NULL) AS mend
FROM (SELECT clock_time AS mark, clock_time - unixepoch('now') AS behind FROM main.seal_registrar_data WHERE id = 1);

-- check: secrets
SELECT 'ok' AS verdict, CASE
    WHEN seal_check IS NULL THEN 'nothing is sealed yet'
    WHEN :sealed_open = 1 THEN 'sealed, and the key opens them'
    ELSE 'sealed (with --key FILE it is seen whether it opens them)' END AS what, NULL AS mend
FROM main.seal_registrar_data WHERE id = 1 AND :sealed_open >= 0;

-- check: checkpoints
WITH last AS (SELECT max(seq) AS seq, time FROM main.seal_audit_checkpoint WHERE jws <> ''),
wrong(verdict, what, mend) AS (
  SELECT 'warn', iif(r.signing_kid IS NULL, 'there is no signing key, and so no signed checkpoint of the audit',
      'there is no signed checkpoint of the audit'),
    iif(r.signing_kid IS NULL, 'seal rotate-key --key FILE && ', '') || 'seal audit checkpoint --key FILE (best every day)'
  FROM main.seal_registrar_data AS r CROSS JOIN last WHERE last.seq IS NULL
    -- A SEAL server needs a key of its own only where key records come: it is told so then.
    AND (r.signing_kid IS NOT NULL OR NOT EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar'))
  UNION ALL
  SELECT 'warn', format('the last signed checkpoint of the audit is of %s', seal_instant(time)),
    'seal audit checkpoint --key FILE (best every day)'
  FROM last WHERE time < unixepoch('now') - 7 * 86400 AND seq < (SELECT max(seq) FROM main.seal_audit_data)
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', format('the last signed one is of %s, up to entry %d',
  seal_instant(time), seq), NULL FROM last WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: anchors
-- A certificate ends by itself too, and a CRL when the next is due: from then on whatever its CA issued is refused. The
-- next CRL is late, and worth a word, when a tenth of the time of the one before is left, 14 days at most.
WITH now(t, soon) AS MATERIALIZED (SELECT unixepoch('now'), unixepoch('now') + 14 * 86400),
ending AS MATERIALIZED (
  SELECT a.anchor_id, a.type, a.subject, CASE WHEN a.type = 'crl'
      THEN (unixepoch(seal_next_update(a.value)) - unixepoch(seal_this_update(a.value))) / 10 END AS notice,
    min(coalesce(a.exp_time, 9223372036854775807), coalesce(CASE
    WHEN a.type = 'crl' THEN unixepoch(seal_next_update(a.value))
    WHEN a.type IN ('ca', 'intermediate') THEN (SELECT unixepoch(x.not_after)
      FROM seal_x509(a.value, a.value, json_object('at', '1970-01-01', 'purpose', 'path')) AS x) END,
    9223372036854775807)) AS until
  FROM main.seal_anchor_data AS a WHERE a.status = 'active'
), wrong(verdict, what, mend, name) AS (
  SELECT iif(type = 'crl' AND until <= t, 'fail', 'warn'),
    format('the %s %s %s %s%s', iif(type = 'crl', 'CRL', type || ' anchor'), anchor_id,
      iif(until <= t, 'ended on', 'ends on'), seal_instant(until),
      iif(type = 'crl' AND until <= t, ': certificates of ' || subject || ' are refused', '')),
    iif(type <> 'crl' AND until <= t, 'seal anchor remove ? (or set, with a new --value FILE)',
      'seal anchor set ? --value FILE'), anchor_id
  FROM now CROSS JOIN ending WHERE until <= min(soon, t + coalesce(notice, soon - t)) ORDER BY until, anchor_id
)
SELECT * FROM wrong
UNION ALL
SELECT 'ok', 'no anchor ends within 14 days, and no CRL is near its end', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: credentials
-- Of VAL servers that could use one.
WITH now(t, soon) AS MATERIALIZED (SELECT unixepoch('now'), unixepoch('now') + 14 * 86400),
ending AS MATERIALIZED (
  SELECT v.val_server_id, w.credential_id, w.type, min(coalesce(w.exp_time, 9223372036854775807), coalesce(CASE
    WHEN w.type = 'x509' THEN (SELECT unixepoch(x.not_after)
      FROM seal_x509(w.value, w.value, json_object('at', '1970-01-01', 'purpose', 'path')) AS x) END,
    9223372036854775807)) AS until
  FROM now CROSS JOIN main.seal_credential_data AS w
  JOIN main.seal_val_server_data AS v ON v.id = w.val_server
  JOIN main.seal_agreement_data AS a ON a.id = v.agreement
  WHERE w.status = 'active' AND v.status <> 'terminated' AND coalesce(v.exp_time > t, 1)
    AND a.status <> 'terminated' AND coalesce(a.stop_time > t, 1)
), wrong(verdict, what, mend, name) AS (
  SELECT 'warn', format('the credential %s of %s %s %s%s', credential_id, val_server_id,
      iif(until <= t, 'ended on', 'ends on'), seal_instant(until), iif(other, '', ', and it has no other')),
    iif(until <= t AND other, 'seal credential remove ?',
      format('seal credential add --val-server-id ? --type %s --value FILE', type)),
    iif(until <= t AND other, credential_id, val_server_id)
  FROM (SELECT *, EXISTS (SELECT 1 FROM ending AS o WHERE o.val_server_id = e.val_server_id AND o.until > soon) AS other
    FROM now CROSS JOIN ending AS e WHERE e.until <= soon) ORDER BY until, credential_id
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', 'no credential ends within 14 days', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: door
-- The host's certificate, where `seal serve` is set up in the folder :folder: named in nginx.conf. It is late as a CRL is.
WITH conf(rest) AS (
  SELECT substr(text, instr(text, mark) + length(mark))
  FROM (SELECT CAST(readfile(:folder || '/nginx.conf') AS TEXT) AS text, ' ssl_certificate "' AS mark) WHERE instr(text, mark) > 0
), file(name, pem) AS MATERIALIZED (
  SELECT name, CAST(readfile(name) AS TEXT) FROM (SELECT substr(rest, 1, instr(rest, '"') - 1) AS name FROM conf)
), ending AS (
  SELECT f.name, unixepoch('now') AS t, unixepoch(x.not_before) AS since, unixepoch(x.not_after) AS until
  FROM file AS f LEFT JOIN seal_x509(f.pem, f.pem, json_object('at', '1970-01-01', 'purpose', 'path')) AS x
), judged AS (
  SELECT *, CASE WHEN until <= t THEN 'fail' WHEN until > t + min(14 * 86400, (until - since) / 10) THEN 'ok' ELSE 'warn' END
    AS verdict
  FROM ending
)
SELECT verdict, CASE WHEN until IS NULL THEN format('the host''s certificate %s can''t be read', name)
    ELSE format('the host''s certificate %s %s %s%s', name, iif(verdict = 'fail', 'ended on', 'ends on'), seal_instant(until),
      iif(verdict = 'fail', ': clients refuse it', '')) END AS what,
  iif(verdict <> 'ok', 'seal serve reload (once a new certificate and its key are in the place of the old)', NULL) AS mend
FROM judged;

-- check: agreements
-- One that ended longer ago than that is history.
WITH now(t, soon) AS MATERIALIZED (SELECT unixepoch('now'), unixepoch('now') + 14 * 86400),
wrong(verdict, what, mend, name) AS (
  SELECT 'warn', format('the agreement %s with %s %s %s', agreement_id, val_provider_id,
      iif(stop_time <= t, 'ended on', 'ends on'), seal_instant(stop_time)),
    'seal agreement set ? --stop-time INSTANT (or seal agreement terminate ?)', agreement_id
  FROM now CROSS JOIN main.seal_agreement_data
  WHERE status <> 'terminated' AND stop_time BETWEEN t - 14 * 86400 AND soon ORDER BY stop_time, agreement_id
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', 'none ends within 14 days', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: seal-servers
-- How long each has not taken what concerns it. A bundle that a server took though nothing had changed is not known here.
WITH now(t, stale_after) AS MATERIALIZED (
  SELECT unixepoch('now'), stale_after FROM main.seal_registrar_data WHERE id = 1
), behind AS (
  SELECT s.seal_server_id, s.acked, (SELECT c.time FROM main.seal_change_data AS c WHERE c.seq > coalesce(s.acked, 0)
    AND c.object NOT GLOB 'seal_server:*' AND c.object NOT GLOB 'seal_credential:*'
    AND c.object NOT GLOB 'seal_anchor:*' AND c.object NOT GLOB 'seal_registrar*' ORDER BY c.seq LIMIT 1) AS since
  FROM main.seal_server_data AS s WHERE s.status = 'active'
), wrong(verdict, what, mend) AS (
  SELECT iif(t - since > stale_after, 'fail', 'warn'),
    format('the SEAL server %s has not taken what changed on %s%s', seal_server_id,
      seal_instant(since), iif(acked IS NULL, ', and never took anything', '')),
    'seal sync --to FOLDER (and there sync --from FOLDER)'
  FROM now CROSS JOIN behind WHERE t - since > coalesce(stale_after / 2, 86400) ORDER BY since, seal_server_id
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', format('%d, and none is behind', count(*)), NULL FROM behind
WHERE NOT EXISTS (SELECT 1 FROM wrong) HAVING count(*) > 0;

-- check: bundle
-- At a SEAL server: what it serves is as old as its last bundle, and ends where that says so.
WITH last AS MATERIALIZED (
  SELECT unixepoch('now') AS t, bundle_time AS issued, bundle_until AS until FROM main.seal_registrar_data
  WHERE EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar')
), judged AS (
  SELECT *, CASE WHEN until <= t THEN 'fail'
    WHEN issued IS NULL OR issued < t - 86400 OR until - t < (until - issued) / 2 THEN 'warn' ELSE 'ok' END AS verdict
  FROM last
)
SELECT verdict, CASE WHEN issued IS NULL THEN 'no bundle was applied yet: it serves nobody'
    ELSE format('the last bundle is of %s, %d minutes ago', seal_instant(issued), (t - issued) / 60) || CASE
      WHEN until <= t THEN '; it serves nobody since ' || seal_instant(until)
      WHEN until > t THEN '; it serves until ' || seal_instant(until) ELSE '' END END AS what,
  iif(verdict <> 'ok', 'seal sync --from FOLDER-OR-URL (at the registrar sync --to FOLDER)', NULL) AS mend
FROM judged;

-- check: sweep
-- Whether anything ended so long ago that a sweep should have been here.
WITH limits(past, swept) AS MATERIALIZED (
  SELECT unixepoch('now') - 7 * 86400, last_sweep_time FROM main.seal_registrar_data WHERE id = 1
), wrong(verdict, what, mend) AS (
  SELECT 'warn', 'it was never swept', 'seal sweep (best every day)' FROM limits WHERE swept IS NULL
  UNION ALL
  SELECT 'warn', format('it was swept last on %s', seal_instant(swept)), 'seal sweep (best every day)'
  FROM limits WHERE swept < past
  UNION ALL
  SELECT 'warn', 'what ended more than 7 days ago is still stored', 'seal sweep (best every day)'
  FROM limits WHERE EXISTS (SELECT 1 FROM main.seal_configuration_data WHERE until <= past AND val_server > 0)
    OR EXISTS (SELECT 1 FROM main.seal_val_server_data AS v
      CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id WHERE v.exp_time <= past)
    OR EXISTS (SELECT 1 FROM main.seal_agreement_data AS a CROSS JOIN main.seal_val_server_data AS v ON v.agreement = a.id
      CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id WHERE a.stop_time <= past)
    OR EXISTS (SELECT 1 FROM main.seal_term_data AS t CROSS JOIN main.seal_configuration_service AS s ON s.term = t.id
      WHERE t.stop_time <= past)
)
SELECT * FROM wrong
UNION ALL SELECT 'ok', format('last on %s', seal_instant(swept)), NULL
FROM limits WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: prune
SELECT iif(old, 'warn', 'ok') AS verdict,
  iif(old, format('the audit goes back to %s, more than a year', seal_instant(time)),
    'the audit goes back less than a year') AS what,
  iif(old, 'seal audit checkpoint --key FILE && seal audit export FILE && seal audit prune --before INSTANT', NULL) AS mend
FROM (SELECT written AS time, coalesce(written < unixepoch('now') - 366 * 86400, 0) AS old
  FROM (SELECT (SELECT coalesce(written_time, time) FROM main.seal_audit_data ORDER BY seq LIMIT 1) AS written));

-- check: charging
-- The day before today may wait: whoever charges does it once a day. Where nothing has a price and nothing was ever
-- charged, there is nothing to charge.
WITH since(day, today) AS MATERIALIZED (
  SELECT coalesce(s.until, (SELECT min(start) FROM main.seal_occupancy_data WHERE identities > 0
      AND EXISTS (SELECT 1 FROM main.seal_occupancy_price WHERE price_per_identity_day IS NOT NULL))) / 86400,
    unixepoch('now') / 86400
  FROM main.seal_charge_state AS s WHERE s.id = 1
    AND NOT EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar')
)
SELECT iif(coalesce(today - day, 0) > 1, 'warn', 'ok') AS verdict,
  CASE WHEN day IS NULL THEN 'there is nothing to charge'
    WHEN today - day > 1 THEN
      format('%d days that have ended are not charged, from %s on', today - day, date(day * 86400, 'unixepoch'))
    ELSE format('charged up to %s', date(day * 86400, 'unixepoch')) END AS what,
  iif(coalesce(today - day, 0) > 1, 'seal charging charge (best every day)', NULL) AS mend
FROM since;

-- check: notices
-- Ends of which a VAL server is to be told by now, and was not: the command notice asks the same.
WITH now(t) AS MATERIALIZED (SELECT unixepoch('now')),
lead(lead) AS MATERIALIZED (
  SELECT 0 UNION SELECT CAST(e.value AS INTEGER)
  FROM main.seal_registrar_data AS r CROSS JOIN json_each(r.notice_before) AS e
), told AS MATERIALIZED (
  SELECT v.id, v.val_server_id, v.exp_time, a.stop_time
  FROM main.seal_val_server_data AS v JOIN main.seal_agreement_data AS a ON a.id = v.agreement
  WHERE v.notification_destination IS NOT NULL AND v.status <> 'terminated' AND a.status <> 'terminated'
    AND NOT EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar')
), ending(val_server, val_server_id, credential, until) AS (
  SELECT v.id, v.val_server_id, '', min(c.until, coalesce(v.exp_time, 9223372036854775807),
    coalesce(v.stop_time, 9223372036854775807), coalesce((SELECT min(t.stop_time)
      FROM main.seal_configuration_service AS s JOIN main.seal_term_data AS t ON t.id = s.term WHERE s.configuration = c.id),
      9223372036854775807))
  FROM told AS v CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
  UNION
  SELECT v.id, v.val_server_id, w.credential_id, w.exp_time
  FROM told AS v JOIN main.seal_credential_data AS w ON w.val_server = v.id WHERE w.status = 'active'
), due AS (
  SELECT e.val_server_id FROM now CROSS JOIN ending AS e CROSS JOIN lead AS l
  WHERE e.until > t - 30 * 86400 AND e.until - l.lead <= t - 7200 AND (e.credential = '' OR l.lead > 0)
    AND NOT EXISTS (SELECT 1 FROM main.seal_notification_cause AS k WHERE k.val_server = e.val_server
      AND k.credential = e.credential AND k.until = e.until AND k.lead = l.lead)
)
SELECT 'warn' AS verdict, format('%d notices are due to %s%s', count(*), min(val_server_id),
  iif(count(DISTINCT val_server_id) > 1, ' and others', '')) AS what, 'seal notify notice (best every hour)' AS mend
FROM due HAVING count(*) > 0
UNION ALL SELECT 'ok', 'none is due', NULL WHERE NOT EXISTS (SELECT 1 FROM due);

-- check: notifications
-- What was tried for a day is given up (dead); what waits for an hour has nobody who delivers it.
WITH late AS MATERIALIZED (
  SELECT val_server_id, destination, count(*) AS n, min(due_time) AS since, max(last_error) AS last_error,
    attempts > 0 AND max(due_time, time) <= unixepoch('now') - 86400 AS dead
  FROM main.seal_notification_data WHERE delivered_time IS NULL AND due_time < unixepoch('now') - 3600
  GROUP BY val_server_id, destination, attempts > 0 AND max(due_time, time) <= unixepoch('now') - 86400
)
SELECT 'warn' AS verdict, format('%d notifications of %s %s%s', n, val_server_id,
    iif(dead, 'are dead: tried in vain since ', 'wait for delivery since ') || seal_instant(since),
    coalesce(': ' || last_error, '')) AS what,
  iif(dead, 'seal val-server set ? --notification-destination URI && seal notify push --dead', 'seal notify push') AS mend,
  val_server_id AS name
FROM late
UNION ALL SELECT 'ok', 'none waits', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM late);

-- check: integrity, rows
-- Of an index that lacks a row, or has one too many, nothing is lost.
SELECT iif(integrity_check = 'ok', 'ok', 'fail') AS verdict,
  iif(integrity_check = 'ok', 'the file is whole', replace(integrity_check, char(10), ' ')) AS what,
  CASE WHEN integrity_check = 'ok' THEN NULL WHEN integrity_check GLOB '* index *' THEN format('sqlite3 %s REINDEX', :db)
    ELSE 'seal restore COPY --replace' END AS mend
FROM pragma_integrity_check;

-- check: references, rows
-- What hangs on a row that is not there. The storage says no foreign keys to SQLite; what does is another's.
WITH wrong(what, remedy) AS (
  SELECT format('row %s of %s refers to nothing in %s', rowid, "table", parent), NULL FROM pragma_foreign_key_check
  UNION ALL
  SELECT format('%d rows of %s hang on nothing', n, storage), format('DELETE FROM %s WHERE %s', storage, condition)
  FROM (
    SELECT 'seal_identity_data' AS storage, (SELECT count(*) FROM main.seal_identity_data
        WHERE service NOT IN (SELECT id FROM main.seal_configuration_service) OR id >> 28 <> service) AS n,
      'service NOT IN (SELECT id FROM seal_configuration_service) OR id >> 28 <> service' AS condition
    UNION ALL
    SELECT 'seal_server_member', (SELECT count(*) FROM main.seal_server_member
        WHERE service NOT IN (SELECT id FROM main.seal_configuration_service) OR id >> 28 <> service),
      'service NOT IN (SELECT id FROM seal_configuration_service) OR id >> 28 <> service'
    UNION ALL
    SELECT 'seal_key_record_data', (SELECT count(*) FROM main.seal_key_record_data
        WHERE service NOT IN (SELECT id FROM main.seal_configuration_service)),
      'service NOT IN (SELECT id FROM seal_configuration_service)'
    UNION ALL
    SELECT 'seal_configuration_service', (SELECT count(*) FROM main.seal_configuration_service
        WHERE configuration NOT IN (SELECT id FROM main.seal_configuration_data)
          OR abs(term) NOT IN (SELECT id FROM main.seal_term_data)),
      'configuration NOT IN (SELECT id FROM seal_configuration_data) OR abs(term) NOT IN (SELECT id FROM seal_term_data)'
    UNION ALL
    SELECT 'seal_configuration_data', (SELECT count(*) FROM main.seal_configuration_data
        WHERE abs(val_server) NOT IN (SELECT id FROM main.seal_val_server_data)),
      'abs(val_server) NOT IN (SELECT id FROM seal_val_server_data)'
    UNION ALL
    SELECT 'seal_credential_data', (SELECT count(*) FROM main.seal_credential_data
        WHERE val_server NOT IN (SELECT id FROM main.seal_val_server_data)),
      'val_server NOT IN (SELECT id FROM seal_val_server_data)'
    UNION ALL
    SELECT 'seal_val_server_data', (SELECT count(*) FROM main.seal_val_server_data
        WHERE agreement NOT IN (SELECT id FROM main.seal_agreement_data)),
      'agreement NOT IN (SELECT id FROM seal_agreement_data)'
    UNION ALL
    SELECT 'seal_term_data', (SELECT count(*) FROM main.seal_term_data
        WHERE agreement NOT IN (SELECT id FROM main.seal_agreement_data)),
      'agreement NOT IN (SELECT id FROM seal_agreement_data)'
  ) WHERE n > 0
)
SELECT 'fail' AS verdict, what,
  iif(remedy IS NULL, 'seal restore COPY --replace', format('sqlite3 %s ''%s''', :db, remedy)) AS mend
FROM wrong
UNION ALL SELECT 'ok', 'each row hangs on one that is there', NULL WHERE NOT EXISTS (SELECT 1 FROM wrong);

-- check: counters, rows
-- Each counter against the rows that it counts, by VAL service of a configuration, by term, and by term, end and VAL
-- server. Of a configuration that came in part only, its terms don't know yet (its numbers are negative).
WITH counted AS MATERIALIZED (
  SELECT s.id, s.configuration, s.val_service_id, s.term, s.identities, s.key_records,
    (SELECT count(*) FROM main.seal_identity_data AS i WHERE i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
    + (SELECT count(*) FROM main.seal_server_member AS m WHERE m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455) AS n,
    (SELECT count(*) FROM main.seal_key_record_data AS k WHERE k.service = s.id) AS k
  FROM main.seal_configuration_service AS s
), by_term AS MATERIALIZED (
  SELECT term, sum(n) AS n, sum(k) AS k FROM counted WHERE term > 0 GROUP BY term
), by_end AS MATERIALIZED (
  SELECT x.term, c.until, c.val_server, sum(x.n) AS n, sum(x.k) AS k
  FROM counted AS x JOIN main.seal_configuration_data AS c ON c.id = x.configuration
  WHERE x.term > 0 AND c.val_server > 0 GROUP BY x.term, c.until, c.val_server
), wrong(what, remedy) AS (
  SELECT format('%s of configuration %s counts %d identities and %d key records, and has %d and %d', x.val_service_id,
      coalesce(c.conf_id, '?'), x.identities, x.key_records, x.n, x.k),
    format('UPDATE seal_configuration_service SET identities = %d, key_records = %d WHERE id = %d', x.n, x.k, x.id)
  FROM counted AS x LEFT JOIN main.seal_configuration_data AS c ON c.id = x.configuration
  WHERE x.identities <> x.n OR x.key_records <> x.k
  UNION ALL
  SELECT format('the term %s %s of %s counts %d identities and %d key records, and holds %d and %d', t.seal_service,
      t.val_service_id, coalesce(a.agreement_id, '?'), coalesce(u.identities, 0), coalesce(u.key_records, 0),
      coalesce(b.n, 0), coalesce(b.k, 0)),
    format('UPDATE seal_term_use SET identities = %d, key_records = %d WHERE term = %d', coalesce(b.n, 0),
      coalesce(b.k, 0), t.id)
  FROM main.seal_term_data AS t LEFT JOIN main.seal_agreement_data AS a ON a.id = t.agreement
  LEFT JOIN main.seal_term_use AS u ON u.term = t.id LEFT JOIN by_term AS b ON b.term = t.id
  WHERE coalesce(u.identities, 0) <> coalesce(b.n, 0) OR coalesce(u.key_records, 0) <> coalesce(b.k, 0)
  UNION ALL
  SELECT format('the term %d counts %d identities and %d key records of VAL server %d until %d, and holds %d and %d', b.term,
      coalesce(h.identities, 0), coalesce(h.key_records, 0), b.val_server, b.until, b.n, b.k),
    format('REPLACE INTO seal_term_held(term, until, val_server, identities, key_records) VALUES (%d, %d, %d, %d, %d)',
      b.term, b.until, b.val_server, b.n, b.k)
  FROM by_end AS b
  LEFT JOIN main.seal_term_held AS h ON h.term = b.term AND h.until = b.until AND h.val_server = b.val_server
  WHERE coalesce(h.identities, 0) <> b.n OR coalesce(h.key_records, 0) <> b.k
  UNION ALL
  SELECT format('the term %d counts %d identities and %d key records of VAL server %d until %d, and holds none', h.term,
      h.identities, h.key_records, h.val_server, h.until),
    format('DELETE FROM seal_term_held WHERE term = %d AND until = %d AND val_server = %d', h.term, h.until, h.val_server)
  FROM main.seal_term_held AS h WHERE (h.identities <> 0 OR h.key_records <> 0) AND NOT EXISTS (SELECT 1 FROM by_end AS b
    WHERE b.term = h.term AND b.until = h.until AND b.val_server = h.val_server)
  UNION ALL
  SELECT format('the term %d counts %d invocations, and one has the number %d', n.term, coalesce(u.invocations, 0), n.last),
    format('UPDATE seal_term_use SET invocations = %d WHERE term = %d', n.last, n.term)
  FROM (SELECT term, max(invocation) AS last FROM main.seal_usage_unit GROUP BY term) AS n
  JOIN main.seal_term_data AS t ON t.id = n.term LEFT JOIN main.seal_term_use AS u ON u.term = n.term
  WHERE coalesce(u.invocations, 0) < n.last
  UNION ALL
  SELECT format('seal_registrar counts %d identities, and %d are stored', r.identities, x.n), NULL
  FROM seal_registrar AS r CROSS JOIN (SELECT coalesce(sum(n), 0) AS n FROM by_term) AS x WHERE r.identities <> x.n
  UNION ALL
  SELECT format('seal_registrar counts %d key records, and %d are stored', r.key_records, x.k), NULL
  FROM seal_registrar AS r CROSS JOIN (SELECT coalesce(sum(k), 0) AS k FROM by_term) AS x WHERE r.key_records <> x.k
  UNION ALL
  SELECT format('%d numbers of seal_charge are missing', last - first + 1 - n), NULL
  FROM (SELECT count(*) AS n, min(seq) AS first, max(seq) AS last FROM main.seal_charge_data) WHERE n <> last - first + 1
  UNION ALL
  SELECT format('%d numbers of seal_change are missing', last - first + 1 - n), NULL
  FROM (SELECT count(*) AS n, min(seq) AS first, max(seq) AS last FROM main.seal_change_data) WHERE n <> last - first + 1
)
SELECT 'fail' AS verdict, what, CASE WHEN remedy IS NOT NULL THEN format('sqlite3 %s ''%s''', :db, remedy)
  WHEN what GLOB 'seal_registrar *' THEN 'seal doctor (once the terms are mended)'
  ELSE 'seal restore COPY --replace' END AS mend
FROM wrong
UNION ALL SELECT 'ok', format('%d identities and key records are stored, and counted so', coalesce(sum(n) + sum(k), 0)), NULL
FROM counted WHERE NOT EXISTS (SELECT 1 FROM wrong) HAVING NOT EXISTS (SELECT 1 FROM wrong);

-- check: audit, rows
SELECT iif(broken IS NULL, 'ok', 'fail') AS verdict,
  iif(broken IS NULL, format('%d entries, of which each covers the one before', n),
    format('entry %d does not hold: it or the one before was changed, or one is missing', broken)) AS what,
  iif(broken IS NULL, NULL, 'seal restore COPY --replace (a copy in which audit verify finds nothing)') AS mend
FROM (SELECT seal_audit_verify() AS broken, (SELECT count(*) FROM main.seal_audit_data) AS n);
