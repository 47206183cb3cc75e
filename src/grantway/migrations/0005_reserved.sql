-- 0005: kept free for a change that is made at the same time as 0006; it alters nothing.
SELECT 1;
