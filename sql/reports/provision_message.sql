-- A VALServicesConfig as the message that it is (provision.sh): the file :body, for whom :token proves (a token, a PEM
-- chain, or JSON of both). It has to be committed or taken back afterwards. The answer is in the table `answer`.
BEGIN IMMEDIATE;
CREATE TEMP TABLE sent AS SELECT CAST(readfile(:body) AS TEXT) AS body, :token AS c;
-- A message of its own: with the id of an earlier one, the answer would be that one's, whatever became of it since.
REPLACE INTO temp.sqlite_parameters SELECT ':message_id', 'seal-' || lower(hex(randomblob(16)));
INSERT INTO seal_message(message_id, method, uri, authorization, client_certificate, content_type, body, at)
SELECT :message_id, 'POST', iif(json_valid(body) AND EXISTS (SELECT 1 FROM json_each(body, '$.valSvcConf') AS s,
    json_each(iif(s.type = 'object', s.value, '{}')) AS m WHERE m.key IN ('keyFormat', 'scope', 'keyRecords')),
  '/ss-kmpp/v1/configurations', '/ss-ipp/v1/configurations'),
  CASE substr(c, 1, 1) WHEN '{' THEN json_extract(c, '$.authorization') WHEN '-' THEN NULL ELSE 'Bearer ' || c END,
  CASE substr(c, 1, 1) WHEN '{' THEN json_extract(c, '$.clientCertificate') WHEN '-' THEN c END,
  'application/json', body, :at
FROM sent;
CREATE TEMP TABLE answer AS SELECT status, response FROM seal_message WHERE message_id = :message_id;
