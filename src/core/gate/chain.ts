import type { ChainHead, EvidenceEntry, EvidenceLog } from './types.ts'

export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: '0'.repeat(64) }

/**
 * Judges whether entries that are valid one by one form the whole log: in order, without gaps, each linked to its
 * predecessor, and extending the head that is stored beside the log. Returns `whole` with the entries and their head
 * (`EMPTY_CHAIN` for none), else `untrusted` with the first of `evidence_reordered`, `evidence_missing`,
 * `evidence_recomputed` and `evidence_cut` and its record.
 */
export function judgeChain(entries: readonly EvidenceEntry[], storedHead: ChainHead): EvidenceLog {
  const places = entries.map(({ record }) => record.seq)
  const odd = places.findIndex((seq, at) => seq !== at + 1)
  if (odd !== -1) {
    const sorted = [...places].sort((a, b) => a - b)
    const shuffled = sorted.every((seq, at) => seq === at + 1)
    const code = shuffled ? 'evidence_reordered' : 'evidence_missing'
    return { status: 'untrusted', code, detail: `at record ${odd + 1}` }
  }
  const torn = entries.findIndex(
    ({ record }, at) => record.prev_hash !== (entries[at - 1]?.hash ?? EMPTY_CHAIN.hash),
  )
  if (torn !== -1)
    return { status: 'untrusted', code: 'evidence_recomputed', detail: `at record ${torn + 1}` }
  if (storedHead.seq > entries.length) {
    const detail = `${entries.length} of ${storedHead.seq} records are there`
    return { status: 'untrusted', code: 'evidence_cut', detail }
  }
  const [then] = [EMPTY_CHAIN.hash, ...entries.map(({ hash }) => hash)].slice(storedHead.seq)
  if (then !== storedHead.hash)
    return {
      status: 'untrusted',
      code: 'evidence_recomputed',
      detail: `at record ${storedHead.seq}`,
    }
  return { status: 'whole', entries, head: getHead(entries) }
}

const getHead = (entries: readonly EvidenceEntry[]): ChainHead =>
  entries.map(({ record: { seq }, hash }) => ({ seq, hash })).at(-1) ?? EMPTY_CHAIN
