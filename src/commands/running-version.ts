import { findNewestMigration } from '../features/migrate/load-persistence.ts'
import type { RunningVersion } from '../features/team-folder/identity.ts'
import type { Context } from './context.ts'
import { behaviouralSettings, type Settings } from './settings.ts'

/**
 * What runs here: the code is FF_CODE_VERSION, else that of the work tree `cwd`, null if unknown; the schema head
 * (null without valid migrations) and the build are those of the package, the settings those that evidence covers.
 * Reads git, the migrations and the files of the package.
 * @throws the system's error where a file of the package cannot be read
 */
export async function readRunningVersion(
  { root, cwd, adapters }: Pick<Context, 'root' | 'cwd' | 'adapters'>,
  settings: Settings,
): Promise<RunningVersion> {
  const [code, schema_head, build] = await Promise.all([
    settings.values.FF_CODE_VERSION ?? adapters.codeVersion(cwd),
    findNewestMigration(root),
    adapters.buildDigest(root),
  ])
  return { code, schema_head, build, settings: behaviouralSettings(settings) }
}
