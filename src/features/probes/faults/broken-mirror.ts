import { cp } from 'node:fs/promises'

/** The places of the value and of the revision in the image of a tenant's override, from 0. */
const [VALUE_AT, REVISION_AT] = [2, 8]
/** Has each row image that the mirror copies from now on hold a number at a place. */
const spoilImages = (at: number, value: number): string => `
CREATE FUNCTION ff.image_is_spoiled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.image := jsonb_set(NEW.image::jsonb, '{${at}}', '${value}')::json;
  RETURN NEW;
END $$;
CREATE TRIGGER image_is_spoiled BEFORE INSERT ON ff.change_log
  FOR EACH ROW EXECUTE FUNCTION ff.image_is_spoiled();`

/**
 * The planted fault of I2 on a database: the row images that the mirror copies have revision 1, as those of a mirror that
 * counts revisions anew.
 */
export const FIRST_REVISIONS_SQL = spoilImages(REVISION_AT, 1)

/**
 * The planted fault of I1: the row images that the mirror copies have the values of before, so that the file is an older one
 * when it takes over again.
 */
export const OLDER_ROWS_SQL = spoilImages(VALUE_AT, 0)

/** The planted fault of I1: the database decides no change of authority. May be planted again. */
export const DISABLED_SWITCH_SQL = `
CREATE OR REPLACE FUNCTION ff.switch_is_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a planted fault refuses the phase %', NEW.phase;
END $$;
CREATE OR REPLACE TRIGGER switch_is_disabled BEFORE UPDATE ON ff.phase
  FOR EACH ROW WHEN (
    (OLD.phase IN ('db_authoritative', 'complete')) <> (NEW.phase IN ('db_authoritative', 'complete'))
  ) EXECUTE FUNCTION ff.switch_is_disabled();`

/** The folder of a file store as a mirror that is switched off leaves it: a copy of now. */
export async function copyWithoutMirror(folder: string): Promise<string> {
  const copy = `${folder}-without-mirror`
  await cp(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return copy
}

/** The planted fault of C3: the database takes no further record, so that nothing repairs what it lacks. */
export const REFUSED_RECORDS_SQL = `
CREATE FUNCTION ff.record_is_refused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a planted fault refuses the record %', NEW.seq;
END $$;
CREATE TRIGGER record_is_refused BEFORE INSERT ON ff.audit
  FOR EACH ROW EXECUTE FUNCTION ff.record_is_refused();`

/** The planted fault of C3: the database takes the records of a change, and another value for its row. */
export const OTHER_ROWS_SQL = `
CREATE FUNCTION ff.row_is_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.value := '-1';
  RETURN NEW;
END $$;
CREATE TRIGGER row_is_another BEFORE INSERT OR UPDATE ON ff.tenant_override
  FOR EACH ROW EXECUTE FUNCTION ff.row_is_another();`

/** The planted fault of C3: holds the database's records back for ten seconds. */
export const HELD_RECORDS_SQL = `BEGIN; LOCK TABLE ff.audit IN SHARE MODE; SELECT pg_sleep(10); COMMIT`
