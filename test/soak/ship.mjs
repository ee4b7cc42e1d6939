// npm run soak -- ship: the delivery of audit records, with every kill and freeze; 'npm test' runs the same with fewer.
import { spawnSync } from 'node:child_process'

const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--project', 'int', '--project', 'e2e', 'audit-delivery', 'ship-faults'],
  { stdio: 'inherit', env: { ...process.env, FF_TEST_SCALE: 'full' } },
)
process.exitCode = status ?? 1
