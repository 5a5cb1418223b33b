-- Upgrades a database of release 0.1.0 (format 1) to format 2, in place: a registrar's, or a SEAL server's.
--
--   seal --db seal.db init                               does it
--   sqlite3 -bail seal.db <sql/upgrade-1-2.sql           so does this, where the shell `seal` is not installed
--
-- Who: whoever may write the file. It is plain SQL for SQLite 3.40 and newer: any host that runs it
-- statement by statement and stops at the first error will do (the sqlite3 shell needs -bail for that; .read
-- alone goes on). The extension is not needed, and need not be loaded. Where it is, a connection in defensive
-- mode refuses: the storage is the extension's.
--
-- Before:
--   1. Let SEAL servers catch up, with 0.1.0 at both ends: `seal sync` until nothing is left. Bundles
--      of 0.1.0 are refused by what comes after it, and the other way round; after the upgrade each takes a
--      full copy, and serves what it has until then.
--   2. End every program that has the database open with 0.1.0, and don't start it again: it does not look
--      at the format, and would write what the new one does not expect.
--   3. Make a backup: sqlite3 seal.db "VACUUM INTO 'seal-0.1.0.db'". There is no way back but that copy.
--
-- After: run sql/install.sql (`seal init` has done so), which makes relations that are new; run the command `charge`, which
-- makes the records of what was held so far, and say by `charged` up to which a charging system has taken what seal_charge
-- has of earlier usage. The registrar and its SEAL servers each need the upgrade; their order does not matter.
--
-- What it does, as one transaction, so that a failure or a power cut leaves format 1:
--   - A conf_id is unique for its VAL server, no longer for all.
--   - A configuration that 0.1.0 made for rows without a conf_id is known as standing, so that further rows
--     go there again.
--   - Configurations in the change feed are named with their VAL server, as SEAL servers need it now. Audit
--     entries keep their text: it is hashed.
--   - Answers to old messages are forgotten (below).
--   - What was used becomes charging records (below).
--   - A SEAL server's issuer anchor becomes its registrar's, and it takes a full copy next (below).
-- All else stays as it is, with its row ids, and sealed values under their key.
--
-- How long: a minute or two for a million configurations and a ledger to match; identities cost nothing. The
-- file, and its WAL, grow meanwhile by what seal_configuration_data and seal_change_data take, more or
-- less. Others can't write until it is done; in WAL mode they can read.
--
-- It refuses every other format, and what is no registrar: then nothing has changed.

BEGIN IMMEDIATE;

-- Plain SQL has no way to raise an error but a constraint that fails: its name is the message.
CREATE TABLE main.seal_upgrade_check(
  registrar INTEGER CONSTRAINT "seal: this database holds no registrar" CHECK (registrar = 1),
  format INTEGER CONSTRAINT "seal: this upgrades format 1, and the database has another"
    CHECK (format = 1)
);
INSERT OR ROLLBACK INTO main.seal_upgrade_check(registrar)
SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'seal_registrar_data';
INSERT OR ROLLBACK INTO main.seal_upgrade_check(format)
SELECT coalesce((SELECT format FROM main.seal_registrar_data WHERE id = 1), 0);
DROP TABLE main.seal_upgrade_check;

-- Whose a configuration of the change feed is or was. A conf_id of 0.1.0 had one owner at a time, and one that
-- 0.1.0 made itself never had another: who has it, else who acted on it by the audit, else to whom it was
-- charged.
CREATE TABLE main.seal_upgrade_owner(
  conf_id TEXT PRIMARY KEY,
  val_server_id TEXT NOT NULL
) WITHOUT ROWID;
INSERT OR IGNORE INTO main.seal_upgrade_owner(conf_id, val_server_id)
SELECT c.conf_id, v.val_server_id FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server ORDER BY 1;
-- The operator's acts on it are in small letters.
INSERT OR IGNORE INTO main.seal_upgrade_owner(conf_id, val_server_id)
SELECT substr(object, length('seal_configuration:') + 1), actor FROM main.seal_audit_data
WHERE object GLOB 'seal_configuration:*' AND outcome = 'done'
  AND action IN ('POST', 'PUT', 'PATCH', 'DELETE', 'INSERT')
ORDER BY 1, seq DESC;
INSERT OR IGNORE INTO main.seal_upgrade_owner(conf_id, val_server_id)
SELECT conf_id, val_server_id FROM main.seal_usage_data WHERE conf_id IS NOT NULL ORDER BY 1, seq DESC;

-- Which configurations stand is told by the change feed, which 0.1.0 never cut: they were made by rows, and
-- neither a message nor an UPDATE has touched them since; and their name is a digest. Of one that was
-- inserted by itself the audit knows: it says nothing of rows.
CREATE TABLE main.seal_upgrade_standing(
  conf_id TEXT PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO main.seal_upgrade_standing(conf_id)
SELECT substr(object, length('seal_configuration:') + 1) AS conf_id FROM main.seal_change_data
WHERE object GLOB 'seal_configuration:*' GROUP BY 1
HAVING max(operation = 'INSERT') AND min(operation IN ('INSERT', 'delete', 'sweep'))
  AND length(conf_id) = 32 AND conf_id NOT GLOB '*[^0-9a-f]*';
DELETE FROM main.seal_upgrade_standing WHERE conf_id IN (
  SELECT substr(object, length('seal_configuration:') + 1) FROM main.seal_audit_data
  WHERE object GLOB 'seal_configuration:*' AND action = 'INSERT' AND outcome = 'done'
    AND detail IS NULL);

-- They stand under the one term of their VAL services: it was a part of that digest. The table is copied, made
-- anew and filled again, as its old form can't be altered: RENAME would be a copy less, but looks into the
-- views of the schema, and needs the extension where one of them reads a relation.
CREATE TABLE main.seal_upgrade_configuration AS
SELECT c.*, iif(EXISTS (SELECT 1 FROM main.seal_upgrade_standing AS n WHERE n.conf_id = c.conf_id),
  (SELECT min(s.term) FROM main.seal_configuration_service AS s WHERE s.configuration = c.id
    HAVING min(s.term) = max(s.term)), NULL) AS standing
FROM main.seal_configuration_data AS c;
DROP TABLE main.seal_upgrade_standing;

DROP TABLE main.seal_configuration_data;
CREATE TABLE main.seal_configuration_data(
  id INTEGER PRIMARY KEY,
  val_server INTEGER NOT NULL,
  conf_id TEXT NOT NULL,
  seal_service TEXT NOT NULL,
  exp_time INTEGER,
  until INTEGER NOT NULL,
  created_time INTEGER NOT NULL,
  updated_time INTEGER NOT NULL,
  supp_feat TEXT,
  standing INTEGER,
  UNIQUE (val_server, conf_id)
);
INSERT INTO main.seal_configuration_data(id, conf_id, val_server, seal_service, exp_time, until,
  created_time, updated_time, supp_feat, standing)
SELECT id, conf_id, val_server, seal_service, exp_time, until, created_time, updated_time, supp_feat, standing
FROM main.seal_upgrade_configuration ORDER BY id;
CREATE INDEX main.seal_configuration_val_server ON seal_configuration_data(val_server, seal_service);
CREATE INDEX main.seal_configuration_standing ON seal_configuration_data(val_server, standing, until)
  WHERE standing IS NOT NULL;
CREATE INDEX main.seal_configuration_until ON seal_configuration_data(until);
DROP TABLE main.seal_upgrade_configuration;

-- Names in the change feed: seal_configuration:<val_server_id>/<conf_id>. One that nothing tells of any more,
-- since the ledgers were pruned, gets an empty first part, which names nothing: a SEAL server that had not
-- heard of its end by then needs a full copy.
UPDATE main.seal_change_data SET object = (
  SELECT 'seal_configuration:'
    || replace(replace(coalesce(o.val_server_id, ''), '%', '%25'), '/', '%2F') || '/'
    || replace(replace(n.conf_id, '%', '%25'), '/', '%2F')
  FROM (SELECT substr(object, length('seal_configuration:') + 1) AS conf_id) AS n
  LEFT JOIN main.seal_upgrade_owner AS o ON o.conf_id = n.conf_id)
WHERE object GLOB 'seal_configuration:*';
DROP TABLE main.seal_upgrade_owner;
-- Names of one part were not encoded; a '%' in one would be read as if it were.
UPDATE main.seal_change_data SET object = replace(object, '%', '%25')
WHERE object GLOB 'seal_agreement:*%*' OR object GLOB 'seal_val_server:*%*' OR object GLOB 'seal_server:*%*'
  OR object GLOB 'seal_credential:*%*' OR object GLOB 'seal_anchor:*%*';

-- Tokens that were used stay so: of what for 0.1.0 kept nothing but the transaction, which was of rows or of a
-- message, and is over.
ALTER TABLE main.seal_credential_replay ADD COLUMN message BLOB;

-- When a VAL server was registered is known from now on.
ALTER TABLE main.seal_val_server_data ADD COLUMN registered INTEGER;

-- What 0.1.0 kept of a message says neither whose it was nor holds its digest in the form that is compared
-- now, and an answer is sealed to both: no repetition could be told from it. So it goes. A message
-- that comes again after the upgrade is judged as a new one, and so is refused if its token was used.
DROP TABLE main.seal_message_data;
CREATE TABLE main.seal_message_data(
  id INTEGER PRIMARY KEY,
  val_server INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  headers TEXT NOT NULL,
  body TEXT,
  conf_id TEXT,
  UNIQUE (message_id, val_server)
);
CREATE INDEX main.seal_message_time ON seal_message_data(time);

-- Which terms a configuration has besides one another is said once for it, no longer with each of its VAL services.
CREATE TABLE main.seal_occupancy_term(
  val_server INTEGER NOT NULL,
  conf_id TEXT NOT NULL,
  start INTEGER NOT NULL,
  term INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (val_server, conf_id, start, term)
) WITHOUT ROWID;
INSERT INTO main.seal_occupancy_term(val_server, conf_id, start, term, stop)
SELECT o.val_server, o.conf_id, o.start, t.value, max(o.stop)
FROM main.seal_occupancy_data AS o CROSS JOIN json_each(o.terms) AS t
WHERE o.stop > o.start GROUP BY 1, 2, 3, 4;
CREATE TABLE main.seal_upgrade_occupancy AS
SELECT service, start, stop, val_server, term, seal_service, val_service_id, conf_id, identities,
  key_records
FROM main.seal_occupancy_data;
DROP TABLE main.seal_occupancy_data;
CREATE TABLE main.seal_occupancy_data(
  service INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  term INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  conf_id TEXT NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (service, start)
) WITHOUT ROWID;
INSERT INTO main.seal_occupancy_data(service, start, stop, val_server, term, seal_service, val_service_id,
  conf_id, identities, key_records)
SELECT service, start, stop, val_server, term, seal_service, val_service_id, conf_id, identities,
  key_records
FROM main.seal_upgrade_occupancy ORDER BY service, start;
DROP TABLE main.seal_upgrade_occupancy;

-- How often each VAL server asks the token endpoint.
CREATE TABLE main.seal_val_server_rate(
  val_server INTEGER PRIMARY KEY,
  bucket_time INTEGER NOT NULL,
  bucket_spent INTEGER NOT NULL
);

-- An audit entry says when it was written, too. Those of 0.1.0 don't, and their hashes stay those of their form; a
-- checkpoint says where they end, without a signature (plain SQL has no key): nothing of their form holds after it.
ALTER TABLE main.seal_audit_data ADD COLUMN written_time INTEGER;
INSERT OR IGNORE INTO main.seal_audit_checkpoint(seq, hash, jws, time, usage, exported, pruned)
SELECT seq, hash, '', time, (SELECT coalesce(max(seq), 0) FROM main.seal_usage_data), 0, 0
FROM main.seal_audit_data ORDER BY seq DESC LIMIT 1;

-- A change tells by the audit chain of then which history it is of: of the old ones, their text alone does.
ALTER TABLE main.seal_change_data ADD COLUMN hash BLOB;

-- A SEAL server's database is one that has an anchor of type registrar. What came by bundles came from the one issuer
-- that is there; of several nobody knows which, and the operator says it (scripts/README.md, "Upgrade and downgrade").
UPDATE main.seal_anchor_data SET type = 'registrar' WHERE type = 'issuer'
  AND (SELECT count(*) FROM main.seal_anchor_data WHERE type = 'issuer') = 1
  AND (SELECT bundle_to FROM main.seal_registrar_data WHERE id = 1) IS NOT NULL;
CREATE UNIQUE INDEX main.seal_anchor_registrar ON seal_anchor_data(type) WHERE type = 'registrar';

-- An owner may have several keys, and each says which client it came through.
CREATE TABLE main.seal_upgrade_record AS SELECT * FROM main.seal_key_record_data;
DROP TABLE main.seal_key_record_data;
CREATE TABLE main.seal_key_record_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT,
  client_id TEXT,
  payload_id TEXT,
  key_format TEXT,
  key_info BLOB NOT NULL,
  user_uri TEXT,
  skmc_uri TEXT
);
INSERT INTO main.seal_key_record_data(id, service, val_user_id, val_ue_id, client_id, key_format, key_info, user_uri)
SELECT id, service, val_user_id, val_ue_id, client_id, key_format, key_info, user_uri
FROM main.seal_upgrade_record ORDER BY id;
CREATE UNIQUE INDEX main.seal_key_record_id ON seal_key_record_data(service,
  coalesce('u' || val_user_id, 'e' || val_ue_id, 'c' || client_id, 's'), coalesce(payload_id, ''));
DROP TABLE main.seal_upgrade_record;

-- What was used becomes charging records: one for each term of an event, since 0.1.0 did not note for which VAL
-- services it was; that of an exact term is the term's. What was held is charged by the next `charge`, from the first day
-- on.
CREATE TABLE main.seal_charge_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  agreement_id TEXT NOT NULL,
  val_provider_id TEXT NOT NULL,
  val_server_id TEXT NOT NULL,
  seal_service TEXT NOT NULL,
  api_name TEXT NOT NULL,
  val_service_id TEXT,
  term TEXT,
  quantity INTEGER NOT NULL,
  amount TEXT,
  currency TEXT,
  usage_seq INTEGER,
  from_time INTEGER,
  until_time INTEGER,
  price TEXT,
  rating_group INTEGER NOT NULL,
  operation TEXT NOT NULL,
  result INTEGER,
  api_reference TEXT NOT NULL
);
INSERT INTO main.seal_charge_data(time, kind, agreement_id, val_provider_id, val_server_id, seal_service, api_name,
  val_service_id, term, quantity, amount, currency, usage_seq, price, rating_group, operation, result, api_reference)
SELECT u.time, 'invocation', u.agreement_id, u.val_provider_id, u.val_server_id, u.seal_service,
  iif(u.seal_service = 'identity-management', 'SS_IdmParameterProvisioning', 'SS_KMParametersProvisioning'),
  nullif(n.val_service_id, '*'), n.val_service_id, 1, n.price_per_invocation, n.currency, u.seq, n.price_per_invocation,
  n.term, u.operation, u.result,
  iif(u.seal_service = 'identity-management', '/ss-ipp/v1/configurations', '/ss-kmpp/v1/configurations')
    || iif(u.conf_id NOT GLOB '*[^A-Za-z0-9._~-]*', '/' || u.conf_id, '')
FROM main.seal_usage_data AS u CROSS JOIN main.seal_usage_unit AS n ON n.usage = u.seq
ORDER BY u.seq, n.term;
CREATE INDEX main.seal_charge_usage ON seal_charge_data(usage_seq, val_service_id) WHERE usage_seq IS NOT NULL;
CREATE TABLE main.seal_charge_state(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER,
  taken INTEGER NOT NULL,
  exported INTEGER NOT NULL
);
INSERT INTO main.seal_charge_state(id, until, taken, exported) VALUES (1, NULL, 0, 0);
-- VAL servers are told what becomes of what they hold, from now on.
CREATE TABLE main.seal_notification_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  val_server_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  event TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL,
  due_time INTEGER NOT NULL,
  delivered_time INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  txn INTEGER NOT NULL
);
CREATE INDEX main.seal_notification_due ON seal_notification_data(due_time) WHERE delivered_time IS NULL;
CREATE INDEX main.seal_notification_val_server ON seal_notification_data(val_server, txn);
CREATE TABLE main.seal_notification_cause(
  val_server INTEGER NOT NULL,
  credential TEXT NOT NULL,
  until INTEGER NOT NULL,
  lead INTEGER NOT NULL,
  PRIMARY KEY (val_server, credential, until, lead)
) WITHOUT ROWID;
CREATE INDEX main.seal_notification_until ON seal_notification_cause(until);

-- The registrar's row has more columns. The first epoch began with the installation. A place of 0.1.0 leads on to
-- nothing: a SEAL server goes on to serve what it has, and takes a full copy next.
CREATE TABLE main.seal_upgrade_registrar AS SELECT * FROM main.seal_registrar_data;
DROP TABLE main.seal_registrar_data;
CREATE TABLE main.seal_registrar_data(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  identifier TEXT NOT NULL,
  api_root TEXT,
  skms_uri TEXT,
  stale_after INTEGER,
  notice_before TEXT NOT NULL,
  format INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  restored_time INTEGER,
  installed_time INTEGER NOT NULL,
  signing_kid TEXT,
  last_sweep_time INTEGER,
  clock_time INTEGER NOT NULL,
  seal_check BLOB,
  bundle_to TEXT,
  bundle_epoch INTEGER,
  bundle_seq INTEGER,
  bundle_time INTEGER,
  bundle_until INTEGER
);
INSERT INTO main.seal_registrar_data(id, identifier, skms_uri, notice_before, format, epoch, installed_time, signing_kid,
  last_sweep_time, clock_time, seal_check, bundle_seq, bundle_time)
SELECT id, identifier, skms_uri, '[604800, 86400]', format, installed_time, installed_time, signing_kid, last_sweep_time,
  clock_time, seal_check, bundle_seq, bundle_time
FROM main.seal_upgrade_registrar;
DROP TABLE main.seal_upgrade_registrar;

-- Of the signing keys those before the current one have no private part any more; that one is known to every SEAL server.
CREATE TABLE main.seal_upgrade_key AS SELECT * FROM main.seal_registrar_key;
DROP TABLE main.seal_registrar_key;
CREATE TABLE main.seal_registrar_key(
  id INTEGER PRIMARY KEY,
  kid TEXT NOT NULL UNIQUE,
  public TEXT NOT NULL,
  private BLOB NOT NULL,
  created_time INTEGER NOT NULL,
  retired_time INTEGER,
  until INTEGER NOT NULL,
  change INTEGER NOT NULL
);
INSERT INTO main.seal_registrar_key
SELECT id, kid, public, private, created_time, retired_time, until, 0 FROM main.seal_upgrade_key;
DROP TABLE main.seal_upgrade_key;

-- How often anybody was refused is counted from now on.
CREATE TABLE IF NOT EXISTS main.seal_refusal_use(
  cause TEXT PRIMARY KEY,
  refused INTEGER NOT NULL
) WITHOUT ROWID;

UPDATE main.seal_registrar_data SET format = 2 WHERE id = 1;

COMMIT;
