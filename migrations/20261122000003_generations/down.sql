DROP TABLE sends;
DROP TABLE generation_chunks;
DROP TABLE generations;
DROP TABLE replicas;
