-- Installs the registrar in the main database, once:
--
--   .load build/seal
--   .read sql/install.sql
--
-- A host without this file runs the text that seal_schema() gives. Each line makes one relation and
-- its storage. What is there already stays as it is.
CREATE VIRTUAL TABLE IF NOT EXISTS seal_registrar USING seal(registrar);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_agreement USING seal(agreement);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_term USING seal(term);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_val_server USING seal(val_server);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_credential USING seal(credential);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_anchor USING seal(anchor);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_server USING seal(server);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_policy USING seal(policy);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_configuration USING seal(configuration);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_identity USING seal(identity);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_key USING seal(key);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_key_record USING seal(key_record);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_usage USING seal(usage);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_occupancy USING seal(occupancy);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_charge USING seal(charge);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_audit USING seal(audit);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_change USING seal(change);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_refusal USING seal(refusal);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_notification USING seal(notification);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_command USING seal(command);
CREATE VIRTUAL TABLE IF NOT EXISTS seal_message USING seal(message);
