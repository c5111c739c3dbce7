-- a database in a file: transactions, savepoints, many rows, vacuum, attach, indexes
.print journal
PRAGMA journal_mode;
PRAGMA page_size = 1024;
CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT, value BLOB);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO item SELECT i, 'key ' || (i * 7919 % 3001), zeroblob(i % 50) FROM n;
COMMIT;
CREATE UNIQUE INDEX item_key ON item(key);
SELECT count(*), sum(length(value)), min(key), max(key) FROM item;
BEGIN; DELETE FROM item WHERE id % 2; SELECT count(*) FROM item; ROLLBACK; SELECT count(*) FROM item;
BEGIN; UPDATE item SET key = 'x' || key WHERE id < 100; SAVEPOINT one; DELETE FROM item; SELECT count(*) FROM item; ROLLBACK TO one; RELEASE one; COMMIT;
SELECT count(*) FROM item WHERE key LIKE 'x%';
INSERT INTO item(key) VALUES ('key 5'), ('key 5');
SELECT id FROM item WHERE key = 'key 1000';
DELETE FROM item WHERE id > 1500; VACUUM; PRAGMA integrity_check; PRAGMA page_count; PRAGMA freelist_count;
ATTACH 'second.db' AS other; CREATE TABLE other.copy AS SELECT id, key FROM item WHERE id % 100 = 0; SELECT * FROM other.copy ORDER BY id; DETACH other;
PRAGMA journal_mode = TRUNCATE; INSERT INTO item(key) VALUES ('after truncate'); SELECT changes();
PRAGMA temp_store = FILE; SELECT a.id FROM item a JOIN item b ON a.id = b.id + 1 ORDER BY b.key DESC, a.key LIMIT 3;
.once out.txt
SELECT id, key FROM item WHERE id BETWEEN 10 AND 20;
.import out.txt imported
.tables
.indexes
SELECT quote(writefile('blob.bin', x'00010203')), quote(readfile('blob.bin'));
.backup saved.db
.quit
