-- What is granted now.
SELECT agreement_id AS "Agreement", seal_service AS "SEAL service", val_service_id AS "VAL service",
  coalesce(max_identities, 'no limit') AS "Identities at most", coalesce(max_key_records, 'no limit') AS "Key records at most",
  coalesce(max_validity, 'no limit') AS "Seconds at most", stop_time AS "Until"
FROM seal_term ORDER BY agreement_id, seal_service, val_service_id;
