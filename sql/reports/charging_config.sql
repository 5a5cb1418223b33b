-- The next charging records that no charging system has taken, at most 100, as requests to :url for curl, in the files
-- config.1, config.2, ..., and all in config.0; `seqs` has their numbers. That they are sent is written down before: who
-- is killed meanwhile sends them again as retransmissions.
CREATE TEMP TABLE record AS
SELECT seq, :common || :post || :http || char(10) || 'url = "' || :url || '"' || char(10)
    || 'data-raw = "' || replace(replace(request, '\', '\\'), '"', '\"') || '"' || char(10) AS request
FROM seal_charging WHERE seq > (SELECT charged FROM seal_registrar) ORDER BY seq LIMIT 100;
SELECT writefile('config.' || row_number() OVER (ORDER BY seq), request) FROM record;
SELECT writefile('config.0', coalesce((SELECT group_concat(request, 'next' || char(10)) FROM (SELECT * FROM record ORDER BY seq)), ''));
SELECT writefile('seqs', coalesce((SELECT group_concat(seq, char(10)) || char(10) FROM (SELECT seq FROM record ORDER BY seq)), ''));
INSERT INTO seal_command(command, argument) SELECT 'charged', json_object('exported', max(seq)) FROM record HAVING count(*) > 0;
