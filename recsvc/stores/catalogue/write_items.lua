-- Write item records and publish the change, in one atomic step.
--
-- KEYS: ITEMS, EPOCHS, LOG
-- ARGV: LOG_LENGTH
--       IDS       the item ids, as JSON
--       EXPECTED  record that the first item must have now (empty: any record)
--       then id and record of each item
--
-- Returns 1, or 0 when the first item has another record: an item that is read, changed and
-- written back must not undo the change of another writer.

local ITEMS, EPOCHS, LOG = unpack(KEYS, 1, 3)
local LOG_LENGTH, IDS, EXPECTED = unpack(ARGV, 1, 3)
local FIRST = 4 -- place of the first item's id in ARGV

-- include: catalogue/publish_change.lua

if EXPECTED ~= '' and redis.call('HGET', ITEMS, ARGV[FIRST]) ~= EXPECTED then return 0 end
publish_change(EPOCHS, 'catalogue', LOG, LOG_LENGTH, IDS)
redis.call('HSET', ITEMS, unpack(ARGV, FIRST))
return 1
