wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{"order_id":"20201111-100001","customer":"c778812","currency":"CNY","lines":[' ..
    '{"sku":"SKU-17","units":1,"unit_price":1999},{"sku":"SKU-42","units":1,"unit_price":2599}]}'
