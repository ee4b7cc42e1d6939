import { judgeChain } from '../../core/gate/chain.ts'
import type {
  EvidenceEntry,
  EvidenceLog,
  EvidenceLogs,
  UntrustedLog,
  WholeLog,
} from '../../core/gate/types.ts'
import type { EvidenceShapes, EvidenceTexts, LogTexts } from '../../ports/evidence.ts'
import { readHeadText } from './evidence-head.ts'
import { getLineReader } from './evidence-line.ts'
import { HEAD_FILE, LOG_FILE } from './log-files.ts'

/**
 * Verifies every log of a folder: `whole` with all of them (none for none), or `untrusted` with the first fault of
 * `judgeLog`. Two logs of one key are `evidence_forked`; a log in a folder of another name than its key is
 * `evidence_edited`. Does not check that a runner's key is trusted.
 */
export function judgeTexts(texts: EvidenceTexts, shapes: EvidenceShapes): EvidenceLogs {
  const judged = texts.map((one) => ({ name: one.kid, log: judgeLog(one, shapes) }))
  const logs: WholeLog[] = []
  for (const { name, log } of judged) {
    if (log.status === 'untrusted') return { ...log, detail: `${log.detail}, log ${name}` }
    if (logs.some(({ kid }) => kid === log.kid))
      return buildUntrusted('evidence_forked', `two logs of ${log.kid}`)
    logs.push(log)
  }
  const misnamed = judged.find(({ name, log }) => log.status === 'whole' && log.kid !== name)
  if (misnamed === undefined) return { status: 'whole', logs }
  return buildUntrusted('evidence_edited', `${misnamed.name} holds the log of another key`)
}

/**
 * Verifies the lines and the head of one log: `whole` with key, entries and head, or `untrusted` with the code of the
 * first fault: `evidence_missing` for a missing file or record, `evidence_edited` for a malformed head or line or a
 * wrong hash, `evidence_recomputed` for a signature or chain that does not fit, `evidence_reordered`, `evidence_cut`
 * where the head names more records, `evidence_forked` where it names another one. Only a log without a record may
 * lack its file of lines.
 */
export function judgeLog({ log, head }: LogTexts, shapes: EvidenceShapes): EvidenceLog {
  if (head === null) return buildUntrusted('evidence_missing', `${HEAD_FILE} is missing`)
  const signed = readHeadText(head, shapes.isHead)
  if (signed === null) return buildUntrusted('evidence_edited', HEAD_FILE)
  if (log === null && signed.head.seq > 0)
    return buildUntrusted('evidence_missing', `${LOG_FILE} is missing`)
  const reader = getLineReader(shapes.isLine)
  const entries: EvidenceEntry[] = []
  for (const [at, line] of (log ?? '').split('\n').slice(0, -1).entries()) {
    const read = reader.read(line)
    if (!read.ok) return buildUntrusted(`evidence_${read.fault}`, `line ${at + 1}`)
    entries.push(read.entry)
  }
  return judgeChain(entries, signed)
}

const buildUntrusted = (code: UntrustedLog['code'], detail: string): UntrustedLog => ({
  status: 'untrusted',
  code,
  detail,
})
