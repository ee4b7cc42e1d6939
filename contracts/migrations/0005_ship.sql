-- The delivery of audit records to a topic: where each one stands there, and which process ships which slot.

-- ff:up
-- A plain type: the check of the domain instant would have every row written anew.
ALTER TABLE audit
  ADD COLUMN sink_topic text COLLATE "C",
  ADD COLUMN sink_partition integer,
  ADD COLUMN sink_offset bigint,
  ADD COLUMN sink_next_at timestamptz(3);

CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  allowed record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    allowed := OLD;
    allowed.sink_status := NEW.sink_status;
    allowed.sink_reason := NEW.sink_reason;
    allowed.sink_attempts := NEW.sink_attempts;
    allowed.sink_at := NEW.sink_at;
    allowed.sink_topic := NEW.sink_topic;
    allowed.sink_partition := NEW.sink_partition;
    allowed.sink_offset := NEW.sink_offset;
    allowed.sink_next_at := NEW.sink_next_at;
    -- Byte by byte: as jsonb, 1.0 equals 1.
    IF NEW *= allowed THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'audit is append-only: % refused', TG_OP USING ERRCODE = 'FFA01';
END $$;

-- The records of a slot that wait for their delivery, in order, and those that hold back the later ones of their target.
DROP INDEX audit_unshipped_idx;
CREATE INDEX audit_pending_idx ON audit ((hashtextextended(target, 0) & 15), seq) WHERE sink_status = 'pending';
CREATE INDEX audit_held_idx ON audit (target) WHERE sink_status = 'failed' OR sink_next_at IS NOT NULL;

-- A slot is claimed, never a record. The token grows with each claim; lease_until is by the clock of this server.
CREATE TABLE ship_slots (
  slot smallint PRIMARY KEY,
  owner text COLLATE "C",
  token bigint NOT NULL DEFAULT 0,
  claimed_at instant,
  lease_until instant,
  -- Time for a send of the owner that began within the lease.
  send_ms integer,
  CONSTRAINT ship_slots_slot_known CHECK (slot BETWEEN 0 AND 15),
  CONSTRAINT ship_slots_owner_leased CHECK (num_nonnulls(owner, lease_until, send_ms) IN (0, 3))
);
INSERT INTO ship_slots (slot) SELECT generate_series(0, 15);

-- The service adds records, and says nothing of their delivery. Where it had the whole table, here rather than in a later
-- transaction, so that it can write at each moment. It needs no more without these columns, so that down leaves it.
DO $$ BEGIN
  IF has_table_privilege(to_regrole('ff_app')::oid, 'audit', 'INSERT') THEN
    REVOKE INSERT ON audit FROM ff_app;
    GRANT INSERT (seq, audit_id, occurred_at, actor, auth_mode, action, outcome, target, before, after, request_id,
      approval_ref, phase, prev_hash, hash) ON audit TO ff_app;
  END IF;
END $$;

-- ff:down
LOCK TABLE audit, ship_slots IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  IF EXISTS (SELECT FROM audit WHERE sink_topic IS NOT NULL) THEN
    RAISE EXCEPTION 'places of delivered audit records would be lost' USING ERRCODE = 'FFM01';
  END IF;
END $$;
DROP TABLE ship_slots;
DROP INDEX audit_held_idx;
DROP INDEX audit_pending_idx;
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND
     -- As texts: to jsonb, 1.0 equals 1.
     (to_jsonb(NEW) - '{sink_status,sink_reason,sink_attempts,sink_at}'::text[])::text =
     (to_jsonb(OLD) - '{sink_status,sink_reason,sink_attempts,sink_at}'::text[])::text THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit is append-only: % refused', TG_OP USING ERRCODE = 'FFA01';
END $$;
ALTER TABLE audit DROP COLUMN sink_next_at, DROP COLUMN sink_offset, DROP COLUMN sink_partition, DROP COLUMN sink_topic;
CREATE INDEX audit_unshipped_idx ON audit (seq) WHERE sink_status <> 'delivered';
