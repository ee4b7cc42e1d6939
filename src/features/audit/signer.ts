import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { FfError } from '../../errors.ts'
import type { AuditSigner } from '../../ports/audit.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { readPublicKey } from '../signoff/trust.ts'

/** With which key heads are signed, as it was named. */
export interface SignerChoice {
  /** A runner's key file; not looked at where a program signs. */
  readonly key: string
  /** A program that signs, with the file of the public key it signs by. */
  readonly command: string | null
  readonly runner: string | null
}

/** @throws FfError `runner_key_invalid`, `option_invalid`, `artefact_invalid` */
export async function openSigner(
  { key, command, runner }: SignerChoice,
  adapters: Adapters,
): Promise<AuditSigner> {
  if (command === null) return adapters.auditSigner(key)
  if (runner === null)
    throw new FfError('option_invalid', '--signer-cmd does not say whose key it signs with.', {
      hint: 'Name its public half with --runner.',
    })
  const keys = await adapters.signoffKeys()
  const tools = createSignoffDependencies(keys.crypto)
  const { jwk } = await readPublicKey({ tools }, runner)
  return { jwk, sign: keys.byCommand(command) }
}
