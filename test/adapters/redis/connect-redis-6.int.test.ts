import { Redis } from 'ioredis'
import { vi } from 'vitest'
import { describeRedisClient } from './redis-contract.ts'

// The next major version, which speaks RESP3: the adapter runs on it unchanged.
vi.mock('ioredis', () => import('ioredis6'))

describeRedisClient((url) => new Redis(url))
