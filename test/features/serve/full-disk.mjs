// Runs in a mount namespace of its own: fills the small tmpfs that holds the store of a service, then frees space.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createStore } from '../../../dist/src/adapters/file-store/file-store.js'

const [, , place, token] = process.argv
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place])
if (mounted.status !== 0) throw new Error(String(mounted.stderr))
const store = join(place, 'store')
mkdirSync(store)
await createStore(store)
writeFileSync(join(place, 'digest.key'), randomBytes(32), { mode: 0o600 })
writeFileSync(join(place, 'ballast'), randomBytes(32_768))

const child = spawn(
  process.execPath,
  [new URL('../../../dist/bin/ff.js', import.meta.url).pathname, 'serve'],
  {
    env: {
      ...process.env,
      FF_LISTEN: '127.0.0.1:0',
      FF_DRAIN_DELAY: '0',
      FF_STORE_DIR: store,
      FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  },
)
const origin = await new Promise((resolve) => {
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
    const found = /Listening on (\S+)/.exec(text)?.[1]
    if (found !== undefined) resolve(found)
  })
})
const call = (method, path, body) =>
  fetch(`${origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
const flag = {
  value_type: 'string',
  default_value: '',
  safe_value: '',
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: '',
  owner: '',
}
await call('PUT', '/v1/flags/ff.count', flag)
const path = '/v1/flags/override/tenant/T1/ff.count'
let [taken, refused, code] = [0, 0, '']
while (refused === 0 && taken < 1_000) {
  const answer = await call('PUT', path, { value: 'x'.repeat(4_096) })
  if (answer.ok) taken += 1
  else [refused, code] = [answer.status, (await answer.json()).code]
}
const { revision: kept } = await (await call('GET', path)).json()
const ready = async () => (await call('GET', '/health/ready')).json()
const full = await ready()
rmSync(join(place, 'ballast'))
const again = (await call('PUT', path, { value: 'y' })).status
const freed = await ready()
child.kill('SIGTERM')
await new Promise((resolve) => child.once('close', resolve))
process.stdout.write(JSON.stringify({ taken, refused, code, kept, again, full, freed }))
