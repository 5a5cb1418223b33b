-- What is granted now.
SELECT agreement_id AS "Agreement", seal_service AS "SEAL service", val_service_id AS "VAL service",
  max_identities AS "Identities at most", max_key_records AS "Key records at most",
  max_validity AS "Seconds at most", stop_time AS "Until"
FROM seal_term ORDER BY agreement_id, seal_service, val_service_id;
