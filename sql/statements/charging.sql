-- What leaves the registrar for charging: TS 32.291, clause 6.1.6, one-time events.

-- The events from one instant up to another, each as a ChargingDataRequest. ratingGroup and serviceId are
-- 32-bit numbers there: the term's; aPIContent says what the term is called, and what was provisioned.
-- ?1 from ?2 until ?3 from this number ?4 to this one
-- name: charging_events
SELECT u.seq, u.time, json_object(
  'nfConsumerIdentification', json_object('nodeFunctionality', 'NEF'),
  'invocationTimeStamp', strftime('%Y-%m-%dT%H:%M:%SZ', u.time, 'unixepoch'),
  'invocationSequenceNumber', u.seq,
  'subscriberIdentifier', u.val_server_id,
  'tenantIdentifier', u.val_provider_id,
  'oneTimeEvent', json('true'),
  'oneTimeEventType', 'PEC',
  'multipleUnitUsage', (SELECT json_group_array(json(m.usage)) FROM (
    SELECT json_object('ratingGroup', n.term, 'usedUnitContainer', json_array(json_object(
      'serviceId', n.term, 'time', 0, 'serviceSpecificUnits', 1,
      'localSequenceNumber', row_number() OVER (ORDER BY n.term)))) AS usage
    FROM main.seal_usage_unit AS n WHERE n.usage = u.seq ORDER BY n.term) AS m),
  'nEFChargingInformation', json_object(
    'aPIName', CASE u.seal_service WHEN 'identity-management' THEN 'SS_IdmParameterProvisioning'
      WHEN 'key-management' THEN 'SS_KMParametersProvisioning' ELSE u.seal_service END,
    'aPIDirection', 'INVOCATION',
    'aPIOperation', json_object('name', u.operation),
    'aPIResultCode', u.result,
    'aPIReference', CASE u.seal_service WHEN 'identity-management' THEN '/ss-ipp/v1/configurations'
      ELSE '/ss-kmpp/v1/configurations' END || coalesce('/' || u.conf_id, ''),
    'aPIContent', (SELECT json_group_array(json(m.unit)) || '' FROM (
      SELECT json_object('agreement_id', u.agreement_id, 'val_service_id', n.val_service_id,
        'invocation', n.invocation, 'identities', n.identities, 'key_records', n.key_records) AS unit
      FROM main.seal_usage_unit AS n WHERE n.usage = u.seq ORDER BY n.term) AS m)))
FROM main.seal_usage_data AS u
WHERE u.seq BETWEEN ?3 AND ?4 AND u.time >= ?1 AND u.time < ?2
ORDER BY u.seq
