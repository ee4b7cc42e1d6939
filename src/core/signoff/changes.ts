import type { SignedStatement, SignedTarget } from './types.ts'

/** One member that differs between two statements; null where a statement lacks it. */
export interface StatementChange {
  readonly what: string
  readonly before: string | null
  readonly after: string | null
}

/**
 * Lists the differences between two statements in decision, identity, bound files, accepted items and trust version,
 * for a signer of the first who must sign the second; empty for none. A value is null on the side that lacks the
 * member. Evidence, times and the trust file's digest are not compared.
 */
export function diffStatements(
  before: SignedStatement,
  after: SignedStatement,
): readonly StatementChange[] {
  const [old, young] = [flatten(before), flatten(after)]
  return [...new Set([...old.keys(), ...young.keys()])]
    .map((what) => ({
      what,
      before: old.get(what) ?? null,
      after: young.get(what) ?? null,
    }))
    .filter((one) => one.before !== one.after)
}

function flatten({ subject, predicate }: SignedStatement): ReadonlyMap<string, string> {
  const { identity, accepted, decision, trust } = predicate
  const members = Object.keys(identity) as (keyof SignedTarget)[]
  return new Map([
    ['decision', decision],
    ...members.map((name): [string, string] => [name, String(identity[name])]),
    ...subject.map(({ name, digest }): [string, string] => [name, digest.sha256]),
    ...Object.entries(accepted),
    ['trust', `version ${trust.version}`],
  ])
}
