import { join } from 'node:path'
import { getLastRecord } from '../../core/gate/chain.ts'
import { compareLogs } from '../../core/gate/heads.ts'
import type { WholeLog } from '../../core/gate/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { replaceFile } from '../../files/replace-file.ts'
import type { EvidenceShapes, ImportedLog, LogTexts } from '../../ports/evidence.ts'
import { withLock, writeHeadFile } from './evidence-log.ts'
import { judgeLog } from './judge-texts.ts'
import { LOG_FILE, readEvidence, readLogBytes, toLogTexts } from './log-files.ts'

interface OtherLog {
  readonly texts: LogTexts
  readonly log: WholeLog
}

/**
 * Takes over logs: `from` is an evidence folder, or the folder of one log. A log that continues the one of its key
 * here replaces it; the same log or a shorter part changes nothing. All logs are verified and compared before the
 * first is written; each is written under its lock.
 * @returns for each log, in the order of their names, its key, whether it was written (`extended`), and number and
 * hash of its last record; empty where `from` holds no log or does not exist
 * @throws FfError `evidence_untrusted` for a damaged log on either side and for one whose head says less than the one
 * here, `evidence_forked` where neither log continues the other, `evidence_unreadable`, `evidence_old_form`,
 * `evidence_unwritable`, `disk_full`, `evidence_locked`, `backing_unavailable` without the command `flock`
 */
export async function importLogs(
  from: string,
  into: string,
  shapes: EvidenceShapes,
): Promise<readonly ImportedLog[]> {
  const own = toLogTexts(from, await readLogBytes(from))
  const texts = own.head === null ? await readEvidence(from) : [own]
  const others = texts.map((one) => ({ texts: one, log: requireWhole(one, { from, shapes }) }))
  for (const { log } of others) requireExtension(await readHere(log.kid, into, shapes), log)
  const done: ImportedLog[] = []
  for (const other of others) done.push(await importLog(other, into, shapes))
  return done
}

async function importLog(
  { texts, log }: OtherLog,
  into: string,
  shapes: EvidenceShapes,
): Promise<ImportedLog> {
  const { kid } = log
  const folder = join(into, kid)
  const isNew = async (): Promise<boolean> =>
    requireExtension(await readHere(kid, into, shapes), log)
  const last = getLastRecord(log.entries)
  // Without a lock where nothing changes: the folder may be read-only then.
  if (!(await isNew())) return { kid, extended: false, ...last }
  return withLock(folder, async (lock) => {
    // Compared again: a run may have appended meanwhile.
    const extended = await isNew()
    if (extended) {
      await replaceFile(join(folder, LOG_FILE), texts.log ?? '', { mode: 0o600 })
      await writeHeadFile(folder, texts.head ?? '')
    }
    await lock.close()
    return { kid, extended, ...last }
  })
}

/** The log of a key that is here; null where there is none. */
async function readHere(
  kid: string,
  into: string,
  shapes: EvidenceShapes,
): Promise<WholeLog | null> {
  const texts = (await readEvidence(into)).find((one) => one.kid === kid)
  return texts === undefined ? null : requireWhole(texts, { from: into, shapes })
}

function requireWhole(
  texts: LogTexts,
  { from, shapes }: { readonly from: string; readonly shapes: EvidenceShapes },
): WholeLog {
  const log = judgeLog(texts, shapes)
  if (log.status === 'whole') return log
  throw new FfError(
    'evidence_untrusted',
    `Nothing was imported: the log ${texts.kid} in ${quoteValue(from)} is damaged: ${log.code}, ${log.detail}.`,
    {
      hint: 'Keep the folder aside for an investigation, and fetch the log from its runner again.',
    },
  )
}

/** Whether a log continues the one here. @throws FfError `evidence_forked`, `evidence_untrusted` */
function requireExtension(here: WholeLog | null, other: WholeLog): boolean {
  const compared = compareLogs(here, other)
  if (compared.ok) return compared.extends
  throw new FfError(
    compared.code === 'evidence_forked' ? compared.code : 'evidence_untrusted',
    `Nothing was imported: the log ${other.kid} does not continue the one here: ${compared.code}, ${compared.detail}.`,
    { hint: 'Keep both folders aside for an investigation, and give the runner a new key.' },
  )
}
