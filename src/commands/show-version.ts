import { findNewestMigration } from '../features/migrate/load-persistence.ts'
import type { Invocation } from './context.ts'
import type { DOCUMENT } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { readVersion } from './version.ts'

/**
 * `ff version`: prints the version, the digest of the program's files, the newest migration of the package (null where
 * none is valid) and the runtime, as lines or as JSON (`version` schema), and ends `ok`.
 * @throws the system's error where a file of the package cannot be read
 */
export async function runVersion(invocation: Invocation<typeof DOCUMENT>): Promise<void> {
  const { root, adapters, nodeVersion } = invocation.context
  const json = {
    schemaVersion: 1,
    version: readVersion(root),
    build: await adapters.buildDigest(root),
    schema_head: await findNewestMigration(root),
    node: nodeVersion,
    platform: `${process.platform}-${process.arch}`,
  }
  const { version, build, schema_head, node, platform } = json
  const text = `ff ${version}\nbuild ${build}\nnewest migration ${schema_head ?? 'none'}\nNode ${node} on ${platform}\n`
  await printDocument(invocation, { json, text: () => text })
}
