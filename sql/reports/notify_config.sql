-- What curl is to do with the file `batch`: config.N, requests in their order, connected to the addresses of the file
-- `addresses` (JSON [[N, address], ...]) whatever the URL says, if all of them may be sent to. The file `unreached` has those
-- destinations where it may not: [[N, why], ...]. Printed is N and the numbers of the notifications.
CREATE TEMP TABLE target AS
SELECT b.value->>'$.n' AS n, b.value->>'$.destination' AS destination, b.value->>'$.host' AS host, b.value->>'$.port' AS port,
  b.value->>'$.seqs' AS seqs, a.addresses, CASE
    WHEN b.value->>'$.host' IS NULL THEN 'the destination is no http or https URI'
    WHEN a.addresses IS NULL THEN 'its name is not known'
    WHEN a.bad IS NOT NULL THEN 'it is at ' || a.bad || ', which is not public: --allow lists it' END AS why
FROM json_each(CAST(readfile('batch') AS TEXT)) AS b
LEFT JOIN (SELECT x.n, group_concat(iif(x.address LIKE '%:%', '[' || x.address || ']', x.address)) AS addresses,
    min(iif(seal_address_allowed(x.address, x.host, :allow), NULL, x.address)) AS bad
  FROM (SELECT i.value->>0 AS n, i.value->>1 AS address, c.value->>'$.host' AS host
    FROM json_each(CAST(readfile('addresses') AS TEXT)) AS i
    JOIN json_each(CAST(readfile('batch') AS TEXT)) AS c ON c.value->>'$.n' = i.value->>0) AS x
  GROUP BY x.n) AS a ON a.n = b.value->>'$.n';
CREATE TEMP TABLE wanted(seq INTEGER PRIMARY KEY, n);
INSERT INTO wanted SELECT s.value, t.n FROM target AS t, json_each(t.seqs) AS s WHERE t.why IS NULL;
CREATE TEMP TABLE request AS
SELECT t.n, w.seq, w.idempotency_key, w.body, w.signature FROM seal_notifying(:at) AS w CROSS JOIN wanted AS t ON t.seq = w.seq;
SELECT writefile('unreached', (SELECT json_group_array(json_array(n, why)) FROM target WHERE why IS NOT NULL));
SELECT writefile('config.' || t.n, group_concat(:common || :post
    || 'resolve = "checked.invalid:' || t.port || ':' || t.addresses || '"' || char(10)
    || 'connect-to = "::checked.invalid:' || t.port || '"' || char(10)
    || 'url = "' || t.destination || '"' || char(10)
    || 'header = "Seal-Signature: ' || r.signature || '"' || char(10)
    || 'header = "Idempotency-Key: \"' || r.idempotency_key || '\""' || char(10)
    || 'data-raw = "' || replace(replace(r.body, '\', '\\'), '"', '\"') || '"' || char(10), 'next' || char(10)))
FROM target AS t JOIN (SELECT * FROM request ORDER BY n, seq) AS r ON r.n = t.n GROUP BY t.n;
SELECT writefile('seqs', coalesce((SELECT group_concat(line, char(10)) || char(10) FROM (
  SELECT n || ' ' || group_concat(seq, ' ') AS line FROM (SELECT * FROM request ORDER BY n, seq) GROUP BY n)), ''));
