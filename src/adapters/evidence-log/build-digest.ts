import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a run depends on of the files that the package ships. In a checkout, `checklists` may hold a team's files too. */
export const BUILD_PARTS = [
  'package.json',
  'checklists/cutover_readiness_checklist.json',
  'checklists/templates',
  'contracts',
  'dist',
  'vectors',
]

/**
 * The build that runs: SHA-256 in hexadecimal over path, length and bytes of the package's own files as they are now
 * (`BUILD_PARTS`: package.json, shipped checklists, contracts, dist, vectors). `.mjs` scripts outside of `dist` are
 * left out, because the package does not ship them. Reads synchronously, which takes a third of the CPU time.
 * @throws the system's error where a file or folder cannot be read
 */
export function digestBuild(root: string): string {
  const hash = createHash('sha256')
  for (const path of BUILD_PARTS.flatMap((part) => listFiles(root, part))) {
    const bytes = readFileSync(join(root, path))
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex')
}

function listFiles(root: string, part: string): readonly string[] {
  if (part.endsWith('.json')) return [part]
  const found = readdirSync(join(root, part), { withFileTypes: true })
  return found
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${part}/${entry.name}`
      if (entry.isDirectory()) return listFiles(root, path)
      return path.endsWith('.mjs') && !path.startsWith('dist/') ? [] : [path]
    })
}
