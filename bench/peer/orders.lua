-- A new order with every request: two lines, about 170 bytes; wrk ... -- PREFIX keeps rounds apart.
local prefix, count
local lines = '","customer":"c778812","currency":"CNY","lines":[' ..
    '{"sku":"SKU-17","units":1,"unit_price":1999},{"sku":"SKU-42","units":1,"unit_price":2599}]}'
local head = 'POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: '

function init(arguments)
    prefix = '{"order_id":"' .. (arguments[1] or 'o') .. '-'
    count = 10000000
    head = head .. #(prefix .. count .. lines) .. '\r\n\r\n' .. prefix
end

function request()
    count = count + 1
    return head .. count .. lines
end
