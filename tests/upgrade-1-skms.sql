-- Made by upgrade-make.tcl with release 0.1.0; upgrade.test says what for.
BEGIN;
CREATE TABLE seal_registrar_data(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  identifier TEXT NOT NULL,
  skms_uri TEXT,
  format INTEGER NOT NULL,
  installed_time INTEGER NOT NULL,
  signing_kid TEXT,
  last_sweep_time INTEGER,
  clock_time INTEGER NOT NULL,
  seal_check BLOB,
  bundle_to TEXT,
  bundle_seq INTEGER,
  bundle_time INTEGER
);
INSERT INTO seal_registrar_data VALUES (1, 'skms', NULL, 1, 1795655653, 'uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg', NULL, 0, X'01CA25E563E29F05A8EEDB548F2B2E3B8EE6D9B46FF45BB35A3F64201D3D934F39B00AD92DC87C01304095F42B921697991B6C60B695EB3A03FBC786B8', '69', 69, 1794744000);
CREATE TABLE seal_registrar_key(
  id INTEGER PRIMARY KEY,
  kid TEXT NOT NULL UNIQUE,
  public TEXT NOT NULL,
  private BLOB NOT NULL,
  created_time INTEGER NOT NULL,
  retired_time INTEGER,
  until INTEGER NOT NULL
);
INSERT INTO seal_registrar_key VALUES (1, 'uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg', '{"kty":"EC","crv":"P-256","x":"VIX7EqDE8CITD7IgGWJfl5QFlzryienUqBDsdr3aRHw","y":"8J20CIjPnmmgx_8Vqf-BZvIEs1rE1E8mqj9dGRxE2dA","alg":"ES256","use":"sig","kid":"uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg"}', X'016BEC827D0FDB0303C43833D4889880EFBCDFFBC6AF8A5972852CDF7AD8F8CFD70ADD4DAC159D3CD699CB6794E2CBDA41DD5E8ED84683AF31FB5282E2775705B53EBB248F09D58E21D3D6FF9C9F9A35033E8B338C0C89F191F2A6DE4EFFCC84F8F3F9A2C8E63EB96FC86E9A851BDFD198D2F1F3F04B01C41E564530F30F930DC6FDA1E3504091606F2A64F8C21CF9F8D5972448E3852AB7DEA1ECB7C5B444ABE12D7AAC21991B', 1794744000, NULL, 1794744000);
CREATE TABLE seal_agreement_data(
  id INTEGER PRIMARY KEY,
  agreement_id TEXT NOT NULL UNIQUE,
  val_provider_id TEXT NOT NULL,
  start_time INTEGER,
  stop_time INTEGER,
  status TEXT NOT NULL,
  max_val_servers INTEGER
);
INSERT INTO seal_agreement_data VALUES (1, 'sla-7', 'acme', 1767225600, 4070822400, 'active', 10);
INSERT INTO seal_agreement_data VALUES (2, 'sla-stopped', 'acme', NULL, NULL, 'active', NULL);
INSERT INTO seal_agreement_data VALUES (3, 'sla-gone', 'acme', NULL, NULL, 'active', NULL);
INSERT INTO seal_agreement_data VALUES (4, 'sla-over', 'other', 1767225600, 1793491200, 'active', NULL);
CREATE TABLE seal_term_data(
  id INTEGER PRIMARY KEY,
  agreement INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  max_identities INTEGER,
  max_key_records INTEGER,
  max_validity INTEGER,
  key_formats TEXT,
  scopes TEXT,
  allowed_total_invocations INTEGER,
  allowed_invocations_per_second INTEGER,
  allowed_invocation_time_ranges TEXT,
  start_time INTEGER,
  stop_time INTEGER,
  price_per_invocation TEXT,
  price_per_identity_day TEXT,
  currency TEXT,
  UNIQUE (agreement, seal_service, val_service_id)
);
INSERT INTO seal_term_data VALUES (1, 1, 'identity-management', 'v2x', 100, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (2, 1, 'identity-management', 'short', NULL, NULL, 3600, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (3, 1, 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (4, 1, 'group-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (5, 2, 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (6, 3, 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (7, 4, 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (8, 1, 'key-management', '*', NULL, 50, NULL, '["kmpp-1","kmpp-2"]', '["mcx","file"]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE INDEX seal_term_stop ON seal_term_data(agreement, seal_service,
  coalesce(stop_time, 9223372036854775807) DESC, val_service_id);
CREATE TABLE seal_term_use(
  term INTEGER PRIMARY KEY,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  invocations INTEGER NOT NULL DEFAULT 0,
  bucket_time INTEGER NOT NULL DEFAULT -62167219200,
  bucket_spent INTEGER NOT NULL DEFAULT 0
);
INSERT INTO seal_term_use VALUES (1, 15, 0, 0, -62167219200, 0);
INSERT INTO seal_term_use VALUES (2, 1, 0, 0, -62167219200, 0);
INSERT INTO seal_term_use VALUES (3, 2, 0, 0, -62167219200, 0);
INSERT INTO seal_term_use VALUES (8, 0, 4, 0, -62167219200, 0);
CREATE TABLE seal_term_held(
  term INTEGER NOT NULL,
  until INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (term, until, val_server)
) WITHOUT ROWID;
INSERT INTO seal_term_held VALUES (1, 1794744090, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1795996800, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1803859200, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1830297600, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1832976000, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 1, 7, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 2, 2, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 3, 1, 0);
INSERT INTO seal_term_held VALUES (2, 1794747600, 1, 1, 0);
INSERT INTO seal_term_held VALUES (3, 9223372036854775807, 1, 2, 0);
INSERT INTO seal_term_held VALUES (8, 9223372036854775807, 1, 0, 4);
CREATE INDEX seal_term_held_val_server ON seal_term_held(val_server, term, until);
CREATE TABLE seal_val_server_data(
  id INTEGER PRIMARY KEY,
  val_server_id TEXT NOT NULL UNIQUE,
  agreement INTEGER NOT NULL,
  end_pt TEXT,
  notification_destination TEXT,
  exp_time INTEGER,
  status TEXT NOT NULL
);
INSERT INTO seal_val_server_data VALUES (1, 'v2x.example', 1, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (2, 'other.example', 1, NULL, NULL, 4039372800, 'active');
INSERT INTO seal_val_server_data VALUES (3, 'urn:a/b%c', 1, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (4, 'stopped.example', 2, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (5, 'gone.example', 3, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (6, 'over.example', 4, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (7, 'off.example', 1, NULL, NULL, NULL, 'active');
CREATE INDEX seal_val_server_agreement ON seal_val_server_data(agreement, exp_time);
CREATE INDEX seal_val_server_exp ON seal_val_server_data(exp_time) WHERE exp_time IS NOT NULL;
CREATE INDEX seal_val_server_terminated ON seal_val_server_data(agreement)
  WHERE status = 'terminated';
CREATE TABLE seal_credential_data(
  id INTEGER PRIMARY KEY,
  credential_id TEXT NOT NULL UNIQUE,
  val_server INTEGER NOT NULL,
  type TEXT NOT NULL,
  value BLOB NOT NULL,
  thumbprint TEXT NOT NULL,
  start_time INTEGER,
  exp_time INTEGER,
  status TEXT NOT NULL
);
CREATE INDEX seal_credential_val_server ON seal_credential_data(val_server);
CREATE INDEX seal_credential_thumbprint ON seal_credential_data(thumbprint);
CREATE TABLE seal_credential_replay(
  iss TEXT NOT NULL,
  jti TEXT NOT NULL,
  until INTEGER NOT NULL,
  txn INTEGER NOT NULL,
  PRIMARY KEY (iss, jti)
) WITHOUT ROWID;
CREATE INDEX seal_credential_replay_until ON seal_credential_replay(until);
CREATE TABLE seal_anchor_data(
  id INTEGER PRIMARY KEY,
  anchor_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  subject TEXT,
  iss TEXT,
  value BLOB NOT NULL,
  exp_time INTEGER,
  status TEXT NOT NULL,
  crl_number TEXT,
  generation INTEGER NOT NULL
);
INSERT INTO seal_anchor_data VALUES (1, 'registrar', 'issuer', NULL, 'urn:seal:registrar', '{"keys":[{"kty":"EC","crv":"P-256","x":"iy6hqZSkYQisxir5C4B_A0_89rfa3aD4Guw2X6avJJo","y":"NFTWKmON3FLmGbrWuNFPzTaNC2DTvhe5MxsTI6TFFYM","alg":"ES256","use":"sig","kid":"xtrRpbm4H5LBj_1Jgr8bT3OUTkNwgC1d04qGHlBPJpg"}]}', NULL, 'active', NULL, 4387761898767597179);
CREATE UNIQUE INDEX seal_anchor_iss ON seal_anchor_data(iss) WHERE type = 'issuer';
CREATE TABLE seal_server_data(
  id INTEGER PRIMARY KEY,
  seal_server_id TEXT NOT NULL UNIQUE,
  seal_service TEXT NOT NULL,
  end_pt TEXT,
  jwk TEXT,
  acked INTEGER,
  status TEXT NOT NULL
);
CREATE TABLE seal_server_member(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  digest BLOB NOT NULL
);
INSERT INTO seal_server_member VALUES (1073741824, 4, X'415F1BD194EC6E6C0B56C13C21F977D879BA83A3ADCBAA7D5980A20E3EDF3D30');
INSERT INTO seal_server_member VALUES (1342177280, 5, X'CF22D17D00B7DA8609D95D436439397EA2991D84797B162048B327241799D20E');
INSERT INTO seal_server_member VALUES (1610612736, 6, X'4C68CE468DDC59C18B704CCE47D681EAAC8B48D7628421217BBD8A9DB87F1810');
INSERT INTO seal_server_member VALUES (1879048192, 7, X'4C68CE468DDC59C18B704CCE47D681EAAC8B48D7628421217BBD8A9DB87F1810');
INSERT INTO seal_server_member VALUES (2147483648, 8, X'0DB1BE5D4CEA496BE1CE73286BB7B16EB32868F8ADD2737EA09F635B19390E9D');
INSERT INTO seal_server_member VALUES (268435456, 1, X'4C68CE468DDC59C18B704CCE47D681EAAC8B48D7628421217BBD8A9DB87F1810');
INSERT INTO seal_server_member VALUES (2684354560, 10, X'0237B1C1A91FEF997053A8C012E66C87992B73C136A2C8F34B7BFB3EA5C1DE5B');
INSERT INTO seal_server_member VALUES (268435457, 1, X'C4AA4CBEB0713139C0ADA05A96819147B7A7CB5B9919AAEC6A96972B190EC936');
INSERT INTO seal_server_member VALUES (268435458, 1, X'0B9626F6D2042A7492AB84F4C493F15218B6BFA0F89F397F64B5ED08577AD93B');
INSERT INTO seal_server_member VALUES (2952790016, 11, X'BA0CA4115D7F0C92D27EB4E5112E8BBED3B14D82BE1BBED0188F96BA9761B604');
INSERT INTO seal_server_member VALUES (3221225472, 12, X'6FB167021863A6CECFF148CFDF3684DEB6BF883D0F2E282985143C8E9AA8DCF6');
INSERT INTO seal_server_member VALUES (3489660928, 13, X'5B62B563ED27298A97D078C43D947E2DE05DD6A2A2D786CED95F87C7AC7E42A0');
INSERT INTO seal_server_member VALUES (3758096384, 14, X'B0E717542FF2FCE73C4795A606344EBDDF520CB61928849AF8F5E2589DE78088');
INSERT INTO seal_server_member VALUES (3758096385, 14, X'2508F9A0ECAD17AAD2EC00658A423F4CDD8D3FB4DA358E838A61A29F156ACECA');
INSERT INTO seal_server_member VALUES (4026531840, 15, X'D0DD8530DFEBB84CE1F7F66C2C1818986AC7A33A94910B6CD1172E3F3B4E98D7');
INSERT INTO seal_server_member VALUES (4294967296, 16, X'F3B6E8E11CF950696EA1413A91E833C0474DC5A6EE92A8BEFA9C44FBD0BE32A2');
INSERT INTO seal_server_member VALUES (536870912, 2, X'549EDF6268129AE8320FDE539DEE314669D07F4683A96BDC44188059003DA493');
INSERT INTO seal_server_member VALUES (805306368, 3, X'A8DC48BFCCE98EA5912298EB61B67A11FDFC9DF5A4A69027CB7FA17FEB8E3791');
CREATE INDEX seal_server_member_digest ON seal_server_member(digest);
CREATE TABLE seal_policy_data(
  id INTEGER PRIMARY KEY,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  start_time INTEGER,
  exp_time INTEGER,
  UNIQUE (seal_service, val_service_id, name)
);
CREATE TABLE seal_configuration_data(
  id INTEGER PRIMARY KEY,
  conf_id TEXT NOT NULL UNIQUE,
  val_server INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  exp_time INTEGER,
  until INTEGER NOT NULL,
  created_time INTEGER NOT NULL,
  updated_time INTEGER NOT NULL,
  supp_feat TEXT,
  end_pt TEXT,
  notification_destination TEXT
);
INSERT INTO seal_configuration_data VALUES (1, '3508b023a1009c37c1c427a327719d43', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (10, 'cf70e2601275bcfbf0700ea9bb94071b', 1, 'identity-management', 1830297600, 1830297600, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (11, '47fdc645232c3d787466924eadc0722f', 1, 'identity-management', 1832976000, 1832976000, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (12, '9824cd95b0879797b27a3b3f8d16acfc', 1, 'identity-management', 1794744090, 1794744090, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (13, '57ad11ddb99e5a46ea080b344d7e05ee', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (14, 'c82e9e804785d3c07e1ff2f1ed09f2c7', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (15, 'c9a4b9c2b392feb65caf9c3baf23b87b', 2, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (16, 'a46e78753949596e3753efaf715d5ab9', 1, 'key-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (17, 'a8f8f5123fc414b3bb6a2fc2b1e87ade', 1, 'key-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (2, '00d59929de2f6c2cce79128984e73093', 1, 'identity-management', 1795996800, 1795996800, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (3, 'c348d251ae623a0edfb84474e3574fcd', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (4, '6b1f4e7b0393043f2cef71cd669d19c9', 1, 'identity-management', NULL, 1794747600, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (5, 'e664f0c24554299176edae5c30c125d9', 3, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (6, 'be713af83731bd8a712f881ec3c170fd', 2, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (7, '9d621f3a3e22ecb20b759b49c02dc1f1', 1, 'identity-management', 1803859200, 1803859200, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (8, '8728436d903a1539a99ff5d1d6532dde', 1, 'identity-management', 1801440000, 1801440000, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (9, 'by hand/1%', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
CREATE INDEX seal_configuration_val_server ON seal_configuration_data(val_server, seal_service);
CREATE INDEX seal_configuration_until ON seal_configuration_data(until);
CREATE TABLE seal_configuration_service(
  id INTEGER PRIMARY KEY,
  configuration INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  term INTEGER NOT NULL,
  key_format TEXT,
  scope TEXT,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  next INTEGER NOT NULL,
  UNIQUE (configuration, val_service_id)
);
INSERT INTO seal_configuration_service VALUES (1, 1, 'v2x', 1, NULL, NULL, 3, 0, 3);
INSERT INTO seal_configuration_service VALUES (10, 9, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (11, 10, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (12, 11, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (13, 12, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (14, 13, 'v2x', 1, NULL, NULL, 2, 0, 2);
INSERT INTO seal_configuration_service VALUES (15, 14, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (16, 15, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (17, 16, 'v2x', 8, 'kmpp-1', 'mcx file', 0, 3, 3);
INSERT INTO seal_configuration_service VALUES (18, 17, 'keys', 8, 'kmpp-2', 'mcx', 0, 0, 0);
INSERT INTO seal_configuration_service VALUES (19, 17, 'records', 8, 'kmpp-1', NULL, 0, 1, 1);
INSERT INTO seal_configuration_service VALUES (2, 2, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (3, 3, 'elsewhere', 3, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (4, 3, 'elsewhere2', 3, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (5, 4, 'short', 2, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (6, 5, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (7, 6, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (8, 7, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (9, 8, 'v2x', 1, NULL, NULL, 0, 0, 0);
CREATE INDEX seal_configuration_service_term ON seal_configuration_service(term);
CREATE INDEX seal_configuration_service_val ON seal_configuration_service(val_service_id);
CREATE TABLE seal_identity_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT
);
CREATE UNIQUE INDEX seal_identity_val_user ON seal_identity_data(val_user_id, service)
  WHERE val_user_id IS NOT NULL;
CREATE UNIQUE INDEX seal_identity_val_ue ON seal_identity_data(val_ue_id, service)
  WHERE val_ue_id IS NOT NULL;
CREATE TABLE seal_key_record_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT,
  client_id TEXT,
  key_format TEXT,
  key_info BLOB NOT NULL,
  user_uri TEXT
);
INSERT INTO seal_key_record_data VALUES (4563402752, 17, NULL, NULL, NULL, 'kmpp-1', X'016F136E74F3512EE6EEC182213AE663B300193101B517322FB2497DCD45F399A48B0EE8FD822E8EC1DC8D', NULL);
INSERT INTO seal_key_record_data VALUES (4563402753, 17, 'alice', NULL, NULL, 'kmpp-1', X'01F459F53C3093C3649A2027DAB6E54CFD65C5A2D1B843F346B252B036AB5DA4512F582D08', 'sip:a@x');
INSERT INTO seal_key_record_data VALUES (4563402754, 17, NULL, NULL, 'c', 'kmpp-1', X'0159BEA10EF9272E3CAA574AB18E6B3777D161869EFDA6EFFFE6CDC7CDA444BA22', NULL);
INSERT INTO seal_key_record_data VALUES (5100273664, 19, 'ruth', NULL, NULL, 'kmpp-1', X'01FF2F9F50BA72C14B6DADE6EB5AE26A765372F5D61B126D31993BFD7503135B5233C9E9', NULL);
CREATE UNIQUE INDEX seal_key_record_id ON seal_key_record_data(service,
  coalesce('u' || val_user_id, 'e' || val_ue_id, 'c' || client_id, 's'));
CREATE TABLE seal_usage_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  agreement_id TEXT NOT NULL,
  val_provider_id TEXT NOT NULL,
  val_server_id TEXT NOT NULL,
  seal_service TEXT NOT NULL,
  operation TEXT NOT NULL,
  result INTEGER NOT NULL,
  conf_id TEXT,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL
);
CREATE TABLE seal_usage_unit(
  usage INTEGER NOT NULL,
  term INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  invocation INTEGER NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  price_per_invocation TEXT,
  currency TEXT,
  PRIMARY KEY (usage, term)
) WITHOUT ROWID;
CREATE TABLE seal_occupancy_data(
  service INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  term INTEGER NOT NULL,
  terms TEXT,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  conf_id TEXT NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (service, start)
) WITHOUT ROWID;
CREATE TABLE seal_occupancy_gap(
  kind INTEGER NOT NULL,
  object INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (kind, object, start)
) WITHOUT ROWID;
CREATE TABLE seal_occupancy_price(
  term INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  price_per_identity_day TEXT,
  currency TEXT,
  PRIMARY KEY (term, start)
) WITHOUT ROWID;
CREATE TABLE seal_occupancy_party(
  val_server INTEGER PRIMARY KEY,
  val_server_id TEXT NOT NULL,
  agreement INTEGER NOT NULL,
  agreement_id TEXT NOT NULL,
  val_provider_id TEXT NOT NULL
);
CREATE TABLE seal_audit_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cause TEXT,
  detail TEXT,
  hash BLOB NOT NULL
);
INSERT INTO seal_audit_data VALUES (1, 1794744000, 'operator', 'rotate-key', 'seal_command', 'done', NULL, '{"result":"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VIX7EqDE8CITD7IgGWJfl5QFlzryienUqBDsdr3aRHw\",\"y\":\"8J20CIjPnmmgx_8Vqf-BZvIEs1rE1E8mqj9dGRxE2dA\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg\"}"}', X'A4DDD532F21D521A625B73BAAD1D3C65D19A57882C9B9622E48BE8E54FC0B803');
INSERT INTO seal_audit_data VALUES (2, 1795655653, 'operator', 'update', 'seal_registrar', 'done', NULL, '{"identifier":"skms"}', X'9E919197F1C67AFA6D1B9A2FD94E665F19677FF1019AD7A217EF9740E1B6EFB4');
INSERT INTO seal_audit_data VALUES (3, 1795655653, 'operator', 'insert', 'seal_anchor:registrar', 'done', NULL, '{"type":"issuer","iss":"urn:seal:registrar","value":"changed","status":"active"}', X'5B385F731DEF64DC8E620420F60C775A2C0F1D57765706F5AAB46FFAD9D746AE');
INSERT INTO seal_audit_data VALUES (4, 1794744000, 'operator', 'apply', 'seal_command', 'done', NULL, '{"result":"{\"applied\":69,\"at\":\"69\",\"more\":false,\"objects\":36}"}', X'CFDDA142DAD31BDEAD1D42A1D301CC4A34E8B23145F1457F53482404C7E60967');
CREATE TABLE seal_audit_checkpoint(
  seq INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  jws TEXT NOT NULL,
  time INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  exported INTEGER NOT NULL,
  pruned INTEGER NOT NULL
);
CREATE TABLE seal_change_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  seal_service TEXT,
  object TEXT NOT NULL,
  operation TEXT NOT NULL
);
INSERT INTO seal_change_data VALUES (1, 1795655653, NULL, 'seal_registrar', 'update');
INSERT INTO seal_change_data VALUES (2, 1795655653, NULL, 'seal_anchor:registrar', 'insert');
CREATE TABLE seal_message_data(
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  response TEXT
);
CREATE INDEX seal_message_time ON seal_message_data(time);
PRAGMA writable_schema = ON;
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_registrar', 'seal_registrar', 0, 'CREATE VIRTUAL TABLE seal_registrar USING seal(registrar)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_agreement', 'seal_agreement', 0, 'CREATE VIRTUAL TABLE seal_agreement USING seal(agreement)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_term', 'seal_term', 0, 'CREATE VIRTUAL TABLE seal_term USING seal(term)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_val_server', 'seal_val_server', 0, 'CREATE VIRTUAL TABLE seal_val_server USING seal(val_server)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_credential', 'seal_credential', 0, 'CREATE VIRTUAL TABLE seal_credential USING seal(credential)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_anchor', 'seal_anchor', 0, 'CREATE VIRTUAL TABLE seal_anchor USING seal(anchor)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_server', 'seal_server', 0, 'CREATE VIRTUAL TABLE seal_server USING seal(server)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_policy', 'seal_policy', 0, 'CREATE VIRTUAL TABLE seal_policy USING seal(policy)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_configuration', 'seal_configuration', 0, 'CREATE VIRTUAL TABLE seal_configuration USING seal(configuration)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_identity', 'seal_identity', 0, 'CREATE VIRTUAL TABLE seal_identity USING seal(identity)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_key', 'seal_key', 0, 'CREATE VIRTUAL TABLE seal_key USING seal(key)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_key_record', 'seal_key_record', 0, 'CREATE VIRTUAL TABLE seal_key_record USING seal(key_record)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_usage', 'seal_usage', 0, 'CREATE VIRTUAL TABLE seal_usage USING seal(usage)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_occupancy', 'seal_occupancy', 0, 'CREATE VIRTUAL TABLE seal_occupancy USING seal(occupancy)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_audit', 'seal_audit', 0, 'CREATE VIRTUAL TABLE seal_audit USING seal(audit)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_change', 'seal_change', 0, 'CREATE VIRTUAL TABLE seal_change USING seal(change)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_command', 'seal_command', 0, 'CREATE VIRTUAL TABLE seal_command USING seal(command)');
INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'seal_message', 'seal_message', 0, 'CREATE VIRTUAL TABLE seal_message USING seal(message)');
PRAGMA writable_schema = RESET;
COMMIT;
