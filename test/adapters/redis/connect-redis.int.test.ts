import { Redis } from 'ioredis'
import { describeRedisClient } from './redis-contract.ts'

describeRedisClient((url) => new Redis(url), 2)
