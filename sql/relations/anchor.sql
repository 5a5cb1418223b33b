-- seal_anchor: whom the registrar trusts besides.
-- A generation is drawn, not counted: what was parsed of an anchor must not be taken for another one that got its row id,
-- nor for a change that was rolled back. crl_number is decimal text: it has up to 160 bits (RFC 5280 5.2.3).
-- relation: anchor
-- storage: id          INTEGER PRIMARY KEY
-- column: anchor_id    id key                              "the name of the anchor"
-- column: type         word(ca intermediate crl issuer capif registrar) required fixed  "ca (of certificates), intermediate (on their way to one), crl (of a CA that is stored), issuer (of access tokens), capif (a CAPIF core function's tokens), registrar (of bundles: makes the database a SEAL server's)"
-- column: subject      text                                "of a CRL: its issuer, read from it"
-- column: iss          id fixed                            "of an issuer, needed there: what its tokens say; of a registrar, if given: what its bundles say"
-- column: value        value required write-only           "PEM, DER, or a JWK Set; replaced whole or not at all"
-- column: exp_time     instant                             "until when it is trusted; NULL: for ever"
-- column: status       word(active revoked)                "active (default), revoked"
-- column: at           instant hidden                      "the clock: another instant that is asked for; NULL: every stored row"
-- storage: crl_number  TEXT insert(:extra) update(coalesce(:extra, crl_number))
-- storage: generation  INTEGER NOT NULL insert(random()) update(random())
-- statements: find insert update remove

-- name: create_anchor
CREATE TABLE main.seal_anchor_data(
  {{anchor_storage}}
);
CREATE UNIQUE INDEX main.seal_anchor_iss ON seal_anchor_data(iss) WHERE type = 'issuer';
CREATE UNIQUE INDEX main.seal_anchor_registrar ON seal_anchor_data(type) WHERE type = 'registrar';

-- name: drop_anchor
DROP TABLE main.seal_anchor_data;

-- name: view_anchor
SELECT w.id, {{anchor_view}} FROM {{anchor_from}}
WHERE (?1 IS NULL OR coalesce(w.exp_time, {{forever}}) > ?1)
