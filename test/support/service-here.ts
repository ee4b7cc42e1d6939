import type { Adapters } from '../../src/app/adapters.ts'
import { type Service, startService } from '../../src/app/serve.ts'
import { NO_ADMIN } from '../../src/app/service/admin-settings.ts'
import type { AuthTexts } from '../../src/app/start-up.ts'
import type { ServeTexts } from '../../src/app/service/plan.ts'
import { adapters } from '../../src/main.ts'
import type { ServedStore } from '../../src/ports.ts'
import { ROOT } from './run-ff.ts'

const NO_AUTH: AuthTexts = {
  env: null,
  allow_dev_headers: null,
  jwks_url: null,
  issuer: null,
  audience: null,
  algorithms: null,
  leeway: null,
  dev_scopes: null,
}
const SAMPLE: ServeTexts = {
  env: null,
  backing: null,
  store_dir: null,
  listen: '127.0.0.1:0',
  admin_listen: null,
  digest_key_file: null,
}

export interface RunningService extends Service {
  /** Lines of its log. */
  readonly lines: readonly string[]
}
/** The real service in this process; a sample on a port of its own where nothing else is said. */
export async function serviceOf({
  hands = {},
  auth = {},
  serve = {},
}: {
  readonly hands?: Partial<Adapters>
  readonly auth?: Partial<AuthTexts>
  readonly serve?: Partial<ServeTexts>
} = {}): Promise<RunningService> {
  const lines: string[] = []
  const service = await startService({
    root: ROOT,
    adapters: { ...adapters, ...hands },
    auth: { ...NO_AUTH, ...auth },
    admin: NO_ADMIN,
    serve: { ...SAMPLE, env: auth.env ?? null, ...serve },
    database: () => {
      throw new Error('no database here')
    },
    now: () => new Date(),
    log: await adapters.openLog((line) => void lines.push(line)),
  })
  return { ...service, lines }
}

const JSON_TYPE = { 'content-type': 'application/json' }
export const askFlag = (origin: string, body: object, headers: object = {}): Promise<Response> =>
  fetch(`${origin}/v1/flags/evaluate`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  })

/** A store that does one thing in another way. */
export const except = (store: ServedStore, change: Partial<ServedStore>): ServedStore =>
  new Proxy(store, {
    get: (held, name) => {
      const found: unknown = Reflect.get({ ...change }, name) ?? Reflect.get(held, name)
      return typeof found === 'function' ? (found.bind(held) as unknown) : found
    },
  })
