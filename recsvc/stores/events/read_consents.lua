-- Read the consent policy and the records of several customers.
--
-- One command and one reply: a pipeline of the same reads costs more than the reads.
--
-- KEYS: EPOCHS, then the record of each customer
--
-- Returns the policy, then the fields and values of each record ('' for a key of another type).

local EPOCHS = KEYS[1]

local replies = {redis.call('HGET', EPOCHS, 'policy')}
for place = 2, #KEYS do
  local fields = redis.pcall('HGETALL', KEYS[place])
  replies[place] = fields.err and '' or fields
end
return replies
