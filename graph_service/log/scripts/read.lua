-- Reads some entries of one log, in order.
--
-- KEYS  log
-- ARGV  the revision after which to begin; bytes of events after which to stop; entries after which to stop
--
-- Returns {{id, fields}, ...}, none at the end of the log. Small steps keep the answer within a few entries
-- of its bounds, whatever the size of the entries.
local step = 8
local after, most_bytes, most_entries = ARGV[1] .. '-0', tonumber(ARGV[2]), tonumber(ARGV[3])
local answer, size = {}, 0
while size < most_bytes and #answer < most_entries do
  local page = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', step)
  for _, entry in ipairs(page) do
    answer[#answer + 1] = entry
    for _, value in ipairs(entry[2]) do
      size = size + #value
    end
    after = entry[1]
  end
  if #page < step then
    break
  end
end
return answer
