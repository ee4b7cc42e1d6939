import type { AuditChainHead } from '../../core/audit/record.ts'
import type { ServiceStore } from '../../ports/store.ts'

/** How long a store may take to answer before it counts as down. */
const STORE_MS = 1_000

/** The end of the chain, or why there was no answer: a code, or `timeout`. */
export type StoreProbe =
  | { readonly head: AuditChainHead; readonly fault: null }
  | { readonly head: null; readonly fault: string }

/** Asks a store for the little that only one that works can say. */
export async function probeStore(store: Pick<ServiceStore, 'auditHead'>): Promise<StoreProbe> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<StoreProbe>((resolve) => {
    timer = setTimeout(() => resolve({ head: null, fault: 'timeout' }), STORE_MS)
  })
  const asked = store.auditHead().then(
    (head): StoreProbe => ({ head, fault: null }),
    (error: unknown): StoreProbe => ({ head: null, fault: getErrorCode(error) }),
  )
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
const getErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'internal'
