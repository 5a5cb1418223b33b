-- What the SLA answers to what is asked: first the whole, then each check that limits something.
SELECT 'in all' AS "check", r ->> 'verdict' AS verdict, r ->> 'cause' AS cause, r ->> 'detail' AS detail,
  NULL AS "limit", NULL AS use, NULL AS asked
FROM (SELECT result AS r FROM seal_command WHERE command = 'explain-authorization' LIMIT 1)
UNION ALL
SELECT * FROM (SELECT c.value ->> 'check', c.value ->> 'verdict', c.value ->> 'cause',
    coalesce(c.value ->> 'agreement_id', c.value ->> 'val_service_id'), c.value ->> 'limit', c.value ->> 'use',
    c.value ->> 'asked'
  FROM (SELECT result AS r FROM seal_command WHERE command = 'explain-authorization' LIMIT 1), json_each(r, '$.checks') AS c
  WHERE c.value ->> 'verdict' <> 'not limited' ORDER BY c.key);
