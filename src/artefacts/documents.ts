import type { SignedDocuments, SignoffCrypto, SignoffDependencies } from '../core/signoff/types.ts'
import { validateSchema } from './schemas.ts'
import type { ArtefactByKind } from './types.generated.ts'

/** Documents that people's folders hold and the package does not, with the schema of each. */
const DOCUMENTS = {
  trust: 'trust',
  trust_chain: 'trust-chain',
  signoff_envelope: 'signoff-envelope',
  signoff_header: 'signoff-header',
  signoff_statement: 'signoff-statement',
  waivers: 'waivers',
  key_file: 'key-file',
  public_key: 'public-key',
  gate_decision: 'decision-file',
} as const satisfies Partial<Record<keyof ArtefactByKind, string>>
export type DocumentKind = keyof typeof DOCUMENTS
type DocumentTypes = Pick<ArtefactByKind, DocumentKind>

/** Holds values to the schemas of the sign-off. */
export const checkDocumentShape: SignoffDependencies['shape'] = (kind, value) => {
  const [problem] = validateSchema(DOCUMENTS[kind], value, '')
  return problem === undefined
    ? { ok: true, value: asCore(value as DocumentTypes[typeof kind]) }
    : { ok: false, detail: `${problem.code} at ${problem.pointer || 'the root'}` }
}

/** What the schema says is what core takes it for; the compiler holds one to the other. */
const asCore = <K extends DocumentKind>(value: DocumentTypes[K]): SignedDocuments[K] => value

/** What a sign-off is checked with: cryptography, and the schemas of the package. */
export const createSignoffDependencies = (crypto: SignoffCrypto): SignoffDependencies => ({
  ...crypto,
  shape: checkDocumentShape,
})
