import { cp } from 'node:fs/promises'

/** The place of the revision in the image of a tenant's override, from 0. */
const REVISION_AT = 8

/**
 * The planted fault of I2 on a database: the row images that the mirror copies have revision 1, as those of a mirror that
 * counts revisions anew.
 */
export const FIRST_REVISIONS_SQL = `
CREATE FUNCTION ff.image_counts_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.image := jsonb_set(NEW.image::jsonb, '{${REVISION_AT}}', '1')::json;
  RETURN NEW;
END $$;
CREATE TRIGGER image_counts_anew BEFORE INSERT ON ff.change_log
  FOR EACH ROW EXECUTE FUNCTION ff.image_counts_anew();`

/** The folder of a file store as a mirror that is switched off leaves it: a copy of now. */
export async function copyWithoutMirror(folder: string): Promise<string> {
  const copy = `${folder}-without-mirror`
  await cp(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return copy
}
