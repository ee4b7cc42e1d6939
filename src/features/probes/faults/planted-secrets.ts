import type { FoundSecret, SecretKind } from '../../../core/audit/secrets.ts'
import type { AuditRecord } from '../../../core/audit/record.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'

/** The planted faults of G3: a secret of each kind, none of which opens anything. */
const CANARIES: Readonly<Record<Exclude<SecretKind, 'sensitive_value'>, string>> = {
  jwt: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl',
  authorization: 'Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==',
  private_key: '-----BEGIN EC PRIVATE KEY-----',
  url_password: 'postgres://canary:c4n4ry@db.example/ff',
  password: 'password=c4n4ry',
  api_key: 'AKIACANARYCANARY0000',
}
/** A row of a sensitive flag whose value is not sealed. */
const CLEAR_ROW = '{"default_value":"c4n4ry","sensitive":true}' as CanonicalJson

/** A record with one secret, and how a scan has to name it. */
interface PlantedSecret {
  readonly record: AuditRecord
  readonly expected: FoundSecret
}

/** Plants each kind of secret in each member of a record that holds a text, and in each row: one by one. */
export function plantSecrets(record: AuditRecord): readonly PlantedSecret[] {
  const members = (Object.keys(record) as (keyof AuditRecord)[]).filter((name) => name !== 'seq')
  const kinds = Object.keys(CANARIES) as (keyof typeof CANARIES)[]
  const rows = ['before', 'after'] as const
  return [
    ...kinds.flatMap((kind) =>
      members.map((member): PlantedSecret => {
        const isRow = member === 'before' || member === 'after'
        const text = isRow ? JSON.stringify({ note: [CANARIES[kind]] }) : CANARIES[kind]
        return { record: { ...record, [member]: text }, expected: { kind, member } }
      }),
    ),
    ...rows.map((member): PlantedSecret => ({
      record: { ...record, before: null, after: null, [member]: CLEAR_ROW },
      expected: { kind: 'sensitive_value', member },
    })),
  ]
}
