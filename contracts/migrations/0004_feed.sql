-- What each change did, by the number of its audit record: which copies of which rows are out of date, and the row itself.

-- ff:up
-- A row stays for a day at least; the owner may delete older ones (retention).
CREATE FUNCTION feed_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.recorded_at < now() - interval '24 hours' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'FFA01';
END $$;

CREATE TABLE feed (
  seq bigint PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  -- As in the audit record.
  target text COLLATE "C" NOT NULL,
  -- The row before this one, 0 for none: a reader that has not seen it has missed something.
  prev bigint NOT NULL,
  recorded_at instant NOT NULL DEFAULT now(),
  CONSTRAINT feed_kind_known CHECK (kind IN ('flag', 'tenant_override', 'user_override', 'global', 'approval', 'jwks')),
  CONSTRAINT feed_prev_earlier CHECK (prev >= 0 AND prev < seq)
);
CREATE INDEX feed_global_idx ON feed (seq) WHERE kind = 'global';
CREATE TRIGGER feed_rows_stay BEFORE UPDATE OR DELETE ON feed
  FOR EACH ROW EXECUTE FUNCTION feed_is_append_only();
CREATE TRIGGER feed_table_stays BEFORE TRUNCATE ON feed
  FOR EACH STATEMENT EXECUTE FUNCTION feed_is_append_only();

CREATE TABLE change_log (
  seq bigint PRIMARY KEY,
  target text COLLATE "C" NOT NULL,
  revision revision NOT NULL,
  -- The columns of the row as stored, in their order, tombstones too: audit records hold digests of sensitive values.
  image json NOT NULL,
  -- Names a write across stores and retries.
  op_id text COLLATE "C",
  recorded_at instant NOT NULL DEFAULT now()
);
CREATE INDEX change_log_target_idx ON change_log (target, revision);
CREATE UNIQUE INDEX change_log_op_id_key ON change_log (op_id) WHERE op_id IS NOT NULL;
CREATE TRIGGER change_log_rows_stay BEFORE UPDATE OR DELETE ON change_log
  FOR EACH ROW EXECUTE FUNCTION feed_is_append_only();
CREATE TRIGGER change_log_table_stays BEFORE TRUNCATE ON change_log
  FOR EACH STATEMENT EXECUTE FUNCTION feed_is_append_only();

-- Lists of a flag's overrides follow their ids.
DROP INDEX tenant_override_flag_idx;
CREATE INDEX tenant_override_flag_idx ON tenant_override (flag_key, tenant_id);
DROP INDEX user_override_flag_idx;
CREATE INDEX user_override_flag_idx ON user_override (flag_key, user_id);

-- ff:down
LOCK TABLE feed, change_log IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  IF EXISTS (SELECT FROM change_log) THEN
    RAISE EXCEPTION 'earlier revisions would be lost' USING ERRCODE = 'FFM01';
  END IF;
END $$;
DROP TABLE change_log;
DROP TABLE feed;
DROP FUNCTION feed_is_append_only();
DROP INDEX user_override_flag_idx;
CREATE INDEX user_override_flag_idx ON user_override (flag_key);
DROP INDEX tenant_override_flag_idx;
CREATE INDEX tenant_override_flag_idx ON tenant_override (flag_key);
