import type { SignoffFound, SignoffQuestion } from '../ports.ts'

/** Where nothing verifies signatures there are none: nobody has signed, no runner is named, no waiver is approved. */
export const unsigned = ({ waivers }: SignoffQuestion): Promise<SignoffFound> =>
  Promise.resolve({
    outcome: { status: 'missing', roles: ['platform-lead', 'security-lead'] },
    runners: [],
    waivers: waivers.map((one) => ({ ...one, approvals: [] })),
    policy: null,
  })
