-- An order for two SKUs in PostgreSQL: refused if its id is known or a unit is missing, else both
-- units are taken and the order is stored. Rows are taken in ascending order, so no two deadlock.
CREATE TABLE stock (sku int PRIMARY KEY, free int NOT NULL) WITH (fillfactor = 50);
CREATE TABLE orders (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO stock SELECT n, 1000000000 FROM generate_series(0, 19999) AS n;

CREATE FUNCTION place(order_id bigint, first int, second int, order_body text) RETURNS int
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orders VALUES (order_id, order_body) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    UPDATE stock SET free = free - 1 WHERE sku = first AND free >= 1;
    IF NOT FOUND THEN
        RAISE 'out of stock';
    END IF;
    UPDATE stock SET free = free - 1 WHERE sku = second AND free >= 1;
    IF NOT FOUND THEN
        RAISE 'out of stock';
    END IF;
    RETURN 1;
END $$;
