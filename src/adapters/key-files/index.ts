import type { SignoffKeys } from '../../ports/signoff.ts'
import { isAcceptedByJose } from '../jose/second-opinion.ts'
import { signoffCrypto } from './crypto.ts'
import { makeKeyFile, readKeyFile, unsealKey, writeKeyFile } from './key-file.ts'
import { signerCommand } from './signer-command.ts'

/** The operations on the signers' key files, and the signer command. */
export const signoffKeys: SignoffKeys = {
  crypto: signoffCrypto,
  make: makeKeyFile,
  write: writeKeyFile,
  read: readKeyFile,
  unseal: unsealKey,
  byCommand: signerCommand,
  accepts: isAcceptedByJose,
}
