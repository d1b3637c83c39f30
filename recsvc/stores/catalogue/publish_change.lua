-- Include. Publish a change to the workers: increment an epoch and log the ids that changed.
--
-- Called in the script that makes the change, so the change and its epoch are one atomic step: a
-- worker that reads an epoch can read everything up to that epoch.
--
--   epochs       key of the hash of epochs
--   name         name of the epoch
--   log          key of the stream of changes; its entry ids are `<epoch>-0`
--   max_entries  length of the log, approximate
--   ids          the changed ids, as JSON
--
-- Returns the new epoch as text.
local function publish_change(epochs, name, log, max_entries, ids)
  local epoch = string.format('%.0f', redis.call('HINCRBY', epochs, name, 1))
  local entry = {log, 'MAXLEN', '~', max_entries, epoch .. '-0', 'ids', ids}
  local reply = redis.pcall('XADD', unpack(entry))
  if type(reply) == 'table' and reply.err then
    -- The log has a later entry than this epoch: the epochs were lost or set back. The log no
    -- longer fits them, so it starts again; a worker that misses entries reads everything.
    redis.call('DEL', log)
    redis.call('XADD', unpack(entry))
  end
  return epoch
end
