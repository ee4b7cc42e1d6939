import { join } from 'node:path'

/** The folder of the recording of staging in a team's folder. */
export const findRecordingFolder = (cwd: string): string => join(cwd, '.ff', 'observation')
