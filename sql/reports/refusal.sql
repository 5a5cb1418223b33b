-- What a message was refused for, if it was (request.sh, provision.sh): of the table `answer` a file `refusal`, the cause
-- and then a line for each faulty place. A line break in a value is none of the file's.
SELECT writefile('refusal', group_concat(replace(line, char(10), '?'), char(10)) || char(10)) FROM (
  SELECT json_extract(response, '$.body.cause') || ': ' || json_extract(response, '$.body.detail') AS line
  FROM answer WHERE status >= 400
  UNION ALL
  SELECT '  ' || json_extract(p.value, '$.param') || ' ' || json_extract(p.value, '$.reason')
  FROM answer, json_each(response, '$.body.invalidParams') AS p WHERE status >= 400)
HAVING count(*) > 0;
