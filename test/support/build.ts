import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './run-ff.ts'

/** Global set-up of the project e2e: builds the program where it is older than its sources. */
export function setup(): void {
  const built = newest(['dist/bin/ff.js'])
  if (built > newest(['bin', 'src', 'contracts/schemas', 'package.json'])) return
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
}

/** The time of the last change below the paths, in milliseconds; 0 where none exists. */
function newest(places: readonly string[]): number {
  const times = places.flatMap((place) => {
    const stat = statSync(join(ROOT, place), { throwIfNoEntry: false })
    if (stat === undefined || place.endsWith('/compiled')) return []
    if (!stat.isDirectory()) return [stat.mtimeMs]
    return [newest(readdirSync(join(ROOT, place)).map((name) => join(place, name)))]
  })
  return Math.max(0, ...times)
}
