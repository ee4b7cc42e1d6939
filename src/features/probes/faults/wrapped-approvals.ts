import type { CheckApproval } from '../../../ports/admin.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** The planted fault of the Admin probes: clients whose approval checks are changed; for `inContext`. */
export const wrapApprovals =
  (change: (check: CheckApproval) => CheckApproval) =>
  ({ adapters }: Pick<ProbeContext, 'adapters'>): Pick<ProbeContext, 'adapters'> => ({
    adapters: {
      ...adapters,
      openApprovals: async (plan) => {
        const opened = await adapters.openApprovals(plan)
        return {
          begin: () => change(opened.begin()),
          abandon: (ref) => opened.abandon(ref),
          metrics: () => opened.metrics(),
          close: () => opened.close(),
        }
      },
    },
  })
