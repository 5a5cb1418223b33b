-- seal_usage: one row per chargeable event. seal_usage_unit says what it was an invocation of: a row for each term, named
-- by its val_service_id ('*' too), with the number of the invocation and the price as of then.
-- relation: usage u
-- column: seq              count read-only lookup                "the number of the event, without gaps"
-- column: time             instant read-only                     "the instant of the act"
-- column: agreement_id     id read-only                          "who, as of then: the agreement"
-- column: val_provider_id  id read-only                          "who, as of then: the VAL service provider"
-- column: val_server_id    id read-only                          "who, as of then: the VAL server"
-- column: seal_service     service read-only                     "the SEAL service"
-- column: operation        text read-only                        "POST, GET, PUT, PATCH, DELETE; INSERT: rows"
-- column: result           count read-only                       "the status: 200, 201, 204"
-- column: conf_id          id read-only                          "the configuration, where there is one"
-- column: identities       count read-only                       "how many came with it"
-- column: key_records      count read-only                       "how many came with it"
-- column: units            text read-only from({{usage_units}})  "JSON: what it was an invocation of, a member per term with its price as of then"

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

-- name: drop_usage
DROP TABLE main.seal_usage_data;
DROP TABLE main.seal_usage_unit;

-- fragment: usage_units
(SELECT json_group_array(json_object('val_service_id', n.val_service_id,
    'invocation', n.invocation, 'identities', n.identities, 'key_records', n.key_records,
    'price_per_invocation', n.price_per_invocation, 'currency', n.currency))
  FROM main.seal_usage_unit AS n WHERE n.usage = u.seq)

-- name: view_usage
SELECT u.seq AS id, {{usage_view}} FROM main.seal_usage_data AS u
