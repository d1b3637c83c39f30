-- Read the consent policy, the records of several customers, and the histories of some.
--
-- One command and one reply: a pipeline of the same reads costs more than the reads.
--
-- KEYS: EPOCHS, then the record of each customer, then purchase histories
-- ARGV: RECORDS  number of records
--
-- Returns the policy; the fields and values of each record ('' for a key of another type); each
-- history ('' if there is none or the key has another type).

local EPOCHS, RECORDS = KEYS[1], tonumber(ARGV[1])

local replies = {redis.call('HGET', EPOCHS, 'policy')}
for place = 2, RECORDS + 1 do
  local fields = redis.pcall('HGETALL', KEYS[place])
  replies[place] = fields.err and '' or fields
end
for place = RECORDS + 2, #KEYS do
  local history = redis.pcall('GET', KEYS[place])
  replies[place] = type(history) == 'string' and history or ''
end
return replies
