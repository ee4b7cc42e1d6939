import type { JwsSignature, KeyFile, PublicJwk, SignoffCrypto } from '../core/signoff/types.ts'

/** Signs bytes with one key. @returns the 64 bytes of the Ed25519 signature */
export type ByteSigner = (bytes: Uint8Array) => Promise<Uint8Array>

/** An interactive terminal. */
export interface Terminal {
  readonly show: (text: string) => void
  /** Reads one line. @throws FfError `interrupted` on Ctrl-C or Ctrl-D */
  readonly ask: (question: string) => Promise<string>
  /** As `ask`, without echo. */
  readonly secret: (question: string) => Promise<string>
}

/** Creates, stores and uses the key files of the signers (docs/reference/gate.md). */
export interface SignoffKeys {
  readonly crypto: SignoffCrypto
  /** Creates an Ed25519 key, encrypted under the passphrase. */
  readonly make: (
    owner: { readonly person: string; readonly name: string },
    passphrase: string,
  ) => Promise<KeyFile>
  /** Writes a key file with mode 600. @throws FfError `file_exists`, `output_failed`; a key is never overwritten */
  readonly write: (path: string, file: KeyFile) => Promise<void>
  /**
   * Reads the text of a key file.
   *
   * @throws FfError `key_file_missing`, `key_file_malformed`, `key_file_unreadable`, `key_file_loose` where other
   * users may read it
   */
  readonly read: (path: string) => Promise<string>
  /** Decrypts a key. @throws FfError `passphrase_wrong`, also for an altered file */
  readonly unseal: (file: KeyFile, passphrase: string) => Promise<ByteSigner>
  /**
   * A signer that runs a command. Signing throws FfError `option_invalid` for an empty command, `signer_failed` where
   * it fails.
   */
  readonly byCommand: (line: string) => ByteSigner
  /** Whether a second implementation (jose) verifies the signature. */
  readonly accepts: (jwk: PublicJwk, payload: string, signature: JwsSignature) => Promise<boolean>
}
