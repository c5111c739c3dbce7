-- joins, aggregates, windows, common table expressions, text and dates
CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INT);
CREATE TABLE book(id INTEGER PRIMARY KEY, author INT REFERENCES author(id) ON DELETE CASCADE, title TEXT, price REAL, year INT);
CREATE INDEX book_year ON book(year, price);
INSERT INTO author(name, born) VALUES ('Ada', 1815), ('Grace', 1906), ('Edsger', 1930), ('Nobody', NULL);
INSERT INTO book(author, title, price, year) VALUES (1, 'Notes', 12.5, 1843), (2, 'Compilers', 30.25, 1952), (2, 'Bugs', 5.0, 1947), (3, 'Discipline', 45.75, 1976), (3, 'EWD', NULL, 1968);
SELECT a.name, b.title, b.price FROM author a LEFT JOIN book b ON b.author = a.id ORDER BY a.name, b.title;
SELECT a.name, count(b.id), sum(b.price), avg(b.price), min(b.year), group_concat(b.title, '+') FROM author a JOIN book b ON b.author = a.id GROUP BY a.id HAVING count(*) >= 1 ORDER BY 1;
SELECT title, price, rank() OVER (ORDER BY price DESC), sum(price) OVER (ORDER BY year ROWS UNBOUNDED PRECEDING) FROM book ORDER BY year;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT sum(i), max(i), group_concat(i * i) FROM n;
WITH RECURSIVE fib(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM fib WHERE b < 1e15) SELECT max(a) FROM fib;
SELECT upper('abc'), length('grüße'), substr('hello', 2, 3), replace('aXbX', 'X', '--'), trim('  x '), instr('abc', 'c'), hex('Az'), quote('it''s'), printf('%05d|%.3f|%s', 42, 3.14159, 'x');
SELECT date('2000-02-28', '+2 days'), time('12:34:56', '-1 hour'), datetime(951782400, 'unixepoch'), strftime('%Y %j %W %w', '1998-06-25'), julianday('2000-01-01');
SELECT 7 / 2, 7 / 2.0, 7 % 3, -7 / 2, 1 / 0, 9223372036854775807 + 1, 2.5 * 4, 1e308 * 10, 0.1 + 0.2, round(2.567, 2), abs(-5), max(1, 2), cast('12abc' AS INT), typeof(1.0), 1 << 40, ~5, 'a' || 1;
SELECT CASE WHEN price > 20 THEN 'dear' WHEN price IS NULL THEN 'unknown' ELSE 'cheap' END k, count(*) FROM book GROUP BY k ORDER BY k;
SELECT name FROM author WHERE id IN (SELECT author FROM book WHERE year BETWEEN 1940 AND 1970) AND name LIKE '%r%' ORDER BY 1;
SELECT title FROM book WHERE title GLOB '*[EN]*' UNION SELECT name FROM author EXCEPT SELECT 'Ada' ORDER BY 1;
SELECT json_extract('{"a":[1,2,{"b":3.5}]}', '$.a[2].b'), json_array(1, 'x', NULL), json_group_array(title) FROM book;
EXPLAIN QUERY PLAN SELECT * FROM book WHERE year = 1952;
CREATE VIEW dear AS SELECT * FROM book WHERE price > 10;
CREATE TRIGGER logbook AFTER UPDATE ON book BEGIN INSERT INTO author(name, born) VALUES ('log ' || new.id || ' ' || ifnull(old.price, 'null') || '>' || new.price, 0); END;
UPDATE book SET price = ifnull(price, 1) * 2 WHERE year > 1950;
SELECT * FROM author WHERE born = 0; SELECT count(*) FROM dear;
PRAGMA foreign_keys = ON; DELETE FROM author WHERE name = 'Grace'; SELECT count(*) FROM book;
INSERT INTO author(name) VALUES ('Ada');
SELECT * FROM missing;
SELECT changes(), total_changes() > 0, last_insert_rowid();
.mode box
SELECT id, title, price FROM book;
.mode csv
.headers on
SELECT * FROM author WHERE born > 1000;
.mode insert author2
SELECT * FROM author WHERE id = 1;
.mode line
SELECT x'00ff10' AS blob, NULL AS nothing, 1e-7 AS small, 123456789.123 AS big FROM author LIMIT 1;
.mode list
.schema
.dump book
