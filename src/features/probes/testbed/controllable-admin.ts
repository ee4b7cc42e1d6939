import type { ApprovalService } from '../../../ports/admin.ts'

export type AdminFaultKind = 'none' | 'failing' | 'open'
export interface AdminFault {
  admin: AdminFaultKind
}

const BECOMES = { none: 'answered', failing: 'failed', open: 'refused' } as const

/** An Admin that knows no approval, and does as its holder has set. */
export function createControllableAdmin(fault: AdminFault): ApprovalService {
  const calls = { answered: 0, failed: 0, refused: 0 }
  return {
    begin: () => () => {
      calls[BECOMES[fault.admin]] += 1
      return Promise.resolve({ status: fault.admin === 'none' ? 'unknown' : 'unreachable' })
    },
    metrics: () => ({
      calls: { ...calls },
      breaker: fault.admin === 'open' ? 'open' : 'closed',
      sockets: 0,
    }),
    close: () => Promise.resolve(),
  }
}
