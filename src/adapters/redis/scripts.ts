/**
 * Lua scripts, which Redis runs as one step. All keys of a script share a hash tag. They are sent as text each time, so
 * that no server has to know them, as after a failover or a SCRIPT FLUSH.
 */

/** KEYS value, lease, tombstone. ARGV token, seq, text, ttl in ms. A tombstone of another type or text refuses no fill. */
export const FILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lease_lost' end
local change = redis.pcall('GET', KEYS[3])
if type(change) == 'string' and (tonumber(change) or 0) > tonumber(ARGV[2]) then return 'outdated' end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call('DEL', KEYS[2])
return 'filled'
`

/** KEYS value, lease, tombstone. ARGV seq, ttl in ms. Deletes first, so that a full server still invalidates. */
export const INVALIDATE = `
local deleted = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
local before = redis.pcall('GET', KEYS[3])
local seq = ARGV[1]
if type(before) == 'string' and (tonumber(before) or 0) > tonumber(seq) then seq = before end
redis.call('SET', KEYS[3], seq, 'PX', ARGV[2])
return deleted
`

/** KEYS lease. ARGV token. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`
