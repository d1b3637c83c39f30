-- Delete a string, but only while it has a given value.
--
-- Defends against a race: an erasure may request another rewrite of the append-only file between
-- the read of the last request and its deletion. That newer request must stay.
--
-- Returns nothing.

local KEY = KEYS[1]
local EXPECTED = ARGV[1]

if redis.call('GET', KEY) == EXPECTED then redis.call('DEL', KEY) end
