-- The cutover: the phase record, the instances that serve, how far the file has followed, and what a named write was.

-- ff:up
-- The database's copy of the phase record. None before the first cutover.
CREATE TABLE phase (
  only_row boolean NOT NULL DEFAULT true,
  epoch bigint NOT NULL,
  phase text COLLATE "C" NOT NULL,
  armed boolean NOT NULL,
  attempt bigint NOT NULL,
  -- Identity of the database whose chain continues the file's.
  database text COLLATE "C",
  survivor text COLLATE "C" NOT NULL,
  scratch boolean NOT NULL,
  drill_ends_at instant,
  closed boolean NOT NULL,
  CONSTRAINT phase_pkey PRIMARY KEY (only_row),
  CONSTRAINT phase_only_row CHECK (only_row),
  CONSTRAINT phase_epoch_counts CHECK (epoch >= 1 AND attempt >= 1),
  CONSTRAINT phase_phase_known CHECK (phase IN ('file', 'dual_write', 'shadow_read', 'db_authoritative', 'complete')),
  CONSTRAINT phase_survivor_known CHECK (survivor IN ('file', 'database'))
);
-- An older record never replaces a newer one: of two copies the one with the higher epoch decides.
CREATE FUNCTION phase_only_advances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  open record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    open := NEW;
    open.closed := OLD.closed;
    IF NEW.scratch = OLD.scratch AND NEW.closed >= OLD.closed AND (NEW.epoch > OLD.epoch OR open *= OLD) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the phase record only advances: % refused', TG_OP USING ERRCODE = 'FFC01';
END $$;
CREATE TRIGGER phase_row_advances BEFORE UPDATE OR DELETE ON phase
  FOR EACH ROW EXECUTE FUNCTION phase_only_advances();
CREATE TRIGGER phase_table_stays BEFORE TRUNCATE ON phase
  FOR EACH STATEMENT EXECUTE FUNCTION phase_only_advances();

-- A lease is counted by the renewals that an observer sees, on its own clock; renewed_at is for people.
CREATE TABLE cutover_instances (
  id text COLLATE "C" NOT NULL,
  counter bigint NOT NULL,
  epoch bigint NOT NULL,
  host text COLLATE "C" NOT NULL,
  pid bigint NOT NULL,
  code text COLLATE "C" NOT NULL,
  schema_head integer NOT NULL,
  configuration text COLLATE "C" NOT NULL,
  renewed_at instant NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT cutover_instances_pkey PRIMARY KEY (id)
);

-- How far the file has followed, with the counters of the instances that its writer has read.
CREATE TABLE cutover_mirror (
  only_row boolean NOT NULL DEFAULT true,
  epoch bigint NOT NULL,
  server text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  counters json NOT NULL,
  published_at instant NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT cutover_mirror_pkey PRIMARY KEY (only_row),
  CONSTRAINT cutover_mirror_only_row CHECK (only_row)
);

-- Beside op_id: what the request was, so that a name that is used for another one is noticed.
ALTER TABLE change_log ADD COLUMN request_digest text COLLATE "C";

-- ff:down
LOCK TABLE phase, change_log IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  IF EXISTS (SELECT FROM phase) THEN
    RAISE EXCEPTION 'the phase record would be lost' USING ERRCODE = 'FFM01';
  END IF;
END $$;
ALTER TABLE change_log DROP COLUMN request_digest;
DROP TABLE cutover_mirror;
DROP TABLE cutover_instances;
DROP TABLE phase;
DROP FUNCTION phase_only_advances();
