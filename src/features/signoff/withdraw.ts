import { join } from 'node:path'
import { parseEnvelope } from '../../core/signoff/envelope.ts'
import type { Envelope } from '../../core/signoff/types.ts'
import {
  formatWithdrawal,
  formatWithdrawals,
  listWithdrawn,
  parseWithdrawals,
} from '../../core/signoff/withdrawals.ts'
import { FfError } from '../../errors.ts'
import { readFileIfPresent, SIGNOFF_FILES, writeBelow } from '../team-folder/signoff-files.ts'
import type { SignoffContext } from './context.ts'
import { withFolderLock } from './folder-lock.ts'
import { requireCurrentTrust } from './rotate-trust.ts'
import {
  requireTerminal,
  resolveSigningKey,
  signAndVerify,
  type SigningKeyChoice,
} from './signing-key.ts'

/** Who has withdrawn from which statement, by its SHA-256. */
export interface Withdrawal {
  readonly person: string
  readonly statement: string
  /** Whether the withdrawal was there before; nothing is asked then. */
  readonly isDone: boolean
}

/**
 * `ff signoff withdraw`: one signer ends their own signature under the present statement, for good; a new request
 * may be signed. Asks, signs, and adds the withdrawal to `checklists/withdrawals.json`; asks and writes nothing
 * where it is there already. An expired trust file is enough.
 *
 * @throws FfError `terminal_missing`, `trust_refused`, `nothing_to_check` without a readable sign-off,
 *   `not_attested`, `artefact_invalid`, `output_failed`, `signoff_locked`, `signoff_unwritable`, and the errors of
 *   the key and its signer
 */
export async function withdrawSignoff(
  context: SignoffContext,
  choice: SigningKeyChoice,
): Promise<Withdrawal> {
  const terminal = requireTerminal(context)
  const trust = requireCurrentTrust(context)
  const statement = findStatement(context)
  const signingKey = await resolveSigningKey(context, trust, choice)
  const { person, role } = signingKey.signer
  const { texts, tools, now } = context
  if (listWithdrawn({ text: texts.withdrawals, statement, trust, now }, tools).includes(person))
    return { person, statement, isDone: true }
  const answer = await terminal.ask(
    `Do you withdraw your signature as ${role} under the statement ${statement} for good, ${person}? (yes/no)`,
  )
  if (answer !== 'yes')
    throw new FfError('not_attested', 'Nothing was withdrawn.', {
      hint: 'Run `ff signoff withdraw` again to stop the GO.',
    })
  const payload = context.tools.encode(formatWithdrawal(statement))
  const toSign = { trust, payload, typ: 'ff-withdrawal+jws', attests: [] } as const
  const signature = await signAndVerify(context, signingKey, toSign)
  await withFolderLock(context, () => addWithdrawal(context, { payload, signatures: [signature] }))
  return { person, statement, isDone: false }
}

/** The SHA-256 of the present statement. @throws FfError `nothing_to_check` */
function findStatement({ texts, tools }: SignoffContext): string {
  const read = texts.signoff === null ? null : parseEnvelope(texts.signoff, tools)
  const bytes = read?.ok === true ? tools.decode(read.value.payload) : null
  if (bytes !== null) return tools.sha256(new TextDecoder().decode(bytes))
  throw new FfError(
    'nothing_to_check',
    `There is no sign-off to withdraw from: ${SIGNOFF_FILES.signoff} is missing or not a valid envelope.`,
    { hint: `See its history with \`git log -- ${SIGNOFF_FILES.signoff}\`, and restore it.` },
  )
}

async function addWithdrawal({ cwd, tools }: SignoffContext, added: Envelope): Promise<void> {
  const shown = SIGNOFF_FILES.withdrawals
  const text = await readFileIfPresent(join(cwd, shown), shown)
  const read = text === null ? null : parseWithdrawals(text, tools)
  if (read?.ok === false)
    throw new FfError('artefact_invalid', `${shown} is not a valid withdrawals file.`, {
      hint: `Restore it from \`git log -- ${shown}\`; as it is, the gate gives no GO.`,
      details: [read.detail],
    })
  const withdrawals = [...(read?.value.withdrawals ?? []), added]
  await writeBelow(cwd, shown, formatWithdrawals(withdrawals))
}
