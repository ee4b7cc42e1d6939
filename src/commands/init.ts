import { initFolder } from '../features/setup/init.ts'
import type { Invocation } from './context.ts'
import { readVersion } from './version.ts'

const NEXT = [
  'ff doctor        # check that a run can work here',
  'ff parity run    # compare the 17 vectors on a file and on a private PostgreSQL',
  'ff gate          # decide go or no-go; ends 22 until something is measured',
] as const

/**
 * `ff init`: writes the starter files of a team and the key of its runner, prints their names and the next commands,
 * and ends `ok`.
 * @throws FfError `file_exists` where one of them exists: then none is written; `output_failed` after removing all
 */
export async function runInit({ context }: Invocation): Promise<void> {
  const { root, cwd, adapters, io } = context
  const names = await initFolder({ root, cwd, version: readVersion(root) }, adapters)
  const lines = [...names.map((name) => `  ${name}`), '', 'Next:', ...NEXT.map((one) => `  ${one}`)]
  await io.stdout(`Written:\n${lines.join('\n')}\n`)
  context.exit = 'ok'
}
