import type { ManagedFileOptions, ManagedFileStore } from '../../../src/ports/cutover.ts'
import type { ServiceStore } from '../../../src/ports/store.ts'

export declare const carryOut: ManagedFileOptions['carryOut']
export declare function plainOptions(limits?: Partial<ManagedFileOptions>): ManagedFileOptions
export declare function withCalls<Store extends ManagedFileStore>(
  store: Store,
): Store & Pick<ServiceStore, 'write' | 'refuse' | 'announce'>
