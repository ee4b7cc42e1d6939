import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { canonicalizeObject, parseSignedDocument } from './read-document.ts'
import { makeFault, type SignoffFault, type SignoffRefusalCode } from './refusals.ts'
import { verifySignature } from './signature.ts'
import type {
  Envelope,
  ShapeResult,
  SignoffDependencies,
  TrustFile,
  VerifiedSignature,
  Withdrawals,
} from './types.ts'

/**
 * The text that a signer signs to withdraw from a statement, in RFC 8785 form.
 *
 * @param statement SHA-256 of the statement's bytes
 */
export const formatWithdrawal = (statement: string): string =>
  canonicalizeObject({ kind: 'withdrawal', schemaVersion: 1, statement })

/** The text of withdrawals.json: RFC 8785 with a line feed. No other spelling counts. */
export const formatWithdrawals = (withdrawals: readonly Envelope[]): string => {
  const file: Withdrawals = { kind: 'withdrawals', schemaVersion: 1, withdrawals }
  return `${canonicalizeObject(file)}\n`
}

/** Parses withdrawals.json; on failure returns the first fault as text. Verifies no signature. */
export function parseWithdrawals(
  text: string,
  tools: Pick<SignoffDependencies, 'shape'>,
): ShapeResult<Withdrawals> {
  const read = parseSignedDocument('withdrawals', text, tools)
  return read.ok && formatWithdrawals(read.value.withdrawals) !== text
    ? { ok: false, detail: 'it has another spelling than ff signoff withdraw writes' }
    : read
}

export interface WithdrawalContext {
  /** Text of withdrawals.json; null where the file is missing. */
  readonly text: string | null
  /** SHA-256 of the statement that is judged. */
  readonly statement: string
  readonly signed: readonly VerifiedSignature[]
  readonly trust: TrustFile
  readonly now: Instant
}

/**
 * `signature_withdrawn` where one of the people who signed the statement withdrew, `withdrawal_invalid` for a withdrawal
 * that does not verify, else null. One by a key that the trust file no longer accepts is passed over where it is about
 * another statement: its signer may have left.
 */
export function findWithdrawalFault(
  context: WithdrawalContext,
  tools: SignoffDependencies,
): SignoffFault | null {
  if (context.text === null) return null
  const read = parseWithdrawals(context.text, tools)
  if (!read.ok) return makeFault('withdrawal_invalid', read.detail)
  for (const envelope of read.value.withdrawals) {
    const found = judgeWithdrawal(envelope, context, tools)
    if (found !== null) return found
  }
  return null
}

/**
 * The SHA-256 of each withdrawal in RFC 8785 form, in the order of the file; a withdrawal that does not verify is left
 * out, but not one by a key that the trust file no longer accepts. Empty without a file.
 */
export function listWithdrawals(
  { text, trust, now }: Pick<WithdrawalContext, 'text' | 'trust' | 'now'>,
  tools: SignoffDependencies,
): readonly string[] {
  const read = text === null ? null : parseWithdrawals(text, tools)
  if (read?.ok !== true) return []
  const context = { text, trust, now, statement: '', signed: [] }
  return read.value.withdrawals
    .filter((envelope) => judgeWithdrawal(envelope, context, tools) === null)
    .map((envelope) => tools.sha256(canonicalizeObject(envelope)))
}

/**
 * The people who have withdrawn from a statement, by withdrawals that verify. Empty without a file, and for one that is
 * not valid.
 */
export function listWithdrawn(
  { text, statement, trust, now }: Omit<WithdrawalContext, 'signed'>,
  tools: SignoffDependencies,
): readonly string[] {
  const read = text === null ? null : parseWithdrawals(text, tools)
  if (read?.ok !== true) return []
  return read.value.withdrawals
    .filter((envelope) => readStatement(envelope, tools) === statement)
    .flatMap(({ payload, signatures }) =>
      signatures.flatMap((one) => {
        const typ = 'ff-withdrawal+jws'
        const checked = verifySignature(one, { payload, typ, trust, now }, tools)
        return checked.ok ? [checked.value.person] : []
      }),
    )
}

function judgeWithdrawal(
  envelope: Envelope,
  { statement, signed, trust, now }: WithdrawalContext,
  tools: SignoffDependencies,
): SignoffFault | null {
  const { payload, signatures } = envelope
  const about = readStatement(envelope, tools)
  const [signature] = signatures
  if (about === null || signature === undefined || signatures.length > 1)
    return makeFault('withdrawal_invalid', 'it is not in the form that ff signoff withdraw writes')
  const typ = 'ff-withdrawal+jws'
  const checked = verifySignature(signature, { payload, typ, trust, now }, tools)
  const here = about === statement
  if (!checked.ok) {
    const { code, detail } = checked.fault
    const passed = !here && LEFT.has(code)
    return passed ? null : makeFault('withdrawal_invalid', `${code}: ${detail}`)
  }
  const { person } = checked.value
  return here && signed.some((one) => one.person === person)
    ? makeFault('signature_withdrawn', `${person}, ${statement}`)
    : null
}

/** The faults of a valid withdrawal whose signer or key has left the trust file. */
const LEFT: ReadonlySet<SignoffRefusalCode> = new Set([
  'key_unknown',
  'key_revoked',
  'key_outside_window',
  'role_not_of_signer',
  'person_not_of_signer',
])

/** The SHA-256 of the statement that a withdrawal names; null for a payload in another form. */
function readStatement({ payload }: Envelope, { decode }: SignoffDependencies): string | null {
  const text = decodeUtf8OrNull(decode(payload) ?? new Uint8Array())
  const statement = text === null ? undefined : /"statement":"([0-9a-f]{64})"/.exec(text)?.[1]
  return statement !== undefined && text === formatWithdrawal(statement) ? statement : null
}
