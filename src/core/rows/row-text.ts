import type { CanonicalJson } from '../json/canonical.ts'
import type { AnyRow } from './rows.ts'

const VALUE_MEMBERS: ReadonlySet<string> = new Set(['value', 'default_value', 'safe_value'])

/** A row as canonical JSON (RFC 8785). @param seal what stands in place of each flag value */
export function serializeRow(
  row: AnyRow,
  seal: (value: CanonicalJson) => string = (value) => value,
): CanonicalJson {
  const members = Object.entries(row)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, held]) => {
      const text = VALUE_MEMBERS.has(name) ? seal(held as CanonicalJson) : JSON.stringify(held)
      return `"${name}":${text}`
    })
  return `{${members.join(',')}}` as CanonicalJson
}
