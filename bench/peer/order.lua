-- An order for two SKUs in Redis: refused if its id is known or a unit is missing, else both units
-- are taken and the order is stored. The id's last eight digits choose the SKUs.
local id = ARGV[1]
local order, first, second = 'o' .. id, 'a' .. id:sub(-4), 'b' .. id:sub(-8, -5)
local known = redis.call('MGET', order, first, second)
if known[1] then return 0 end
if tonumber(known[2]) < 1 or tonumber(known[3]) < 1 then return -1 end
redis.call('DECR', first)
redis.call('DECR', second)
redis.call('SET', order, ARGV[2])
return 1
