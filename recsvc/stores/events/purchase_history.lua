-- Change the purchase history of a customer. `recsvc/domain/customers/purchase_history.py` has the
-- format, `history_changes.py` and `refunds.py` there the rules; a test compares the results.
--
-- The script that includes this file sets `second` (the store's time) before.
-- CONSTANTS: KEPT_SECONDS
--
-- A history is a table of its sections, which stay text: `items`, `count` (of items), `dismissals`,
-- `parts`, `refunds`; and `lost`, a minute. Most changes touch one line of a section, so the cost of
-- a purchase hardly depends on the number of items. Times are compared as numbers, because `<` of
-- texts depends on the locale of the server.

local find, sub, match, gmatch = string.find, string.sub, string.match, string.gmatch
local TIME_DIGITS, MS_DIGITS, MS_PER_MINUTE, MINUTES_PER_DAY = 5, 9, 60000, 1440
local NO_UNITS = 1e-9
local OLDEST = math.floor(second / 60) - CONSTANTS.KEPT_SECONDS / 60 -- a minute up to here is old
local DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'

local function base36(number, digits)
  local text = ''
  repeat
    local digit = number % 36
    text = sub(DIGITS, digit + 1, digit + 1) .. text
    number = (number - digit) / 36
  until number == 0 and #text >= digits
  return text
end

local minute_texts = {} -- most events of a call are of a few minutes
local function minute_text(minute)
  minute_texts[minute] = minute_texts[minute] or base36(minute, TIME_DIGITS)
  return minute_texts[minute]
end

local function number_text(number)
  return string.format('%.12g', number)
end

-- Return where the line that begins with `prefix` starts and where its line feed is.
local function line_at(section, prefix)
  local start = 1
  if sub(section, 1, #prefix) ~= prefix then
    local before = find(section, '\n' .. prefix, 1, true)
    if not before then return end
    start = before + 1
  end
  return start, find(section, '\n', start, true)
end

-- Insert a line before those that are not later.
local function placed(section, line, at, digits)
  local start = 1
  while start <= #section and tonumber(sub(section, start + 1, start + digits), 36) > at do
    start = find(section, '\n', start, true) + 1
  end
  return sub(section, 1, start - 1) .. line .. sub(section, start)
end

-- Remove the item and return the number and the minute of its purchases.
local function take(history, item)
  local items = history.items
  local tab = find(items, '\t' .. item .. '\n', 1, true)
  if not tab then return 0, 0 end
  local last, times = match(sub(items, math.max(tab - 12, 1), tab - 1), '%+(%w%w%w%w%w)(%w+)$')
  local start = tab - #times - TIME_DIGITS - 1
  history.items = sub(items, 1, start - 1) .. sub(items, tab + #item + 2)
  history.count = history.count - 1
  return tonumber(times, 36), tonumber(last, 36)
end

local function put(history, item, times, last)
  if times <= 0 then return end
  local line = '+' .. minute_text(last) .. base36(times, 1) .. '\t' .. item .. '\n'
  history.items = placed(history.items, line, last, TIME_DIGITS)
  history.count = history.count + 1
end

local function amount_text(paid, units)
  paid = paid and number_text(paid) or ''
  return units == 1 and paid or paid .. '*' .. number_text(units)
end

local function amount_of(text)
  local paid, star, units = match(text, '^([^*]*)(%*?)(.*)$')
  return tonumber(paid), star == '*' and tonumber(units) or 1
end

-- Add an item to the fields of a part; return the fields, and whether the item is new there.
local function with_line(fields, item, paid, units)
  for name, first, amount, after in gmatch(fields, '\t([^\t]*)\t()([^\t]*)()') do
    if name == item then
      local paid_before, units_before = amount_of(amount)
      if paid and paid_before then paid = paid + paid_before end
      units = item == '' and 1 or units + units_before
      amount = amount_text(paid or paid_before, units)
      return sub(fields, 1, first - 1) .. amount .. sub(fields, after), false
    end
  end
  return fields .. '\t' .. item .. '\t' .. amount_text(paid, units), true
end

local function parts_of(history)
  local parts = {}
  for time, order, fields in gmatch(history.parts, '#(%w%w%w%w%w)(%x*)(\t[^\n]*)\n') do
    local part = {minute = tonumber(time, 36), head = '#' .. time .. order, order = order,
      fields = fields, lines = {}}
    for item, amount in gmatch(fields, '\t([^\t]*)\t([^\t]*)') do
      local paid, units = amount_of(amount)
      part.lines[#part.lines + 1] = {item = item, paid = paid, units = units, left = units}
    end
    parts[#parts + 1] = part
  end
  return parts
end

-- Return the parts, latest first; `left` of a line are the units that refunds have left.
local function kept_parts(history)
  local parts, refunds = parts_of(history), {}
  for time, order, item, units in
    gmatch(history.refunds, '~(%w%w%w%w%w)(%x+)\t([^\t\n]*)\t([^\n]*)\n')
  do
    refunds[#refunds + 1] = {minute = tonumber(time, 36), order = order, item = item,
      units = tonumber(units) or math.huge}
  end
  for number = #refunds, 1, -1 do
    local refund = refunds[number]
    local latest, units = 0, refund.units
    for _, part in ipairs(parts) do
      if part.order == refund.order and part.minute <= refund.minute then
        latest = math.max(latest, part.minute)
      end
    end
    for _, part in ipairs(parts) do
      if part.order == refund.order and part.minute <= refund.minute
        and latest - part.minute < MINUTES_PER_DAY
      then
        for _, line in ipairs(part.lines) do
          if refund.item == '' then
            line.left = 0
          elseif line.item == refund.item then
            local taken = math.min(line.left, units)
            line.left, units = line.left - taken, units - taken
          end
        end
      end
    end
  end
  return parts
end

-- Count the parts with each item, after refunds.
local function bought(history)
  local names, times, last = {}, {}, {}
  for _, part in ipairs(kept_parts(history)) do
    for _, line in ipairs(part.lines) do
      local item = line.item
      if item ~= '' and not times[item] then
        names[#names + 1], times[item], last[item] = item, 0, 0
      end
      if item ~= '' and line.left > NO_UNITS then
        times[item], last[item] = times[item] + 1, math.max(last[item], part.minute)
      end
    end
  end
  return names, times, last
end

-- Bring the items in line with the orders, after a change of orders or refunds.
local function count_again(history, times_before, last_before)
  local names, times, last = bought(history)
  for _, item in ipairs(names) do
    local before, latest = times_before[item] or 0, last[item]
    if times[item] ~= before or latest ~= (last_before[item] or 0) then
      local known, known_last = take(history, item)
      local others = known - before -- purchases whose orders have left
      if others > 0 then
        if times[item] > before then
          latest = math.max(latest, known_last)
        elseif times[item] == before or latest == 0 then
          latest = known_last
        end
      end
      put(history, item, math.max(others, 0) + times[item], latest)
    end
  end
end

local function buy(history, item, minute, order, paid, units)
  if minute <= OLDEST then return end
  local is_refunded = order ~= '' and find(history.refunds, '~%w%w%w%w%w' .. order .. '\t')
  local times, last, _
  if is_refunded then _, times, last = bought(history) end
  local head, is_new = '#' .. minute_text(minute) .. order, true
  local start, stop = line_at(history.parts, head .. '\t')
  if start then
    local fields
    fields, is_new = with_line(sub(history.parts, start + #head, stop - 1), item, paid, units)
    history.parts = sub(history.parts, 1, start - 1) .. head .. fields .. sub(history.parts, stop)
  else
    local line = head .. '\t' .. item .. '\t' .. amount_text(paid, units) .. '\n'
    history.parts = placed(history.parts, line, minute, TIME_DIGITS)
  end
  if is_refunded then
    count_again(history, times, last)
  elseif is_new then
    local known, known_last = take(history, item)
    put(history, item, known + 1, math.max(known_last, minute))
  end
end

-- `units` nil: all; `item` empty: the whole order.
local function refund(history, item, minute, order, units)
  if minute <= OLDEST then return end
  local _, times, last = bought(history)
  local head = '~' .. minute_text(minute) .. order .. '\t' .. item .. '\t'
  local start, stop = line_at(history.refunds, head)
  if start then
    local before = tonumber(sub(history.refunds, start + #head, stop - 1))
    local sum = units and before and number_text(units + before) or ''
    history.refunds = sub(history.refunds, 1, start - 1) .. head .. sum ..
      sub(history.refunds, stop)
  else
    local line = head .. (units and number_text(units) or '') .. '\n'
    history.refunds = placed(history.refunds, line, minute, TIME_DIGITS)
  end
  count_again(history, times, last)
end

-- `kind`: `!` dismisses, `?` cancels.
local function dismiss(history, item, at_ms, kind)
  if math.floor(at_ms / MS_PER_MINUTE) <= OLDEST then return end
  local dismissals = history.dismissals
  local tab = find(dismissals, '\t' .. item .. '\n', 1, true)
  if tab then
    local start = tab - MS_DIGITS - 1
    local known = sub(dismissals, start, start)
    local known_at = tonumber(sub(dismissals, start + 1, tab - 1), 36)
    if known_at > at_ms or (known_at == at_ms and known == '?' and kind == '!') then return end
    dismissals = sub(dismissals, 1, start - 1) .. sub(dismissals, tab + #item + 2)
  end
  local line = kind .. base36(at_ms, MS_DIGITS) .. '\t' .. item .. '\n'
  history.dismissals = placed(dismissals, line, at_ms, MS_DIGITS)
end
