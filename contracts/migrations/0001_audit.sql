-- The words and forms of page 1, once each, and the audit trail that every later change writes to.
-- No schema is named: the runner sets search_path, so scratch schemas are made by the same file.

-- ff:up
CREATE DOMAIN flag_key AS text COLLATE "C"
  CONSTRAINT flag_key_form CHECK (octet_length(VALUE) <= 128 AND VALUE ~ '^ff\.[a-z0-9]+([._-][a-z0-9]+)*$');
CREATE DOMAIN scope_id AS text COLLATE "C"
  CONSTRAINT scope_id_form CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$');
CREATE DOMAIN approval_ref AS text COLLATE "C"
  CONSTRAINT approval_ref_form CHECK (octet_length(VALUE) <= 128 AND VALUE ~ '^APP-[0-9]+-[A-Za-z0-9]+$');
CREATE DOMAIN prose AS text COLLATE "C"
  CONSTRAINT prose_length CHECK (octet_length(VALUE) <= 2048);
CREATE DOMAIN sha256_hex AS text COLLATE "C"
  CONSTRAINT sha256_hex_form CHECK (VALUE ~ '^[0-9a-f]{64}$');
CREATE DOMAIN instant AS timestamptz(3)
  CONSTRAINT instant_range CHECK (VALUE >= '0001-01-01 00:00:00+00' AND VALUE < '10000-01-01 00:00:00+00');
CREATE DOMAIN revision AS bigint
  CONSTRAINT revision_range CHECK (VALUE >= 1 AND VALUE <= 9007199254740991);
CREATE DOMAIN flag_value AS jsonb
  CONSTRAINT flag_value_type CHECK (jsonb_typeof(VALUE) IN ('boolean', 'string', 'number', 'object'));

CREATE TABLE audit (
  seq bigint PRIMARY KEY,
  audit_id uuid NOT NULL,
  occurred_at instant NOT NULL,
  actor scope_id NOT NULL,
  auth_mode text COLLATE "C",
  action text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  before jsonb,
  after jsonb,
  request_id text COLLATE "C" NOT NULL,
  approval_ref approval_ref,
  phase text COLLATE "C" NOT NULL,
  prev_hash sha256_hex NOT NULL,
  hash sha256_hex NOT NULL,
  sink_status text COLLATE "C" NOT NULL DEFAULT 'pending',
  sink_reason prose,
  sink_attempts integer NOT NULL DEFAULT 0,
  sink_at instant,
  CONSTRAINT audit_auth_mode_known CHECK (auth_mode IN ('verified', 'decode-only', 'dev-headers', 'none')),
  CONSTRAINT audit_outcome_known CHECK (outcome IN ('applied', 'refused')),
  CONSTRAINT audit_sink_status_known CHECK (sink_status IN ('pending', 'delivered', 'failed'))
);
CREATE UNIQUE INDEX audit_audit_id_key ON audit (audit_id);
CREATE INDEX audit_target_idx ON audit (target, seq);
CREATE INDEX audit_unshipped_idx ON audit (seq) WHERE sink_status <> 'delivered';

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND
     -- As texts: to jsonb, 1.0 equals 1.
     (to_jsonb(NEW) - '{sink_status,sink_reason,sink_attempts,sink_at}'::text[])::text =
     (to_jsonb(OLD) - '{sink_status,sink_reason,sink_attempts,sink_at}'::text[])::text THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit is append-only: % refused', TG_OP USING ERRCODE = 'FFA01';
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- The end of the chain: one row, locked by each writer, so that the chain has one order.
CREATE TABLE audit_head (
  only_row boolean PRIMARY KEY DEFAULT true,
  seq bigint NOT NULL,
  hash sha256_hex NOT NULL,
  CONSTRAINT audit_head_only_row CHECK (only_row)
);
INSERT INTO audit_head (seq, hash) VALUES (0, repeat('0', 64));

-- ff:down
LOCK TABLE audit IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  IF EXISTS (SELECT FROM audit WHERE action <> 'audit.boundary' OR target NOT LIKE 'migration/%') THEN
    RAISE EXCEPTION 'audit records would be lost' USING ERRCODE = 'FFM01';
  END IF;
END $$;
DROP TABLE audit_head;
DROP TABLE audit;
DROP FUNCTION audit_is_append_only();
DROP DOMAIN flag_value;
DROP DOMAIN revision;
DROP DOMAIN instant;
DROP DOMAIN sha256_hex;
DROP DOMAIN prose;
DROP DOMAIN approval_ref;
DROP DOMAIN scope_id;
DROP DOMAIN flag_key;
