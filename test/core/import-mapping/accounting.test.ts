import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createRootEntry,
  listChildren,
  type MappingEntry,
} from '../../../src/core/import-mapping/entries.ts'
import type {
  EntryCondition,
  EntryRule,
  ImportMapping,
  MemberRule,
  ValueSource,
} from '../../../src/core/import-mapping/types.ts'
import { valueToNode } from '../../../src/core/json/plain.ts'
import { examples } from '../../support/scale.ts'
import { flags, tenants, users, mapDocument } from './mappings.ts'

const NAMES = ['a', 'b', 'k', 'on']
const name = fc.constantFrom(...NAMES)
const scalar = fc.constantFrom<unknown>(true, false, null, 1, 2, 'a', 'b', 'k', 'tenant:T1', 'x y')
/** Four levels, as an entry with its members lies that deep. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'document' },
    scalar,
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}))
const document = fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true })

const at = fc
  .array(fc.oneof(name, fc.constant('*')), { minLength: 1, maxLength: 3 })
  .map((tokens) => `/${tokens.join('/')}`)
const below = fc
  .array(name, { maxLength: 2 })
  .map((tokens) => tokens.map((one) => `/${one}`).join(''))
const place = fc.record(
  {
    from: fc.oneof(below, fc.array(below, { minLength: 1, maxLength: 2 })),
    up: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['from'] },
)
const source: fc.Arbitrary<ValueSource> = fc.oneof(
  place,
  fc.record({ key: fc.integer({ min: 1, max: 2 }) }),
  fc.tuple(place, place).map(([one, select]) => ({ ...one, select })),
)
const member: fc.Arbitrary<MemberRule> = fc.oneof(
  source,
  fc
    .tuple(source, fc.constantFrom('text', 'type', 'timestamp'))
    .map(([one, as]) => ({ ...one, as }) as MemberRule),
  fc
    .tuple(source, scalar)
    .map(([one, was]) => ({ ...one, map: [{ was, becomes: 'U7' }] }) as MemberRule),
  fc.tuple(source, at).map(([one, list]) => ({
    name: one,
    listed: [{ in: list.replaceAll('*', 'k'), becomes: 'killed' }],
    otherwise: 'active',
  })),
  fc.constant({ const: true }),
)
const condition: fc.Arbitrary<EntryCondition> = fc.oneof(
  fc.tuple(source, scalar).map(([one, equals]) => ({ ...one, equals })),
  fc.tuple(source, fc.boolean()).map(([one, present]) => ({ ...one, present })),
  fc.tuple(source, fc.constantFrom('object', 'string')).map(([one, type]) => ({ ...one, type })),
)
const where = fc.array(condition, { maxLength: 1 })
const rule = (whole: EntryRule, names: readonly string[]): fc.Arbitrary<EntryRule> =>
  fc
    .record({
      at,
      where,
      more: fc.dictionary(fc.constantFrom(...names), member, { maxKeys: 3, noNullPrototype: true }),
    })
    .map(({ more, ...one }) => ({
      ...whole,
      ...one,
      optional: true,
      members: { ...whole.members, ...more },
    }))

const mapping: fc.Arbitrary<ImportMapping> = fc.record({
  flags: fc.array(rule(flags(), ['flag_key', 'default_value', 'safe_value', 'owner', 'state']), {
    minLength: 1,
    maxLength: 2,
  }),
  tenant_overrides: fc.array(rule(tenants(), ['tenant_id', 'flag_key', 'value', 'note']), {
    maxLength: 1,
  }),
  user_overrides: fc.array(rule(users(), ['user_id', 'flag_key', 'value', 'note']), {
    maxLength: 1,
  }),
  ignored: fc.array(at, { maxLength: 2 }),
  skipped: fc.array(fc.record({ at, where, reason: fc.constant('r') }), { maxLength: 1 }),
})

function* listLeaves(from: MappingEntry): Generator<MappingEntry> {
  const children = [...listChildren(from)]
  if (children.length === 0 && (typeof from.node !== 'object' || from.node === null)) yield from
  for (const child of children) yield* listLeaves(child)
}

/** The refusals that account for whatever a place holds. */
const WHOLE: ReadonlySet<string> = new Set([
  'member_unmapped',
  'entry_untaken',
  'entry_taken_twice',
  'scope_contradicted',
  'not_carried',
])
const covers = (above: string, place: string): boolean =>
  above === place || place.startsWith(`${above}/`)

test('every leaf is read, left behind or refused, exactly once', () => {
  const met = { read: 0, left: 0, refused: 0 }
  fc.assert(
    fc.property(document, mapping, (value, rules) => {
      const root = valueToNode(value)
      const { read, left, refusals } = mapDocument(root, rules)
      const lists = {
        read: read.kept,
        left: left.kept.map(({ pointer }) => pointer),
        refused: refusals.kept.flatMap(({ code, pointer }) => (WHOLE.has(code) ? [pointer] : [])),
      }
      for (const leaf of listLeaves(createRootEntry(root))) {
        const ways = Object.entries(lists).flatMap(([way, places]) =>
          places.filter((one) => covers(one, leaf.at)).map(() => way),
        )
        expect(ways, leaf.at).toHaveLength(1)
        met[ways[0] as keyof typeof met] += 1
      }
    }),
    examples(5_000),
  )
  expect(Math.min(...Object.values(met))).toBeGreaterThan(100)
})

/** A document in which one leaf has another value. */
const replaceLeaf = (value: unknown, path: readonly string[]): unknown => {
  const [token, ...further] = path
  if (token === undefined) return typeof value === 'boolean' ? !value : 'changed'
  if (Array.isArray(value))
    return value.map((one, index) => (String(index) === token ? replaceLeaf(one, further) : one))
  const held = value as Readonly<Record<string, unknown>>
  return { ...held, [token]: replaceLeaf(held[token], further) }
}

/** Documents and mappings that fit often enough for an import without refusals. */
const choice = fc.constantFrom('x', 'y')
const flag = fc.record(
  { s: choice, v: fc.boolean(), n: fc.constantFrom('t', 'u') },
  { requiredKeys: ['s', 'v'] },
)
const fitting = fc.record({
  plan: fc.constant('gold'),
  variants: fc.record({ x: fc.boolean(), y: fc.boolean() }),
  killed: fc.uniqueArray(name, { maxLength: 2 }),
  flags: fc.dictionary(name, flag, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
})
const chosen: MemberRule = { from: '/variants', up: 2, select: { from: '/s' } }
const fittingMapping: fc.Arbitrary<ImportMapping> = fc
  .record({
    value: fc.constantFrom<MemberRule>({ from: '/v' }, chosen),
    description: fc.constantFrom<MemberRule>(
      { from: ['/n', '/s'] },
      { from: '/plan', up: 2 },
      { const: '' },
    ),
    state: fc.constantFrom<MemberRule>(
      { const: 'active' },
      {
        name: { key: 1 },
        listed: [{ in: '/killed', becomes: 'killed' }],
        otherwise: 'active',
      },
    ),
    where: fc.constantFrom<readonly EntryCondition[]>(
      [],
      [{ from: '/s', one_of: ['x', 'y'] }],
      [{ from: '/s', equals: 'x' }],
    ),
    ignored: fc.subarray(
      ['/plan', '/variants', '/killed', '/flags/*/s', '/flags/*/v', '/flags/*/n'],
      { minLength: 3 },
    ),
  })
  .map(({ value: read, description, state, where: conditions, ignored }) => {
    const members = {
      default_value: read,
      safe_value: read,
      value_type: { const: 'boolean' },
      description,
      state,
    }
    return {
      flags: [{ ...flags(members), where: conditions }],
      tenant_overrides: [],
      user_overrides: [],
      ignored,
      skipped: [
        {
          at: '/flags/*',
          where: [
            { from: '/s', equals: 'y' },
            { from: '/n', equals: 'u' },
          ],
          reason: 'r',
        },
      ],
    }
  })

test('a leaf that is read decides: another value gives other rows, changes or refusals', () => {
  let compared = 0
  fc.assert(
    fc.property(fitting, fittingMapping, (value, rules) => {
      const before = mapDocument(valueToNode(value), rules)
      if (before.refusals.count > 0) return
      for (const pointer of before.read.kept) {
        compared += 1
        const other = mapDocument(
          valueToNode(replaceLeaf(value, pointer.split('/').slice(1))),
          rules,
        )
        expect([[...other.rows], other.changes.kept, other.refusals.kept], pointer).not.toEqual([
          [...before.rows],
          before.changes.kept,
          [],
        ])
      }
    }),
    examples(5_000),
  )
  expect(compared).toBeGreaterThan(100)
})
