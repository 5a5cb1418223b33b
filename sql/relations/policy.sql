-- seal_policy: VAL-service-specific configuration that the SEAL servers of a service are given.
-- relation: policy
-- storage: id             INTEGER PRIMARY KEY
-- column: seal_service    service key bundle    "the SEAL service whose servers are given it"
-- column: val_service_id  id key bundle         "the VAL service that it is about"
-- column: name            id key bundle         "the name of the policy"
-- column: value           json required bundle  "JSON: what the SEAL servers are given"
-- column: start_time      instant bundle        "since when it holds; NULL: always"
-- column: exp_time        instant bundle        "until when it holds; NULL: for ever"
-- column: at              instant hidden        "the clock: another instant that is asked for; NULL: every stored row"
-- statements: find insert update remove bundle bundle_all apply

-- name: create_policy
CREATE TABLE main.seal_policy_data(
  {{policy_storage}}
);

-- name: drop_policy
DROP TABLE main.seal_policy_data;

-- name: view_policy
SELECT w.id, {{policy_view}} FROM {{policy_from}} WHERE {{valid_exp}}
