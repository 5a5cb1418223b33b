-- seal_occupancy: what a VAL service of a configuration held, from when to when. Its storage and its view stand with what
-- writes them, in sql/statements/occupancy.sql.
-- relation: occupancy
-- column: val_provider_id         id read-only        "who: the VAL service provider"
-- column: agreement_id            id read-only        "who: the agreement"
-- column: val_server_id           id read-only        "who: the VAL server"
-- column: seal_service            service read-only   "the SEAL service"
-- column: val_service_id          id read-only        "the VAL service"
-- column: conf_id                 id read-only        "the configuration"
-- column: start_time              instant read-only   "since when"
-- column: stop_time               instant read-only   "until when, as known now; NULL: no end is known"
-- column: identities              count read-only     "how many were held"
-- column: key_records             count read-only     "how many were held"
-- column: term                    id read-only        "the term's val_service_id: '*' too"
-- column: price_per_identity_day  decimal read-only   "the price as of then"
-- column: currency                currency read-only  "the price's currency"


