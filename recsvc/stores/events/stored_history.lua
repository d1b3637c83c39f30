-- Read and write the purchase histories that a script changes: each is read and written once.
--
-- include: events/purchase_history.lua
-- CONSTANTS: MAX_BYTES, MAX_HEADER_BYTES, MAX_ITEMS, MAX_DISMISSALS, MAX_DISMISSAL_BYTES,
--            MAX_ORDER_BYTES, ORDER_BYTES_AFTER, MAX_REFUND_BYTES, MAX_OLD_LINES; KEPT_SECONDS

local TAIL = 150 -- bytes that contain the last item and the line feed before it

local function last_start(section)
  for _, from in ipairs({math.max(#section - TAIL, 1), 1}) do
    local start
    local at = find(section, '\n', from, true)
    while at and at < #section do
      start = at + 1
      at = find(section, '\n', start, true)
    end
    if start then return start end
  end
  return 1 -- the only line
end

-- Remove the last lines while `is_excess(section, lines)`; return the section, the number of lines
-- left, and the greatest time of a removed one. Lines up to OLDEST are removed without one.
local function shortened_section(section, lines, is_excess)
  local lost = 0
  while section ~= '' do
    local start = last_start(section)
    local at = tonumber(sub(section, start + 1, start + TIME_DIGITS), 36)
    if at > OLDEST then
      if not is_excess(section, lines) then break end
      lost = math.max(lost, at)
    end
    section, lines = sub(section, 1, start - 1), lines - 1
  end
  return section, lines, lost
end

local function never() return false end

local function lines_in(section)
  local _, lines = string.gsub(section, '\n', '')
  return lines
end

local function without_old_cancellations(section)
  if not find(section, '?', 1, true) then return section end
  local kept = {}
  for line in gmatch(section, '[^\n]+\n') do
    local at_ms = tonumber(sub(line, 2, MS_DIGITS + 1), 36)
    if sub(line, 1, 1) == '!' or math.floor(at_ms / MS_PER_MINUTE) > OLDEST then
      kept[#kept + 1] = line
    end
  end
  return table.concat(kept)
end

-- Return the fields of a part with only some of its kept lines, and the others summed up.
local function shortened(part, keeps)
  local fields = ''
  for _, line in ipairs(part.lines) do
    if keeps(line.item) then
      fields = fields .. '\t' .. line.item .. '\t' .. amount_text(line.paid, line.units)
    end
  end
  for _, line in ipairs(part.lines) do
    if not keeps(line.item) and line.left > NO_UNITS then
      local paid = line.paid
      if paid and line.left ~= line.units then paid = paid * line.left / line.units end
      if paid then paid = tonumber(number_text(paid)) end
      fields = with_line(fields, '', paid, 1)
    end
  end
  return fields
end

local function keeps_no_item() return false end

-- Return the fields of a part with one line without an item: the amount after refunds.
local function summed_up(history, parts, number, line)
  if history.refunds ~= '' then return shortened(parts[number], keeps_no_item) end
  local fields = ''
  for amount in gmatch(line, '\t[^\t]*\t([^\t\n]*)') do -- the same without a parse of all parts
    local paid = amount_of(amount)
    if paid then paid = tonumber(number_text(paid)) end
    fields = with_line(fields, '', paid, 1)
  end
  return fields
end

-- Sum up the oldest parts; if that is not enough, remove the oldest.
local function shorten_orders(history)
  local size = #history.parts
  if size <= CONSTANTS.MAX_ORDER_BYTES then return end
  local wanted = CONSTANTS.ORDER_BYTES_AFTER -- lower, so that not every purchase comes here
  local lines = {}
  for line in gmatch(history.parts, '[^\n]+\n') do lines[#lines + 1] = line end
  local parts = history.refunds ~= '' and kept_parts(history)
  for number = #lines, 1, -1 do
    if size <= wanted then break end
    local line = lines[number]
    local head = match(line, '^#%w+')
    if not find(line, '^\t\t[^\t]*$', #head + 1) then
      local fields = summed_up(history, parts, number, line)
      size = size - #line
      if fields == '' then
        table.remove(lines, number)
      else
        lines[number] = head .. fields .. '\n'
        size = size + #lines[number]
      end
    end
  end
  while size > wanted do
    size = size - #lines[#lines]
    history.lost = math.max(history.lost, tonumber(sub(lines[#lines], 2, TIME_DIGITS + 1), 36))
    lines[#lines] = nil
  end
  history.parts = table.concat(lines)
end

local function shorten_items(history)
  local others = #history.dismissals + #history.parts + #history.refunds
  local space = CONSTANTS.MAX_BYTES - CONSTANTS.MAX_HEADER_BYTES - others
  local lost
  history.items, history.count, lost = shortened_section(history.items, history.count,
    function(items, count) return count > CONSTANTS.MAX_ITEMS or #items > space end)
  history.lost = math.max(history.lost, lost)
end

local function shorten_dismissals(history)
  local section = without_old_cancellations(history.dismissals)
  local lines = lines_in(section)
  while #section > CONSTANTS.MAX_DISMISSAL_BYTES or lines > CONSTANTS.MAX_DISMISSALS do
    section, lines = sub(section, 1, last_start(section) - 1), lines - 1
  end
  history.dismissals = section
end

-- Remove entries that are too old, then the oldest until the history is within its limits.
local function apply_limits(history)
  history.parts = shortened_section(history.parts, 0, never)
  history.refunds = shortened_section(history.refunds, 0,
    function(refunds) return #refunds > CONSTANTS.MAX_REFUND_BYTES end)
  if history.dismissals ~= '' then shorten_dismissals(history) end
  shorten_orders(history)
  shorten_items(history)
  if history.lost <= OLDEST then history.lost = 0 end
end

-- Remove items that must not be kept; what was paid for them stays in their orders.
local function remove_items(history, items)
  local removed = {}
  for item in gmatch(items, '[^\n]+') do removed[item] = true end
  local function keeps(item) return not removed[item] end
  local lines = {}
  for _, part in ipairs(kept_parts(history)) do
    local fields = part.fields
    for _, line in ipairs(part.lines) do
      if removed[line.item] then
        fields = shortened(part, keeps)
        break
      end
    end
    if fields ~= '' then lines[#lines + 1] = part.head .. fields .. '\n' end
  end
  history.parts, lines = table.concat(lines), {}
  for line, item in gmatch(history.refunds, '(~%w+\t([^\t]*)\t[^\n]*\n)') do
    if keeps(item) then lines[#lines + 1] = line end
  end
  history.refunds, lines = table.concat(lines), {}
  for line, item in gmatch(history.dismissals, '([!?]%w+\t([^\n]*)\n)') do
    if keeps(item) then lines[#lines + 1] = line end
  end
  history.dismissals = table.concat(lines)
  for item in pairs(removed) do take(history, item) end
end

local function empty_history()
  return {items = '', count = 0, dismissals = '', parts = '', refunds = '', lost = 0}
end

-- Take over the list of purchases of an older release, latest first.
local function read_old_list(history, lines)
  for number = #lines, 1, -1 do
    local at, order, paid, item = match(lines[number], '^(%d+) (%S+) (%S+) (.+)$')
    if at and #at <= 12 then
      local minute = math.floor(tonumber(at) / 60)
      buy(history, item, minute, match(order, '^%x%x%x%x%x%x%x%x') or '', tonumber(paid), 1)
      local is_full = #lines >= CONSTANTS.MAX_OLD_LINES -- then older purchases have left the list
      if is_full and number == #lines then history.lost = minute end
    end
  end
end

-- Return the stored history. One that cannot be read is empty, and any purchase may be missing.
local function read_history(key)
  local history, text = empty_history(), redis.pcall('GET', key)
  if type(text) == 'table' then -- an error: the key is no string
    local lines = redis.pcall('LRANGE', key, 0, -1)
    if lines.err then history.lost = math.floor(second / 60) else read_old_list(history, lines) end
  elseif text then
    local count, items, dismissals, parts, refunds, lost, first =
      match(text, '^1 (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)\n()')
    if count and first - 1 + items + dismissals + parts + refunds == #text then
      local stop = first + items
      history.count, history.lost = tonumber(count), tonumber(lost, 36) or 0
      history.items = sub(text, first, stop - 1)
      history.dismissals = sub(text, stop, stop + dismissals - 1)
      stop = stop + dismissals
      history.parts = sub(text, stop, stop + parts - 1)
      history.refunds = sub(text, stop + parts)
    else
      history.lost = math.floor(second / 60)
    end
  end
  return history
end

-- Return the text of a history within its limits; empty for an empty history.
local function text_of(history)
  apply_limits(history)
  local items, dismissals = history.items, history.dismissals
  local parts, refunds = history.parts, history.refunds
  if #items + #dismissals + #parts + #refunds == 0 then return '' end
  local lost = history.lost > 0 and base36(history.lost, TIME_DIGITS) or '-'
  return string.format('1 %d %d %d %d %d %s\n', history.count, #items, #dismissals, #parts,
    #refunds, lost) .. items .. dismissals .. parts .. refunds
end

local function write_history(key, history)
  local is_readable, text = pcall(text_of, history)
  if not is_readable or text == '' then
    redis.call('DEL', key)
  else
    redis.call('SET', key, text, 'EX', CONSTANTS.KEPT_SECONDS)
  end
end

local function is_old(at_ms)
  return math.floor(at_ms / MS_PER_MINUTE) <= OLDEST
end

-- Apply a change: `+` a purchase, `-` a refund, `!` a dismissal, `?` its cancellation. After the
-- first two: the order, the amount paid and the units, separated by tabs.
local function apply_change(history, item, change, at_ms)
  local kind, minute = sub(change, 1, 1), math.floor(at_ms / MS_PER_MINUTE)
  local order, paid, units = match(change, '^.(%x*)\t([^\t]*)\t(.*)$')
  if kind == '+' then
    buy(history, item, minute, order, tonumber(paid), tonumber(units))
  elseif kind == '-' then
    refund(history, item, minute, order, tonumber(units))
  else
    dismiss(history, item, at_ms, kind)
  end
end
