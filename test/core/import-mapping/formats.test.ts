import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadArtefact } from '../../../src/artefacts/load.ts'
import { findMappingProblems } from '../../../src/artefacts/rules/mapping-rules.ts'
import { node } from '../builders.ts'
import { mapDocument } from './mappings.ts'

const MAPPINGS = join(import.meta.dirname, '../../../contracts/mappings')
const SAMPLES = join(import.meta.dirname, 'formats')

/** Maps the sample of a format by its ready mapping. */
async function mapSample(format: string, accepted: readonly string[]) {
  const path = join(MAPPINGS, `${format}.json`)
  const result = await loadArtefact('incumbent_mapping', { path, shown: path })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  expect(findMappingProblems(result.loaded)).toEqual([])
  const text = readFileSync(join(SAMPLES, `${format}.json`), 'utf8')
  return mapDocument(node(text), result.loaded.value, new Set(accepted))
}

interface Expected {
  readonly losses: readonly string[]
  readonly rows: readonly string[]
}
/** What each sample loses, and its rows: the scope, the key, the value, and of a flag the safe value and the state. */
const FORMATS: Readonly<Record<string, Expected>> = {
  configcat: {
    losses: ['/f/title/r targeting', '/f/count/p percentages', '/s/0 segments'],
    rows: [
      'ff.count 5 0 "active"',
      'ff.is-awesome true false "active"',
      'ff.ratio 0.5 0 "active"',
      'ff.title "x" "" "active"',
    ],
  },
  flagd: {
    losses: ['/flags/limits/targeting targeting', '/$evaluators segments'],
    rows: [
      'ff.header-color "#FF0000" "" "killed"',
      'ff.limits {"perDay":1} {} "active"',
      'ff.new-welcome-banner false false "active"',
    ],
  },
  flagsmith: {
    losses: [
      '/project/segments/0 segments',
      '/feature_states/2/multivariate_feature_state_values percentages',
      '/identity_overrides/0/identity_features/2 disabled_overrides',
    ],
    rows: [
      'ff.font-size 12 0 "killed"',
      'ff.plain true false "active"',
      'ff.title "x" "" "active"',
      'u1 ff.plain false',
      'u1 ff.title "z"',
    ],
  },
  flipt: {
    losses: [
      '/flags/1/rollouts/0 segments',
      '/flags/1/rollouts/1 percentages',
      '/flags/2 variants',
      '/segments/0 segments',
    ],
    rows: ['ff.dark-mode true false "active"', 'ff.search false false "active"'],
  },
  'go-feature-flag': {
    losses: ['/banner/targeting targeting', '/gradual percentages'],
    rows: ['ff.banner "a" "" "killed"', 'ff.new-admin-access false false "active"'],
  },
  growthbook: {
    losses: [
      '/features/price/rules/0 targeting',
      '/features/price/rules/1 percentages',
      '/features/price/rules/2 experiments',
    ],
    rows: [
      'ff.config {"a":1} {} "active"',
      'ff.dark-mode false false "active"',
      'ff.price 9.5 0 "active"',
    ],
  },
  launchdarkly: {
    losses: [
      '/flags/text/rules targeting',
      '/flags/rollout percentages',
      '/segments/staff segments',
    ],
    rows: [
      'ff.my.number 7 0 "active"',
      'ff.simple true false "active"',
      'ff.text "b" "" "killed"',
      'u1 ff.simple false',
      'u2 ff.simple false',
    ],
  },
  'openfeature-in-memory': {
    losses: ['/sizes/contextEvaluator targeting'],
    rows: ['ff.sizes 2.5 0 "killed"', 'ff.welcome-message true false "active"'],
  },
  unleash: {
    losses: [
      '/features/1 archived',
      '/featureStrategies/2/parameters percentages',
      '/featureStrategies/2/constraints targeting',
      '/featureStrategies/2/segments segments',
      '/featureStrategies/2/disabled targeting',
      '/featureStrategies/3/name targeting',
      '/featureEnvironments/1/variants variants',
      '/segments/0 segments',
    ],
    rows: ['ff.beta-search false false "active"', 'ff.demo true false "active"'],
  },
}

test('each ready mapping has a sample', () => {
  expect(Object.keys(FORMATS).length).toBeGreaterThan(0)
  const names = Object.keys(FORMATS).map((name) => `${name}.json`)
  expect(readdirSync(MAPPINGS)).toEqual(names)
  expect(readdirSync(SAMPLES)).toEqual(names)
})

test.each(Object.entries(FORMATS))('%s', async (format, { losses, rows }) => {
  const refused = await mapSample(format, [])
  expect(
    refused.refusals.kept.map(
      ({ code, pointer, detail }) =>
        `${pointer} ${code === 'not_carried' ? detail.split(':')[0] : code}`,
    ),
  ).toEqual(losses)
  const names = [...new Set(losses.map((one) => one.split(' ').at(-1) ?? ''))]
  const accepted = await mapSample(format, names)
  expect(accepted.refusals.kept).toEqual([])
  expect(
    [...accepted.rows].map(({ key, line }) => {
      const { row } = JSON.parse(line) as { row: Readonly<Record<string, unknown>> }
      const shown = [row['value'] ?? row['default_value'], row['safe_value'], row['state']]
      return [
        key.scope_id ?? '',
        key.flag_key,
        ...shown.flatMap((one) => (one === undefined ? [] : [JSON.stringify(one)])),
      ]
        .join(' ')
        .trim()
    }),
  ).toEqual(rows)
})
