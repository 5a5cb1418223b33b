-- columns: ends what id agreement_id
-- What is valid at :from (default: now) and ends by :until (default: :days, or 30 days, later).
WITH RECURSIVE period(start, stop) AS MATERIALIZED (
  SELECT start, coalesce(seal_instant(:until),
      strftime('%Y-%m-%dT%H:%M:%SZ', start, format('+%d days', coalesce(:days, 30))))
  FROM (SELECT coalesce(seal_instant(:from), strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) AS start)
), certificate(id, not_after) AS MATERIALIZED (
  SELECT c.credential_id, (SELECT x.not_after FROM seal_x509(c.value, c.value, json_object('at', period.start, 'purpose', 'path')) AS x)
  FROM period CROSS JOIN seal_credential AS c ON c.at = period.start WHERE c.type = 'x509'
), block(id, value, rest) AS (
  -- The certificates of an anchor one by one: PEM, or a DER certificate.
  SELECT anchor_id, NULL, n.value FROM period CROSS JOIN seal_anchor AS n ON n.at = period.start
  WHERE n.type IN ('ca', 'intermediate')
  UNION ALL
  SELECT id, iif(typeof(rest) = 'blob', rest, substr(rest, 1, instr(rest, '-----END CERTIFICATE-----') + 24)),
    iif(typeof(rest) = 'blob', '', substr(rest, instr(rest, '-----END CERTIFICATE-----') + 25))
  FROM block WHERE typeof(rest) = 'blob' OR instr(rest, '-----END CERTIFICATE-----') > 0
), anchored(id, not_after) AS MATERIALIZED (
  SELECT id, min((SELECT x.not_after FROM seal_x509(b.value, b.value, json_object('at', period.start, 'purpose', 'path')) AS x))
  FROM period CROSS JOIN block AS b WHERE b.value IS NOT NULL GROUP BY id
), ending(what, id, agreement_id, ends) AS (
  SELECT 'agreement', agreement_id, agreement_id, stop_time
  FROM period CROSS JOIN seal_agreement AS a ON a.at = period.start
  UNION ALL
  SELECT 'term', seal_service || ' ' || val_service_id, agreement_id, stop_time
  FROM period CROSS JOIN seal_term AS t ON t.at = period.start
  UNION ALL
  SELECT 'VAL server', val_server_id, agreement_id, exp_time
  FROM period CROSS JOIN seal_val_server AS v ON v.at = period.start
  UNION ALL
  -- A certificate ends by itself: its notAfter is the last instant that it is good.
  SELECT 'credential of ' || c.val_server_id, credential_id, v.agreement_id, min(coalesce(c.exp_time, e.ends), e.ends)
  FROM period CROSS JOIN seal_credential AS c ON c.at = period.start
  JOIN seal_val_server AS v ON v.val_server_id = c.val_server_id AND v.at IS NULL
  JOIN (SELECT id, coalesce(not_after, '9999-12-31T23:59:59Z') AS ends FROM certificate) AS e ON e.id = c.credential_id
  UNION ALL
  SELECT 'credential of ' || c.val_server_id, credential_id, v.agreement_id, c.exp_time
  FROM period CROSS JOIN seal_credential AS c ON c.at = period.start
  JOIN seal_val_server AS v ON v.val_server_id = c.val_server_id AND v.at IS NULL
  WHERE c.type <> 'x509'
  UNION ALL
  SELECT type || ' anchor', anchor_id, NULL, min(coalesce(exp_time, own), coalesce(own, exp_time))
  FROM (SELECT n.type, n.anchor_id, n.exp_time,
      coalesce(e.not_after, iif(n.type = 'crl', seal_next_update(n.value), NULL)) AS own
    FROM period CROSS JOIN seal_anchor AS n ON n.at = period.start LEFT JOIN anchored AS e ON e.id = n.anchor_id)
  UNION ALL
  SELECT 'configuration of ' || c.val_server_id, conf_id, v.agreement_id, valid_until
  FROM period CROSS JOIN seal_configuration AS c ON c.at = period.start
  JOIN seal_val_server AS v ON v.val_server_id = c.val_server_id AND v.at IS NULL
)
SELECT ends, what, id, agreement_id FROM period CROSS JOIN ending ON ends <= stop
ORDER BY ends, what, id;
