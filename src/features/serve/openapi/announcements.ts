import type { ServiceCode } from '../../../core/http-api/problems.ts'
import { ANY_CODES, BODY_CODES, READ_CODES, SCOPED_CODES, STRICT_CODES } from './codes.ts'

const ANSWERS = {
  200: { what: 'It is recorded, and every instance will hear of it.', schemas: ['announced'] },
}
const REFUSALS: readonly ServiceCode[] = [
  ...ANY_CODES,
  ...SCOPED_CODES,
  ...READ_CODES,
  ...BODY_CODES,
  ...STRICT_CODES,
  'actor_missing',
  'target_read_only',
  'disk_full',
  'row_refused',
]
const TOO_MANY: ServiceCode = 'too_many_invalidations'

/** The descriptions of the routes that tell every instance something, as in OPERATIONS. */
export const ANNOUNCEMENT_OPERATIONS = {
  'cache.invalidate': {
    summary: 'Has every instance drop cached rows and decisions, or fetch its key set once more.',
    who: ['ff:operator'],
    body: ['cache-invalidation'],
    answers: ANSWERS,
    refusals: [...REFUSALS, TOO_MANY],
  },
  'approvals.changed': {
    summary:
      'Takes it from Admin that an approval has changed: its checks in flight are asked again.',
    who: ['ff:approval:notify'],
    body: ['approval-changed'],
    answers: ANSWERS,
    refusals: REFUSALS,
  },
}
