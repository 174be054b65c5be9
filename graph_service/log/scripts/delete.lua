-- Forgets a dataset. Its request keys go when their time is over; nothing finds them under a new uid.
--
-- KEYS  catalogue, log, epoch
-- ARGV  name; uid
--
-- Returns 1, or 0 when the name no longer stands for that uid.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3])
return 1
