-- Forgets a dataset. Its request keys go when their time is over; nothing finds them under a new uid.
--
-- KEYS  catalogue, log, epoch
-- ARGV  name; the uid and the epoch of the writer who asks
--
-- Returns 'DELETED', 'UNKNOWN' when the name stands for nothing, or 'FENCED' when it stands for another uid
-- (deleted and made again) or another writer has opened the log.
local uid = redis.call('HGET', KEYS[1], ARGV[1])
if not uid then
  return 'UNKNOWN'
end
if uid ~= ARGV[2] or redis.call('GET', KEYS[3]) ~= ARGV[3] then
  return 'FENCED'
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3])
return 'DELETED'
