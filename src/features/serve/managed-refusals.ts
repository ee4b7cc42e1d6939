import type { WriteAnswer } from '../../core/cutover/write.ts'
import { FfError } from '../../errors.ts'
import type { CarriedOut } from '../../ports/cutover.ts'

/** A change that is in effect, or may be, without being acknowledged. */
export class UnsettledChange extends FfError {
  /** Number of its audit record, and revision of its row where it has one. */
  readonly seq: number
  readonly revision: number | null

  constructor(seq: number, revision: number | null) {
    super('mirror_behind', `The change ${seq} is in effect, and not on both sides yet.`, {
      hint: 'Repeat the request with its Idempotency-Key until it is acknowledged.',
    })
    this.seq = seq
    this.revision = revision
  }
}

const REFUSALS: Readonly<
  Record<
    Extract<WriteAnswer, { status: 'refused' }>['why'],
    readonly [message: string, hint: string]
  >
> = {
  no_record: [
    'This instance has read no record of the cutover yet.',
    'Read what /health/ready says, and try again.',
  ],
  not_on_file_host: [
    'In this phase decisions are served from the file, which this instance does not have.',
    'Send requests to the instances on the host of the file, or set FF_STORE_DIR there.',
  ],
  lease_over: [
    'The lease of this instance in the cutover has run out.',
    'Send the request to another instance; read what /health/ready says.',
  ],
  in_doubt: [
    'A step of the cutover is under way, and PostgreSQL cannot be asked whether it was decided.',
    'Run `ff cutover status`.',
  ],
  behind: [
    'The store lacks changes that this instance has served.',
    'Run `ff cutover status`; the writer fills the store up.',
  ],
  not_writer: [
    'The writer has not compared both sides under this phase yet.',
    'Try again in a second; run `ff cutover status` where it stays.',
  ],
  no_consent: [
    'The writer on the host of the file has not published for a lease.',
    'Try again in a second; run `ff cutover status` where it stays.',
  ],
  backing_unavailable: [
    'The store cannot be reached.',
    'Read what /health/ready says about the store.',
  ],
  switching: ['The cutover is taking a step.', 'Try again in a second.'],
}
/** The error of a write or decision that the protocol refuses. */
export const makeRefusal = (why: keyof typeof REFUSALS): FfError => {
  const [message, hint] = REFUSALS[why]
  const code = why === 'not_on_file_host' ? 'phase_refused' : 'backing_unavailable'
  return new FfError(code, message, { hint })
}

/** The error of an answer that is no acknowledgement. */
export function makeAnswerError({ answer, result }: CarriedOut): FfError {
  switch (answer.status) {
    case 'refused':
      return makeRefusal(answer.why)
    case 'mirror_behind': {
      const row = result !== null && 'row' in result ? result.row : null
      return new UnsettledChange(answer.seq, row?.revision ?? null)
    }
    case 'idempotency_key_reused':
      return new FfError('idempotency_key_reused', 'Another request was made under this key.', {
        hint: 'Send a new Idempotency-Key with each new request.',
      })
    case 'outcome_unknown':
    case 'acknowledged':
      return new FfError('outcome_unknown', 'Whether the change was made is not known.', {
        hint: 'Repeat the request with its Idempotency-Key, or read the row.',
      })
  }
}
