import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

/**
 * Makes the links that the package's install script would have made (`libicuuc.so.60` and the like) in
 * a folder of our own, so that the binaries run where install scripts did not.
 *
 * @returns the value of LD_LIBRARY_PATH: that folder, then the package's own `lib`, because a library that is found by
 * a link looks for those that it needs beside the link
 */
export async function linkServerLibraries(native: string, home: string): Promise<string> {
  const folder = join(home, 'lib')
  await mkdir(folder, { mode: 0o755 })
  const present = new Set(await readdir(join(native, 'lib')))
  for (const { source, target } of await listed(native)) {
    if (!present.has(basename(target)))
      await symlink(join(native, 'lib', basename(source)), join(folder, basename(target)))
  }
  return `${folder}:${join(native, 'lib')}`
}

interface Link {
  readonly source: string
  readonly target: string
}
async function listed(native: string): Promise<readonly Link[]> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]
  return links.filter(
    ({ target }) => target.startsWith('native/lib/') && !target.slice(11).includes('/'),
  )
}
