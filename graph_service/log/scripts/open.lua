-- Takes the next epoch of a log, which fences off whoever had the one before.
--
-- KEYS  log, epoch
--
-- Returns the epoch, or 0 when there is no such log.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('INCR', KEYS[2])
