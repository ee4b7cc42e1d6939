// Writes src/artefacts/validators.generated.ts, which is not kept in git: the schemas of the gate, the sign-off and the database, compiled
// ahead as a part of `npm run build`, because compiling them costs more than the rest of what a short command does.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'

const READY = {
  cutover_plan: 'cutover-plan',
  cutover_readiness_checklist: 'cutover-readiness-checklist',
  decision_file: 'decision-file',
  evidence_line: 'evidence-line',
  key_file: 'key-file',
  persistence_schema: 'persistence-schema',
  public_key: 'public-key',
  readiness_gate: 'readiness-gate',
  rollback_triggers: 'rollback-triggers',
  signoff_envelope: 'signoff-envelope',
  signoff_header: 'signoff-header',
  signoff_statement: 'signoff-statement',
  trust: 'trust',
  trust_chain: 'trust-chain',
  waivers: 'waivers',
}
const target = fileURLToPath(
  new URL('../../src/artefacts/validators.generated.ts', import.meta.url),
)
const folder = fileURLToPath(new URL('.', import.meta.url))
const names = (await readdir(folder)).filter((name) => name.endsWith('.schema.json')).sort()
const ajv = new Ajv2020({
  allErrors: true,
  strict: false,
  code: { source: true, esm: true, lines: true },
})
for (const name of names) ajv.addSchema(JSON.parse(await readFile(folder + name, 'utf8')))
const ids = Object.entries(READY).map(([kind, name]) => [kind, `${name}.schema.json`])
const code = standalone.default(ajv, Object.fromEntries(ids))
const made = [
  '// @ts-nocheck',
  '// Made from contracts/schemas by `npm run build`.',
  // What ajv writes asks for its own helpers as CommonJS, even where modules were asked for.
  "import { createRequire } from 'node:module'",
  'const require = createRequire(import.meta.url)',
  code,
  '',
].join('\n')
await writeFile(target, made)
