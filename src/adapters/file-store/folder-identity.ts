import { stat } from 'node:fs/promises'

/** Identifies a folder as `device/inode` in decimal, the same for every path to it. @throws the system's error */
export async function identifyFolder(folder: string): Promise<string> {
  const { dev, ino } = await stat(folder)
  return `${dev}/${ino}`
}
