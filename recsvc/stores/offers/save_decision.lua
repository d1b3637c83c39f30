-- Store a decision of a customer who permits it, and remove the customer's oldest ones.
--
-- KEYS: DECISION   string: the decision
--       DECISIONS  sorted set: decision of the customer → its time
--       RECORD     consent record of the customer
--       EPOCHS     hash of epochs
--       PREFIX     prefix of the keys of decisions
--       LOG        stream of the ids of decisions to be drained
-- ARGV: STORED, POLICY   the consent record and the policy as they were read
--       ID, AT_US, JSON  of the decision
--       SECONDS          life of the decision
--       MAX_DECISIONS    of one customer
--       CUSTOMER         hash of the customer
--
-- Returns 1, or 0 when consent changed since it was read: a decision that waited in a batch must
-- not be written after a withdrawal or an erasure.

local DECISION, DECISIONS, RECORD, EPOCHS, PREFIX, LOG = unpack(KEYS, 1, 6)
local STORED, POLICY, ID, AT_US, JSON, SECONDS, MAX_DECISIONS, CUSTOMER = unpack(ARGV, 1, 8)

local stored = table.concat(redis.call('HGETALL', RECORD), '\n')
local policy = redis.call('HGET', EPOCHS, 'policy') or ''
if stored ~= STORED or policy ~= POLICY then return 0 end
redis.call('SET', DECISION, JSON, 'EX', SECONDS)
redis.call('ZADD', DECISIONS, AT_US, ID)
redis.call('EXPIRE', DECISIONS, SECONDS)
-- Entries of a stream or a sorted set do not expire by themselves: remove those that are older
-- than their decisions can be.
local oldest = redis.call('TIME')[1] - SECONDS
local oldest_entry = string.format('%.0f', oldest * 1000) -- ids of a stream are in milliseconds
redis.call('XADD', LOG, 'MINID', '=', oldest_entry, '*', 'decision', ID, 'customer', CUSTOMER)
redis.call('EXPIRE', LOG, SECONDS)
redis.call('ZREMRANGEBYSCORE', DECISIONS, '-inf', string.format('(%.0f', oldest * 1000000))
local surplus = redis.call('ZCARD', DECISIONS) - tonumber(MAX_DECISIONS)
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', DECISIONS, 0, surplus - 1)) do
    redis.call('DEL', PREFIX .. id)
  end
  redis.call('ZREMRANGEBYRANK', DECISIONS, 0, surplus - 1)
end
return 1
