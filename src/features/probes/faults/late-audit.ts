import type { AuditRecord } from '../../../core/audit/record.ts'

/**
 * Makes a database write the record of each change with the one after it, and so outside the transaction of its own
 * change: there is always one that has none yet.
 */
export const LATE_AUDIT_SQL = `
CREATE TABLE ff.audit_late (LIKE ff.audit);
GRANT SELECT, INSERT, DELETE ON ff.audit_late TO ff_app;
CREATE FUNCTION ff.audit_comes_late() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kept ff.audit;
BEGIN
  DELETE FROM ff.audit_late RETURNING * INTO kept;
  INSERT INTO ff.audit_late SELECT NEW.*;
  IF kept.seq IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN kept;
END $$;
CREATE TRIGGER audit_comes_late BEFORE INSERT ON ff.audit
  FOR EACH ROW EXECUTE FUNCTION ff.audit_comes_late();`

/** The same of a file, where a line is a change with its record: the trail as it would then be read. */
export const withLateRecords = (records: readonly AuditRecord[]): readonly AuditRecord[] =>
  records.slice(0, -1)
