const UNIT = '!(*.int|*.e2e).test.ts'

/** A folder of src, and the unit tests under its name and under other folders, or another file of tests. */
const part = (name, ...others) => ({
  mutate: [`src/${name}/**/*.ts`],
  tests: [name, ...others].map((test) =>
    test.endsWith('.ts') ? `test/${test}` : `test/${test}/**/${UNIT}`,
  ),
})
/** Holds the words of the types to those of the schemas. */
const SCHEMAS = 'core/rows/schemas.test.ts'

/** What is mutated, and the tests that have to notice. */
export const PARTS = {
  'core/evaluate': part('core/evaluate', SCHEMAS),
  'core/parity': part('core/parity'),
  'core/gate': part('core/gate', 'features/gate', 'features/item-states'),
  'core/signoff': part('core/signoff', 'features/signoff'),
  'core/auth': part('core/auth', 'adapters/auth', SCHEMAS),
  'core/audit': part('core/audit'),
  'adapters/evidence-log': {
    mutate: ['src/adapters/evidence-log/**/*.ts'],
    tests: ['test/adapters/evidence-log/**/!(*.e2e).test.ts'],
  },
}
