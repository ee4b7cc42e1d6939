import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { ROOT } from './run-ff.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no browser; null where there is one. */
    readonly chromiumMissing: string | null
  }
}

/** Installs Debian's Chromium where it is missing and may be installed; otherwise its tests fail, and say why. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('chromiumMissing', await install())
}

async function install(): Promise<string | null> {
  try {
    await promisify(execFile)(`${ROOT}/.ci/install-chromium`, { maxBuffer: 67_108_864 })
    return null
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  }
}
