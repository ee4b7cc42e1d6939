import { CUT_OVER } from './cut-over.ts'
import { DECIDE } from './decide.ts'
import { LOOK_AFTER } from './look-after.ts'
import { PROVE } from './prove.ts'
import type { CommandGroup } from './row.ts'
import { SERVE } from './serve.ts'
import { SIGN } from './sign.ts'

/** Every command but `help`, in the order in which help lists them. To add one: its row, and its module. */
export const COMMANDS: readonly CommandGroup[] = [
  ...PROVE,
  ...DECIDE,
  ...SIGN,
  ...SERVE,
  ...CUT_OVER,
  ...LOOK_AFTER,
]
