-- What is due at :at, by destination: of each that is not among `failed` at most 50, of 256 destinations. The file `batch` has
-- them; host.N what is to be asked for the addresses of the N-th.
SELECT writefile('batch', (SELECT json_group_array(json_object('n', n, 'destination', destination, 'host', target->>'$.host',
    'port', target->>'$.port', 'seqs', json(seqs))) FROM (
  SELECT row_number() OVER (ORDER BY first) AS n, destination, seal_http_target(destination) AS target, seqs FROM (
    SELECT destination, min(seq) AS first, json_group_array(seq) AS seqs FROM (
      SELECT seq, destination, row_number() OVER (PARTITION BY destination ORDER BY seq) AS place
      FROM seal_notifying(:at)
      WHERE state = 'due' AND destination NOT IN (SELECT value FROM json_each(CAST(readfile('failed') AS TEXT))))
    WHERE place <= 50 GROUP BY destination ORDER BY first LIMIT 256))));
SELECT writefile('host.' || (value->>'$.n'), coalesce(value->>'$.host', '')) FROM json_each(CAST(readfile('batch') AS TEXT));
