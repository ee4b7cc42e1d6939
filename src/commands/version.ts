import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The version in the package.json of folder `root`, read at each call. @throws the error of reading or parsing it */
export const readVersion = (root: string): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
