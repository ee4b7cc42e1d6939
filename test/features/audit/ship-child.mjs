// Ships the audit records of a database, or of the file store `folder`, once, and kills itself at a named point:
//   {config or folder, brokers, topic, migrations?, lease_ms, send_ms, point, refused} in JSON
//   point     claimed, sent, marked, failed-marked or released: after the first one that is durable; null for none
//   refused   a target whose records the broker refuses; null for none
import { openAuditTopic } from '../../../dist/src/adapters/kafka/topic.js'
import { FileShipStore } from '../../../dist/src/adapters/file-store/ship-store.js'
import { openPostgresShipStore } from '../../../dist/src/adapters/postgres/ship-store.js'
import { loadMigrations } from '../../../dist/src/artefacts/migrations.js'
import { shipAudit } from '../../../dist/src/features/audit/ship.js'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const { config, folder, brokers, topic, lease_ms, send_ms, point, refused } = JSON.parse(
  process.argv[2],
)

const openDatabase = async () =>
  openPostgresShipStore(
    { config, name: 'child' },
    {
      lease_ms,
      send_ms,
      versions: { oldest: 15, newest: 18 },
      migrations: (await loadMigrations(ROOT)).loaded,
      environment: 'prod',
    },
  )
const store = await (folder === undefined ? openDatabase() : FileShipStore.open(folder))
const real = openAuditTopic({ brokers, topic, send_ms, tls: null, sasl: null })
/** Refuses as a broker does that is asked to append a record that it does not take. */
const refusing = {
  name: real.name,
  send: async (records) => {
    if (!records.some(({ target }) => target === refused)) return real.send(records)
    return [{ records, outcome: { kind: 'refused', reason: 'planted' } }]
  },
}
const pointOf = (event) =>
  event.kind === 'marked' && event.marks.some(({ kind }) => kind === 'failed')
    ? 'failed-marked'
    : event.kind

const totals = await shipAudit({
  store,
  topic: refusing,
  lease_ms,
  tries: 1,
  follow: false,
  signal: new AbortController().signal,
  timing: { now: () => performance.now(), rest: () => Promise.resolve(), random: Math.random },
  observe: (event) => {
    if (pointOf(event) === point) process.kill(process.pid, 'SIGKILL')
  },
})
await real.close()
await store.close()
process.stdout.write(JSON.stringify(totals))
