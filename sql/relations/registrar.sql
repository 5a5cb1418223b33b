-- seal_registrar: the one row of the registrar itself, and its signing keys.
-- Counts are cast so that they compare as the relation's own INTEGER columns do.
-- relation: registrar r
-- storage: id              INTEGER PRIMARY KEY CHECK (id = 1)
-- column: identifier       id required                                "what a token's aud must contain, and the iss of the registrar's own; at a SEAL server its seal_server_id"
-- column: api_root         url                                        "where its APIs are reached, as in https://seal.example: Location and metadata are of it, and a token's aud may be it or its token endpoint"
-- column: skms_uri         uri                                        "the registrar's own key management URI: sKmsUri of a KM Request"
-- column: stale_after      count                                      "seconds after which a SEAL server that got no bundle serves nobody; NULL: never"
-- column: notice_before    json required                              "JSON array: how many seconds before an end VAL servers are told of it, by the command notice"
-- column: format           count read-only not-null                   "number of the storage format"
-- column: epoch            count read-only not-null                   "number of this history: a higher one since each restore"
-- column: restored_time    instant read-only                          "when new-epoch began the epoch; NULL: the first since the installation"
-- column: installed_time   instant read-only not-null                 "when it was installed"
-- column: sealed           count read-only from(CAST(?2 AS INTEGER))  "1 until this connection is unlocked"
-- column: signing_kid      text read-only                             "kid of the key that signs now; NULL before the first rotate-key"
-- column: last_sweep_time  instant read-only                          "when it was swept last"
-- column: agreements       count read-only from(CAST((SELECT count(*) FROM main.seal_agreement_data) AS INTEGER))  "how many are stored"
-- column: val_servers      count read-only from(CAST((SELECT count(*) FROM main.seal_val_server_data) AS INTEGER))  "how many are stored"
-- column: configurations   count read-only from(CAST((SELECT count(*) FROM main.seal_configuration_data) - (SELECT count(*) FROM main.seal_configuration_data WHERE val_server < 0) AS INTEGER))  "how many are stored"
-- column: identities       count read-only from(CAST((SELECT coalesce(sum(identities), 0) FROM main.seal_term_use) AS INTEGER))  "how many are stored; what has ended counts until it is swept"
-- column: key_records      count read-only from(CAST((SELECT coalesce(sum(key_records), 0) FROM main.seal_term_use) AS INTEGER))  "how many are stored; what has ended counts until it is swept"
-- column: charged         count read-only from(CAST((SELECT taken FROM main.seal_charge_state WHERE id = 1) AS INTEGER))  "up to which number a charging system has taken seal_charge"
-- column: charged_until   instant read-only from((SELECT until FROM main.seal_charge_state WHERE id = 1))  "until when days are charged; NULL: none is"
-- column: undelivered      count read-only from(CAST((SELECT count(*) FROM main.seal_notification_data WHERE delivered_time IS NULL) AS INTEGER))  "how many notifications were not delivered yet"
-- column: applied          text read-only from(r.bundle_to)           "at a SEAL server: how far bundles were applied"
-- column: serves_until     instant read-only from(r.bundle_until)     "at a SEAL server: until when it serves without another bundle; NULL: without end"
-- storage: clock_time      INTEGER NOT NULL
-- storage: seal_check      BLOB
-- storage: bundle_to       TEXT
-- storage: bundle_epoch    INTEGER
-- storage: bundle_seq      INTEGER
-- storage: bundle_time     INTEGER
-- storage: bundle_until    INTEGER
-- statements: update

-- Of a key, `until` is when the last that it signed has ended, and `change` the entry of the change feed that told of it.
-- At a SEAL server, bundle_… are of the last bundle that was applied: its place, epoch, last change and time of issue;
-- bundle_until is the end of what it allows to serve (NULL: there is none).
-- name: create_registrar
CREATE TABLE main.seal_registrar_data(
  {{registrar_storage}}
);
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
INSERT INTO main.seal_registrar_data(id, identifier, notice_before, format, epoch, installed_time, clock_time)
VALUES (1, 'urn:seal:registrar', '[604800, 86400]', 2, CAST(strftime('%s', 'now') AS INTEGER),
  CAST(strftime('%s', 'now') AS INTEGER), 0);

-- name: drop_registrar
DROP TABLE main.seal_registrar_data;
DROP TABLE main.seal_registrar_key;

-- name: view_registrar
SELECT r.id, {{registrar_view}} FROM {{registrar_from}}
