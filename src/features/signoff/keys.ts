import type { PublicKey } from '../../core/signoff/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { SignoffContext } from './context.ts'
import { readKey, requireTerminal } from './signing-key.ts'

/** As in `contracts/schemas/gate-common.schema.json`: one person has one id. */
const isPersonId = (text: string): boolean => /^[a-z0-9][a-z0-9._@-]{0,127}$/.test(text)

/** In characters: with scrypt, enough against guessing by a thief of the key file. */
const MIN_PASSPHRASE = 12

/**
 * `ff key new`: asks twice for a passphrase and writes a key that is encrypted under it.
 *
 * @returns the public half
 * @throws FfError `option_invalid`, `terminal_missing`, `passphrase_weak` below 12 characters, `passphrase_wrong`
 *   where the two differ, `file_exists`, `output_failed`; no key is written then
 */
export async function newKey(
  context: Pick<SignoffContext, 'terminal' | 'keys'>,
  path: string,
  owner: { readonly person: string; readonly name: string },
): Promise<PublicKey> {
  if (!isPersonId(owner.person) || owner.name === '')
    throw new FfError(
      'option_invalid',
      `--person is ${quoteValue(owner.person)} and --name is ${quoteValue(owner.name)}: an id has 1 to 128 lower-case letters, digits, . _ @ or - and begins with a letter or digit, and a name is not empty.`,
      {
        hint: 'Run for example `ff key new --person alice --name "Alice Example" --out alice.key.json`.',
      },
    )
  const terminal = requireTerminal(context)
  const passphrase = await terminal.secret(`New passphrase for ${owner.person}:`)
  if (passphrase.length < MIN_PASSPHRASE)
    throw new FfError(
      'passphrase_weak',
      `The passphrase has fewer than ${MIN_PASSPHRASE} characters, so no key was written.`,
      { hint: 'Run the same command again with a longer passphrase, such as five random words.' },
    )
  if ((await terminal.secret('The same passphrase again:')) !== passphrase)
    throw new FfError('passphrase_wrong', 'The two passphrases differ, so no key was written.', {
      hint: 'Run the same command again, and type the same passphrase twice.',
    })
  const file = await context.keys.make(owner, passphrase)
  await context.keys.write(path, file)
  return toPublicKey(file)
}

/**
 * `ff key show`: the public half of a key file, as a trust file takes it. Asks for no passphrase and prints nothing.
 *
 * @throws FfError `key_file_malformed`, `key_file_missing`, `key_file_unreadable`, `key_file_loose`
 */
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
