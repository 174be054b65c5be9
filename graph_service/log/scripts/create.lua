-- Makes a dataset: its name in the catalogue, its first epoch, its first entry.
--
-- KEYS  catalogue, log, epoch, request key
-- ARGV  name; uid; seconds for which request ids are remembered; request id; digest (16 bytes); encoded event
--
-- Returns 1, or 0 when the name is taken.
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('SET', KEYS[3], 1)
redis.call('XADD', KEYS[2], '1-0', 'request', ARGV[4], 'event', ARGV[6])
redis.call('SET', KEYS[4], ARGV[5] .. '1', 'EX', ARGV[3])
return 1
