import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { FfError } from '../../errors.ts'
import type { AuditSigner } from '../../ports/audit.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { readPublicKey } from '../signoff/trust.ts'

/** The key that signs heads, as the options name it. */
export interface SignerChoice {
  /** A runner's key file in PEM; ignored with `command`. */
  readonly key: string
  /** A program that signs; `runner` is then the public key file of its key. */
  readonly command: string | null
  readonly runner: string | null
}

/**
 * The signer of heads, with its public key: the key file, or with `command` the command and the key in the file
 * `runner`. The command is not run yet.
 *
 * @throws FfError `option_invalid` for a command without `runner`, `artefact_invalid` where that file is not a public
 *   key, `runner_key_invalid` for the key file
 */
export async function openSigner(
  { key, command, runner }: SignerChoice,
  adapters: Adapters,
): Promise<AuditSigner> {
  if (command === null) return adapters.auditSigner(key)
  if (runner === null)
    throw new FfError(
      'option_invalid',
      '--signer-cmd was given without --runner, so the public key of its signatures is unknown.',
      {
        hint: 'Add the public key file, for example `--runner .ff/runner.pub.json`.',
      },
    )
  const keys = await adapters.signoffKeys()
  const tools = createSignoffDependencies(keys.crypto)
  const { jwk } = await readPublicKey({ tools }, runner)
  return { jwk, sign: keys.byCommand(command) }
}
