-- The storage: what xCreate runs for each relation. Instants are integer seconds since 1970, NULL is
-- unbounded. Every statement names the schema "main", so that no TEMP table can stand in.
--
--   agreement 1--n term                     what the SLA grants
--   agreement 1--n val_server 1--n credential
--   val_server 1--n configuration 1--n configuration_service 1--n identity | key_record
--   term 1--n configuration_service         under which term it was granted
--
-- configuration_service is one VALServiceParams: a VAL service of a configuration. Its rows lie
-- together, because the high bits of their id are its id (provision.h), so that expiry, replacement
-- and deletion are range deletes.

-- name: create_registrar
CREATE TABLE main.seal_registrar_data(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  identifier TEXT NOT NULL,
  skms_uri TEXT,
  format INTEGER NOT NULL,
  installed_time INTEGER NOT NULL,
  signing_kid TEXT,
  last_sweep_time INTEGER,
  clock_time INTEGER NOT NULL,
  seal_check BLOB,
  bundle_to TEXT,
  bundle_seq INTEGER,
  bundle_time INTEGER
);
CREATE TABLE main.seal_registrar_key(
  id INTEGER PRIMARY KEY,
  kid TEXT NOT NULL UNIQUE,
  public TEXT NOT NULL,
  private BLOB NOT NULL,
  created_time INTEGER NOT NULL,
  retired_time INTEGER,
  until INTEGER NOT NULL
);
INSERT INTO main.seal_registrar_data(id, identifier, format, installed_time, clock_time)
VALUES (1, 'urn:seal:registrar', 2, CAST(strftime('%s', 'now') AS INTEGER), 0);

-- name: create_agreement
CREATE TABLE main.seal_agreement_data(
  id INTEGER PRIMARY KEY,
  agreement_id TEXT NOT NULL UNIQUE,
  val_provider_id TEXT NOT NULL,
  start_time INTEGER,
  stop_time INTEGER,
  status TEXT NOT NULL,
  max_val_servers INTEGER
);

-- seal_term_use has the counters of a term: what is held, how often it was invoked, and the token
-- bucket of its rate (invocation.c).
-- seal_term_held counts what is held under a term, by VAL server and by the instant at which the
-- configuration itself ends: a quota takes the term's total and subtracts what has ended.
-- name: create_term
CREATE TABLE main.seal_term_data(
  id INTEGER PRIMARY KEY,
  agreement INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  max_identities INTEGER,
  max_key_records INTEGER,
  max_validity INTEGER,
  key_formats TEXT,
  scopes TEXT,
  allowed_total_invocations INTEGER,
  allowed_invocations_per_second INTEGER,
  allowed_invocation_time_ranges TEXT,
  start_time INTEGER,
  stop_time INTEGER,
  price_per_invocation TEXT,
  price_per_identity_day TEXT,
  currency TEXT,
  UNIQUE (agreement, seal_service, val_service_id)
);
CREATE INDEX main.seal_term_stop ON seal_term_data(agreement, seal_service,
  coalesce(stop_time, 9223372036854775807) DESC, val_service_id);
CREATE TABLE main.seal_term_use(
  term INTEGER PRIMARY KEY,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  invocations INTEGER NOT NULL DEFAULT 0,
  bucket_time INTEGER NOT NULL DEFAULT -62167219200,
  bucket_spent INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE main.seal_term_held(
  term INTEGER NOT NULL,
  until INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (term, until, val_server)
) WITHOUT ROWID;
CREATE INDEX main.seal_term_held_val_server ON seal_term_held(val_server, term, until);

-- name: create_val_server
CREATE TABLE main.seal_val_server_data(
  id INTEGER PRIMARY KEY,
  val_server_id TEXT NOT NULL UNIQUE,
  agreement INTEGER NOT NULL,
  end_pt TEXT,
  notification_destination TEXT,
  exp_time INTEGER,
  status TEXT NOT NULL
);
CREATE INDEX main.seal_val_server_agreement ON seal_val_server_data(agreement, exp_time);
CREATE INDEX main.seal_val_server_exp ON seal_val_server_data(exp_time) WHERE exp_time IS NOT NULL;
CREATE INDEX main.seal_val_server_terminated ON seal_val_server_data(agreement)
  WHERE status = 'terminated';

-- seal_credential_replay holds the token ids that were used, and what for: message is the digest of a
-- message, which alone may be repeated with it; NULL: the rows of the transaction that began at audit
-- number txn, and of no other.
-- name: create_credential
CREATE TABLE main.seal_credential_data(
  id INTEGER PRIMARY KEY,
  credential_id TEXT NOT NULL UNIQUE,
  val_server INTEGER NOT NULL,
  type TEXT NOT NULL,
  value BLOB NOT NULL,
  thumbprint TEXT NOT NULL,
  start_time INTEGER,
  exp_time INTEGER,
  status TEXT NOT NULL
);
CREATE INDEX main.seal_credential_val_server ON seal_credential_data(val_server);
CREATE INDEX main.seal_credential_thumbprint ON seal_credential_data(thumbprint);
CREATE TABLE main.seal_credential_replay(
  iss TEXT NOT NULL,
  jti TEXT NOT NULL,
  until INTEGER NOT NULL,
  txn INTEGER NOT NULL,
  message BLOB,
  PRIMARY KEY (iss, jti)
) WITHOUT ROWID;
CREATE INDEX main.seal_credential_replay_until ON seal_credential_replay(until);

-- generation grows with each write of the row: what was parsed of it is then out of date. crl_number is
-- decimal text: it has up to 160 bits (RFC 5280 5.2.3).
-- name: create_anchor
CREATE TABLE main.seal_anchor_data(
  id INTEGER PRIMARY KEY,
  anchor_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  subject TEXT,
  iss TEXT,
  value BLOB NOT NULL,
  exp_time INTEGER,
  status TEXT NOT NULL,
  crl_number TEXT,
  generation INTEGER NOT NULL
);
CREATE UNIQUE INDEX main.seal_anchor_iss ON seal_anchor_data(iss) WHERE type = 'issuer';

-- A conf_id is its VAL server's. until: when the configuration itself ends (exp_time, or what max_validity
-- gave); the largest integer when only what it hangs on ends it. standing: the term for whose rows without a
-- conf_id it was made, until a message or the operator changes it.
-- name: create_configuration
CREATE TABLE main.seal_configuration_data(
  id INTEGER PRIMARY KEY,
  conf_id TEXT NOT NULL,
  val_server INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  exp_time INTEGER,
  until INTEGER NOT NULL,
  created_time INTEGER NOT NULL,
  updated_time INTEGER NOT NULL,
  supp_feat TEXT,
  end_pt TEXT,
  notification_destination TEXT,
  standing INTEGER,
  UNIQUE (val_server, conf_id)
);
CREATE INDEX main.seal_configuration_val_server ON seal_configuration_data(val_server, seal_service);
CREATE INDEX main.seal_configuration_standing ON seal_configuration_data(val_server, standing, until)
  WHERE standing IS NOT NULL;
CREATE INDEX main.seal_configuration_until ON seal_configuration_data(until);
CREATE TABLE main.seal_configuration_service(
  id INTEGER PRIMARY KEY,
  configuration INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  term INTEGER NOT NULL,
  key_format TEXT,
  scope TEXT,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  next INTEGER NOT NULL,
  UNIQUE (configuration, val_service_id)
);
CREATE INDEX main.seal_configuration_service_term ON seal_configuration_service(term);
CREATE INDEX main.seal_configuration_service_val ON seal_configuration_service(val_service_id);

-- name: create_identity
CREATE TABLE main.seal_identity_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT
);
CREATE UNIQUE INDEX main.seal_identity_val_user ON seal_identity_data(val_user_id, service)
  WHERE val_user_id IS NOT NULL;
CREATE UNIQUE INDEX main.seal_identity_val_ue ON seal_identity_data(val_ue_id, service)
  WHERE val_ue_id IS NOT NULL;

-- seal_key shows the VAL services of key management's configurations: no storage of its own.
-- name: create_key
SELECT 1;

-- What a SEAL server other than identity management's knows of whom it serves: SHA-256 of VAL service and
-- id. Empty at the registrar.
-- name: create_server
CREATE TABLE main.seal_server_data(
  id INTEGER PRIMARY KEY,
  seal_server_id TEXT NOT NULL UNIQUE,
  seal_service TEXT NOT NULL,
  end_pt TEXT,
  jwk TEXT,
  acked INTEGER,
  status TEXT NOT NULL
);
CREATE TABLE main.seal_server_member(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  digest BLOB NOT NULL
);
CREATE INDEX main.seal_server_member_digest ON seal_server_member(digest);

-- name: create_policy
CREATE TABLE main.seal_policy_data(
  id INTEGER PRIMARY KEY,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  start_time INTEGER,
  exp_time INTEGER,
  UNIQUE (seal_service, val_service_id, name)
);

-- key_info is sealed (record.c).
-- name: create_key_record
CREATE TABLE main.seal_key_record_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT,
  client_id TEXT,
  key_format TEXT,
  key_info BLOB NOT NULL,
  user_uri TEXT
);
CREATE UNIQUE INDEX main.seal_key_record_id ON seal_key_record_data(service,
  coalesce('u' || val_user_id, 'e' || val_ue_id, 'c' || client_id, 's'));

-- seal_usage_unit says what a chargeable event was an invocation of: a row for each term, named by its
-- val_service_id ('*' too), with the number of the invocation and the price as of then.
-- name: create_usage
CREATE TABLE main.seal_usage_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  agreement_id TEXT NOT NULL,
  val_provider_id TEXT NOT NULL,
  val_server_id TEXT NOT NULL,
  seal_service TEXT NOT NULL,
  operation TEXT NOT NULL,
  result INTEGER NOT NULL,
  conf_id TEXT,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL
);
CREATE TABLE main.seal_usage_unit(
  usage INTEGER NOT NULL,
  term INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  invocation INTEGER NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  price_per_invocation TEXT,
  currency TEXT,
  PRIMARY KEY (usage, term)
) WITHOUT ROWID;

-- seal_audit_checkpoint has the heads that were signed (audit.c): whether all before was exported, and
-- whether the chain was cut there.
-- name: create_audit
CREATE TABLE main.seal_audit_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cause TEXT,
  detail TEXT,
  hash BLOB NOT NULL
);
CREATE TABLE main.seal_audit_checkpoint(
  seq INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  jws TEXT NOT NULL,
  time INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  exported INTEGER NOT NULL,
  pruned INTEGER NOT NULL
);

-- name: create_change
CREATE TABLE main.seal_change_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  seal_service TEXT,
  object TEXT NOT NULL,
  operation TEXT NOT NULL
);

-- seal_command shows this connection's results: no storage.
-- name: create_command
SELECT 1;

-- A message_id is its requester's; only what changed something is kept.
-- name: create_message
CREATE TABLE main.seal_message_data(
  id INTEGER PRIMARY KEY,
  requester TEXT NOT NULL,
  message_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  response TEXT,
  UNIQUE (message_id, requester)
);
CREATE INDEX main.seal_message_time ON seal_message_data(time);

-- xDestroy, for each relation.
-- name: drop_registrar
DROP TABLE main.seal_registrar_data;
DROP TABLE main.seal_registrar_key;
-- name: drop_agreement
DROP TABLE main.seal_agreement_data;
-- name: drop_term
DROP TABLE main.seal_term_data;
DROP TABLE main.seal_term_use;
DROP TABLE main.seal_term_held;
-- name: drop_val_server
DROP TABLE main.seal_val_server_data;
-- name: drop_credential
DROP TABLE main.seal_credential_data;
DROP TABLE main.seal_credential_replay;
-- name: drop_configuration
DROP TABLE main.seal_configuration_data;
DROP TABLE main.seal_configuration_service;
-- name: drop_identity
DROP TABLE main.seal_identity_data;
-- name: drop_key
SELECT 1;
-- name: drop_server
DROP TABLE main.seal_server_data;
DROP TABLE main.seal_server_member;
-- name: drop_policy
DROP TABLE main.seal_policy_data;
-- name: drop_anchor
DROP TABLE main.seal_anchor_data;
-- name: drop_key_record
DROP TABLE main.seal_key_record_data;
-- name: drop_usage
DROP TABLE main.seal_usage_data;
DROP TABLE main.seal_usage_unit;
-- name: drop_audit
DROP TABLE main.seal_audit_data;
DROP TABLE main.seal_audit_checkpoint;
-- name: drop_change
DROP TABLE main.seal_change_data;
-- name: drop_command
SELECT 1;
-- name: drop_message
DROP TABLE main.seal_message_data;
