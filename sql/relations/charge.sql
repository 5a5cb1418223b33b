-- seal_charge: one row per charging record (registrar/ledger/charge.c), appended only. sql/statements/charging.sql writes
-- it and makes of each what a charging function takes.
-- `rating_group` is the term's row, by which a charging function tells tariffs apart; operation, result and api_reference
-- are of the act, so that a record reads the same when the event of usage is pruned.
-- seal_charge_state: until when days are charged (NULL: none is), up to which record a charging system has taken them, and
-- up to which they were sent to it.
-- Every act asks its storage, and so the upgrade of a database of 0.1.0 makes it: what there is already stays.
-- A row of the kind 'restored' is no record: in a copy that was restored it has the last number that a charging system had
-- taken, so that none is given twice.
-- relation: charge g
-- column: seq              count read-only lookup  "the number of the record; without gaps, but where a restored copy was told how far charging is"
-- column: time             instant read-only       "the instant of the act; of identity-days, of the command that made it"
-- column: kind             text read-only          "invocation, or identity-days"
-- column: agreement_id     id read-only            "who, as of then: the agreement"
-- column: val_provider_id  id read-only            "who, as of then: the VAL service provider"
-- column: val_server_id    id read-only            "who, as of then: the VAL server"
-- column: seal_service     service read-only       "the SEAL service"
-- column: api_name         text read-only          "the API of TS 29.549 that was called; of rows and identity-days, that of the SEAL service"
-- column: val_service_id   id read-only            "the VAL service; NULL: the act named none"
-- column: term             id read-only            "the term's val_service_id: '*' too"
-- column: quantity         count read-only         "invocations: 1 for the first VAL service of a term, 0 for the others; or identity-seconds"
-- column: amount           decimal read-only       "what it costs, rounded half up to 9 decimals; NULL: it had no price"
-- column: currency         currency read-only      "the price's currency"
-- column: usage_seq        count read-only         "the event in seal_usage; NULL: identity-days"
-- column: from_time        instant read-only       "of identity-days: when the day began"
-- column: until_time       instant read-only       "of identity-days: when the day ended"
-- column: price            decimal read-only       "the price as of then, of an invocation or of an identity-day"

-- name: create_charge
CREATE TABLE IF NOT EXISTS main.seal_charge_data(
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
CREATE INDEX IF NOT EXISTS main.seal_charge_usage ON seal_charge_data(usage_seq, val_service_id) WHERE usage_seq IS NOT NULL;
CREATE TABLE IF NOT EXISTS main.seal_charge_state(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER,
  taken INTEGER NOT NULL,
  exported INTEGER NOT NULL
);
INSERT OR IGNORE INTO main.seal_charge_state(id, until, taken, exported) VALUES (1, NULL, 0, 0);

-- name: drop_charge
DROP TABLE main.seal_charge_data;
DROP TABLE main.seal_charge_state;

-- name: view_charge
SELECT g.seq AS id, {{charge_view}} FROM main.seal_charge_data AS g WHERE g.kind <> 'restored'
