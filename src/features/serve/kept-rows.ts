import { nameEnvironment } from '../../core/auth/environment.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { type SnapshotRead, SnapshotFile } from './kept-snapshot.ts'
import type { LastKnownGood, LastKnownLimits, RestoredRows } from './last-known-good.ts'
import { readDigestKey } from './secret-file.ts'
import { SnapshotSaver } from './snapshot-saver.ts'
import { makeSettingError } from './start-plan.ts'

/** The rows of an earlier process, and the file that keeps those of this one; each null where there is none. */
export interface KeptRows {
  readonly restored: RestoredRows | null
  readonly file: SnapshotFile | null
}

const WARNINGS: Readonly<Record<Extract<SnapshotRead, { ok: false }>['fault'], string | null>> = {
  missing: null,
  foreign:
    'the snapshot in FF_SNAPSHOT_DIR is of another environment or database; it is not used, and not replaced',
  damaged: 'the snapshot in FF_SNAPSHOT_DIR is damaged or sealed with another key; it is not used',
  too_large: 'the snapshot in FF_SNAPSHOT_DIR is larger than FF_SNAPSHOT_MAX_BYTES; it is not used',
}

/**
 * Reads the snapshot of FF_SNAPSHOT_DIR; null without that setting, and for a store other than a database. A snapshot
 * that cannot be used is logged; one of another environment or database is left in place, and none is kept.
 *
 * @throws FfError `setting_invalid` without FF_AUDIT_DIGEST_KEY_FILE, or for its file
 */
export async function openKeptRows(
  {
    settings,
    now,
    log,
  }: { readonly settings: SettingValues; readonly now: () => Date; readonly log: ServiceLog },
  target: TargetSpec | null,
  { max_bytes }: Pick<LastKnownLimits, 'max_bytes'>,
): Promise<KeptRows | null> {
  const { FF_SNAPSHOT_DIR, FF_AUDIT_DIGEST_KEY_FILE } = settings
  if (FF_SNAPSHOT_DIR === null || target?.kind !== 'postgres') return null
  if (FF_AUDIT_DIGEST_KEY_FILE === null)
    throw makeSettingError(
      'FF_SNAPSHOT_DIR is set, and FF_AUDIT_DIGEST_KEY_FILE is not: the rows on disk are sealed with a key of its own.',
      'Run `openssl rand -out digest.key 32 && chmod 600 digest.key && export FF_AUDIT_DIGEST_KEY_FILE=digest.key`.',
    )
  const file = new SnapshotFile(FF_SNAPSHOT_DIR, {
    place: { environment: nameEnvironment(settings), store: target.name },
    key: await readDigestKey(FF_AUDIT_DIGEST_KEY_FILE),
    max_bytes,
    now: () => now().getTime(),
  })
  try {
    const read = await file.load()
    if (read.ok)
      return { restored: { rows: read.rows, asOf: performance.now() - read.age_ms }, file }
    const warning = WARNINGS[read.fault]
    if (warning !== null) log.warn({ fault: read.fault }, warning)
    return { restored: null, file: read.fault === 'foreign' ? null : file }
  } catch (error) {
    log.error({ code: getErrorCode(error) }, 'cannot read the snapshot in FF_SNAPSHOT_DIR')
    return { restored: null, file }
  }
}

/** Begins to keep the last known rows in the file; a failed save is logged. */
export const createSaver = (
  file: SnapshotFile,
  lastKnown: LastKnownGood,
  { stale_max_ms, log }: Pick<LastKnownLimits, 'stale_max_ms'> & { readonly log: ServiceLog },
): SnapshotSaver =>
  new SnapshotSaver({
    keep: () => lastKnown.keep(),
    save: (content) => file.save(content),
    stale_max_ms,
    failed: (error) =>
      log.error({ code: getErrorCode(error) }, 'cannot save the snapshot in FF_SNAPSHOT_DIR'),
  })
