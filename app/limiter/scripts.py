"""What Redis does for the limiter, each in one round trip: Lua, which runs undivided.

All keys of a script belong to one account and carry its id as their hash tag, so that they lie on
one node of a cluster. Times are microseconds: of Redis's own clock, unless one is handed in.
"""

from typing import Final

_NOW: Final = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
"""

TAKE: Final = (
    _NOW
    + """
-- KEYS: first the sorted sets of open calls, `seats` of them, then the buckets ("used:at").
-- ARGV: now, seats, how long a seat lasts, its name, its spare name, whether it joins;
--       then for each key its limit, what is taken, and what is taken by a guest.
local seats, lasts = tonumber(ARGV[2]), tonumber(ARGV[3])
local name, guest = ARGV[4], 0
for i = 1, seats do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  if redis.call('ZSCORE', KEYS[i], name) then
    if ARGV[6] == '1' then guest = 1 else name = ARGV[5] end
  end
end

local granted, used, since, answer = true, {}, {}, {guest, name}
for i = 1, #KEYS do
  local most = tonumber(ARGV[4 + 3 * i])
  local amount = tonumber(ARGV[5 + 3 * i + guest])
  used[i], since[i] = 0, now
  if i <= seats then
    used[i] = redis.call('ZCARD', KEYS[i])
  else
    local kept = redis.call('GET', KEYS[i])
    if kept then
      local left, at = string.match(kept, '(.+):(.+)')
      at = tonumber(at)
      local drained = math.max(0, now - at) * most / 60000000
      used[i] = math.max(0, math.min(tonumber(left), most) - drained)
      since[i] = math.max(at, now)
    end
  end
  if amount > 0 and used[i] + amount > most then granted = false end
  answer[2 + i] = string.format('%.17g', used[i])
end
if not granted then return answer end

for i = 1, #KEYS do
  local amount = tonumber(ARGV[5 + 3 * i + guest])
  if i <= seats then
    if amount > 0 then
      redis.call('ZADD', KEYS[i], now + lasts, name)
      redis.call('PEXPIRE', KEYS[i], math.ceil(lasts / 1000))
    end
  elseif amount ~= 0 then
    local after = math.max(0, used[i] + amount)
    redis.call('SET', KEYS[i], string.format('%.17g:%.0f', after, since[i]), 'EX', 61)
  end
end
return answer
"""
)

KEEP: Final = (
    _NOW
    + """
-- KEYS: one sorted set of open calls. ARGV: now, how long a seat lasts, the names of the seats.
local lasts = tonumber(ARGV[2])
for i = 3, #ARGV do
  redis.call('ZADD', KEYS[1], now + lasts, ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], math.ceil(lasts / 1000))
return 0
"""
)

RELEASE: Final = """
-- KEYS: the sorted sets a seat is in. ARGV: its name.
for i = 1, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[1])
end
return 0
"""
