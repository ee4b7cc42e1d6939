import type { Adapters } from '../../src/ports/adapters.ts'
import { type Service, startService } from '../../src/features/serve/serve.ts'
import { createLazySettings } from '../../src/commands/settings.ts'
import { adapters } from '../../src/composition.ts'
import type { SettingName } from '../../src/core/settings/settings.ts'
import type { ServiceStore } from '../../src/ports/store.ts'
import { ROOT } from './run-ff.ts'

/** A service in this process. */
export interface RunningService extends Service {
  /** Lines of its log. */
  readonly lines: readonly string[]
}
/** Starts the real service in this process; by default with the sample store, on a free port. */
export async function getService({
  deps = {},
  settings = {},
}: {
  readonly deps?: Partial<Adapters>
  readonly settings?: Partial<Record<SettingName, string>>
} = {}): Promise<RunningService> {
  const lines: string[] = []
  const service = await startService({
    root: ROOT,
    adapters: { ...adapters, ...deps },
    settings: createLazySettings(
      (name) =>
        ({ FF_LISTEN: '127.0.0.1:0', FF_DRAIN_DELAY: '0', FF_STORE_DEADLINE: '10', ...settings })[
          name
        ] ?? null,
    ),
    now: () => new Date(),
    log: await adapters.openServiceLog((bytes) => {
      lines.push(Buffer.from(bytes).toString('utf8'))
      return bytes.length
    }),
    version: null,
  })
  return { ...service, lines }
}

const JSON_TYPE = { 'content-type': 'application/json' }
/** Evaluates a flag over HTTP. @param body the request, as JSON */
export const askFlag = (origin: string, body: object, headers: object = {}): Promise<Response> =>
  fetch(`${origin}/v1/flags/evaluate`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  })

/** A store with some methods replaced. */
export const except = (store: ServiceStore, change: Partial<ServiceStore>): ServiceStore =>
  new Proxy(store, {
    get: (held, name) => {
      const found: unknown = Reflect.get({ ...change }, name) ?? Reflect.get(held, name)
      return typeof found === 'function' ? (found.bind(held) as unknown) : found
    },
  })
