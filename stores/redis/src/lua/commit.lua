-- KEYS: one for each write. ARGV, three for each: the version that the cell must have (8 bytes
-- big-endian, empty where there must be none), the new cell, its end in milliseconds.
-- A script is not rolled back: all is checked before the first write.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 1, #KEYS do
  local till = tonumber(ARGV[3 * i])
  if not till or till <= now or till > 9007199254740991 or till % 1 ~= 0 then
    return redis.error_reply('OTPTILL the time of a cell is over by the clock of the server')
  end
  if redis.call('GETRANGE', KEYS[i], 0, 7) ~= ARGV[3 * i - 2] then
    return 0
  end
end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[3 * i - 1], 'PXAT', ARGV[3 * i])
end
return 1
