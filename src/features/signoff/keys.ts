import { isScopeId } from '../../core/rows/grammar.ts'
import type { PublicKey } from '../../core/signoff/types.ts'
import { FfError } from '../../errors.ts'
import type { SignoffContext } from './context.ts'
import { readKey, requireTerminal } from './signing-key.ts'

/** Long enough that scrypt outlasts whoever has the file. */
const MIN_PASSPHRASE = 12

/** `ff key new`: asks for a passphrase twice and writes a sealed key. @returns what may be shown of it */
export async function newKey(
  context: Pick<SignoffContext, 'terminal' | 'keys'>,
  path: string,
  owner: { readonly person: string; readonly name: string },
): Promise<PublicKey> {
  if (!isScopeId(owner.person) || owner.name === '')
    throw new FfError('option_invalid', `"${owner.person}" is no id of a person, or has no name.`, {
      hint: 'Give --person with letters, digits, . _ @ and -, and --name.',
    })
  const terminal = requireTerminal(context)
  const passphrase = await terminal.secret(`New passphrase for ${owner.person}:`)
  if (passphrase.length < MIN_PASSPHRASE)
    throw new FfError('passphrase_weak', 'The passphrase is too short.', {
      hint: `Take at least ${MIN_PASSPHRASE} characters: five random words do well.`,
    })
  if ((await terminal.secret('The same again:')) !== passphrase)
    throw new FfError('passphrase_wrong', 'The two passphrases are not the same.', {
      hint: 'Nothing was written; try again.',
    })
  const file = await context.keys.make(owner, passphrase)
  await context.keys.write(path, file)
  return toPublicKey(file)
}

/** `ff key show`: what a trust file needs of a key. */
export const showKey = async (
  context: Pick<SignoffContext, 'keys' | 'tools'>,
  path: string,
): Promise<PublicKey> => toPublicKey(await readKey(context, path))

const toPublicKey = ({
  person,
  name,
  kid,
  jwk,
}: Omit<PublicKey, 'kind' | 'schemaVersion'>): PublicKey => ({
  kind: 'public_key',
  schemaVersion: 1,
  person,
  name,
  kid,
  jwk,
})
