import { Redis } from 'ioredis'
import { afterAll, vi } from 'vitest'
import { describeRedisClient } from './redis-contract.ts'

// Files share a process: the mock applies to what is loaded from here on, and to no later file.
vi.hoisted(() => vi.resetModules())
afterAll(() => vi.resetModules())

// The next major version, which speaks RESP3: the adapter runs on it unchanged.
vi.mock('ioredis', () => import('ioredis6'))

describeRedisClient((url) => new Redis(url), 3)
