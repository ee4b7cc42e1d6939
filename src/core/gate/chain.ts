import type { ChainHead, EvidenceEntry, EvidenceHead, EvidenceLog, UntrustedLog } from './types.ts'

export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: '0'.repeat(64) }

/**
 * Judges whether entries that are valid one by one form the whole log of a key: in order, without gaps, all
 * signed by it, each linked to its predecessor and never recorded before it, and extending the signed head beside the
 * log. Returns `whole` with kid, entries and head, else `untrusted` with the first of `evidence_reordered`,
 * `evidence_missing`, `evidence_recomputed`, `evidence_cut` and `evidence_forked`, and its record.
 */
export function judgeChain(
  entries: readonly EvidenceEntry[],
  { kid, head }: { readonly kid: string; readonly head: EvidenceHead },
): EvidenceLog {
  const broken = findOrderFault(entries) ?? findLinkFault(entries, kid) ?? findTimeFault(entries)
  if (broken !== null) return broken
  const unheld = findHeadFault(entries, head)
  return unheld ?? { status: 'whole', kid, entries, head }
}

function findOrderFault(entries: readonly EvidenceEntry[]): UntrustedLog | null {
  const places = entries.map(({ record }) => record.seq)
  const odd = places.findIndex((seq, at) => seq !== at + 1)
  if (odd === -1) return null
  const sorted = [...places].sort((a, b) => a - b)
  const shuffled = sorted.every((seq, at) => seq === at + 1)
  return at(shuffled ? 'evidence_reordered' : 'evidence_missing', odd + 1)
}

function findTimeFault(entries: readonly EvidenceEntry[]): UntrustedLog | null {
  const early = entries.findIndex(
    ({ record }, place) => record.recorded_at < (entries[place - 1]?.record.recorded_at ?? ''),
  )
  return early === -1 ? null : at('evidence_reordered', early + 1)
}

function findLinkFault(entries: readonly EvidenceEntry[], kid: string): UntrustedLog | null {
  const torn = entries.findIndex(
    ({ record, runner }, place) =>
      runner !== kid || record.prev_hash !== (entries[place - 1]?.hash ?? EMPTY_CHAIN.hash),
  )
  return torn === -1 ? null : at('evidence_recomputed', torn + 1)
}

/**
 * Whether a log holds the record that a head names: null where it does, `evidence_cut` where it ends before, and
 * `evidence_forked` where it holds another one: both are signed, so the key has two logs.
 */
export function findHeadFault(
  entries: readonly EvidenceEntry[],
  { seq, hash }: ChainHead,
): UntrustedLog | null {
  if (seq > entries.length) {
    const detail = `${entries.length} of ${seq} records are there`
    return { status: 'untrusted', code: 'evidence_cut', detail }
  }
  const then = seq === 0 ? EMPTY_CHAIN.hash : entries[seq - 1]?.hash
  return then === hash ? null : at('evidence_forked', seq)
}

const at = (code: UntrustedLog['code'], seq: number): UntrustedLog => ({
  status: 'untrusted',
  code,
  detail: `at record ${seq}`,
})

/**
 * Returns the sequence number and hash of the last entry of an evidence log; `EMPTY_CHAIN` for a log without
 * entries.
 */
export const getLastRecord = (entries: readonly EvidenceEntry[]): ChainHead =>
  entries.map(({ record: { seq }, hash }) => ({ seq, hash })).at(-1) ?? EMPTY_CHAIN
