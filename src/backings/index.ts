import { randomBytes } from 'node:crypto'
import type { Scratch } from '../ports.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { openScratchFolder } from './file/scratch-folder.ts'
import type { SupportedVersions } from './postgres/connect.ts'
import { startEmbedded } from './postgres/embedded.ts'
import { openScratchSchema } from './postgres/scratch-schema.ts'

export interface ScratchNeeds {
  readonly migrations: readonly Migration[]
  readonly versions: SupportedVersions
}
type Opener<K extends TargetSpec['kind']> = (spec: Extract<TargetSpec, { kind: K }>, needs: ScratchNeeds) => Promise<Scratch>

/** How each kind of target gives the harness a store of its own. To add one: its folder, and its line here. */
const OPENERS: { readonly [K in TargetSpec['kind']]: Opener<K> } = {
  file: ({ folder }) => openScratchFolder(folder, scratchTools()),
  postgres: ({ url, name }, needs) =>
    openScratchSchema({ config: { connectionString: url }, name }, { ...needs, tools: scratchTools() }),
  embedded: async (_, needs) => {
    const server = await startEmbedded()
    try {
      const scratch = await openScratchSchema(server.database, { ...needs, tools: scratchTools() })
      return { ...scratch, close: () => scratch.close().finally(() => server.stop()) }
    } catch (error) {
      await server.stop()
      throw error
    }
  },
}

// Nobody keeps a scratch store's audit records, so the key of their digests need not be kept either.
const scratchTools = (): { digestKey: Uint8Array; phase: string } => ({ digestKey: randomBytes(32), phase: 'file' })

/** @throws FfError saying why the target cannot be had */
export function openScratch(spec: TargetSpec, needs: ScratchNeeds): Promise<Scratch> {
  return (OPENERS[spec.kind] as Opener<TargetSpec['kind']>)(spec as never, needs)
}
