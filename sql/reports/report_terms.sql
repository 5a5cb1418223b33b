-- Agreements; what is used of their terms; what the period cost, as the invoice has it (report_invoice).
INSERT INTO report_row
SELECT 'agreements', row_number() OVER (ORDER BY a.status = 'terminated', a.stop_time IS NULL, a.stop_time, a.agreement_id),
  json_array(a.agreement_id, a.val_provider_id,
    CASE
      WHEN a.status <> 'active' THEN a.status
      WHEN a.stop_time <= p.now THEN 'ended'
      WHEN a.start_time > p.now THEN 'not started'
      ELSE 'active'
    END, a.start_time, a.stop_time,
    CAST(CASE WHEN a.status = 'active' AND a.stop_time > p.now
      THEN julianday(a.stop_time) - julianday(p.now) END AS INTEGER),
    json_array(coalesce(v.n, 0), a.max_val_servers))
FROM report_period AS p CROSS JOIN seal_agreement AS a ON a.at IS NULL
LEFT JOIN (SELECT agreement_id, count(*) AS n FROM seal_val_server WHERE at IS NULL AND status <> 'terminated'
  GROUP BY agreement_id) AS v ON v.agreement_id = a.agreement_id;
INSERT INTO report_section
SELECT 'agreements', 1, 'Agreements', 'All that are stored; those that end first come first.', 'There is no agreement.',
  '[["Agreement","text"],["VAL service provider","text"],["Status","word"],["From","time"],["Until","time"],
    ["Days left","n"],["VAL servers","bar"]]',
  (SELECT count(*) FROM report_row WHERE section = 'agreements');

CREATE TEMP TABLE report_cost AS
SELECT agreement_id, seal_service, term, currency,
  seal_amount(1, amount, 1, length(amount) - iif(instr(amount, '.'), instr(amount, '.'), length(amount))) AS amount
FROM report_invoice WHERE item <> 'total' AND amount IS NOT NULL GROUP BY agreement_id, seal_service, term, currency;
INSERT INTO report_row
SELECT 'terms', row_number() OVER (ORDER BY share DESC, agreement_id, seal_service, val_service_id),
  json_array(agreement_id, seal_service, val_service_id, json_array(identities, max_identities),
    json_array(key_records, max_key_records), json_array(invocations, allowed_total_invocations), ends,
    (SELECT json_group_array(json_array(amount, currency)) FROM report_cost AS c
      WHERE c.agreement_id = t.agreement_id AND c.seal_service = t.seal_service AND c.term = t.val_service_id))
FROM (SELECT t.*, max(coalesce(1.0 * identities / max_identities, 0), coalesce(1.0 * key_records / max_key_records, 0),
    coalesce(1.0 * invocations / allowed_total_invocations, 0)) AS share
  FROM (SELECT t.*, min(coalesce(t.stop_time, a.stop_time), coalesce(a.stop_time, t.stop_time)) AS ends
    FROM report_period AS p CROSS JOIN seal_term AS t ON t.at = p.now
    JOIN seal_agreement AS a ON a.agreement_id = t.agreement_id AND a.at IS NULL) AS t) AS t;
INSERT INTO report_section
SELECT 'terms', 2, 'Terms: used and granted',
  'What is granted now; those of which most is used come first. Cost: of ' || substr(start, 1, 10) || ' until now.',
  'No term grants anything now.',
  '[["Agreement","text"],["SEAL service","word"],["VAL service","text"],["Identities","bar"],["Key records","bar"],
    ["Invocations","bar"],["Until","time"],["Cost","money"]]',
  (SELECT count(*) FROM report_row WHERE section = 'terms') FROM report_period;

INSERT INTO report_row
SELECT 'cost', row_number() OVER (ORDER BY agreement_id, val_provider_id, currency),
  json_array(agreement_id, val_provider_id, json_array(json_array(amount, currency)))
FROM report_invoice WHERE item = 'total';
INSERT INTO report_section
SELECT 'cost', 3, 'Cost by agreement', 'From ' || substr(start, 1, 10) || ' until now, terms that are gone included.',
  'Nothing that has a price was used.', '[["Agreement","text"],["VAL service provider","text"],["Cost","money"]]',
  (SELECT count(*) FROM report_row WHERE section = 'cost') FROM report_period;
