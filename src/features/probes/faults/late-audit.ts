import type { AuditRecord } from '../../../core/audit/record.ts'

/**
 * The planted fault of G1 on a database: triggers write the audit record of each change together with the next one, so
 * outside the transaction of its own change. The last change never has a record.
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

/**
 * Plants the fault of late audit records on a file store, where one line holds a change and its record: returns the
 * records without those of the first and the last change and without boundaries, and with that of the second change
 * twice, as a retry writes it. Empty for at most one change.
 */
export function withLateRecords(records: readonly AuditRecord[]): readonly AuditRecord[] {
  const [, second, ...more] = records.filter(({ action }) => action !== 'audit.boundary')
  return second === undefined ? [] : [second, second, ...more.slice(0, -1)]
}
