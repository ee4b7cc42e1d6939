import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The version in the package.json of folder `root`. */
export const readVersion = (root: string): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
