import type { JwsSignature, KeyFile, PublicJwk, SignoffCrypto } from '../core/signoff/types.ts'

/** Signs bytes with the key of one person. */
export type ByteSigner = (bytes: Uint8Array) => Promise<Uint8Array>

/** Somebody who is there to be asked. */
export interface Terminal {
  readonly show: (text: string) => void
  /** @throws FfError `interrupted` where it is not answered */
  readonly ask: (question: string) => Promise<string>
  /** The same, of what nobody may see being typed. */
  readonly secret: (question: string) => Promise<string>
}

/** People's keys: at rest, and at work. */
export interface SignoffKeys {
  readonly crypto: SignoffCrypto
  readonly make: (
    owner: { readonly person: string; readonly name: string },
    passphrase: string,
  ) => Promise<KeyFile>
  /** @throws FfError `file_exists`: a key is never overwritten */
  readonly write: (path: string, file: KeyFile) => Promise<void>
  /** @throws FfError `key_file_missing`, `key_file_unreadable`, `key_file_loose` where others may read it */
  readonly read: (path: string) => Promise<string>
  /** @throws FfError `passphrase_wrong` */
  readonly unseal: (file: KeyFile, passphrase: string) => Promise<ByteSigner>
  /** A program that signs; it throws FfError `signer_failed` where it does not. */
  readonly byCommand: (line: string) => ByteSigner
  /** Whether a second implementation takes the signature too. */
  readonly accepts: (jwk: PublicJwk, payload: string, signature: JwsSignature) => Promise<boolean>
}
