import type { SignedDocuments, SignoffCrypto, SignoffDependencies } from '../core/signoff/types.ts'
import { validateSchema } from './schemas.ts'
import type { ArtefactByKind } from './types.generated.ts'

/** Documents of a team's folder that the package does not hold, with their schemas. */
const DOCUMENTS = {
  trust: 'trust',
  trust_chain: 'trust-chain',
  signoff_envelope: 'signoff-envelope',
  signoff_header: 'signoff-header',
  signoff_statement: 'signoff-statement',
  waivers: 'waivers',
  withdrawals: 'withdrawals',
  key_file: 'key-file',
  public_key: 'public-key',
  gate_decision: 'decision-file',
} as const satisfies Partial<Record<keyof ArtefactByKind, string>>
export type DocumentKind = keyof typeof DOCUMENTS
type DocumentTypes = Pick<ArtefactByKind, DocumentKind>

/**
 * Validates a value by the schema of its kind: `ok` with the same value, typed, or not `ok` with the code and pointer
 * of its first problem as text.
 * @throws FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export const checkDocumentShape: SignoffDependencies['shape'] = (kind, value) => {
  const [problem] = validateSchema(DOCUMENTS[kind], value, '')
  return problem === undefined
    ? { ok: true, value: asCore(value as DocumentTypes[typeof kind]) }
    : { ok: false, detail: `${problem.code} at ${problem.pointer || 'the root'}` }
}

/** Casts nothing: it makes the compiler compare the generated type with the type of core. */
const asCore = <K extends DocumentKind>(value: DocumentTypes[K]): SignedDocuments[K] => value

/** The dependencies of sign-off checks: cryptography, and the schemas of the package. */
export const createSignoffDependencies = (crypto: SignoffCrypto): SignoffDependencies => ({
  ...crypto,
  shape: checkDocumentShape,
})
