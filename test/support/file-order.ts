import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Short files that take long: without times of an earlier run, vitest starts with the largest files. */
const FIRST = ['selftest.e2e.test.ts', 'signals.e2e.test.ts', 'harness.e2e.test.ts']
/** Reads reports that other files wait for too; by then they are there. */
const LAST = ['schemas.e2e.test.ts']

/**
 * Orders the files of a project: long ones first, so that no worker idles at the end, and a file that reads shared
 * reports last, so that it does not wait for them.
 */
export class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const projects = [...new Set(sorted.map(({ project }) => project.name))]
    return sorted.toSorted(
      (a, b) =>
        projects.indexOf(a.project.name) - projects.indexOf(b.project.name) ||
        getRank(a) - getRank(b),
    )
  }
}

function getRank({ moduleId }: TestSpecification): number {
  const isOneOf = (names: readonly string[]) => names.some((name) => moduleId.endsWith(`/${name}`))
  if (isOneOf(FIRST)) return -1
  return isOneOf(LAST) ? 1 : 0
}
