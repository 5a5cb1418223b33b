-- What PostgreSQL needs for one operation of the registrar (postgres.c): a POST of /ss-ipp/v1 with one identity, judged
-- and stored as the registrar does it, row for row (sql/relations; tests/gate.test has how many statements). Nothing is
-- UNLOGGED; no foreign keys, as the registrar's storage has none.
--
-- One function is one way to the server and back, and one transaction. It reads first, then writes what is nobody
-- else's, and takes the rows that transactions share (the term's counters, the chain's head) as late as it can: PostgreSQL
-- keeps them until COMMIT is on the disk. Where it raises, nothing of it stays.

CREATE TABLE registrar(identifier text NOT NULL);
CREATE TABLE agreement(
  id bigint PRIMARY KEY,
  agreement_id text NOT NULL UNIQUE,
  val_provider_id text NOT NULL,
  start_time bigint,
  stop_time bigint,
  status text NOT NULL
);
CREATE TABLE val_server(
  id bigint PRIMARY KEY,
  val_server_id text NOT NULL UNIQUE,
  agreement bigint NOT NULL,
  exp_time bigint,
  status text NOT NULL,
  chain bigint NOT NULL
);
-- value: the public key in PEM.
CREATE TABLE credential(
  id bigint PRIMARY KEY,
  val_server bigint NOT NULL,
  value text NOT NULL,
  start_time bigint,
  exp_time bigint,
  status text NOT NULL
);
CREATE TABLE term(
  id bigint PRIMARY KEY,
  agreement bigint NOT NULL,
  seal_service text NOT NULL,
  val_service_id text NOT NULL,
  max_identities bigint,
  max_validity bigint,
  allowed_total_invocations bigint,
  allowed_invocations_per_second bigint,
  start_time bigint,
  stop_time bigint,
  price_per_invocation numeric,
  currency text,
  UNIQUE (agreement, seal_service, val_service_id)
);
-- Rows that each operation changes have room for their next versions on their own page.
CREATE TABLE term_use(
  term bigint PRIMARY KEY,
  identities bigint NOT NULL,
  invocations bigint NOT NULL,
  bucket_time bigint NOT NULL,
  bucket_spent bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE term_held(
  term bigint NOT NULL,
  until bigint NOT NULL,
  val_server bigint NOT NULL,
  identities bigint NOT NULL,
  PRIMARY KEY (term, until, val_server)
) WITH (fillfactor = 10);
CREATE TABLE replay(
  iss text NOT NULL,
  jti text NOT NULL,
  until bigint NOT NULL,
  txn bigint NOT NULL,
  message bytea NOT NULL,
  PRIMARY KEY (iss, jti)
);
CREATE INDEX ON replay(until);
CREATE TABLE configuration(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  val_server bigint NOT NULL,
  conf_id text NOT NULL,
  seal_service text NOT NULL,
  exp_time bigint,
  until bigint NOT NULL,
  created_time bigint NOT NULL,
  updated_time bigint NOT NULL,
  UNIQUE (val_server, conf_id)
);
CREATE INDEX ON configuration(val_server, seal_service);
CREATE INDEX ON configuration(until);
CREATE TABLE configuration_service(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  configuration bigint NOT NULL,
  val_service_id text NOT NULL,
  term bigint NOT NULL,
  identities bigint NOT NULL,
  UNIQUE (configuration, val_service_id)
);
CREATE INDEX ON configuration_service(term);
CREATE INDEX ON configuration_service(val_service_id);
CREATE TABLE identity(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  service bigint NOT NULL,
  val_user_id text NOT NULL
);
CREATE UNIQUE INDEX ON identity(val_user_id, service);
CREATE TABLE occupancy(
  service bigint NOT NULL,
  start bigint NOT NULL,
  stop bigint NOT NULL,
  val_server bigint NOT NULL,
  term bigint NOT NULL,
  seal_service text NOT NULL,
  val_service_id text NOT NULL,
  conf_id text NOT NULL,
  identities bigint NOT NULL,
  PRIMARY KEY (service, start)
);
-- The chain: each entry's hash covers the one before. All the registrar's entries are one chain, that of number 1.
CREATE TABLE audit_head(
  chain bigint PRIMARY KEY,
  seq bigint NOT NULL,
  hash bytea NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE audit(
  chain bigint NOT NULL,
  seq bigint NOT NULL,
  time bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object text NOT NULL,
  outcome text NOT NULL,
  detail text NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (chain, seq)
);
-- The change feed: numbered as the audit, so that who asks for what came after a number misses nothing.
CREATE TABLE change(
  chain bigint NOT NULL,
  seq bigint NOT NULL,
  time bigint NOT NULL,
  seal_service text NOT NULL,
  object text NOT NULL,
  operation text NOT NULL,
  PRIMARY KEY (chain, seq)
);
CREATE TABLE usage(
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time bigint NOT NULL,
  agreement_id text NOT NULL,
  val_provider_id text NOT NULL,
  val_server_id text NOT NULL,
  seal_service text NOT NULL,
  operation text NOT NULL,
  result integer NOT NULL,
  conf_id text NOT NULL,
  identities bigint NOT NULL
);
CREATE TABLE usage_unit(
  usage bigint NOT NULL,
  term bigint NOT NULL,
  val_service_id text NOT NULL,
  invocation bigint NOT NULL,
  identities bigint NOT NULL,
  price_per_invocation numeric,
  currency text,
  PRIMARY KEY (usage, term)
);
-- The outbox: the charging record that is delivered later. (A POST that is far from its quota makes no notification.)
CREATE TABLE charge(
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time bigint NOT NULL,
  kind text NOT NULL,
  agreement_id text NOT NULL,
  val_provider_id text NOT NULL,
  val_server_id text NOT NULL,
  seal_service text NOT NULL,
  api_name text NOT NULL,
  val_service_id text NOT NULL,
  term text NOT NULL,
  quantity bigint NOT NULL,
  amount numeric,
  currency text,
  usage_seq bigint NOT NULL,
  rating_group integer NOT NULL,
  operation text NOT NULL,
  result integer NOT NULL,
  api_reference text NOT NULL
);
CREATE INDEX ON charge(usage_seq, val_service_id);
-- The answers, for who asks again.
CREATE TABLE message(
  val_server bigint NOT NULL,
  message_id text NOT NULL,
  digest bytea NOT NULL,
  time bigint NOT NULL,
  status integer NOT NULL,
  headers text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (message_id, val_server)
);
CREATE INDEX ON message(time);

-- What an entry's hash is over.
CREATE FUNCTION audit_hash(prev bytea, seq bigint, at bigint, actor text, action text, object text, outcome text,
  detail text)
RETURNS bytea LANGUAGE sql STABLE
RETURN sha256(prev || convert_to(concat_ws(',', seq, at, actor, action, object, outcome, detail), 'UTF8'));

-- One POST, its token verified with the key of `key`: its status. Instants are seconds since 1970. The agreement's and
-- the token's windows, quota and rate are looked at here, in the transaction that writes.
CREATE FUNCTION post(key bigint, token_iss text, token_jti text, token_until bigint, at bigint, service text,
  user_id text, new_conf_id text, new_message_id text, request bytea, answer_headers text, answer_body text)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  forever CONSTANT bigint := 9223372036854775807;
  what CONSTANT text := '{"seal_service":"identity-management","val_services":1,"identities":1}';
  sla record;
  gone bigint;
  conf bigint;
  part bigint;
  used bigint;
  entry record;
  named text;
BEGIN
  SELECT v.id AS val_server, v.chain, a.agreement_id, a.val_provider_id, t.id AS term, t.val_service_id,
    t.max_identities, t.allowed_total_invocations AS total, t.allowed_invocations_per_second AS rate,
    t.price_per_invocation, t.currency, u.identities, u.invocations, u.bucket_time, u.bucket_spent
  INTO sla
  FROM val_server AS v
  JOIN credential AS k ON k.id = key AND k.val_server = v.id
  JOIN agreement AS a ON a.id = v.agreement
  JOIN term AS t ON t.agreement = a.id AND t.seal_service = 'identity-management' AND t.val_service_id IN (service, '*')
  JOIN term_use AS u ON u.term = t.id
  WHERE v.val_server_id = token_iss
    AND v.status = 'active' AND (v.exp_time IS NULL OR at < v.exp_time)
    AND k.status = 'active' AND (k.start_time IS NULL OR k.start_time <= at) AND (k.exp_time IS NULL OR at < k.exp_time)
    AND a.status = 'active' AND (a.start_time IS NULL OR a.start_time <= at) AND (a.stop_time IS NULL OR at < a.stop_time)
    AND (t.start_time IS NULL OR t.start_time <= at) AND (t.stop_time IS NULL OR at < t.stop_time)
    AND t.max_validity IS NULL
  ORDER BY t.val_service_id = '*' LIMIT 1;
  IF NOT FOUND THEN RETURN 403; END IF;
  SELECT coalesce(sum(h.identities), 0) INTO gone FROM term_held AS h WHERE h.term = sla.term AND h.until <= at;
  IF sla.identities - gone + 1 > sla.max_identities OR sla.invocations + 1 > sla.total THEN RETURN 403; END IF;
  IF sla.bucket_time = at AND sla.bucket_spent + 1 > sla.rate THEN RETURN 429; END IF;

  INSERT INTO replay(iss, jti, until, txn, message)
  VALUES (token_iss, token_jti, token_until, txid_current(), sha256(convert_to(new_message_id, 'UTF8')))
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN 401; END IF;
  INSERT INTO configuration(val_server, conf_id, seal_service, exp_time, until, created_time, updated_time)
  VALUES (sla.val_server, new_conf_id, 'identity-management', NULL, forever, at, at) RETURNING id INTO conf;
  INSERT INTO configuration_service(configuration, val_service_id, term, identities)
  VALUES (conf, service, sla.term, 1) RETURNING id INTO part;
  INSERT INTO identity(service, val_user_id) VALUES (part, user_id);
  INSERT INTO occupancy(service, start, stop, val_server, term, seal_service, val_service_id, conf_id, identities)
  VALUES (part, at, forever, sla.val_server, sla.term, 'identity-management', service, new_conf_id, 1);
  INSERT INTO usage(time, agreement_id, val_provider_id, val_server_id, seal_service, operation, result, conf_id, identities)
  VALUES (at, sla.agreement_id, sla.val_provider_id, token_iss, 'identity-management', 'POST', 201, new_conf_id, 1)
  RETURNING seq INTO used;
  INSERT INTO usage_unit(usage, term, val_service_id, invocation, identities, price_per_invocation, currency)
  VALUES (used, sla.term, service, 1, 1, sla.price_per_invocation, sla.currency);
  INSERT INTO charge(time, kind, agreement_id, val_provider_id, val_server_id, seal_service, api_name, val_service_id,
    term, quantity, amount, currency, usage_seq, rating_group, operation, result, api_reference)
  VALUES (at, 'invocation', sla.agreement_id, sla.val_provider_id, token_iss, 'identity-management',
    'SS_IdmParameterProvisioning', service, sla.val_service_id, 1, sla.price_per_invocation, sla.currency, used, 1, 'POST',
    201, '/ss-ipp/v1/configurations/' || new_conf_id);
  INSERT INTO message(val_server, message_id, digest, time, status, headers, body)
  VALUES (sla.val_server, new_message_id, request, at, 201, answer_headers, answer_body);

  -- What is shared. What others took meanwhile shows only now.
  UPDATE term_use AS u SET identities = u.identities + 1, invocations = u.invocations + 1,
    bucket_spent = CASE WHEN u.bucket_time = at THEN u.bucket_spent + 1 ELSE 1 END, bucket_time = at
  WHERE u.term = sla.term AND (sla.max_identities IS NULL OR u.identities - gone + 1 <= sla.max_identities)
    AND (sla.total IS NULL OR u.invocations + 1 <= sla.total)
    AND (sla.rate IS NULL OR u.bucket_time <> at OR u.bucket_spent + 1 <= sla.rate);
  IF NOT FOUND THEN RAISE EXCEPTION 'quota or rate' USING ERRCODE = 'SL403'; END IF;
  INSERT INTO term_held AS h (term, until, val_server, identities) VALUES (sla.term, forever, sla.val_server, 1)
  ON CONFLICT (term, until, val_server) DO UPDATE SET identities = h.identities + 1;
  named := 'seal_configuration:' || token_iss || '/' || new_conf_id;
  UPDATE audit_head AS e SET seq = e.seq + 1,
    hash = audit_hash(e.hash, e.seq + 1, at, token_iss, 'POST', named, 'done', what)
  WHERE e.chain = sla.chain RETURNING e.seq, e.hash INTO entry;
  INSERT INTO audit(chain, seq, time, actor, action, object, outcome, detail, hash)
  VALUES (sla.chain, entry.seq, at, token_iss, 'POST', named, 'done', what, entry.hash);
  INSERT INTO change(chain, seq, time, seal_service, object, operation)
  VALUES (sla.chain, entry.seq, at, 'identity-management', named, 'POST');
  RETURN 201;
END
$$;

-- How many entries' hash or number is not what follows from the one before; by how many ways operations can be counted
-- these counts differ.
CREATE VIEW wrong AS
SELECT count(*) FILTER (WHERE hash <> audit_hash(coalesce(before, ''), seq, time, actor, action, object, outcome, detail)
    OR seq <> n) AS entries,
  (SELECT count(DISTINCT n) - 1 FROM (VALUES ((SELECT count(*) FROM audit)), ((SELECT sum(seq) FROM audit_head)),
    ((SELECT count(*) FROM change)), ((SELECT count(*) FROM replay)), ((SELECT count(*) FROM configuration)),
    ((SELECT count(*) FROM configuration_service)), ((SELECT count(*) FROM identity)), ((SELECT count(*) FROM occupancy)),
    ((SELECT count(*) FROM usage)), ((SELECT count(*) FROM usage_unit)), ((SELECT count(*) FROM charge)),
    ((SELECT count(*) FROM message)), ((SELECT sum(identities) FROM term_use)), ((SELECT sum(invocations) FROM term_use)),
    ((SELECT sum(identities) FROM term_held))) AS c(n)) AS counts
FROM (SELECT *, lag(hash) OVER w AS before, row_number() OVER w AS n FROM audit
  WINDOW w AS (PARTITION BY chain ORDER BY seq)) AS a;
