-- All VAL servers, with their configurations that are valid now, and how many notifications wait for delivery.
SELECT v.val_server_id AS "VAL server", v.agreement_id AS "Agreement", v.status AS "Status",
  v.exp_time AS "Until", v.end_pt AS "Endpoint",
  (SELECT count(*) FROM seal_credential AS c
    WHERE c.val_server_id = v.val_server_id AND c.status = 'active') AS "Credentials",
  (SELECT count(*) FROM seal_configuration AS c
    WHERE c.val_server_id = v.val_server_id) AS "Configurations",
  (SELECT count(*) FROM seal_notification AS n
    WHERE n.val_server_id = v.val_server_id AND n.delivered_time IS NULL) AS "Not notified yet"
FROM seal_val_server AS v WHERE v.at IS NULL ORDER BY v.val_server_id;
