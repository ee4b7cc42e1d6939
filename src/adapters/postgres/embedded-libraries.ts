import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

/**
 * Creates the symbolic links of the package's install script (such as `libicuuc.so.60`) in a new folder `home/lib`, so
 * that the binaries run after an install with `--ignore-scripts`. Leaves out names that the package's own `lib` has.
 *
 * @returns the value of LD_LIBRARY_PATH: that folder, then the package's own `lib`, because a library found through a
 *   link searches the folder of the link for its dependencies
 * @throws the system's error, also if `home/lib` exists
 */
export async function linkServerLibraries(native: string, home: string): Promise<string> {
  const folder = join(home, 'lib')
  await mkdir(folder, { mode: 0o755 })
  const present = new Set(await readdir(join(native, 'lib')))
  for (const { source, target } of await readLinks(native)) {
    if (!present.has(basename(target)))
      await symlink(join(native, 'lib', basename(source)), join(folder, basename(target)))
  }
  return `${folder}:${join(native, 'lib')}`
}

interface Link {
  readonly source: string
  readonly target: string
}
async function readLinks(native: string): Promise<readonly Link[]> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]
  return links.filter(
    ({ target }) => target.startsWith('native/lib/') && !target.slice(11).includes('/'),
  )
}
