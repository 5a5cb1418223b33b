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
INSERT INTO seal_registrar_data VALUES (1, 'urn:seal:registrar', 'https://skms.example', 1, 1795655652, 'MQEpe98CFb8EN5q7O2nxbOZFwW4Fs9xAwFJcggus3RM', 1794744120, 0, X'014AA08D12B20CB6F6122BD128B9CBB76A722AE338F0F7083124FF1F70167A0072A6642627E0F43E118026537790DA2D7F1F856914BE5BA11A5E9028AD', NULL, NULL, NULL);
CREATE TABLE seal_registrar_key(
  id INTEGER PRIMARY KEY,
  kid TEXT NOT NULL UNIQUE,
  public TEXT NOT NULL,
  private BLOB NOT NULL,
  created_time INTEGER NOT NULL,
  retired_time INTEGER,
  until INTEGER NOT NULL
);
INSERT INTO seal_registrar_key VALUES (1, 'xtrRpbm4H5LBj_1Jgr8bT3OUTkNwgC1d04qGHlBPJpg', '{"kty":"EC","crv":"P-256","x":"iy6hqZSkYQisxir5C4B_A0_89rfa3aD4Guw2X6avJJo","y":"NFTWKmON3FLmGbrWuNFPzTaNC2DTvhe5MxsTI6TFFYM","alg":"ES256","use":"sig","kid":"xtrRpbm4H5LBj_1Jgr8bT3OUTkNwgC1d04qGHlBPJpg"}', X'', 1794744000, 1794744000, 1794830430);
INSERT INTO seal_registrar_key VALUES (2, 'MQEpe98CFb8EN5q7O2nxbOZFwW4Fs9xAwFJcggus3RM', '{"kty":"EC","crv":"P-256","x":"lFz4_a4OTX0NKuYS2tUotLtHZc7yxb-C3v_KCobrQ2E","y":"oTW5K6T_Rp5l7dqWKXZNF8R3ZdLkogmfMx9lhu_iKFU","alg":"ES256","use":"sig","kid":"MQEpe98CFb8EN5q7O2nxbOZFwW4Fs9xAwFJcggus3RM"}', X'014FA307C4B8D7DD3D52E3963024260FAC86EFFB7ECC3592240B8053A0513487121F62FC8EBCBCB3C7BB08D5FC542B4A206C3837E2D57C20B6D4075227316C17948503FDCF5E104E19F78CB2B4A269DFD5E9B39D7DAA913834D0A6BAD5CE93CAED22703B3830A816889741962DCD9469E5F76558B349533929D26B4AFF182CB2EED01BCDFF661626874F81561A7DA15261A29B6C117F57557C797829678DB229C878F3454394DE', 1794744000, NULL, 1794744000);
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
INSERT INTO seal_agreement_data VALUES (2, 'sla-stopped', 'acme', NULL, NULL, 'suspended', NULL);
INSERT INTO seal_agreement_data VALUES (3, 'sla-gone', 'acme', NULL, NULL, 'terminated', NULL);
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
INSERT INTO seal_term_data VALUES (1, 1, 'identity-management', 'v2x', 100, NULL, NULL, NULL, NULL, 1000, NULL, NULL, NULL, NULL, '0.25', '0.10', 'EUR');
INSERT INTO seal_term_data VALUES (2, 1, 'identity-management', 'short', NULL, NULL, 3600, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO seal_term_data VALUES (3, 1, 'identity-management', '*', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0.05', 'EUR');
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
INSERT INTO seal_term_use VALUES (1, 15, 0, 21, 1794744000, 21);
INSERT INTO seal_term_use VALUES (2, 1, 0, 1, 1794744000, 1);
INSERT INTO seal_term_use VALUES (3, 1, 0, 3, 1794744000, 3);
INSERT INTO seal_term_use VALUES (5, 1, 0, 1, 1794744000, 1);
INSERT INTO seal_term_use VALUES (6, 1, 0, 1, 1794744000, 1);
INSERT INTO seal_term_use VALUES (8, 0, 4, 4, 1794744000, 4);
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
INSERT INTO seal_term_held VALUES (1, 1798761600, 1, 0, 0);
INSERT INTO seal_term_held VALUES (1, 1803859200, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1830297600, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 1832976000, 1, 1, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 1, 7, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 2, 2, 0);
INSERT INTO seal_term_held VALUES (1, 9223372036854775807, 3, 1, 0);
INSERT INTO seal_term_held VALUES (2, 1794747600, 1, 1, 0);
INSERT INTO seal_term_held VALUES (3, 9223372036854775807, 1, 1, 0);
INSERT INTO seal_term_held VALUES (5, 9223372036854775807, 4, 1, 0);
INSERT INTO seal_term_held VALUES (6, 9223372036854775807, 5, 1, 0);
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
INSERT INTO seal_val_server_data VALUES (1, 'v2x.example', 1, '{"fqdn":"v2x.example"}', 'https://v2x.example/notify', NULL, 'active');
INSERT INTO seal_val_server_data VALUES (2, 'other.example', 1, NULL, NULL, 4039372800, 'active');
INSERT INTO seal_val_server_data VALUES (3, 'urn:a/b%c', 1, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (4, 'stopped.example', 2, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (5, 'gone.example', 3, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (6, 'over.example', 4, NULL, NULL, NULL, 'active');
INSERT INTO seal_val_server_data VALUES (7, 'off.example', 1, NULL, NULL, NULL, 'suspended');
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
INSERT INTO seal_credential_data VALUES (1, 'v2x-key', 1, 'jwk', '{"crv":"P-256","kty":"EC","x":"Nl60Qca1DMM2LFu4zp1Zv077xyrN2KirVJWTunUlQ-Y","y":"rKfKe7HmHGXOl-v6IPzkyXmRsMp01Ickm0FNX1v2Lmc","alg":"ES256"}', 'FU9rls4qSwmVAt3al5hz4erI-ZjB0FBIUNldbu5Yxvc', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (2, 'odd-key', 3, 'jwk', '{"crv":"P-256","kty":"EC","x":"6c5fwRXI5UgkDWzYYmZPHnHn1OZNdLUVdaphQ4nuQIM","y":"WiHYbcdj34F3A8GWiATijXHntqyZseUj4TlaC6J9-aw","alg":"ES256"}', '4sf2u9uAcB5xcDaxdDLTklUslJ1ZPcbw6nQz4GGlVkE', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (3, 'other-key', 2, 'jwk', '{"crv":"P-256","kty":"EC","x":"8diB0bn54TY32OPclBI6bAykZSZ2NLCIn0cr2Q43Mt8","y":"0-bfGl70f6d4br46evFwFVEMj6mJBgzwn0x-MsBtuVQ","alg":"ES256"}', '3PRxMIS76zfYm_kun_K6GWVd8hSBo2wIDpnu7vqYXsw', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (4, 'secret', 2, 'psk', X'01ADCA310C568AFF1AD2102A69828917C24685ABF8F10C361AA34126FC202B46142129E7B47D99D4321D9E5F3D36DD8D1A610E29B40CD76B953CD21A9A', 'qA577ZMPlRfYsn62iu8DBcUr6Vizi5X-_6CVmRJs7Mg', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (5, 'certificate', 1, 'x509', '-----BEGIN CERTIFICATE-----
MIIBpjCCAUygAwIBAgIIRgpPbwd0pAYwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwE
cm9vdDAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBIxEDAOBgNVBAMM
B3YyeGNlcnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARTSr0AnIiG2NgxMxV4
MZhwx82nVckV4PLYFg6ODdRC8zNPT5N2RsPUgJtGe693XLueiK1oKfPOltbu987I
DeK4o4GOMIGLMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQM
MAoGCCsGAQUFBwMCMB0GA1UdDgQWBBTHCvKz+s0CNAb35hLAIQePVeU9cDAfBgNV
HSMEGDAWgBSzvSFyAZJFBfiJk7DZR62OizBWizAWBgNVHREEDzANggt2MnguZXhh
bXBsZTAKBggqhkjOPQQDAgNIADBFAiEAtIByyC6EuWN/YNnbSS6/NBzGNlkhiOO/
Lcniu0/+eakCIASMhlCVQ0/BORR9YrRyBApO/WMNZ2i7zUhzXymzRdx6
-----END CERTIFICATE-----
', 'o--ozf687GOIqtoYURpY80dqgaX8EEMu3H6sw4BUJt4', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (6, 'revoked', 1, 'jwk', '{"crv":"P-256","kty":"EC","x":"wjzZMxCNeZ65Ww3IhoaCypJDS25A3cjs-n9RtfkVR8U","y":"K5vbC8yR39Bn8DAcFBKXfS04ctFiWDUUd1eaRyalprM","alg":"ES256"}', 'VVHX3h9WACKmXbfNV0g-JBXLQK3aVprcm3HLRbRJB5I', NULL, NULL, 'revoked');
INSERT INTO seal_credential_data VALUES (7, 'stopped', 4, 'jwk', '{"crv":"P-256","kty":"EC","x":"H7n2klLUXGeNtmVVF54LvIIJ9pBiC0qR8FYPxb-Y4TI","y":"PTmvI_5WtbZYzqAuSb3ZXJwVn7W5pZk21lsrN2S1_fc","alg":"ES256"}', 'nOHooQxwwbTekQ441EIsIn69OQ2gpueEwkTiP6R5Z80', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (8, 'gone', 5, 'jwk', '{"crv":"P-256","kty":"EC","x":"0pJROvhFTGaZJaD6Gr6YDre1o0Op9LL3hOKCvCy8TRo","y":"JYyDIXz0O23YID4tWDuY84WmnvVaN7X1YVvX0ArqhRQ","alg":"ES256"}', 'mbJOB0cRzvzKdZjKVrhEXgcmEQFd3SuYVaI4OxizyiU', NULL, NULL, 'active');
INSERT INTO seal_credential_data VALUES (9, 'over', 6, 'jwk', '{"crv":"P-256","kty":"EC","x":"bkDgaND0q6EkKblNqs6uTLEqhkui-Z6fT7rzH6PWrtQ","y":"cz4FP6XXscmGfeOiRss0FLIdhbt8Lk7-HUEn8SIBiwo","alg":"ES256"}', 'feyirPFzu1K6MkLVu8AWj1fopHBkiE-zqQkvDxTN754', NULL, NULL, 'active');
CREATE INDEX seal_credential_val_server ON seal_credential_data(val_server);
CREATE INDEX seal_credential_thumbprint ON seal_credential_data(thumbprint);
CREATE TABLE seal_credential_replay(
  iss TEXT NOT NULL,
  jti TEXT NOT NULL,
  until INTEGER NOT NULL,
  txn INTEGER NOT NULL,
  PRIMARY KEY (iss, jti)
) WITHOUT ROWID;
INSERT INTO seal_credential_replay VALUES ('gone.example', 'j-28', 1794744330, 82);
INSERT INTO seal_credential_replay VALUES ('other.example', 'j-21', 1794744330, 67);
INSERT INTO seal_credential_replay VALUES ('other.example', 'j-8', 1794744330, 47);
INSERT INTO seal_credential_replay VALUES ('stopped.example', 'j-27', 1794744330, 81);
INSERT INTO seal_credential_replay VALUES ('urn:a/b%c', 'j-7', 1794744330, 46);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-1', 1794744330, 40);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-10', 1794744330, 50);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-11', 1794744330, 51);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-12', 1794744330, 55);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-13', 1794744330, 58);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-14', 1794744330, 59);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-15', 1794744330, 60);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-16', 1794744330, 61);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-17', 1794744330, 63);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-18', 1794744330, 64);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-19', 1794744330, 65);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-2', 1794744330, 41);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-20', 1794744330, 66);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-22', 1794744330, 68);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-24', 1794744330, 74);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-25', 1794744330, 76);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-26', 1794744330, 80);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-29', 1794744330, 88);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-3', 1794744330, 42);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-4', 1794744330, 43);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-5', 1794744330, 44);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-6', 1794744330, 45);
INSERT INTO seal_credential_replay VALUES ('v2x.example', 'j-9', 1794744330, 49);
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
INSERT INTO seal_anchor_data VALUES (1, 'root', 'ca', NULL, NULL, '-----BEGIN CERTIFICATE-----
MIIBVjCB/KADAgECAghGCk9vB3SkBTAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARy
b290MB4XDTI2MDEwMTAwMDAwMFoXDTQ2MDEwMTAwMDAwMFowDzENMAsGA1UEAwwE
cm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN3qtZEqSAcLACZnMajfDvaP
IV9RIiP39LX1QTDayfcdNwMECZcAZKYLwFJcEzdtgCJmhTohP/+oj7+RxmAGRNWj
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBSz
vSFyAZJFBfiJk7DZR62OizBWizAKBggqhkjOPQQDAgNJADBGAiEA5H0GuEatxRQm
PusNaaNEulKHpbNScCgtbSNnX55YkQgCIQCckJtKe6vUfr8sZHVxlVC95DhSL4T8
va0o54Upzh1rgQ==
-----END CERTIFICATE-----
', NULL, 'active', NULL, 6226597510802170547);
INSERT INTO seal_anchor_data VALUES (2, 'as', 'issuer', NULL, 'https://as.example', '{"keys":[{"crv":"P-256","kty":"EC","x":"8diB0bn54TY32OPclBI6bAykZSZ2NLCIn0cr2Q43Mt8","y":"0-bfGl70f6d4br46evFwFVEMj6mJBgzwn0x-MsBtuVQ","alg":"ES256","kid":"as-1"}]}', NULL, 'active', NULL, 8564683495303105374);
INSERT INTO seal_anchor_data VALUES (3, 'crl', 'crl', 'CN=root', NULL, '-----BEGIN X509 CRL-----
MIHIMG8CAQEwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcm9vdBcNMjYwMTAxMDAw
MDAwWhcNNDYwMTAxMDAwMDAwWqAvMC0wHwYDVR0jBBgwFoAUs70hcgGSRQX4iZOw
2UetjoswVoswCgYDVR0UBAMCAQEwCgYIKoZIzj0EAwIDSQAwRgIhAObU5er/hRGm
sQLYCwd1d0zjnPu0p8jek8lkn+js49n+AiEA78cx7hTLm8q41MjKXZbY+UlT0Fjh
Gpnb76KUkiAzLIE=
-----END X509 CRL-----
', NULL, 'active', '1', 2084056200744402645);
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
INSERT INTO seal_server_data VALUES (1, 'sims', 'identity-management', NULL, '{"kty":"EC","crv":"P-256","x":"8N2akBuDf4QsTO5eUFLg6I7D29XuIQEbd0fx5hxvBc0","y":"g06X-UU2JLhDi1JMRlREXyQt4KohAaG40Czct6_D9Ic","alg":"ES256","use":"sig","kid":"0tL0wZrgDbDFRPyMeMNAMgeGuphU9at8PlUAc1q-G1k"}', NULL, 'active');
INSERT INTO seal_server_data VALUES (2, 'skms', 'key-management', NULL, '{"kty":"EC","crv":"P-256","x":"VIX7EqDE8CITD7IgGWJfl5QFlzryienUqBDsdr3aRHw","y":"8J20CIjPnmmgx_8Vqf-BZvIEs1rE1E8mqj9dGRxE2dA","alg":"ES256","use":"sig","kid":"uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg"}', NULL, 'active');
INSERT INTO seal_server_data VALUES (3, 'gms', 'group-management', NULL, NULL, NULL, 'suspended');
CREATE TABLE seal_server_member(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  digest BLOB NOT NULL
);
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
INSERT INTO seal_policy_data VALUES (1, 'group-management', 'v2x', 'max-group', '{"members":100}', NULL, NULL);
INSERT INTO seal_policy_data VALUES (2, 'identity-management', 'v2x', 'a/b', '8', 1767225600, 4039372800);
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
INSERT INTO seal_configuration_data VALUES (10, 'cf70e2601275bcfbf0700ea9bb94071b', 1, 'identity-management', 1830297600, 1830297600, 1794744000, 1794744000, '3', NULL, NULL);
INSERT INTO seal_configuration_data VALUES (11, '47fdc645232c3d787466924eadc0722f', 1, 'identity-management', 1832976000, 1832976000, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (12, '9824cd95b0879797b27a3b3f8d16acfc', 1, 'identity-management', 1794744090, 1794744090, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (13, '57ad11ddb99e5a46ea080b344d7e05ee', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (15, 'c9a4b9c2b392feb65caf9c3baf23b87b', 2, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (16, 'a46e78753949596e3753efaf715d5ab9', 1, 'key-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (17, 'a8f8f5123fc414b3bb6a2fc2b1e87ade', 1, 'key-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (18, 'c348d251ae623a0edfb84474e3574fcd', 1, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (19, 'b6f308400347db6667aac2b75d46bf57', 4, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (2, '00d59929de2f6c2cce79128984e73093', 1, 'identity-management', 1795996800, 1795996800, 1794744000, 1794744000, NULL, NULL, NULL);
INSERT INTO seal_configuration_data VALUES (20, '89dd168086380892ff48871750c3f19a', 5, 'identity-management', NULL, 9223372036854775807, 1794744000, 1794744000, NULL, NULL, NULL);
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
INSERT INTO seal_configuration_service VALUES (1, 1, 'v2x', 1, NULL, NULL, 4, 0, 5);
INSERT INTO seal_configuration_service VALUES (10, 9, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (11, 10, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (12, 11, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (14, 12, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (16, 13, 'v2x', 1, NULL, NULL, 2, 0, 2);
INSERT INTO seal_configuration_service VALUES (18, 15, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (19, 16, 'v2x', 8, 'kmpp-1', 'mcx file', 0, 3, 3);
INSERT INTO seal_configuration_service VALUES (2, 2, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (20, 17, 'keys', 8, 'kmpp-2', 'mcx', 0, 0, 0);
INSERT INTO seal_configuration_service VALUES (21, 17, 'records', 8, 'kmpp-1', NULL, 0, 1, 1);
INSERT INTO seal_configuration_service VALUES (22, 18, 'later', 3, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (23, 19, 'v2x', 5, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (24, 20, 'v2x', 6, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (5, 4, 'short', 2, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (6, 5, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (7, 6, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (8, 7, 'v2x', 1, NULL, NULL, 1, 0, 1);
INSERT INTO seal_configuration_service VALUES (9, 8, 'v2x', 1, NULL, NULL, 0, 0, 1);
CREATE INDEX seal_configuration_service_term ON seal_configuration_service(term);
CREATE INDEX seal_configuration_service_val ON seal_configuration_service(val_service_id);
CREATE TABLE seal_identity_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT
);
INSERT INTO seal_identity_data VALUES (1342177280, 5, 'erin', NULL);
INSERT INTO seal_identity_data VALUES (1610612736, 6, 'alice', NULL);
INSERT INTO seal_identity_data VALUES (1879048192, 7, 'alice', NULL);
INSERT INTO seal_identity_data VALUES (2147483648, 8, 'frank', NULL);
INSERT INTO seal_identity_data VALUES (268435456, 1, 'alice', NULL);
INSERT INTO seal_identity_data VALUES (2684354560, 10, 'gina', NULL);
INSERT INTO seal_identity_data VALUES (268435457, 1, 'bob', NULL);
INSERT INTO seal_identity_data VALUES (268435458, 1, NULL, 'ue-1');
INSERT INTO seal_identity_data VALUES (268435460, 1, 'last', NULL);
INSERT INTO seal_identity_data VALUES (2952790016, 11, 'hans', NULL);
INSERT INTO seal_identity_data VALUES (3221225472, 12, 'jo', NULL);
INSERT INTO seal_identity_data VALUES (3758096384, 14, 'ended', NULL);
INSERT INTO seal_identity_data VALUES (4294967296, 16, 'p1', NULL);
INSERT INTO seal_identity_data VALUES (4294967297, 16, 'p4', NULL);
INSERT INTO seal_identity_data VALUES (4831838208, 18, 'q1', NULL);
INSERT INTO seal_identity_data VALUES (536870912, 2, 'carol', NULL);
INSERT INTO seal_identity_data VALUES (5905580032, 22, 'ida', NULL);
INSERT INTO seal_identity_data VALUES (6174015488, 23, 's1', NULL);
INSERT INTO seal_identity_data VALUES (6442450944, 24, 'g1', NULL);
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
INSERT INTO seal_key_record_data VALUES (5100273664, 19, NULL, NULL, NULL, 'kmpp-1', X'01364991A638622810C2F23BAEFD8EC26D74682D5001C86C72EE2EB489D248EC67FD31D71A528658B570F5', NULL);
INSERT INTO seal_key_record_data VALUES (5100273665, 19, 'alice', NULL, NULL, 'kmpp-1', X'015223E5A58C6069E69EBE68673CA356A47FF9D51E82E93DA5E9C4B08AE9C219D6C87661BA', 'sip:a@x');
INSERT INTO seal_key_record_data VALUES (5100273666, 19, NULL, NULL, 'c', 'kmpp-1', X'0188812F0A64BAA351D8B562D60F2B06AE7DF73092C0BA48FBA5D3BEE8F823AE31', NULL);
INSERT INTO seal_key_record_data VALUES (5637144576, 21, 'ruth', NULL, NULL, 'kmpp-1', X'017E4FAAA41D8D1EA1DFE9B8749EAA80DDD35BBAEDB49B1A69C1C6CCA55E843FB66C8E07', NULL);
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
INSERT INTO seal_usage_data VALUES (1, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3508b023a1009c37c1c427a327719d43', 1, 0);
INSERT INTO seal_usage_data VALUES (10, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3508b023a1009c37c1c427a327719d43', 1, 0);
INSERT INTO seal_usage_data VALUES (11, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '9d621f3a3e22ecb20b759b49c02dc1f1', 1, 0);
INSERT INTO seal_usage_data VALUES (12, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '8728436d903a1539a99ff5d1d6532dde', 1, 0);
INSERT INTO seal_usage_data VALUES (13, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, 'by hand/1%', 1, 0);
INSERT INTO seal_usage_data VALUES (14, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, 'cf70e2601275bcfbf0700ea9bb94071b', 1, 0);
INSERT INTO seal_usage_data VALUES (15, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '47fdc645232c3d787466924eadc0722f', 1, 0);
INSERT INTO seal_usage_data VALUES (16, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3c053fdbbf20cc2d6eebeb364e3e15a0', 1, 0);
INSERT INTO seal_usage_data VALUES (17, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '9824cd95b0879797b27a3b3f8d16acfc', 1, 0);
INSERT INTO seal_usage_data VALUES (18, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'POST', 201, '57ad11ddb99e5a46ea080b344d7e05ee', 3, 0);
INSERT INTO seal_usage_data VALUES (19, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'PUT', 200, '57ad11ddb99e5a46ea080b344d7e05ee', 2, 0);
INSERT INTO seal_usage_data VALUES (2, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3508b023a1009c37c1c427a327719d43', 1, 0);
INSERT INTO seal_usage_data VALUES (20, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'POST', 201, 'c82e9e804785d3c07e1ff2f1ed09f2c7', 1, 0);
INSERT INTO seal_usage_data VALUES (21, 1794744000, 'sla-7', 'acme', 'other.example', 'identity-management', 'POST', 201, 'c9a4b9c2b392feb65caf9c3baf23b87b', 1, 0);
INSERT INTO seal_usage_data VALUES (22, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'GET', 200, '57ad11ddb99e5a46ea080b344d7e05ee', 0, 0);
INSERT INTO seal_usage_data VALUES (23, 1794744000, 'sla-7', 'acme', 'v2x.example', 'key-management', 'POST', 201, 'a46e78753949596e3753efaf715d5ab9', 0, 3);
INSERT INTO seal_usage_data VALUES (24, 1794744000, 'sla-7', 'acme', 'v2x.example', 'key-management', 'GET', 200, NULL, 0, 0);
INSERT INTO seal_usage_data VALUES (25, 1794744000, 'sla-7', 'acme', 'v2x.example', 'key-management', 'INSERT', 201, 'a8f8f5123fc414b3bb6a2fc2b1e87ade', 0, 0);
INSERT INTO seal_usage_data VALUES (26, 1794744000, 'sla-7', 'acme', 'v2x.example', 'key-management', 'INSERT', 201, 'a8f8f5123fc414b3bb6a2fc2b1e87ade', 0, 1);
INSERT INTO seal_usage_data VALUES (27, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'DELETE', 204, 'c82e9e804785d3c07e1ff2f1ed09f2c7', 0, 0);
INSERT INTO seal_usage_data VALUES (28, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_usage_data VALUES (29, 1794744000, 'sla-stopped', 'acme', 'stopped.example', 'identity-management', 'POST', 201, 'b6f308400347db6667aac2b75d46bf57', 1, 0);
INSERT INTO seal_usage_data VALUES (3, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '00d59929de2f6c2cce79128984e73093', 1, 0);
INSERT INTO seal_usage_data VALUES (30, 1794744000, 'sla-gone', 'acme', 'gone.example', 'identity-management', 'POST', 201, '89dd168086380892ff48871750c3f19a', 1, 0);
INSERT INTO seal_usage_data VALUES (31, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3508b023a1009c37c1c427a327719d43', 1, 0);
INSERT INTO seal_usage_data VALUES (4, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_usage_data VALUES (5, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_usage_data VALUES (6, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '6b1f4e7b0393043f2cef71cd669d19c9', 1, 0);
INSERT INTO seal_usage_data VALUES (7, 1794744000, 'sla-7', 'acme', 'urn:a/b%c', 'identity-management', 'INSERT', 201, 'e664f0c24554299176edae5c30c125d9', 1, 0);
INSERT INTO seal_usage_data VALUES (8, 1794744000, 'sla-7', 'acme', 'other.example', 'identity-management', 'INSERT', 201, 'be713af83731bd8a712f881ec3c170fd', 1, 0);
INSERT INTO seal_usage_data VALUES (9, 1794744000, 'sla-7', 'acme', 'v2x.example', 'identity-management', 'INSERT', 201, '3508b023a1009c37c1c427a327719d43', 1, 0);
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
INSERT INTO seal_usage_unit VALUES (1, 1, 'v2x', 1, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (10, 1, 'v2x', 7, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (11, 1, 'v2x', 8, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (12, 1, 'v2x', 9, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (13, 1, 'v2x', 10, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (14, 1, 'v2x', 11, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (15, 1, 'v2x', 12, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (16, 1, 'v2x', 13, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (17, 1, 'v2x', 14, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (18, 1, 'v2x', 15, 3, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (19, 1, 'v2x', 16, 2, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (2, 1, 'v2x', 2, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (20, 1, 'v2x', 17, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (21, 1, 'v2x', 18, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (22, 1, 'v2x', 19, 0, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (23, 8, '*', 1, 0, 3, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (24, 8, '*', 2, 0, 0, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (25, 8, '*', 3, 0, 0, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (26, 8, '*', 4, 0, 1, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (27, 1, 'v2x', 20, 0, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (28, 3, '*', 3, 1, 0, NULL, 'EUR');
INSERT INTO seal_usage_unit VALUES (29, 5, '*', 1, 1, 0, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (3, 1, 'v2x', 3, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (30, 6, '*', 1, 1, 0, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (31, 1, 'v2x', 21, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (4, 3, '*', 1, 1, 0, NULL, 'EUR');
INSERT INTO seal_usage_unit VALUES (5, 3, '*', 2, 1, 0, NULL, 'EUR');
INSERT INTO seal_usage_unit VALUES (6, 2, 'short', 1, 1, 0, NULL, NULL);
INSERT INTO seal_usage_unit VALUES (7, 1, 'v2x', 4, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (8, 1, 'v2x', 5, 1, 0, '0.25', 'EUR');
INSERT INTO seal_usage_unit VALUES (9, 1, 'v2x', 6, 1, 0, '0.25', 'EUR');
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
INSERT INTO seal_occupancy_data VALUES (1, 1794744000, 9223372036854775807, 1, 1, NULL, 'identity-management', 'v2x', '3508b023a1009c37c1c427a327719d43', 4, 0);
INSERT INTO seal_occupancy_data VALUES (10, 1794744000, 9223372036854775807, 1, 1, NULL, 'identity-management', 'v2x', 'by hand/1%', 1, 0);
INSERT INTO seal_occupancy_data VALUES (11, 1794744000, 1830297600, 1, 1, NULL, 'identity-management', 'v2x', 'cf70e2601275bcfbf0700ea9bb94071b', 1, 0);
INSERT INTO seal_occupancy_data VALUES (12, 1794744000, 1832976000, 1, 1, NULL, 'identity-management', 'v2x', '47fdc645232c3d787466924eadc0722f', 1, 0);
INSERT INTO seal_occupancy_data VALUES (13, 1794744000, 1794744060, 1, 1, NULL, 'identity-management', 'v2x', '3c053fdbbf20cc2d6eebeb364e3e15a0', 1, 0);
INSERT INTO seal_occupancy_data VALUES (14, 1794744000, 1794744090, 1, 1, NULL, 'identity-management', 'v2x', '9824cd95b0879797b27a3b3f8d16acfc', 1, 0);
INSERT INTO seal_occupancy_data VALUES (15, 1794744000, 1794744000, 1, 1, NULL, 'identity-management', 'v2x', '57ad11ddb99e5a46ea080b344d7e05ee', 3, 0);
INSERT INTO seal_occupancy_data VALUES (16, 1794744000, 9223372036854775807, 1, 1, NULL, 'identity-management', 'v2x', '57ad11ddb99e5a46ea080b344d7e05ee', 2, 0);
INSERT INTO seal_occupancy_data VALUES (17, 1794744000, 1794744000, 1, 1, NULL, 'identity-management', 'v2x', 'c82e9e804785d3c07e1ff2f1ed09f2c7', 1, 0);
INSERT INTO seal_occupancy_data VALUES (18, 1794744000, 9223372036854775807, 2, 1, NULL, 'identity-management', 'v2x', 'c9a4b9c2b392feb65caf9c3baf23b87b', 1, 0);
INSERT INTO seal_occupancy_data VALUES (19, 1794744000, 9223372036854775807, 1, 8, NULL, 'key-management', 'v2x', 'a46e78753949596e3753efaf715d5ab9', 0, 3);
INSERT INTO seal_occupancy_data VALUES (2, 1794744000, 1795996800, 1, 1, NULL, 'identity-management', 'v2x', '00d59929de2f6c2cce79128984e73093', 1, 0);
INSERT INTO seal_occupancy_data VALUES (21, 1794744000, 9223372036854775807, 1, 8, NULL, 'key-management', 'records', 'a8f8f5123fc414b3bb6a2fc2b1e87ade', 0, 1);
INSERT INTO seal_occupancy_data VALUES (22, 1794744000, 9223372036854775807, 1, 3, NULL, 'identity-management', 'later', 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_occupancy_data VALUES (23, 1794744000, 9223372036854775807, 4, 5, NULL, 'identity-management', 'v2x', 'b6f308400347db6667aac2b75d46bf57', 1, 0);
INSERT INTO seal_occupancy_data VALUES (24, 1794744000, 9223372036854775807, 5, 6, NULL, 'identity-management', 'v2x', '89dd168086380892ff48871750c3f19a', 1, 0);
INSERT INTO seal_occupancy_data VALUES (3, 1794744000, 1794744000, 1, 3, NULL, 'identity-management', 'elsewhere', 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_occupancy_data VALUES (4, 1794744000, 1794744000, 1, 3, NULL, 'identity-management', 'elsewhere2', 'c348d251ae623a0edfb84474e3574fcd', 1, 0);
INSERT INTO seal_occupancy_data VALUES (5, 1794744000, 1794747600, 1, 2, NULL, 'identity-management', 'short', '6b1f4e7b0393043f2cef71cd669d19c9', 1, 0);
INSERT INTO seal_occupancy_data VALUES (6, 1794744000, 9223372036854775807, 3, 1, NULL, 'identity-management', 'v2x', 'e664f0c24554299176edae5c30c125d9', 1, 0);
INSERT INTO seal_occupancy_data VALUES (7, 1794744000, 9223372036854775807, 2, 1, NULL, 'identity-management', 'v2x', 'be713af83731bd8a712f881ec3c170fd', 1, 0);
INSERT INTO seal_occupancy_data VALUES (8, 1794744000, 1803859200, 1, 1, NULL, 'identity-management', 'v2x', '9d621f3a3e22ecb20b759b49c02dc1f1', 1, 0);
INSERT INTO seal_occupancy_data VALUES (9, 1794744000, 1794744000, 1, 1, NULL, 'identity-management', 'v2x', '8728436d903a1539a99ff5d1d6532dde', 1, 0);
CREATE TABLE seal_occupancy_gap(
  kind INTEGER NOT NULL,
  object INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (kind, object, start)
) WITHOUT ROWID;
INSERT INTO seal_occupancy_gap VALUES (1, 1, -62167219200, 1767225600);
INSERT INTO seal_occupancy_gap VALUES (1, 1, 4070822400, 9223372036854775807);
INSERT INTO seal_occupancy_gap VALUES (1, 2, 1795655654, 9223372036854775807);
INSERT INTO seal_occupancy_gap VALUES (1, 3, 1795655654, 9223372036854775807);
INSERT INTO seal_occupancy_gap VALUES (1, 4, -62167219200, 1767225600);
INSERT INTO seal_occupancy_gap VALUES (1, 4, 1793491200, 9223372036854775807);
INSERT INTO seal_occupancy_gap VALUES (2, 2, 4039372800, 9223372036854775807);
INSERT INTO seal_occupancy_gap VALUES (2, 7, 1795655654, 9223372036854775807);
CREATE TABLE seal_occupancy_price(
  term INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  price_per_identity_day TEXT,
  currency TEXT,
  PRIMARY KEY (term, start)
) WITHOUT ROWID;
INSERT INTO seal_occupancy_price VALUES (1, -62167219200, 9223372036854775807, 'v2x', '0.10', 'EUR');
INSERT INTO seal_occupancy_price VALUES (2, -62167219200, 9223372036854775807, 'short', NULL, NULL);
INSERT INTO seal_occupancy_price VALUES (3, -62167219200, 9223372036854775807, '*', '0.05', 'EUR');
INSERT INTO seal_occupancy_price VALUES (4, -62167219200, 9223372036854775807, '*', NULL, NULL);
INSERT INTO seal_occupancy_price VALUES (5, -62167219200, 9223372036854775807, '*', NULL, NULL);
INSERT INTO seal_occupancy_price VALUES (6, -62167219200, 9223372036854775807, '*', NULL, NULL);
INSERT INTO seal_occupancy_price VALUES (7, -62167219200, 9223372036854775807, '*', NULL, NULL);
INSERT INTO seal_occupancy_price VALUES (8, -62167219200, 9223372036854775807, '*', NULL, NULL);
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
INSERT INTO seal_audit_data VALUES (1, 1794744000, 'operator', 'rotate-key', 'seal_command', 'done', NULL, '{"result":"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"iy6hqZSkYQisxir5C4B_A0_89rfa3aD4Guw2X6avJJo\",\"y\":\"NFTWKmON3FLmGbrWuNFPzTaNC2DTvhe5MxsTI6TFFYM\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"xtrRpbm4H5LBj_1Jgr8bT3OUTkNwgC1d04qGHlBPJpg\"}"}', X'AB6F39ACF5973D9033927B99325B23E04DE206ADC73CD6AEC849E14B994A03B7');
INSERT INTO seal_audit_data VALUES (10, 1795655653, 'operator', 'insert', 'seal_term:sla-7/group-management/*', 'done', NULL, '{}', X'29472630B5BC7775998F02502482E5D1ED45C9507029E0E673976205D08A8751');
INSERT INTO seal_audit_data VALUES (11, 1795655653, 'operator', 'insert', 'seal_term:sla-stopped/identity-management/*', 'done', NULL, '{}', X'E559375ED3EE6416827F204F961531F024AED752EDA74F6DFB99C59F03D84702');
INSERT INTO seal_audit_data VALUES (12, 1795655653, 'operator', 'insert', 'seal_term:sla-gone/identity-management/*', 'done', NULL, '{}', X'3A4D38BA5FFB2AE49F55A65B1006D3BA66B23B3FDE3F8BFF98370BDACA0377F6');
INSERT INTO seal_audit_data VALUES (13, 1795655653, 'operator', 'insert', 'seal_term:sla-over/identity-management/*', 'done', NULL, '{}', X'C1A3541E78557199493E8A3210EA5A2278A308A1DB8F38FE47A2FAB1FC40BB7D');
INSERT INTO seal_audit_data VALUES (14, 1795655653, 'operator', 'insert', 'seal_term:sla-7/key-management/*', 'done', NULL, '{"max_key_records":"50","key_formats":"[\"kmpp-1\",\"kmpp-2\"]","scopes":"[\"mcx\",\"file\"]"}', X'C338F6079CB12AEBE355D86D4AEDA23FFB053BC927ADB17C8A8552BFD9132F9A');
INSERT INTO seal_audit_data VALUES (15, 1795655653, 'operator', 'insert', 'seal_val_server:v2x.example', 'done', NULL, '{"agreement_id":"sla-7","end_pt":"{\"fqdn\":\"v2x.example\"}","notification_destination":"https://v2x.example/notify","status":"active"}', X'064EA979B4208345A64413270010E6FAC98462EBF56F9065C5C24EDBC897EA71');
INSERT INTO seal_audit_data VALUES (16, 1795655653, 'operator', 'insert', 'seal_val_server:other.example', 'done', NULL, '{"agreement_id":"sla-7","exp_time":"2098-01-01T00:00:00Z","status":"active"}', X'0623E4D852D23582DAEAC767F952C74DB18209AB72DC5F6EB2CA67877700BDA7');
INSERT INTO seal_audit_data VALUES (17, 1795655653, 'operator', 'insert', 'seal_val_server:urn:a/b%c', 'done', NULL, '{"agreement_id":"sla-7","status":"active"}', X'44E1CA6BD802FD2800236028EA23430535338D88C3A8B787CDCB3C76181EEFB3');
INSERT INTO seal_audit_data VALUES (18, 1795655653, 'operator', 'insert', 'seal_val_server:stopped.example', 'done', NULL, '{"agreement_id":"sla-stopped","status":"active"}', X'BBA2C84224A5FAD94BF5D7746091832887E08DBDA6834A8312B6D3A10D27B0CC');
INSERT INTO seal_audit_data VALUES (19, 1795655653, 'operator', 'insert', 'seal_val_server:gone.example', 'done', NULL, '{"agreement_id":"sla-gone","status":"active"}', X'DCF8FA6F774EA50A36233A3FA7D92E0E420ED09A01C4234290151E03BA3617C4');
INSERT INTO seal_audit_data VALUES (2, 1795655652, 'operator', 'update', 'seal_registrar', 'done', NULL, '{"skms_uri":"https://skms.example"}', X'60FF6CDBBD3F06E607566EB641E06FF1E57594BECBFAB23297EC41B9DB6C046F');
INSERT INTO seal_audit_data VALUES (20, 1795655653, 'operator', 'insert', 'seal_val_server:over.example', 'done', NULL, '{"agreement_id":"sla-over","status":"active"}', X'64721201484C634C8B5E63D483E559DC7A6B664CAA1F77BCE79D814074E15089');
INSERT INTO seal_audit_data VALUES (21, 1795655653, 'operator', 'insert', 'seal_val_server:off.example', 'done', NULL, '{"agreement_id":"sla-7","status":"active"}', X'30C6A197E4A405CF276E271D086025D424EA36A4A410D3C19FB862FFB3CCD479');
INSERT INTO seal_audit_data VALUES (22, 1795655653, 'operator', 'insert', 'seal_credential:v2x-key', 'done', NULL, '{"val_server_id":"v2x.example","type":"jwk","value":"changed","status":"active"}', X'FD773108407047278ED0F2F689460CA67231FEB9FCD220B2000FB450D00ED361');
INSERT INTO seal_audit_data VALUES (23, 1795655653, 'operator', 'insert', 'seal_credential:odd-key', 'done', NULL, '{"val_server_id":"urn:a/b%c","type":"jwk","value":"changed","status":"active"}', X'1E388671AD13DF9D3E74225C2C6E80E68288E9E65B49633C69BB6DA0203E0989');
INSERT INTO seal_audit_data VALUES (24, 1795655653, 'operator', 'insert', 'seal_credential:other-key', 'done', NULL, '{"val_server_id":"other.example","type":"jwk","value":"changed","status":"active"}', X'51DEFCD1CF3F7BFF458FE60F8C912CAB8A7CEC68A0276F6F7F12249F9DD42B46');
INSERT INTO seal_audit_data VALUES (25, 1795655653, 'operator', 'insert', 'seal_credential:secret', 'done', NULL, '{"val_server_id":"other.example","type":"psk","value":"changed","status":"active"}', X'F569F2E8E0C6A814D4F9BA4A8029CCA7F6F2D1C90AA89451DDD6964403FE8CC1');
INSERT INTO seal_audit_data VALUES (26, 1795655653, 'operator', 'insert', 'seal_credential:certificate', 'done', NULL, '{"val_server_id":"v2x.example","type":"x509","value":"changed","status":"active"}', X'211966C32221F818256ED0F9EE74711309EA389C8CED7AF9321303701B7BE7EC');
INSERT INTO seal_audit_data VALUES (27, 1795655653, 'operator', 'insert', 'seal_credential:revoked', 'done', NULL, '{"val_server_id":"v2x.example","type":"jwk","value":"changed","status":"active"}', X'2E5CB7A5A587853F84FED4900C67B17B40BFBCC39D50A76639853AA44A2BAC9E');
INSERT INTO seal_audit_data VALUES (28, 1795655653, 'operator', 'update', 'seal_credential:revoked', 'done', NULL, '{"status":"revoked"}', X'5E6859573B401FFDA7226399BEA270DCEA4FA3F2427A64B745A46A0DC2DB2DE6');
INSERT INTO seal_audit_data VALUES (29, 1795655653, 'operator', 'insert', 'seal_anchor:root', 'done', NULL, '{"type":"ca","value":"changed","status":"active"}', X'E3AECAC013510BA02815E99EF8A1482DCDBA6F58AB28B39A186F6F241212FEA6');
INSERT INTO seal_audit_data VALUES (3, 1795655653, 'operator', 'insert', 'seal_agreement:sla-7', 'done', NULL, '{"val_provider_id":"acme","start_time":"2026-01-01T00:00:00Z","stop_time":"2098-12-31T00:00:00Z","status":"active","max_val_servers":"10"}', X'B919C75B407F28F8AD5E0BC6B73D1630F981BCE8D2B92C35C4EC101377744891');
INSERT INTO seal_audit_data VALUES (30, 1795655653, 'operator', 'insert', 'seal_anchor:as', 'done', NULL, '{"type":"issuer","iss":"https://as.example","value":"changed","status":"active"}', X'1AE442ED2D74DA7975790D5169FBA58DB56DED62D53CA9F4026279610E46BD1E');
INSERT INTO seal_audit_data VALUES (31, 1795655653, 'operator', 'insert', 'seal_anchor:crl', 'done', NULL, '{"type":"crl","subject":"CN=root","value":"changed","status":"active"}', X'383231F292DE16026E5D46F8D8FA762CAFE5F9E5AEC814743FFAA447BCF41EC9');
INSERT INTO seal_audit_data VALUES (32, 1795655653, 'operator', 'insert', 'seal_policy:group-management/v2x/max-group', 'done', NULL, '{"value":"{\"members\":100}"}', X'E9489D92EF100CA275256FDB7E90F1AA9E2D63E4B518C096887DF4FC78C4D744');
INSERT INTO seal_audit_data VALUES (33, 1795655653, 'operator', 'insert', 'seal_policy:identity-management/v2x/a%2Fb', 'done', NULL, '{"value":"7","start_time":"2026-01-01T00:00:00Z","exp_time":"2098-01-01T00:00:00Z"}', X'FBD63EF75B9E86008A90F000EAAF771B25B16935D13D4D229EF513CB7192D98D');
INSERT INTO seal_audit_data VALUES (34, 1795655653, 'operator', 'insert', 'seal_credential:stopped', 'done', NULL, '{"val_server_id":"stopped.example","type":"jwk","value":"changed","status":"active"}', X'D7F2708D84EB5F73E503D61A4D1D6F5D565F31231781626C0DD57E89E8447E17');
INSERT INTO seal_audit_data VALUES (35, 1795655653, 'operator', 'insert', 'seal_credential:gone', 'done', NULL, '{"val_server_id":"gone.example","type":"jwk","value":"changed","status":"active"}', X'6E418B7079F53CA641D555C14DD176CE220456F0D10F4726EC871CE1FB7E5772');
INSERT INTO seal_audit_data VALUES (36, 1795655653, 'operator', 'insert', 'seal_credential:over', 'done', NULL, '{"val_server_id":"over.example","type":"jwk","value":"changed","status":"active"}', X'11C8BFE2C3C19A938D7A37B7719F37EBBEC44C1FBE668E7F598F6013012D1572');
INSERT INTO seal_audit_data VALUES (37, 1795655653, 'operator', 'insert', 'seal_server:sims', 'done', NULL, '{"seal_service":"identity-management","jwk":"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"8N2akBuDf4QsTO5eUFLg6I7D29XuIQEbd0fx5hxvBc0\",\"y\":\"g06X-UU2JLhDi1JMRlREXyQt4KohAaG40Czct6_D9Ic\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"0tL0wZrgDbDFRPyMeMNAMgeGuphU9at8PlUAc1q-G1k\"}","status":"active"}', X'C5AB96033191E418F4C93AEFE633154EC02D765B04369FBB76E14D39EC95DE90');
INSERT INTO seal_audit_data VALUES (38, 1795655653, 'operator', 'insert', 'seal_server:skms', 'done', NULL, '{"seal_service":"key-management","jwk":"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VIX7EqDE8CITD7IgGWJfl5QFlzryienUqBDsdr3aRHw\",\"y\":\"8J20CIjPnmmgx_8Vqf-BZvIEs1rE1E8mqj9dGRxE2dA\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"uRY0RYSYmmYnsXyNwoy0rZSPLIa10ysQA3evJQqljyg\"}","status":"active"}', X'5518D04C392B0D111DCBBF760A9125D2AECB54C1A1408C23003912E342766A7D');
INSERT INTO seal_audit_data VALUES (39, 1795655653, 'operator', 'insert', 'seal_server:gms', 'done', NULL, '{"seal_service":"group-management","status":"suspended"}', X'0BB30005C8DB56A5A0A19B2800ADF7B3929D7CE90538EB1C48A2B2EF35174D17');
INSERT INTO seal_audit_data VALUES (4, 1795655653, 'operator', 'insert', 'seal_agreement:sla-stopped', 'done', NULL, '{"val_provider_id":"acme","status":"active"}', X'F2F05BF9786F5ECFF6281740E2253E1DE71BE0DDA945711287102364650A9E81');
INSERT INTO seal_audit_data VALUES (40, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'8AB8E2B254B07D7C07B4403AA513D0985EA77AAFF1811AD78CDD25830F894E68');
INSERT INTO seal_audit_data VALUES (41, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'0FE04C69FBEADF2DAF2C17BCC15974AC799778CFBA4A8E4A8B39F8348409B43B');
INSERT INTO seal_audit_data VALUES (42, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:00d59929de2f6c2cce79128984e73093', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'D01DA6261F1D063247E71801F2B01A1CFE666FE512006022FCB1E485DC8EFCE6');
INSERT INTO seal_audit_data VALUES (43, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'9CBBEC74E9F337ED0F91EDF7109AF1B18853F4879BE5B23977B7AC7F360E8462');
INSERT INTO seal_audit_data VALUES (44, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'3FA8D41B01AE6CD8B98C3C2915F173150F070B1693EB9802BECCE5B4B887C373');
INSERT INTO seal_audit_data VALUES (45, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:6b1f4e7b0393043f2cef71cd669d19c9', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'7722F1E74D28979C1C3081E4FCA034592FADA4AFD7EF95F138C317FD1176A487');
INSERT INTO seal_audit_data VALUES (46, 1794744000, 'urn:a/b%c', 'INSERT', 'seal_configuration:e664f0c24554299176edae5c30c125d9', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'E26F67A316747FFC57B70E015CEE0F94DD0815FA91EEFAA6604B22CE76BC9127');
INSERT INTO seal_audit_data VALUES (47, 1794744000, 'other.example', 'INSERT', 'seal_configuration:be713af83731bd8a712f881ec3c170fd', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'3E81040E0EE8D3A857DE82B5C2D9FEE9110C2083432641192C275661C9345134');
INSERT INTO seal_audit_data VALUES (48, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'241D30B2DE728C89CEC4487333497BE4EE7F26AD406591E51422F93BDD730F98');
INSERT INTO seal_audit_data VALUES (49, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'B136A5607CC47D4E8DB9036CAD6923B56C9A3B7FDCB4C7CFA0954148555D3F24');
INSERT INTO seal_audit_data VALUES (5, 1795655653, 'operator', 'insert', 'seal_agreement:sla-gone', 'done', NULL, '{"val_provider_id":"acme","status":"active"}', X'9EAAA8DBD49B490934C592D234DCC1CFFD23573C6DC79D890CD22E64FD7B3CD2');
INSERT INTO seal_audit_data VALUES (50, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:9d621f3a3e22ecb20b759b49c02dc1f1', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'8136B81B29AC8740D38A3D46930EDCB9DA6B719C191ABC10DBF92090CEEF01DE');
INSERT INTO seal_audit_data VALUES (51, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:8728436d903a1539a99ff5d1d6532dde', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'8A11996351B1050896C570141AEDD2AE088F0B78A12F282FC969907BB7AB2381');
INSERT INTO seal_audit_data VALUES (52, 1794744000, 'operator', 'delete', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":0,"removed":1,"changed":0}', X'F1B8B2CB3C7CA2F49E18D19245216B2DABAB4DF4BCF4DB6A2F474C1463AFB9D1');
INSERT INTO seal_audit_data VALUES (53, 1794744000, 'operator', 'delete', 'seal_configuration:8728436d903a1539a99ff5d1d6532dde', 'done', NULL, '{"seal_service":"identity-management","added":0,"removed":1,"changed":0}', X'7FDE30C1E5203660CE2FE49DEF94485B4D67A51F4D7F6E77991ACA7A9E2C7D03');
INSERT INTO seal_audit_data VALUES (54, 1794744000, 'operator', 'update', 'seal_configuration:9d621f3a3e22ecb20b759b49c02dc1f1', 'done', NULL, NULL, X'7A0ADF2DD629A6EFC9CA650C629EF93AE789A8D55D9278D04DEBDF6D73DB6DF5');
INSERT INTO seal_audit_data VALUES (55, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:by hand/1%', 'done', NULL, NULL, X'F22A14C1AF3250942A1071BCE3CE7B1C03EF243A06CCD4716E51A7BB46979FF0');
INSERT INTO seal_audit_data VALUES (56, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'done', NULL, NULL, X'C7020789622D7E857CCDA71B458A85CCA2AD94612FB2EBA488654DF7D7E69D5C');
INSERT INTO seal_audit_data VALUES (57, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:47fdc645232c3d787466924eadc0722f', 'done', NULL, NULL, X'4A457A0AABA2A57865113BFA6B75C5F6BB84C2BF26F665DCAF610584EB980686');
INSERT INTO seal_audit_data VALUES (58, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:by hand/1%', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'FE44EC8BEE41A8CF04D2CD3A6F2A048D184EE791730BF709ED03F218818DD99B');
INSERT INTO seal_audit_data VALUES (59, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'EBD81EA2EAAA007E06D166A3206F6718BCDCE374ACF832C319DF3925602118AD');
INSERT INTO seal_audit_data VALUES (6, 1795655653, 'operator', 'insert', 'seal_agreement:sla-over', 'done', NULL, '{"val_provider_id":"other","start_time":"2026-01-01T00:00:00Z","stop_time":"2026-11-01T00:00:00Z","status":"active"}', X'1EE47064C19A405051F42C9AFEE4CF2A7DC1159785E1458934EBE261315442E2');
INSERT INTO seal_audit_data VALUES (60, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:47fdc645232c3d787466924eadc0722f', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'B6BEF86CD7274A30FCD770FBC622D11F5987C9247383180E8349307A222EFAE2');
INSERT INTO seal_audit_data VALUES (61, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3c053fdbbf20cc2d6eebeb364e3e15a0', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'61300769BFA843B6196A4FBF218E55313A8B6A2A7E812961C0A1AD3ABA2D5E78');
INSERT INTO seal_audit_data VALUES (62, 1794744120, 'operator', 'sweep', 'seal_command', 'done', NULL, '{"result":"1"}', X'1B128B0E797771E51A9A6EA9BD3002BF23A40C1FA1F28BBA75504C4A95102683');
INSERT INTO seal_audit_data VALUES (63, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:9824cd95b0879797b27a3b3f8d16acfc', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'1B048E05411F169DC89EE63D628AF1D21737AA319BDE941ACB4089212FE8D356');
INSERT INTO seal_audit_data VALUES (64, 1794744000, 'v2x.example', 'POST', 'seal_configuration:57ad11ddb99e5a46ea080b344d7e05ee', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":3}', X'B7DA64F51BF02473505AC4E5803EDEF58EE14E71E655C322201F82DCF14B9C75');
INSERT INTO seal_audit_data VALUES (65, 1794744000, 'v2x.example', 'PUT', 'seal_configuration:57ad11ddb99e5a46ea080b344d7e05ee', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":2}', X'CB2DFB7E64F42E10D87679B4D331582DF794744BA9F61D079C458505CAE4D933');
INSERT INTO seal_audit_data VALUES (66, 1794744000, 'v2x.example', 'POST', 'seal_configuration:c82e9e804785d3c07e1ff2f1ed09f2c7', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":1}', X'C26EA1614DFF1C04F704184618ED58711CDA2981589E130C3FD1325A94901830');
INSERT INTO seal_audit_data VALUES (67, 1794744000, 'other.example', 'POST', 'seal_configuration:c9a4b9c2b392feb65caf9c3baf23b87b', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":1}', X'B1D098A1FEB7838259E0FF5535BA215183AC83D256C59F3A64D382FBC5EB382B');
INSERT INTO seal_audit_data VALUES (68, 1794744000, 'v2x.example', 'GET', '/ss-ipp/v1/configurations/57ad11ddb99e5a46ea080b344d7e05ee', 'done', NULL, NULL, X'FEAEF6BF146E13F627A8C051ECB8E622623DF2E69ECB518B466D963184CEA51C');
INSERT INTO seal_audit_data VALUES (69, 1794744000, 'v2x.example', 'POST', '/ss-ipp/v1/configurations', 'refused', 'REQUESTER_MISMATCH', NULL, X'7DBD288C809F4508FB61F6565B65D723A1874F5E5CE63D9CD56CD643A747477F');
INSERT INTO seal_audit_data VALUES (7, 1795655653, 'operator', 'insert', 'seal_term:sla-7/identity-management/v2x', 'done', NULL, '{"max_identities":"100","allowed_total_invocations":"1000","price_per_invocation":"0.25","price_per_identity_day":"0.10","currency":"EUR"}', X'EC5BB6CC740F8CDC58620A3687C9CF22D60C301282A1B0DD5C21AE706FC58FCD');
INSERT INTO seal_audit_data VALUES (70, 1794744000, 'operator', 'issue-token', 'seal_val_server:v2x.example', 'done', NULL, '{"scope":"seal:key-management seal:key-provisioning","jti":"gGPRdjYnE7--nwRR370TOg"}', X'C084DC17CC9C76FC23AD4DBC1113B8AAF86E13D625BCB4DDF7C1658708B0A05D');
INSERT INTO seal_audit_data VALUES (71, 1794744000, 'operator', 'issue-token', 'seal_command', 'done', NULL, NULL, X'3D697B47CC89B8E722215704D7DDEEE230B6EBD579608D15B00D26707F9549BE');
INSERT INTO seal_audit_data VALUES (72, 1794744000, 'v2x.example', 'POST', 'seal_configuration:a46e78753949596e3753efaf715d5ab9', 'done', NULL, '{"seal_service":"key-management","val_services":1,"identities":0}', X'B107B12A27081E7FE7447FDB59DF0A759CD0C02ED0D58B59A2188766026AA9F1');
INSERT INTO seal_audit_data VALUES (73, 1794744000, 'v2x.example', 'GET', '/ss-kir/v1/key-records', 'done', NULL, NULL, X'3DABDB18E2C67585AEC9CE06648E1F2BED6720D173184496BD37A89CF551F0CC');
INSERT INTO seal_audit_data VALUES (74, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:a8f8f5123fc414b3bb6a2fc2b1e87ade', 'done', NULL, '{"seal_service":"key-management","added":1,"removed":0,"changed":0}', X'4C1A67D1C1C4ED1330D0A15349FC3220EB160075E361218CEFCD4D85A0AAC28A');
INSERT INTO seal_audit_data VALUES (75, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:a8f8f5123fc414b3bb6a2fc2b1e87ade', 'done', NULL, '{"seal_service":"key-management","added":1,"removed":0,"changed":0}', X'9E2FA8845DDA69936FFFCA4F51A3EF74D4450B9121BAF6C7EDC418DC8621486D');
INSERT INTO seal_audit_data VALUES (76, 1794744000, 'v2x.example', 'DELETE', 'seal_configuration:c82e9e804785d3c07e1ff2f1ed09f2c7', 'done', NULL, '{"seal_service":"identity-management","val_services":0,"identities":0}', X'D8859945F41E683779044DD29ECBC7D6A73859BE011A4385402CC260D7DD29C1');
INSERT INTO seal_audit_data VALUES (77, 1794744000, 'operator', 'update', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'done', NULL, NULL, X'480D1572EE9741CB3DE6AEBEB145AAC20CC98F360AE6E7A9660649B38E8C3C82');
INSERT INTO seal_audit_data VALUES (78, 1794744000, 'operator', 'delete', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'done', NULL, NULL, X'3B0B5B886E5D55C0CEB99D252E8CDDA256A29A5771A275A7403BB390C881C1F8');
INSERT INTO seal_audit_data VALUES (79, 1795655654, 'operator', 'update', 'seal_policy:identity-management/v2x/a%2Fb', 'done', NULL, '{"value":"8"}', X'202FB8C655BFAFB4C9F7A133761873A87B11341433BE19DF92D13327FECE70F8');
INSERT INTO seal_audit_data VALUES (8, 1795655653, 'operator', 'insert', 'seal_term:sla-7/identity-management/short', 'done', NULL, '{"max_validity":"3600"}', X'AD94E051ACA9F72239560FF0490144EDDB074B0C6D535592A1768A7711922DBD');
INSERT INTO seal_audit_data VALUES (80, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'8692AA1EAA78EDA2A54CE2289611E1924C3F51C5866911EB5AC8833EA076EF0B');
INSERT INTO seal_audit_data VALUES (81, 1794744000, 'stopped.example', 'POST', 'seal_configuration:b6f308400347db6667aac2b75d46bf57', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":1}', X'E5F7A1C08C75EDE3885E267B5801D70F775E15631A0B7DE981309D864C9BF268');
INSERT INTO seal_audit_data VALUES (82, 1794744000, 'gone.example', 'POST', 'seal_configuration:89dd168086380892ff48871750c3f19a', 'done', NULL, '{"seal_service":"identity-management","val_services":1,"identities":1}', X'A5520AFE7EB6589BB8F92BF172FF72D61BE0E82B4BE9319A0900F4684AB63634');
INSERT INTO seal_audit_data VALUES (83, 1795655654, 'operator', 'update', 'seal_agreement:sla-stopped', 'done', NULL, '{"status":"suspended"}', X'FE414DF6265B4D61F9ADEE05CF843AD908F69F59E6BAA47ECA341951AA845490');
INSERT INTO seal_audit_data VALUES (84, 1795655654, 'operator', 'update', 'seal_agreement:sla-gone', 'done', NULL, '{"status":"terminated"}', X'7AF5AFCDBB8239AF1D0141C976CAE102B63264B31C248011561E36026CB782A5');
INSERT INTO seal_audit_data VALUES (85, 1795655654, 'operator', 'update', 'seal_val_server:off.example', 'done', NULL, '{"status":"suspended"}', X'B70EC12F64E6BBFD0C992C2F79A563336C818306A7A9D50EE07F671797C2D8C9');
INSERT INTO seal_audit_data VALUES (86, 1794744000, 'operator', 'rotate-key', 'seal_command', 'done', NULL, '{"result":"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"lFz4_a4OTX0NKuYS2tUotLtHZc7yxb-C3v_KCobrQ2E\",\"y\":\"oTW5K6T_Rp5l7dqWKXZNF8R3ZdLkogmfMx9lhu_iKFU\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"MQEpe98CFb8EN5q7O2nxbOZFwW4Fs9xAwFJcggus3RM\"}"}', X'A7382EEA09F26302F4CDAF119BBC4D56C0E36CB871F6F139586DEA08DCC7D47A');
INSERT INTO seal_audit_data VALUES (87, 1794744000, 'operator', 'checkpoint', 'seal_command', 'done', NULL, '{"result":"eyJhbGciOiJFUzI1NiIsImtpZCI6Ik1RRXBlOThDRmI4RU41cTdPMm54Yk9aRndXNEZzOXhBd0ZKY2dndXMzUk0iLCJ0eXAiOiJzZWFsLWNoZWNrcG9pbnQifQ.eyJzZXEiOjg2LCJoYXNoIjoiYTczODJlZWEwOWYyNjMwMmY0Y2RhZjExOWJiYzRkNTZjMGUzNmNiODcxZjZmMTM5NTg2ZGVhMDhkY2M3ZDQ3YSIsInVzYWdlIjozMCwidGltZSI6IjIwMjYtMTEtMTVUMTI6MDA6MDBaIn0.GRBjWGkqF4X2WIHPxITxL6SbJ3rfoJ22cTa6qpkMtmfogbGvFIiFpyYAEeFQVxsGDxP-Hu0k74m8MQs7daf0vQ"}', X'6B9CEC1A393595FEA967F07AD255347E27B38B692DBFC5FB1C4AAD8683AFC8FF');
INSERT INTO seal_audit_data VALUES (88, 1794744000, 'v2x.example', 'INSERT', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'done', NULL, '{"seal_service":"identity-management","added":1,"removed":0,"changed":0}', X'DBAFF6903A7251F1704597BAE89A018546E94DA76D839EC336EF3110CC48330D');
INSERT INTO seal_audit_data VALUES (9, 1795655653, 'operator', 'insert', 'seal_term:sla-7/identity-management/*', 'done', NULL, '{"price_per_identity_day":"0.05","currency":"EUR"}', X'E93A01C4245962B00E6FB699A305087E3EF8533C9C1588E2C98A883EFEBAB6C9');
CREATE TABLE seal_audit_checkpoint(
  seq INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  jws TEXT NOT NULL,
  time INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  exported INTEGER NOT NULL,
  pruned INTEGER NOT NULL
);
INSERT INTO seal_audit_checkpoint VALUES (86, X'A7382EEA09F26302F4CDAF119BBC4D56C0E36CB871F6F139586DEA08DCC7D47A', 'eyJhbGciOiJFUzI1NiIsImtpZCI6Ik1RRXBlOThDRmI4RU41cTdPMm54Yk9aRndXNEZzOXhBd0ZKY2dndXMzUk0iLCJ0eXAiOiJzZWFsLWNoZWNrcG9pbnQifQ.eyJzZXEiOjg2LCJoYXNoIjoiYTczODJlZWEwOWYyNjMwMmY0Y2RhZjExOWJiYzRkNTZjMGUzNmNiODcxZjZmMTM5NTg2ZGVhMDhkY2M3ZDQ3YSIsInVzYWdlIjozMCwidGltZSI6IjIwMjYtMTEtMTVUMTI6MDA6MDBaIn0.GRBjWGkqF4X2WIHPxITxL6SbJ3rfoJ22cTa6qpkMtmfogbGvFIiFpyYAEeFQVxsGDxP-Hu0k74m8MQs7daf0vQ', 1794744000, 30, 0, 0);
CREATE TABLE seal_change_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  seal_service TEXT,
  object TEXT NOT NULL,
  operation TEXT NOT NULL
);
INSERT INTO seal_change_data VALUES (1, 1795655652, NULL, 'seal_registrar', 'update');
INSERT INTO seal_change_data VALUES (10, 1795655653, 'identity-management', 'seal_term:sla-stopped/identity-management/*', 'insert');
INSERT INTO seal_change_data VALUES (11, 1795655653, 'identity-management', 'seal_term:sla-gone/identity-management/*', 'insert');
INSERT INTO seal_change_data VALUES (12, 1795655653, 'identity-management', 'seal_term:sla-over/identity-management/*', 'insert');
INSERT INTO seal_change_data VALUES (13, 1795655653, 'key-management', 'seal_term:sla-7/key-management/*', 'insert');
INSERT INTO seal_change_data VALUES (14, 1795655653, NULL, 'seal_val_server:v2x.example', 'insert');
INSERT INTO seal_change_data VALUES (15, 1795655653, NULL, 'seal_val_server:other.example', 'insert');
INSERT INTO seal_change_data VALUES (16, 1795655653, NULL, 'seal_val_server:urn:a/b%c', 'insert');
INSERT INTO seal_change_data VALUES (17, 1795655653, NULL, 'seal_val_server:stopped.example', 'insert');
INSERT INTO seal_change_data VALUES (18, 1795655653, NULL, 'seal_val_server:gone.example', 'insert');
INSERT INTO seal_change_data VALUES (19, 1795655653, NULL, 'seal_val_server:over.example', 'insert');
INSERT INTO seal_change_data VALUES (2, 1795655653, NULL, 'seal_agreement:sla-7', 'insert');
INSERT INTO seal_change_data VALUES (20, 1795655653, NULL, 'seal_val_server:off.example', 'insert');
INSERT INTO seal_change_data VALUES (21, 1795655653, NULL, 'seal_credential:v2x-key', 'insert');
INSERT INTO seal_change_data VALUES (22, 1795655653, NULL, 'seal_credential:odd-key', 'insert');
INSERT INTO seal_change_data VALUES (23, 1795655653, NULL, 'seal_credential:other-key', 'insert');
INSERT INTO seal_change_data VALUES (24, 1795655653, NULL, 'seal_credential:secret', 'insert');
INSERT INTO seal_change_data VALUES (25, 1795655653, NULL, 'seal_credential:certificate', 'insert');
INSERT INTO seal_change_data VALUES (26, 1795655653, NULL, 'seal_credential:revoked', 'insert');
INSERT INTO seal_change_data VALUES (27, 1795655653, NULL, 'seal_credential:revoked', 'update');
INSERT INTO seal_change_data VALUES (28, 1795655653, NULL, 'seal_anchor:root', 'insert');
INSERT INTO seal_change_data VALUES (29, 1795655653, NULL, 'seal_anchor:as', 'insert');
INSERT INTO seal_change_data VALUES (3, 1795655653, NULL, 'seal_agreement:sla-stopped', 'insert');
INSERT INTO seal_change_data VALUES (30, 1795655653, NULL, 'seal_anchor:crl', 'insert');
INSERT INTO seal_change_data VALUES (31, 1795655653, 'group-management', 'seal_policy:group-management/v2x/max-group', 'insert');
INSERT INTO seal_change_data VALUES (32, 1795655653, 'identity-management', 'seal_policy:identity-management/v2x/a%2Fb', 'insert');
INSERT INTO seal_change_data VALUES (33, 1795655653, NULL, 'seal_credential:stopped', 'insert');
INSERT INTO seal_change_data VALUES (34, 1795655653, NULL, 'seal_credential:gone', 'insert');
INSERT INTO seal_change_data VALUES (35, 1795655653, NULL, 'seal_credential:over', 'insert');
INSERT INTO seal_change_data VALUES (36, 1795655653, 'identity-management', 'seal_server:sims', 'insert');
INSERT INTO seal_change_data VALUES (37, 1795655653, 'key-management', 'seal_server:skms', 'insert');
INSERT INTO seal_change_data VALUES (38, 1795655653, 'group-management', 'seal_server:gms', 'insert');
INSERT INTO seal_change_data VALUES (39, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'INSERT');
INSERT INTO seal_change_data VALUES (4, 1795655653, NULL, 'seal_agreement:sla-gone', 'insert');
INSERT INTO seal_change_data VALUES (40, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'INSERT');
INSERT INTO seal_change_data VALUES (41, 1794744000, 'identity-management', 'seal_configuration:00d59929de2f6c2cce79128984e73093', 'INSERT');
INSERT INTO seal_change_data VALUES (42, 1794744000, 'identity-management', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'INSERT');
INSERT INTO seal_change_data VALUES (43, 1794744000, 'identity-management', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'INSERT');
INSERT INTO seal_change_data VALUES (44, 1794744000, 'identity-management', 'seal_configuration:6b1f4e7b0393043f2cef71cd669d19c9', 'INSERT');
INSERT INTO seal_change_data VALUES (45, 1794744000, 'identity-management', 'seal_configuration:e664f0c24554299176edae5c30c125d9', 'INSERT');
INSERT INTO seal_change_data VALUES (46, 1794744000, 'identity-management', 'seal_configuration:be713af83731bd8a712f881ec3c170fd', 'INSERT');
INSERT INTO seal_change_data VALUES (47, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'INSERT');
INSERT INTO seal_change_data VALUES (48, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'INSERT');
INSERT INTO seal_change_data VALUES (49, 1794744000, 'identity-management', 'seal_configuration:9d621f3a3e22ecb20b759b49c02dc1f1', 'INSERT');
INSERT INTO seal_change_data VALUES (5, 1795655653, NULL, 'seal_agreement:sla-over', 'insert');
INSERT INTO seal_change_data VALUES (50, 1794744000, 'identity-management', 'seal_configuration:8728436d903a1539a99ff5d1d6532dde', 'INSERT');
INSERT INTO seal_change_data VALUES (51, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'delete');
INSERT INTO seal_change_data VALUES (52, 1794744000, 'identity-management', 'seal_configuration:8728436d903a1539a99ff5d1d6532dde', 'delete');
INSERT INTO seal_change_data VALUES (53, 1794744000, 'identity-management', 'seal_configuration:9d621f3a3e22ecb20b759b49c02dc1f1', 'update');
INSERT INTO seal_change_data VALUES (54, 1794744000, 'identity-management', 'seal_configuration:by hand/1%', 'INSERT');
INSERT INTO seal_change_data VALUES (55, 1794744000, 'identity-management', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'INSERT');
INSERT INTO seal_change_data VALUES (56, 1794744000, 'identity-management', 'seal_configuration:47fdc645232c3d787466924eadc0722f', 'INSERT');
INSERT INTO seal_change_data VALUES (57, 1794744000, 'identity-management', 'seal_configuration:by hand/1%', 'INSERT');
INSERT INTO seal_change_data VALUES (58, 1794744000, 'identity-management', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'INSERT');
INSERT INTO seal_change_data VALUES (59, 1794744000, 'identity-management', 'seal_configuration:47fdc645232c3d787466924eadc0722f', 'INSERT');
INSERT INTO seal_change_data VALUES (6, 1795655653, 'identity-management', 'seal_term:sla-7/identity-management/v2x', 'insert');
INSERT INTO seal_change_data VALUES (60, 1794744000, 'identity-management', 'seal_configuration:3c053fdbbf20cc2d6eebeb364e3e15a0', 'INSERT');
INSERT INTO seal_change_data VALUES (61, 1794744120, 'identity-management', 'seal_configuration:3c053fdbbf20cc2d6eebeb364e3e15a0', 'sweep');
INSERT INTO seal_change_data VALUES (62, 1794744000, 'identity-management', 'seal_configuration:9824cd95b0879797b27a3b3f8d16acfc', 'INSERT');
INSERT INTO seal_change_data VALUES (63, 1794744000, 'identity-management', 'seal_configuration:57ad11ddb99e5a46ea080b344d7e05ee', 'POST');
INSERT INTO seal_change_data VALUES (64, 1794744000, 'identity-management', 'seal_configuration:57ad11ddb99e5a46ea080b344d7e05ee', 'PUT');
INSERT INTO seal_change_data VALUES (65, 1794744000, 'identity-management', 'seal_configuration:c82e9e804785d3c07e1ff2f1ed09f2c7', 'POST');
INSERT INTO seal_change_data VALUES (66, 1794744000, 'identity-management', 'seal_configuration:c9a4b9c2b392feb65caf9c3baf23b87b', 'POST');
INSERT INTO seal_change_data VALUES (67, 1794744000, 'key-management', 'seal_configuration:a46e78753949596e3753efaf715d5ab9', 'POST');
INSERT INTO seal_change_data VALUES (68, 1794744000, 'key-management', 'seal_configuration:a8f8f5123fc414b3bb6a2fc2b1e87ade', 'INSERT');
INSERT INTO seal_change_data VALUES (69, 1794744000, 'key-management', 'seal_configuration:a8f8f5123fc414b3bb6a2fc2b1e87ade', 'INSERT');
INSERT INTO seal_change_data VALUES (7, 1795655653, 'identity-management', 'seal_term:sla-7/identity-management/short', 'insert');
INSERT INTO seal_change_data VALUES (70, 1794744000, 'identity-management', 'seal_configuration:c82e9e804785d3c07e1ff2f1ed09f2c7', 'DELETE');
INSERT INTO seal_change_data VALUES (71, 1794744000, 'identity-management', 'seal_configuration:cf70e2601275bcfbf0700ea9bb94071b', 'update');
INSERT INTO seal_change_data VALUES (72, 1794744000, 'identity-management', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'delete');
INSERT INTO seal_change_data VALUES (73, 1795655654, 'identity-management', 'seal_policy:identity-management/v2x/a%2Fb', 'update');
INSERT INTO seal_change_data VALUES (74, 1794744000, 'identity-management', 'seal_configuration:c348d251ae623a0edfb84474e3574fcd', 'INSERT');
INSERT INTO seal_change_data VALUES (75, 1794744000, 'identity-management', 'seal_configuration:b6f308400347db6667aac2b75d46bf57', 'POST');
INSERT INTO seal_change_data VALUES (76, 1794744000, 'identity-management', 'seal_configuration:89dd168086380892ff48871750c3f19a', 'POST');
INSERT INTO seal_change_data VALUES (77, 1795655654, NULL, 'seal_agreement:sla-stopped', 'update');
INSERT INTO seal_change_data VALUES (78, 1795655654, NULL, 'seal_agreement:sla-gone', 'update');
INSERT INTO seal_change_data VALUES (79, 1795655654, NULL, 'seal_val_server:off.example', 'update');
INSERT INTO seal_change_data VALUES (8, 1795655653, 'identity-management', 'seal_term:sla-7/identity-management/*', 'insert');
INSERT INTO seal_change_data VALUES (80, 1794744000, 'identity-management', 'seal_configuration:3508b023a1009c37c1c427a327719d43', 'INSERT');
INSERT INTO seal_change_data VALUES (9, 1795655653, 'group-management', 'seal_term:sla-7/group-management/*', 'insert');
CREATE TABLE seal_message_data(
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  response TEXT
);
INSERT INTO seal_message_data VALUES (1, 'old-1', X'0AC1CBCC009F69EA26B29E021CE64C22111D29A0BE8D0A61C58BBCB823F77D4A', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/57ad11ddb99e5a46ea080b344d7e05ee","Content-Type":"application/json"},"body":{"valServerId":"v2x.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"p1"},{"valUserId":"p2"},{"valUserId":"p3"}]}],"expTime":"2098-12-31T00:00:00Z"}}');
INSERT INTO seal_message_data VALUES (10, 'm-10', X'F9AA5ECDB9282CDE74660A8FE493D7703C9B29B4BF859823A0BB5672F7056031', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/b6f308400347db6667aac2b75d46bf57","Content-Type":"application/json"},"body":{"valServerId":"stopped.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"s1"}]}]}}');
INSERT INTO seal_message_data VALUES (11, 'm-11', X'008D5C64CEB5E7175669DD33286514D36DAC3536AF68052E9222A5B6E5346D93', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/89dd168086380892ff48871750c3f19a","Content-Type":"application/json"},"body":{"valServerId":"gone.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"g1"}]}]}}');
INSERT INTO seal_message_data VALUES (2, 'm-2', X'8AEDFAA86A42A3F0F712E027052F8F5E9728E6B619B2FA99C165B071F7E7F694', 1794744000, 200, '{"status":200,"headers":{"Content-Type":"application/json"},"body":{"valServerId":"v2x.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"p1"},{"valUserId":"p4"}]}],"expTime":"2098-12-31T00:00:00Z"}}');
INSERT INTO seal_message_data VALUES (3, 'm-3', X'BB0679368CB75E058C9D2C7470ADCDE128B5C5C1DB2E1310CBC9E102FA155C5F', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/c82e9e804785d3c07e1ff2f1ed09f2c7","Content-Type":"application/json"},"body":{"valServerId":"v2x.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"gone"}]}],"expTime":"2098-12-31T00:00:00Z"}}');
INSERT INTO seal_message_data VALUES (4, 'm-4', X'96541D0E913AC176CEEFA1BD10C2313B47F71ADEC75DABB858A3FA38D00016C5', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/c9a4b9c2b392feb65caf9c3baf23b87b","Content-Type":"application/json"},"body":{"valServerId":"other.example","valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"q1"}]}],"expTime":"2098-01-01T00:00:00Z"}}');
INSERT INTO seal_message_data VALUES (5, 'm-5', X'6C07E5DDABA62383D8133D1147F118A8782F37B3E85EF06265034F6834FA8E2A', 1794744000, 200, NULL);
INSERT INTO seal_message_data VALUES (6, 'm-6', X'4D0BA94982AA2C9A0B36A71735A473A4E802413B7F906F81E9A087BD9C9A0FA2', 1794744000, 403, '{"status":403,"headers":{"Content-Type":"application/problem+json"},"body":{"type":"about:blank","title":"Forbidden","status":403,"detail":"valServerId is not the VAL server that the credential proves","instance":"/ss-ipp/v1/configurations","cause":"REQUESTER_MISMATCH"}}');
INSERT INTO seal_message_data VALUES (7, 'old-2', X'4BBF00C824206AC83305500CCFF449B59E209E46466050F288AFE148928045A5', 1794744000, 201, '{"status":201,"headers":{"Location":"/ss-kmpp/v1/configurations/a46e78753949596e3753efaf715d5ab9","Content-Type":"application/json"},"body":{"valServerId":"v2x.example","valSvcConf":[{"valServiceId":"v2x","keyFormat":"kmpp-1","scope":"mcx file"}],"expTime":"2098-12-31T00:00:00Z"}}');
INSERT INTO seal_message_data VALUES (8, 'old-3', X'123DD015944F8D750FFE5C9B530A92DE9AFA333FF950E24DB895B315809802F2', 1794744000, 200, NULL);
INSERT INTO seal_message_data VALUES (9, 'm-9', X'9291EB2CF475A031FCC22F8034D295260647CD9B648B339F8D6AE70B16048D00', 1794744000, 204, '{"status":204,"headers":{}}');
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
