// Writes src/artefacts/types.generated.ts from the schemas: `npm run types`. With --check it writes nothing
// and fails where the file is out of date.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compile } from 'json-schema-to-typescript'
import { format } from 'oxfmt'

const TYPED = {
  parity_test_matrix: 'parity-test-matrix',
  cutover_parity_matrix: 'cutover-parity-matrix',
  persistence_schema: 'persistence-schema',
  jwks_integration_notes: 'jwks-integration-notes',
  jwt_fixtures: 'jwt-fixtures',
  oracle_cells: 'oracle-cells',
  readiness_gate: 'readiness-gate',
  cutover_readiness_checklist: 'cutover-readiness-checklist',
  cutover_plan: 'cutover-plan',
  rollback_triggers: 'rollback-triggers',
  team_commands: 'team-commands',
  alert_rules: 'alert-rules',
  cache_runtime_notes: 'cache-runtime-notes',
  redis_channel_examples: 'redis-channel-examples',
  replay_request: 'replay-request',
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
  incumbent_mapping: 'incumbent-mapping',
}
const target = fileURLToPath(new URL('../../src/artefacts/types.generated.ts', import.meta.url))
const properties = Object.fromEntries(
  Object.entries(TYPED).map(([kind, name]) => [kind, { $ref: `${name}.schema.json` }]),
)
const umbrella = {
  title: 'ArtefactByKind',
  type: 'object',
  additionalProperties: false,
  required: Object.keys(TYPED),
  properties,
}
const types = await compile(umbrella, 'ArtefactByKind', {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  bannerComment:
    '// Generated from contracts/schemas by `npm run types`. Change the schemas, not this file.',
  additionalProperties: false,
  strictIndexSignatures: false,
  ignoreMinAndMaxItems: true,
})
const style = JSON.parse(await readFile(new URL('../../.oxfmtrc.json', import.meta.url), 'utf8'))
const { code: made } = await format(target, types, style)
if (!process.argv.includes('--check')) await writeFile(target, made)
else if ((await readFile(target, 'utf8')) !== made) {
  console.error('src/artefacts/types.generated.ts is out of date; run `npm run types`.')
  process.exitCode = 1
}
