import { request } from 'node:http'
import { inject } from 'vitest'
import type { Run } from './run-ff.ts'

/** Values that the test files of one run share. Each starts when a test first needs it; see shared-server.ts. */
export interface Shared {
  /** Socket folder of a server; tests connect as user postgres. */
  readonly 'postgres-13': string
  readonly 'postgres-15': string
  readonly 'postgres-18': string
  /** Socket folder of a server that holds the database `migrated_template`. */
  readonly 'migrated-15': string
  readonly 'migrated-18': string
  /** The reason why there is no browser; null where there is one. */
  readonly chromium: string | null
  /** The reason why there is no PgBouncer; null where there is one. */
  readonly pgbouncer: string | null
  /** The reason why there is no Prometheus; null where there is one. */
  readonly prometheus: string | null
  /** The reason why there is no Redis; null where there is one. */
  readonly redis: string | null
  /** The reason why there is no Kafka; null where there is one. */
  readonly kafka: string | null
  /** The reason why there is no zsh or fish; null where there are both. */
  readonly shells: string | null
  /** The reason why there is no systemd-analyze; null where there is one. */
  readonly systemd: string | null
  /** The run of `ff parity exhaustive` on a file and an embedded server. */
  readonly exhaustive: Run
  /** The run of `ff parity run` without options. */
  readonly 'parity-run': Run
  /** The run of `ff parity selftest` on a file and an embedded server, over the faults of planted-faults.ts. */
  readonly selftest: Run
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Unix socket of the process that owns the shared values. */
    readonly sharedSocket: string
  }
}

/** Waits for a shared value. @throws with the reason where it cannot start */
export function shared<K extends keyof Shared>(name: K): Promise<Shared[K]> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: inject('sharedSocket'), path: `/${name}` }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as Shared[K])
        else reject(new Error(text))
      })
    })
    call.once('error', reject).end()
  })
}
