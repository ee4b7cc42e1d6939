import { stat } from 'node:fs/promises'

/** Which folder this is, by whatever path it was reached. @throws what the system says of it */
export async function identifyFolder(folder: string): Promise<string> {
  const { dev, ino } = await stat(folder)
  return `${dev}/${ino}`
}
