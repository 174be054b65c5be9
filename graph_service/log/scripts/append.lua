-- Appends a group of writes to one log, all of it or nothing.
--
-- KEYS  log, epoch, then the request key of each write
-- ARGV  the writer's epoch; the head its writes were checked against, or ''; seconds for which request
--       ids are remembered; then for each write: request id, digest (16 bytes), encoded event
--
-- Returns {'FENCED'}, {'MOVED', head}, or {'DONE', revision, outcome, ...} with a pair for each write.
-- Outcomes: 0 appended, 1 known (revision is the first time's), 2 the request id belongs to another event.
--
-- Entries are never removed, so the length of the log is its newest revision.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return {'FENCED'}
end
local head = redis.call('XLEN', KEYS[1])
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= head then
  return {'MOVED', head}
end
local answer = {'DONE'}
for i = 3, #KEYS do
  local request_id, digest, event = ARGV[3 * i - 5], ARGV[3 * i - 4], ARGV[3 * i - 3]
  local known = redis.call('GET', KEYS[i])
  if known then
    answer[#answer + 1] = tonumber(known:sub(17))
    answer[#answer + 1] = known:sub(1, 16) == digest and 1 or 2
  else
    local revision = string.format('%d', head + 1)
    redis.call('XADD', KEYS[1], revision .. '-0', 'request', request_id, 'event', event)
    redis.call('SET', KEYS[i], digest .. revision, 'EX', ARGV[3])
    head = head + 1
    answer[#answer + 1] = head
    answer[#answer + 1] = 0
  end
end
return answer
