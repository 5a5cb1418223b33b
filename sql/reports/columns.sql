-- What the shell knows of the columns of the relation :relation, a line each: name, kind (scripts/seal, `take`), flags
-- and meaning. What is written from a file: a value by its bytes, a document by its text.
SELECT name, CASE
    WHEN name = 'at' THEN 'instant'
    WHEN flags = 'key' OR flags = 'key read-only derived' THEN 'key'
    WHEN flags GLOB 'key*' THEN 'key?'
    WHEN name = 'jwk' THEN 'document'
    WHEN name = 'credential' THEN 'text-file'
    WHEN kind = 'value' THEN 'file'
    WHEN kind GLOB 'word(*' THEN 'one:' || replace(substr(kind, 6, length(kind) - 6), ' ', ',')
    WHEN kind IN ('count', 'instant') THEN kind
    WHEN flags GLOB '*required*' THEN 'id'
    ELSE 'text' END AS kind,
  trim(replace(replace(flags, 'key', ''), 'derived', '')) AS flags, meaning
FROM seal_columns(:relation);
